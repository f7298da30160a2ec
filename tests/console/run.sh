#!/usr/bin/env bash
# Checks the console in headless Chromium: with a dozen turbines, with ten thousand twins, with an
# offline node and rejected values, at phone size and in dark mode.
#
#   tests/console/run.sh                      everything
#   PICTURES=some/folder tests/console/run.sh keeps the screenshots there
#
# Installs missing packages (apt, as root); stops what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do
    if kill -TERM "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

packages=()
command -v chromium >/dev/null || packages+=(chromium fonts-dejavu-core)
command -v curl >/dev/null || packages+=(curl)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
if ((${#packages[@]})); then
  echo "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
CHROMIUM=$(command -v chromium)
export CHROMIUM

cp "$here/package.json" "$here/package-lock.json" "$work/"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
export NODE_MODULES="$work/package.json"

(cd "$root" && cargo build --locked --workspace --bins)
bin=${CARGO_TARGET_DIR:-$root/target}/debug
pictures=${PICTURES:-$work/pictures}
mkdir -p "$pictures"

# start LOG VARIABLE=VALUE... -- ARGUMENT...: a demo, its console's address in $console.
start() {
  local log="$work/$1.log" variables=()
  shift
  while [[ $1 != -- ]]; do variables+=("$1"); shift; done
  shift
  env CONSOLE_ADDR=127.0.0.1:0 "${variables[@]}" "$bin/demo" "$@" >"$log" 2>&1 &
  bridge=$!
  pids+=("$bridge")
  for _ in $(seq 100); do
    console=$(grep -oE 'http://[0-9.:]+' <<<"$(grep -m1 'the console' "$log")" || true)
    mqtt=$(grep -oE 'mqtt://[0-9.:]+' "$log" | head -n 1 || true)
    [[ -n $console && -n $mqtt ]] && return
    sleep 0.1
  done
  cat "$log"
  echo "the demo did not start"
  exit 1
}
look() { BRIDGE=$bridge timeout 400 node "$here/look.mjs" "$1" "$console" "$pictures"; }

start few TWIN_STALE_AFTER=2s -- --calm
look small
# An edge node that tells values of the wrong time, and is then cut off.
node "$here/edge.mjs" "$mqtt" >"$work/edge.log" 2>&1 &
edge=$!
pids+=("$edge")
for _ in $(seq 150); do
  refused=$(curl -sf "$console/metrics" | grep -F 'values_refused_total{reason="out_of_range"}' | grep -oE '[0-9]+$')
  ((refused > 5)) && break
  sleep 0.2
done
kill -KILL "$edge"
look dead
look gone

start many -- --calm --turbines 3400 --rate 0.1
for _ in $(seq 300); do
  assets=$(curl -sf "$console/metrics" | grep -E '^sparkwise_assets_wanted ' | grep -oE '[0-9]+$')
  ((assets > 10000)) && break
  sleep 0.2
done
look large
