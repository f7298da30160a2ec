# Shared by the suites that run the built programs: a temporary folder, missing packages, a Python
# venv, the programs. To be sourced by a script that has set `here`.
root=$(cd "$here/../.." && pwd)
export PATH="$PATH:/usr/sbin"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
tests=
finish() {
  if [[ -n $tests ]] && kill -TERM "$tests" 2>/dev/null; then wait "$tests" || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# install_missing COMMAND[=PACKAGE]...: mosquitto, Python with venv, and these.
install_missing() {
  local packages=() wanted
  for wanted in mosquitto "$@"; do
    command -v "${wanted%=*}" >/dev/null || packages+=("${wanted#*=}")
  done
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
  if ((${#packages[@]})); then
    echo "installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  fi
}

# Makes a Python venv with the packages of a requirements file.
make_venv() {
  python3 -m venv "$work/venv"
  pip -r "$1"
}

pip() { "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }

# Builds the programs into `target`, and makes the folder `$work/run` for what they write.
build_programs() {
  (cd "$root" && cargo build --locked --workspace --bins)
  target=${CARGO_TARGET_DIR:-$root/target}
  mkdir "$work/run"
  # Mosquitto drops root for its own user, which must be able to read its configuration.
  chmod 755 "$work" "$work/run"
}

# Runs the suite, and exits with its code.
run_suite() {
  "$@" &
  tests=$!
  local code=0
  wait "$tests" || code=$?
  tests=
  exit "$code"
}
