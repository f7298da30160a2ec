#!/usr/bin/env bash
# The lease in two stand-ins of DynamoDB that know nothing of each other, PyPI's moto and npm's
# dynalite: bridges on networks that cut, slow and lose, that stop, sleep and are killed. Then two
# programs under 1,000 values a second, of which the one that acts is killed, replaced, paused, and cut
# off from the lease's store or the MQTT server; and one that is killed with values on its disk.
#
#   tests/lease/run.sh
#   LEASE_KILLS=20 LEASE_REPLACEMENTS=20 LEASE_PAUSES=10 tests/lease/run.sh
#   LEASE_KILLS=0 LEASE_REPLACEMENTS=0 LEASE_PAUSES=0 LEASE_CUTS=10 tests/lease/run.sh   # of each
#   LEASE_LEFT=100000 tests/lease/run.sh      # values on the disk of the one that is killed
#   LEASE_ONLY=live:: LEASE_RELEASE=1 tests/lease/run.sh
#                                             # what holder and follower cost, with optimizations
#
# Installs what it uses and the machine lacks; keeps nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../support/suite.sh"

install_missing node=nodejs npm
cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
make_venv "$here/requirements.txt"
mkdir "$work/run"

export LEASE_WORK="$work/run"
export LEASE_DYNALITE="$work/node_modules/dynalite/cli.js"
cd "$root"
lease() {
  printf 'cargo test --locked --workspace %s --test lease -- %s' "${LEASE_RELEASE:+--release}" "$*"
}
# The programs alone: they need what the machine has.
commands="$(lease --skip live::) && $(lease --nocapture live::)"
[[ -z ${LEASE_ONLY:-} ]] || commands=$(lease --nocapture "$LEASE_ONLY")
run_suite "$work/venv/bin/python" "$here/stores.py" bash -c "$commands"
