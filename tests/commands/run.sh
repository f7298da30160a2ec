#!/usr/bin/env bash
# Commands from AWS IoT and from an SQS queue to a third-party edge node, and back: boto3 and the AWS
# CLI start executions at iot-local and send messages to moto's SQS, PyPI's pysparkplug obeys through
# mosquitto, and every status and code of an answer occurs once.
#
#   tests/commands/run.sh
#
# Installs missing packages (apt, as root); removes its temporary files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

interop=$root/tests/interop

install_missing
make_venv "$here/requirements.txt"
# pysparkplug needs another version of paho-mqtt than the other tests.
pip --target "$work/pysparkplug" -r "$interop/requirements-pysparkplug.txt"
build_programs

export LOOP_WORK="$work/run"
export LOOP_SPARKWISE="$target/debug/sparkwise" LOOP_SITEWISE="$target/debug/sitewise-local"
export LOOP_IOT="$target/debug/iot-local"
export LOOP_PYSPARKPLUG="$work/pysparkplug" LOOP_EDGE="$interop/edge_pysparkplug.py"
export LOOP_PYTHON="$work/venv/bin/python"
export PYTHONPATH="$here:$interop"
run_suite "$work/venv/bin/python" "$here/main.py"
