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
source "$here/../support/suite.sh"
# Another suite may stand on the same stack: it needs no more than sparkplug-client.
suite=${INTEROP_SUITE:-$here}
# INTEROP_ALSO names a folder whose modules it uses beside ours.

install_missing node=nodejs npm
cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
make_venv "$here/requirements.txt"
if [[ $suite == "$here" ]]; then
  # They cannot live together: each wants another protobuf.
  for package in tahutils pysparkplug; do
    pip --target "$work/$package" -r "$here/requirements-$package.txt"
  done
fi

build_programs
if [[ $suite == "$here" ]]; then
  # A crate by itself: what it depends on must not become the bridge's.
  echo "building the edge that is made with srad"
  (cd "$here/srad" && time CARGO_TARGET_DIR="$target/interop" cargo build --locked --quiet)
fi

export INTEROP_WORK="$work/run"
export INTEROP_NODE_MODULES="$work/node_modules"
export INTEROP_SPARKWISE="$target/debug/sparkwise"
export INTEROP_SITEWISE="$target/debug/sitewise-local"
export INTEROP_SRAD="$target/interop/debug/srad-edge"
export INTEROP_TAHUTILS="$work/tahutils"
export INTEROP_PYSPARKPLUG="$work/pysparkplug"
export PYTHONPATH="$here:$suite${INTEROP_ALSO:+:$INTEROP_ALSO}"

cd "$suite"
run_suite "$work/venv/bin/python" "$here/main.py" "$@"
