#!/usr/bin/env bash
# Commands from AWS IoT to an edge node that others wrote, and back: boto3 starts executions at a
# stand-in for the service, PyPI's pysparkplug obeys through mosquitto, and each way in which a
# command can end is met once.
#
#   tests/commands/run.sh
#
# Installs what it uses and the machine lacks; keeps nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
interop=$root/tests/interop
export PATH="$PATH:/usr/sbin"

work=$(mktemp -d)
tests=
finish() {
  if [[ -n $tests ]] && kill -TERM "$tests" 2>/dev/null; then wait "$tests" || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

packages=()
command -v mosquitto >/dev/null || packages+=(mosquitto)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
if ((${#packages[@]})); then
  echo "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
python3 -m venv "$work/venv"
pip() { "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip -r "$here/requirements.txt"
# It wants another MQTT client than ours.
pip --target "$work/pysparkplug" -r "$interop/requirements-pysparkplug.txt"

(cd "$root" && cargo build --locked --workspace --bins)
target=${CARGO_TARGET_DIR:-$root/target}

mkdir "$work/run"
# Mosquitto, started by root, becomes a user of its own who has to find its configuration.
chmod 755 "$work" "$work/run"
export LOOP_WORK="$work/run"
export LOOP_SPARKWISE="$target/debug/sparkwise" LOOP_SITEWISE="$target/debug/sitewise-local"
export LOOP_PYSPARKPLUG="$work/pysparkplug" LOOP_EDGE="$interop/edge_pysparkplug.py"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
PYTHONPATH="$here:$interop" "$work/venv/bin/python" "$here/main.py" &
tests=$!
code=0
wait "$tests" || code=$?
tests=
exit "$code"
