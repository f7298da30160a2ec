#!/usr/bin/env bash
# Load and ill will, counted outside of the bridge: a link that drops, made-up nodes by the thousand,
# a flood, hostile payloads.
#
#   tests/load/run.sh                    everything, at a tenth
#   LOAD_SIZE=whole tests/load/run.sh    everything, some twenty minutes
#   tests/load/run.sh test_link          some of it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec env INTEROP_SUITE="$here" INTEROP_ALSO="$here/../flat" bash "$here/../interop/run.sh" "$@"
