#!/usr/bin/env bash
# Checks the templates in infra: cfn-lint, the rules in infra/rules.guard and infra/late.guard with AWS's own
# cfn-guard, and a deployment to moto; infra/kubernetes against the schemas of Kubernetes, and infra/systemd with
# systemd's own tools. Ends with the line "N passed, N failed" of each part.
#
#   tests/infra/run.sh
#
# Installs what it uses; INFRA_CACHE names a folder that keeps it between runs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

work=$(mktemp -d)
cache=${INFRA_CACHE:-$work/cache}
moto=
finish() {
  if [[ -n $moto ]]; then
    kill "$moto" 2>/dev/null || true
    wait "$moto" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

mkdir -p "$cache"
if [[ ! -x $cache/venv/bin/moto_server ]]; then
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
# An npm package of AWS's carries cfn-guard as a program; the rest of its dependencies is not needed.
guard_package=@cdklabs/cdk-validator-cfnguard
guard=$cache/node_modules/$guard_package/bin/ubuntu/$(uname -m)/cfn-guard
if [[ ! -f $guard ]]; then
  npm install --prefix "$cache" --no-save --legacy-peer-deps --ignore-scripts --no-audit --no-fund \
    --loglevel=error "$guard_package@0.0.62" >/dev/null
fi
chmod +x "$guard"
export PYTHONDONTWRITEBYTECODE=1 NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_REGION

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
command -v systemd-analyze >/dev/null ||
  { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null; }
"$cache/venv/bin/python" "$here/manifests.py"

"$cache/venv/bin/cfn-lint" --include-checks W I --ignore-checks I3042 -- \
  "$root/infra/sparkwise.yaml" "$root/infra/late.yaml" "$root/infra/lease.yaml" "$root"/infra/recipes/*.yaml
echo "cfn-lint: no finding"
"$cache/venv/bin/python" "$here/recipes.py"
"$cache/venv/bin/python" "$here/rules.py" "$guard"
"$cache/venv/bin/python" "$here/late_rules.py" "$guard"

port=$("$cache/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$cache/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
moto=$!
for _ in $(seq 100); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.1
done
"$cache/venv/bin/python" "$here/deploy.py" "http://127.0.0.1:$port" moto "$cache/venv/bin/aws" ||
  { grep -A 30 Traceback "$work/moto.log" | tail -n 40; exit 1; }
