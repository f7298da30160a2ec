#!/usr/bin/env bash
# Failures around the bridge: SiteWise that throttles, rejects, hangs or is unreachable, an MQTT server
# that is killed. Each case ends with every value accounted for.
#
#   tests/failures/run.sh                    everything
#   tests/failures/run.sh test_sitewise      some of it
#
# The cases mostly wait and share nothing: INTEROP_AT_ONCE (4) of them run at a time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec env INTEROP_SUITE="$here" INTEROP_AT_ONCE="${INTEROP_AT_ONCE:-4}" \
  bash "$here/../interop/run.sh" "$@"
