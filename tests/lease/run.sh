#!/usr/bin/env bash
# The lease in two stand-ins of DynamoDB that know nothing of each other, PyPI's moto and npm's
# dynalite: bridges on networks that cut, slow and lose, that stop, sleep and are killed.
#
#   tests/lease/run.sh
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
run_suite "$work/venv/bin/python" "$here/stores.py" \
  cargo test --locked --workspace --test lease
