#!/usr/bin/env bash
# A real Prometheus against a running bridge: promtool checks the metrics, and every expression of the
# alert rules and the dashboard of infra/grafana must return something.
#
#   tests/grafana/run.sh
#
# Takes Prometheus from Debian without installing it, so that no service is started; GRAFANA_CACHE names a
# folder that keeps it between runs. Ends with the line "N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

work=$(mktemp -d)
run=
finish() {
  if [[ -n $run ]] && kill -TERM "$run" 2>/dev/null; then wait "$run" || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
cache=${GRAFANA_CACHE:-$work/cache}
export PATH="$PATH:$cache/usr/bin"
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  mkdir -p "$cache" "$work/deb"
  cd "$work/deb"
  apt-get download -qq prometheus 2>/dev/null || { as_root apt-get update -qq && apt-get download -qq prometheus; }
  dpkg-deb -x prometheus_*.deb "$cache"
fi
promtool --version | head -n 1

(cd "$root" && cargo build --quiet --locked --workspace --bins)
target=${CARGO_TARGET_DIR:-$root/target}
export GRAFANA_DEMO="$target/debug/demo" GRAFANA_WORK="$work"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1

python3 -u "$here/main.py" &
run=$!
code=0
wait "$run" || code=$?
run=
exit "$code"
