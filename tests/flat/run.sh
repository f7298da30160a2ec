#!/usr/bin/env bash
# A realistic plant of flat devices, through Mosquitto and the bridge; then an independent program
# compares what SiteWise shows with what the plant sent.
#
#   tests/flat/run.sh                    a tenth of the devices, as in .ci/run
#   FLAT_SIZE=whole tests/flat/run.sh    10 gateways, 400 devices: up to a quarter of an hour
#
# Installs missing packages (apt, as root); removes its temporary files.
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
