#!/usr/bin/env bash
# The lease in two stand-ins of DynamoDB that know nothing of each other, PyPI's moto and npm's
# dynalite: bridges on networks that cut, slow and lose, that stop, sleep and are killed. Then two
# programs under 1,000 values a second, of which the one that acts is killed, replaced and paused.
#
#   tests/lease/run.sh
#   LEASE_KILLS=20 LEASE_REPLACEMENTS=20 LEASE_PAUSES=10 tests/lease/run.sh
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
lease() { printf 'cargo test --locked --workspace --test lease -- %s' "$*"; }
# The programs alone: they need what the machine has.
run_suite "$work/venv/bin/python" "$here/stores.py" \
  bash -c "$(lease --skip live::) && $(lease --nocapture live::)"
