#!/usr/bin/env bash
# A plant of flat devices as plants are, through Mosquitto and the bridge; then a program that knows
# nothing of the bridge holds what SiteWise shows against what the plant said.
#
#   tests/flat/run.sh                    a tenth of the devices, as in .ci/run
#   FLAT_SIZE=whole tests/flat/run.sh    10 gateways, 400 devices: up to a quarter of an hour
#
# Installs what it uses and the machine lacks; keeps nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

install_missing
make_venv "$here/requirements.txt"
build_programs

export FLAT_WORK="$work/run"
export FLAT_SPARKWISE="$target/debug/sparkwise"
export FLAT_SITEWISE="$target/debug/sitewise-local"
run_suite "$work/venv/bin/python" -u "$here/main.py"
