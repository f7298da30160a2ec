#!/usr/bin/env bash
# Whether the bridge says what is wrong: failures are provoked, and for each its log, its console and
# `sparkwise status` must name machine, cause and remedy within ten seconds of the moment at which
# it could be known.
#
#   tests/diagnosis/run.sh                     all of them
#   tests/diagnosis/run.sh full_disk clock     those whose names contain one of these
#
# Installs missing packages (apt, as root); removes its temporary files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

install_missing
make_venv "$here/requirements.txt"
build_programs

export DIAGNOSIS_WORK="$work/run"
export DIAGNOSIS_SPARKWISE="$target/debug/sparkwise"
export DIAGNOSIS_SITEWISE="$target/debug/sitewise-local"
export DIAGNOSIS_WINDFARM="$target/debug/windfarm"
export PYTHONPATH="$root/tests/flat"
run_suite "$work/venv/bin/python" -u "$here/main.py" "$@"
