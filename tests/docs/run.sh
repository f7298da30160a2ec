#!/usr/bin/env bash
# Runs the documentation's commands as they are printed, where they work offline.
#
#   tests/docs/run.sh
#
# Installs the AWS CLI; DOCS_CACHE names a folder that keeps it between runs. Ends with the line
# "N passed, N failed, N skipped".
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cache=${DOCS_CACHE:-$work/cache}
if [[ ! -x $cache/venv/bin/aws ]]; then
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check awscli==1.46.3
fi
as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
export PATH="$cache/venv/bin:$PATH:/usr/sbin" PYTHONDONTWRITEBYTECODE=1 AWS_PAGER=
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
command -v mosquitto >/dev/null ||
  { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mosquitto >/dev/null; }
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_REGION AWS_DEFAULT_REGION

(cd "$root" && cargo build --quiet --locked --workspace --bins)
python3 "$here/commands.py"
