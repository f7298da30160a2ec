#!/usr/bin/env bash
# Checks sitewise-local against AWS's own service model and the clients that AWS ships, and iot-local
# against the models of its two services.
#
#   tests/contract/run.sh          everything; installs what it needs into a folder of its own
#   tests/contract/run.sh --aws    checks what the emulator's README calls unverified in a real AWS
#                                  account, with the credentials and the region of the environment;
#                                  prints the cost first, and deletes what it makes, also after Ctrl-C
#
# Needs cargo, python3 with venv, node with npm, and the package registries. CONTRACT_CACHE names a
# folder that keeps what is installed between runs. Ends with the line "N passed, N failed".
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
cache=${CONTRACT_CACHE:-$work/cache}
target=${CARGO_TARGET_DIR:-$root/target}
passed=0
failed=0
emulator=

cleanup() {
    [ -n "$emulator" ] && kill "$emulator" 2>/dev/null && wait "$emulator" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

# part NAME SECONDS COMMAND...: the last line may be {"passed": N, "failed": N}.
part() {
    local name=$1 limit=$2 start=$SECONDS output status counts
    shift 2
    output=$(timeout "$limit" "$@" 2>&1)
    status=$?
    counts=$(tail -n 1 <<<"$output" | grep -oE '[0-9]+' | tr '\n' ' ')
    if tail -n 1 <<<"$output" | grep -q '^{"passed"' && [ -n "$counts" ]; then
        # shellcheck disable=SC2086
        set -- $counts
        passed=$((passed + $1))
        failed=$((failed + $2))
        output=$(sed '$d' <<<"$output")
        [ "$status" -ne 0 ] && [ "$2" -eq 0 ] && failed=$((failed + 1))
        [ "$status" -eq 0 ] || echo "$output"
        [ "$status" -eq 0 ] && [ -n "$output" ] && tail -n 3 <<<"$output"
        echo "$name: $1 passed, $2 failed ($((SECONDS - start)) s)"
    elif [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        tail -n 3 <<<"$output"
        echo "$name: passed ($((SECONDS - start)) s)"
    else
        failed=$((failed + 1))
        echo "$output" | tail -n 60
        echo "$name: failed with status $status ($((SECONDS - start)) s)"
    fi
}

# serve ARGUMENTS...: starts a fresh emulator on a free port and sets $address.
serve() {
    serve_program sitewise-local "$@"
}

serve_program() {
    local program=$1
    shift
    if [ -n "$emulator" ]; then
        kill "$emulator" && wait "$emulator" 2>/dev/null
    fi
    RUST_LOG=error "$target/debug/$program" --listen 127.0.0.1:0 "$@" >"$work/emulator" 2>&1 &
    emulator=$!
    address=
    for _ in $(seq 50); do
        address=$(grep -oE 'listens on http://[0-9.:]+' "$work/emulator" | grep -oE '[0-9.]+:[0-9]+')
        [ -n "$address" ] && return
        sleep 0.1
    done
    echo "$program does not start"
    cat "$work/emulator"
    exit 1
}

install_python() {
    [ -x "$cache/venv/bin/aws" ] && [ -x "$cache/venv/bin/moto_server" ] && return
    python3 -m venv "$cache/venv" &&
        "$cache/venv/bin/pip" install --quiet --disable-pip-version-check boto3 awscli "moto[s3,server]"
}

install_node() {
    [ -d "$cache/node/node_modules/@aws-sdk/client-iotsitewise" ] && return
    mkdir -p "$cache/node" &&
        npm install --prefix "$cache/node" --silent --no-audit --no-fund @aws-sdk/client-iotsitewise
}

# The workspace as a whole, so that the AWS SDK is built once with the same features everywhere.
build() {
    cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --workspace --bins
}

mkdir -p "$cache"
if [ "${1:-}" = --aws ]; then
    export PYTHONDONTWRITEBYTECODE=1
    install_python || exit 1
    # Ctrl-C is for the one that deletes: this shell waits for it.
    trap : INT TERM
    "$cache/venv/bin/python" "$here/account.py" &
    asks=$!
    trap 'kill -TERM "$asks" 2>/dev/null' INT TERM
    status=130
    while kill -0 "$asks" 2>/dev/null; do
        wait "$asks"
        status=$?
    done
    exit "$status"
fi
export PYTHONDONTWRITEBYTECODE=1 NODE_NO_WARNINGS=1
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_IOTSITEWISE
python=$cache/venv/bin/python

build || { echo "0 passed, 1 failed"; exit 1; }
install_python || { echo "0 passed, 1 failed"; exit 1; }
install_node || { echo "0 passed, 1 failed"; exit 1; }

serve --create-delay 0 --update-delay 0
part "service model" 120 "$python" "$here/contract.py" "$address"
part "rules beyond the model" 120 "$python" "$here/rules.py" "$address"
serve --create-delay 200ms --update-delay 200ms
part "life with boto3" 60 "$python" "$here/life.py" "$address"
part "life with the AWS CLI" 120 "$python" "$here/life_cli.py" "$address" "$cache/venv/bin/aws"
part "life with JavaScript" 60 node "$here/life.mjs" "$address" "$cache/node"
part "life with Rust" 60 "$target/debug/sitewise-life" "$address"
part "faults over the wire" 60 "$python" "$here/wire_faults.py" "$address"
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
serve --create-delay 1s --update-delay 300ms --conflict-delay 1s
part "questions to an account" 180 "$python" "$here/account.py" --endpoint "http://$address" --as-emulated
part "questions that are stopped" 180 "$python" "$here/stopped.py" "$address"
part "state across restarts" 60 "$python" "$here/restart.py" "$target/debug/sitewise-local" "$work/state"
part "bulk import" 120 "$python" "$here/bulk_import.py" "$target/debug/sitewise-local"
# There is no MQTT server: what a device would be told is dropped.
serve_program iot-local --mqtt mqtt://127.0.0.1:1
part "service model of iot" 120 env CONTRACT_MODEL=iot/2015-05-28 "$python" "$here/commands.py" "$address"
part "service model of iot-jobs-data" 120 env CONTRACT_MODEL=iot-jobs-data/2017-09-29 \
    "$python" "$here/commands.py" "$address"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
