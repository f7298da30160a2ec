#!/usr/bin/env bash
# Lets clients that others wrote meet the bridge: npm's sparkplug-client, PyPI's tahutils and
# pysparkplug and the crate srad publish through mosquitto, and boto3 reads what became of it out
# of the emulator.
#
#   tests/interop/run.sh                          everything
#   tests/interop/run.sh test_data test_restart   some of it
#
# Installs what it uses and the machine lacks; keeps nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# Another suite may stand on the same stack: it needs no more than sparkplug-client.
suite=${INTEROP_SUITE:-$here}
# INTEROP_ALSO names a folder whose modules it uses beside ours.
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
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
if ((${#packages[@]})); then
  echo "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
python3 -m venv "$work/venv"
pip() { "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip -r "$here/requirements.txt"
if [[ $suite == "$here" ]]; then
  # They cannot live together: each wants another protobuf.
  for package in tahutils pysparkplug; do
    pip --target "$work/$package" -r "$here/requirements-$package.txt"
  done
fi

(cd "$root" && cargo build --locked --workspace --bins)
target=${CARGO_TARGET_DIR:-$root/target}
if [[ $suite == "$here" ]]; then
  # A crate by itself: what it depends on must not become the bridge's.
  echo "building the edge that is made with srad"
  (cd "$here/srad" && time CARGO_TARGET_DIR="$target/interop" cargo build --locked --quiet)
fi

mkdir "$work/runs"
# Mosquitto, started by root, becomes a user of its own who has to find its configuration.
chmod 755 "$work" "$work/runs"
export INTEROP_WORK="$work/runs"
export INTEROP_NODE_MODULES="$work/node_modules"
export INTEROP_SPARKWISE="$target/debug/sparkwise"
export INTEROP_SITEWISE="$target/debug/sitewise-local"
export INTEROP_SRAD="$target/interop/debug/srad-edge"
export INTEROP_TAHUTILS="$work/tahutils"
export INTEROP_PYSPARKPLUG="$work/pysparkplug"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
export PYTHONDONTWRITEBYTECODE=1

cd "$suite"
PYTHONPATH="$here:$suite${INTEROP_ALSO:+:$INTEROP_ALSO}" "$work/venv/bin/python" "$here/main.py" "$@" &
tests=$!
code=0
wait "$tests" || code=$?
tests=
exit "$code"
