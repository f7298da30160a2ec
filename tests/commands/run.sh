#!/usr/bin/env bash
# Commands from AWS IoT and from an SQS queue to third-party edge nodes, and back: boto3 and the AWS
# CLI start executions at iot-local and send messages to moto's SQS; npm's sparkplug-client, PyPI's
# tahutils and pysparkplug, and the crate srad obey through mosquitto. Every status and code of an answer
# occurs once, but STANDBY: the follower of a lease takes no commands yet.
#
#   tests/commands/run.sh
#
# Installs missing packages (apt, as root); removes its temporary files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

interop=$root/tests/interop

install_missing node=nodejs npm
cp "$interop/package.json" "$interop/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
make_venv "$here/requirements.txt"
# They require different versions of protobuf, and of paho-mqtt than the other tests.
for package in tahutils pysparkplug; do
  pip --target "$work/$package" -r "$interop/requirements-$package.txt"
done
build_programs
# A crate by itself, so that its dependencies stay out of the bridge's Cargo.lock; tests/interop builds
# the same.
(cd "$interop/srad" && CARGO_TARGET_DIR="$target/interop" cargo build --locked --quiet)

export LOOP_WORK="$work/run"
export LOOP_SPARKWISE="$target/debug/sparkwise" LOOP_SITEWISE="$target/debug/sitewise-local"
export LOOP_IOT="$target/debug/iot-local"
export LOOP_PYSPARKPLUG="$work/pysparkplug" LOOP_EDGE="$interop/edge_pysparkplug.py"
export LOOP_PYTHON="$work/venv/bin/python"
export INTEROP_NODE_MODULES="$work/node_modules" INTEROP_SRAD="$target/interop/debug/srad-edge"
export INTEROP_TAHUTILS="$work/tahutils" INTEROP_PYSPARKPLUG="$work/pysparkplug"
export PYTHONPATH="$here:$interop"
run_suite "$work/venv/bin/python" "$here/main.py"
