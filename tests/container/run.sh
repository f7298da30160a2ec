#!/usr/bin/env bash
# Builds the image and runs it, without a registry and without a Docker engine: the base image is
# made on the spot by mmdebstrap, buildah builds, podman runs with runc. The bridge runs in its
# container against an MQTT server and an emulated SiteWise in theirs, and must create the assets of a
# wind farm.
#
#   tests/container/run.sh             with the dev profile, reusing the build in target/
#   PROFILE=release tests/container/run.sh
#
# Installs what it uses; leaves nothing behind, but for the base image's files where CONTAINER_CACHE
# names a folder for them. Ends with the line "N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
profile=${PROFILE:-dev}
folder=$([[ $profile == dev ]] && echo debug || echo "$profile")
target=${CARGO_TARGET_DIR:-$root/target}
export PATH="$PATH:/usr/sbin" NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
have_all() {
  local tool
  for tool in buildah podman mmdebstrap runc iptables curl /usr/lib/podman/aardvark-dns; do
    command -v "$tool" >/dev/null || return 1
  done
}
if ! have_all; then
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    buildah podman mmdebstrap runc netavark aardvark-dns iptables curl >/dev/null
fi

# Images, containers, networks and cache mounts in a folder of their own.
work=$(mktemp -d)
export TMPDIR=$work/tmp CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
mkdir -p "$TMPDIR" "$work/networks"
cat >"$CONTAINERS_CONF" <<TEXT
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$work/networks"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
TEXT
cat >"$CONTAINERS_STORAGE_CONF" <<TEXT
[storage]
driver = "overlay"
graphroot = "$work/storage"
runroot = "$work/run"
TEXT

finish() {
  podman rm --all --force --time 0 >/dev/null 2>&1 || true
  podman network rm --force plant >/dev/null 2>&1 || true
  local mount
  for mount in $(awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r); do
    umount --lazy "$mount" || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%4ss  %s\n' "$SECONDS" "$*"; }
quietly() { "$@" >"$work/output" 2>&1 || { tail -n 60 "$work/output"; exit 1; }; }

files=${CONTAINER_CACHE:-$work}/bookworm.tar
if [[ ! -f $files ]]; then
  say "making the base image"
  # A compiler for the build stage and an MQTT server for the test, in one.
  quietly mmdebstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev,mosquitto \
    bookworm "$files.new.tar"
  mv "$files.new.tar" "$files"
fi
sysroot=$(cd "$root" && rustc --print sysroot)
base=$(buildah from scratch)
buildah add --quiet "$base" "$files" / >/dev/null
buildah add --quiet "$base" "$sysroot/bin" /usr/local/cargo/bin >/dev/null
buildah add --quiet "$base" "$sysroot/lib" /usr/local/cargo/lib >/dev/null
# A registry behind a proxy of one's own is trusted as it is outside.
buildah add --quiet "$base" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
# What was built outside is taken for built only if its sources seem to lie where they lay: cargo's
# folder has the same name inside, and its registry is where the Dockerfile mounts its cache.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
buildah run --isolation chroot "$base" sh -c \
  "mkdir -p '$cargo_home' /usr/local/cargo/registry && ln -sfn /usr/local/cargo/registry '$cargo_home/registry'"
buildah config --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  --env CARGO_HOME="$cargo_home" "$base"
buildah commit --quiet --rm "$base" docker.io/library/rust:1.95-bookworm >/dev/null

# bud ARGUMENTS...: as `docker build`, from what is at hand.
bud() { buildah bud --quiet --pull-never --isolation chroot --network host --format docker "$@"; }

if [[ -d $target/$folder/.fingerprint ]]; then
  say "seeding the cache mounts with what is built already"
  seed=("--volume" "$target/$folder:/seed/target:ro")
  registry=$cargo_home/registry
  if [[ -d $registry ]]; then seed+=("--volume" "$registry:/seed/registry:ro"); fi
  quietly bud "${seed[@]}" --tag localhost/seed --file - "$here" <<TEXT
FROM docker.io/library/rust:1.95-bookworm
RUN --mount=type=cache,id=sparkwise-registry,target=/registry \
    --mount=type=cache,id=sparkwise-target,target=/target \
    mkdir -p /target/$folder && cd /seed/target && \
    find build .fingerprint -type f >/tmp/list && \
    find deps -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' -o -name '*.d' >>/tmp/list && \
    tar -c -T /tmp/list | tar -x -C /target/$folder && \
    if test -d /seed/registry; then cd /seed/registry && tar -c index cache | tar -x -C /registry; fi
TEXT
fi

revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
for name in sparkwise sitewise-local iot-local windfarm; do
  say "building $name, profile $profile"
  quietly bud --layers --target "$name" --build-arg PROFILE="$profile" --build-arg REVISION="$revision" \
    --tag "localhost/$name" "$root"
done

passed=0
failed=0
check() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "failed: $name"
  fi
}
# until_true SECONDS COMMAND...: how fast is not what is tested.
until_true() {
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < limit)) || return 1
    sleep 0.5
  done
}

size=$(podman image inspect --format '{{.Size}}' localhost/sparkwise)
say "the image has $((size / 1000000)) MB with the profile $profile"
[[ $profile == dev ]] || check "the image is smaller than 30 MB" test "$size" -lt 30000000

config() { podman image inspect --format "$1" localhost/sparkwise; }
is_closed() {
  local container files
  container=$(podman create --no-healthcheck localhost/sparkwise)
  files=$(podman export "$container" | tar -t | grep -v '/$' | grep -vE '^(dev|proc|sys|run)/')
  podman rm "$container" >/dev/null
  # One program, the shared libraries it needs, and four files that say who and where.
  ! grep -vE '^(sparkwise|lib(64)?/(x86_64-linux-gnu/|aarch64-linux-gnu/)?[a-z_0-9-]+\.so[.0-9]*|etc/(passwd|group|nsswitch\.conf|ssl/certs/ca-certificates\.crt|hosts|hostname|resolv\.conf|mtab))$' <<<"$files"
}
check "there is one program and nothing to run it with" is_closed
check "it is not root" test "$(config '{{.User}}')" = 65532:65532
check "it tells whether it lives" test "$(config '{{index .HealthCheck.Test 0}} {{index .HealthCheck.Test 1}}')" = "CMD /sparkwise"
check "it tells what it is" test "$(config '{{index .Labels "org.opencontainers.image.revision"}}')" = "$revision"
says_what_is_missing() {
  local code=0
  podman run --rm --no-healthcheck localhost/sparkwise >"$work/output" 2>&1 || code=$?
  [[ $code == 64 ]] && grep -q MQTT_URL "$work/output"
}
check "without variables it names them and exits with 64" says_what_is_missing

say "bringing a farm to life"
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
quietly podman network create plant
# podman leaves health checks to systemd, which may not be there: they are asked for below.
closed=(--no-healthcheck --network plant --read-only --cap-drop ALL --security-opt no-new-privileges)
quietly podman run --detach --name sitewise "${closed[@]}" --publish "127.0.0.1:$port:4567" localhost/sitewise-local
quietly podman run --detach --name mosquitto "${closed[@]}" --user 1234 \
  --volume "$root/localstack/mosquitto.conf:/mosquitto.conf:ro" \
  docker.io/library/rust:1.95-bookworm mosquitto -c /mosquitto.conf
quietly podman run --detach --name windfarm "${closed[@]}" localhost/windfarm mqtt://mosquitto:1883
# Any user, as a platform that gives each container its own would run it.
quietly podman run --detach --name sparkwise "${closed[@]}" --user 123456:654321 \
  --env MQTT_URL=mqtt://mosquitto:1883 --env LOG_FORMAT=json --env TWIN_NAMESPACE=test \
  --env AWS_REGION=eu-west-1 --env AWS_ACCESS_KEY_ID=test --env AWS_SECRET_ACCESS_KEY=test \
  --env AWS_ENDPOINT_URL_IOTSITEWISE=http://sitewise:4567 localhost/sparkwise

# What SiteWise counted, as "name": number.
counted() { curl --silent --fail "http://127.0.0.1:$port/_sitewise/usage" | grep -oE "\"$1\":[0-9]+" | grep -oE '[0-9]+$'; }
is_alive() { [[ $(counted assets) == 47 && $(counted valuesAccepted) -gt 500 ]]; }
check "47 twins live" until_true 90 is_alive

ends_in_order() {
  local start=$SECONDS
  podman stop --time 60 sparkwise >/dev/null
  [[ $((SECONDS - start)) -lt 25 && $(podman inspect --format '{{.State.ExitCode}}' sparkwise) == 0 ]]
}
check "SIGTERM ends it with 0 within its grace" ends_in_order
created=$(counted CreateAsset)
accepted=$(counted valuesAccepted)
goes_on() { [[ $(counted valuesAccepted) -gt $((accepted + 100)) ]]; }
quietly podman start sparkwise
check "started again it goes on" until_true 60 goes_on
check "and makes nothing anew" test "$(counted CreateAsset)" = "$created"
says_that_it_lives() { podman exec sparkwise /sparkwise healthcheck >"$work/output" 2>&1; }
check "it lives by its own word" until_true 20 says_that_it_lives

if ((failed)); then
  podman logs --tail 40 sparkwise
  podman ps --all
fi
echo "$passed passed, $failed failed"
((failed == 0))
