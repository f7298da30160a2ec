#!/usr/bin/env bash
# Grafana dashboards of the wind farm and of the same farm with flat names: their JSON against Grafana's
# types, their queries against the fields that the plugin for SiteWise reads, and every query executed at
# the emulator by the same calls as the plugin makes. No Grafana is asked.
#
#   tests/dashboards/run.sh
#
# Draws every panel from its answers; DASHBOARDS_PICTURES names a folder that keeps the drawings. Installs
# what it uses and the machine lacks; keeps nothing else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

install_missing node=nodejs npm
cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
make_venv "$here/requirements.txt"
build_programs

export DASHBOARDS_WORK="$work/run"
export DASHBOARDS_NODE_MODULES="$work/node_modules"
export DASHBOARDS_SPARKWISE="$target/debug/sparkwise" DASHBOARDS_SITEWISE="$target/debug/sitewise-local"
export DASHBOARDS_WINDFARM="$target/debug/windfarm"
export PYTHONPATH="$here:$root/tests/flat"
run_suite "$work/venv/bin/python" -u "$here/main.py"
