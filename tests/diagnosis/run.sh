#!/usr/bin/env bash
# Whether the bridge says what is wrong: failures are provoked, and for each its log, its console and
# `sparkwise status` must name machine, cause and remedy within ten seconds of the moment at which
# it could be known.
#
#   tests/diagnosis/run.sh                     all of them
#   tests/diagnosis/run.sh full_disk clock     those whose names contain one of these
#
# Installs what it uses and the machine lacks; keeps nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH="$PATH:/usr/sbin"

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

packages=()
command -v mosquitto >/dev/null || packages+=(mosquitto)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
if ((${#packages[@]})); then
  echo "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"

(cd "$root" && cargo build --locked --workspace --bins)
target=${CARGO_TARGET_DIR:-$root/target}

mkdir "$work/run"
# Mosquitto, started by root, becomes a user of its own who has to find its configuration.
chmod 755 "$work" "$work/run"
export DIAGNOSIS_WORK="$work/run"
export DIAGNOSIS_SPARKWISE="$target/debug/sparkwise"
export DIAGNOSIS_SITEWISE="$target/debug/sitewise-local"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/tests/flat"

"$work/venv/bin/python" -u "$here/main.py" "$@" &
run=$!
code=0
wait "$run" || code=$?
run=
exit "$code"
