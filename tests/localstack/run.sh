#!/usr/bin/env bash
# Runs localstack/run-host.sh, reads the twins at LocalStack's port with boto3 and the AWS CLI, sends
# values of ten days ago through its S3, and deploys infra/sparkwise.yaml there. Ends with the line
# "N passed, N failed" of each part.
#
#   tests/localstack/run.sh
#
# LOCALSTACK_VENV names a folder that keeps LocalStack between runs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH="$PATH:/usr/sbin" PYTHONDONTWRITEBYTECODE=1 NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_REGION

work=$(mktemp -d)
world=
finish() {
  if [[ -n $world ]]; then
    kill -TERM "$world" 2>/dev/null || true
    wait "$world" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
export LOCALSTACK_VENV=${LOCALSTACK_VENV:-$work/venv}

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
if ! command -v mosquitto >/dev/null; then
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends mosquitto >/dev/null
fi

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
LOCALSTACK_PORT=$(free_port) MQTT_PORT=$(free_port) SITEWISE_PORT=$(free_port)
export LOCALSTACK_PORT MQTT_PORT SITEWISE_PORT
# A free port too: another bridge may run on this machine.
export CONSOLE_ADDR=127.0.0.1:0

bash "$root/localstack/run-host.sh" >"$work/world.log" 2>&1 &
world=$!
limit=$((SECONDS + 900))
until grep -q 'everything runs' "$work/world.log"; do
  if ((SECONDS >= limit)) || ! kill -0 "$world" 2>/dev/null; then
    cat "$work/world.log"
    exit 1
  fi
  sleep 0.2
done

endpoint=http://127.0.0.1:$LOCALSTACK_PORT
code=0
"$LOCALSTACK_VENV/bin/python" "$here/twins.py" "$endpoint" "$LOCALSTACK_VENV/bin/aws" || code=1
"$LOCALSTACK_VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps \
  --target "$work/lib" paho-mqtt==2.1.0
programs=${SPARKWISE_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug}
PYTHONPATH="$work/lib" "$LOCALSTACK_VENV/bin/python" "$here/late.py" "$endpoint" \
  "$programs/sparkwise" || code=1
"$LOCALSTACK_VENV/bin/python" "$root/tests/infra/deploy.py" "$endpoint" localstack \
  "$LOCALSTACK_VENV/bin/aws" || code=1
if ((code)); then cat "$work/world.log"; fi
exit "$code"
