#!/usr/bin/env bash
# Load and hostile input, checked by counters outside the bridge: a link that drops, thousands of
# made-up nodes, a flood, hostile payloads.
#
#   tests/load/run.sh                    everything, at a tenth
#   LOAD_SIZE=whole tests/load/run.sh    everything, some twenty minutes
#   tests/load/run.sh test_link          some of it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec env INTEROP_SUITE="$here" INTEROP_ALSO="$here/../flat" bash "$here/../interop/run.sh" "$@"
