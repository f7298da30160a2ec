#!/usr/bin/env bash
# Runs third-party Sparkplug clients (npm's sparkplug-client, PyPI's tahutils and pysparkplug, the crate
# srad) through mosquitto and the bridge, and reads the result from the emulator with boto3.
#
#   tests/interop/run.sh                          everything
#   tests/interop/run.sh test_data test_restart   some of it
#
# Installs missing packages (apt, as root); removes its temporary files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"
# INTEROP_SUITE names another suite that uses this setup; it needs only sparkplug-client.
suite=${INTEROP_SUITE:-$here}
# INTEROP_ALSO names a folder whose modules it uses beside ours.

install_missing node=nodejs npm
cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
make_venv "$here/requirements.txt"
if [[ $suite == "$here" ]]; then
  # They require different versions of protobuf.
  for package in tahutils pysparkplug; do
    pip --target "$work/$package" -r "$here/requirements-$package.txt"
  done
fi

build_programs
if [[ $suite == "$here" ]]; then
  # A crate by itself, so that its dependencies stay out of the bridge's Cargo.lock.
  echo "building the edge that is made with srad"
  (cd "$here/srad" && time CARGO_TARGET_DIR="$target/interop" cargo build --locked --quiet)
fi

export INTEROP_WORK="$work/run"
export INTEROP_NODE_MODULES="$work/node_modules"
export INTEROP_SPARKWISE="$target/debug/sparkwise"
export INTEROP_SITEWISE="$target/debug/sitewise-local"
export INTEROP_IOT="$target/debug/iot-local"
export INTEROP_SRAD="$target/interop/debug/srad-edge"
export INTEROP_TAHUTILS="$work/tahutils"
export INTEROP_PYSPARKPLUG="$work/pysparkplug"
export PYTHONPATH="$here:$suite${INTEROP_ALSO:+:$INTEROP_ALSO}"

cd "$suite"
run_suite "$work/venv/bin/python" "$here/main.py" "$@"
