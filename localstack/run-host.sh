#!/usr/bin/env bash
# The setup of docker-compose.yml without Docker: the same parts as processes on this machine.
#
#   localstack/run-host.sh            until Ctrl-C
#
# Needs mosquitto, the Rust toolchain with a C compiler, and Python 3.13 with venv. LocalStack is
# installed from exact pins into localstack/.venv, once, about 500 MB.
#
# LOCALSTACK_PORT (4566), MQTT_PORT (1883) and SITEWISE_PORT (4567) may be changed; SPARKWISE_BIN
# names a folder with programs that are built already; LOCALSTACK_VENV another place for LocalStack.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
localstack_port=${LOCALSTACK_PORT:-4566}
mqtt_port=${MQTT_PORT:-1883}
sitewise_port=${SITEWISE_PORT:-4567}
venv=${LOCALSTACK_VENV:-$here/.venv}
export PATH="$PATH:/usr/sbin"

work=$(mktemp -d)
started=()

# Stops the parts in reverse order, so that the bridge can still flush its values.
finish() {
  trap - EXIT INT TERM
  local i
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    kill -TERM "${started[i]}" 2>/dev/null || true
    wait "${started[i]}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf 'run-host: %s\n' "$*"; }

# start NAME COMMAND...: in the background, its output in a file named after it.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  started+=($!)
}

# await NAME SECONDS COMMAND...: until the command succeeds.
await() {
  local name=$1 limit=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= limit)) || ! kill -0 "${started[-1]}" 2>/dev/null; then
      say "$name did not start:"
      tail -n 40 "$work/$name.log"
      exit 1
    fi
    sleep 0.2
  done
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

install_localstack() {
  [[ -f $venv/installed && $venv/installed -nt $here/requirements.lock ]] && return
  local python
  for python in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python; do
    "$python" -c "" 2>/dev/null && break
  done
  "$python" -c "" 2>/dev/null || { say "needs Python 3.13"; exit 1; }
  say "installing LocalStack into $venv"
  "$python" -m venv --clear "$venv"
  # Exactly these versions: LocalStack's own dependencies have no upper bounds, and today's break it.
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.lock"
  touch "$venv/installed"
}

install_localstack
if [[ -z ${SPARKWISE_BIN:-} ]]; then
  say "building"
  (cd "$root" && cargo build --quiet --locked --workspace --bins)
  SPARKWISE_BIN=${CARGO_TARGET_DIR:-$root/target}/debug
fi

for port in "$mqtt_port" "$sitewise_port" "$localstack_port"; do
  if is_open "$port"; then
    say "port $port is taken: set MQTT_PORT, SITEWISE_PORT or LOCALSTACK_PORT"
    exit 1
  fi
done

# Mosquitto drops root for its own user, which must be able to read its configuration.
chmod 755 "$work"
sed "s/^listener .*/listener $mqtt_port 127.0.0.1/" "$here/mosquitto.conf" >"$work/mosquitto.conf"
start mosquitto mosquitto -c "$work/mosquitto.conf"
await mosquitto 10 is_open "$mqtt_port"

start sitewise "$SPARKWISE_BIN/sitewise-local" --listen "127.0.0.1:$sitewise_port" \
  --account 000000000000 --region eu-west-1 --s3-endpoint "http://127.0.0.1:$localstack_port"
await sitewise 10 is_open "$sitewise_port"

# In a container LocalStack reads /etc/localstack/init; on a host, the same below FILESYSTEM_ROOT.
mkdir -p "$work/filesystem/etc/localstack"
cp -r "$here/init" "$work/filesystem/etc/localstack/"
start localstack env -u AWS_ENDPOINT_URL -u AWS_PROFILE \
  SITEWISE_ENDPOINT="http://127.0.0.1:$sitewise_port" \
  DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0 OVERRIDE_IN_DOCKER=0 \
  GATEWAY_LISTEN="127.0.0.1:$localstack_port" FILESYSTEM_ROOT="$work/filesystem" \
  "$venv/bin/python" -m localstack.runtime.main
await localstack 60 grep -q '^Ready' "$work/localstack.log"

# The variables of the bridge's container, word by word but for the names of hosts.
start sparkwise env -u AWS_PROFILE \
  MQTT_URL="mqtt://127.0.0.1:$mqtt_port" \
  AWS_REGION=eu-west-1 \
  AWS_ENDPOINT_URL="http://127.0.0.1:$localstack_port" \
  AWS_ACCESS_KEY_ID=test \
  AWS_SECRET_ACCESS_KEY=test \
  LOG_FORMAT=json \
  "$SPARKWISE_BIN/sparkwise"
start windfarm "$SPARKWISE_BIN/windfarm" "mqtt://127.0.0.1:$mqtt_port"

say "everything runs; logs in $work"
cat <<TEXT
Look at the twins with the AWS CLI:

  export AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_ENDPOINT_URL=http://x@127.0.0.1:$localstack_port
  $venv/bin/aws iotsitewise list-asset-models

Ctrl-C stops everything gracefully.
TEXT
# If one part exits by itself, the others are stopped.
wait -n
say "a part has ended by itself:"
tail -n 5 "$work"/*.log
exit 1
