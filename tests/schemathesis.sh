#!/usr/bin/env bash
# schemathesis looks for an answer that docs/openapi.json does not describe: bash tests/schemathesis.sh [SHIFU] [EXAMPLES]
# SHIFU: the binary; default: the debug build. EXAMPLES: generated inputs a call at most; default 25. Needs Python 3 with pip.
# The server holds one appliance's data; keys, documents and tickets that are made up name nothing in it. Exit status 1 when a status,
# content type or body is not described, or a call fails on our side.
set -euo pipefail
VERSION=4.32.5
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
SHIFU="${1:-${CARGO_TARGET_DIR:-$HOME/.cache/shifu-target}/debug/shifu}"
EXAMPLES="${2:-25}"
TOOL="$HOME/.cache/shifu-tools/schemathesis-$VERSION"
if [ ! -x "$TOOL/bin/schemathesis" ]; then
    rm -rf "$TOOL"
    python3 -m pip install --quiet --disable-pip-version-check --target "$TOOL" "schemathesis==$VERSION"
fi
WORK="$(mktemp -d)"
trap 'kill "${SERVER:-0}" 2>/dev/null || true; rm -rf "$WORK"' EXIT
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
printf '[limits]\nrequests_per_minute = 0\n' > "$WORK/shifu.toml"
"$SHIFU" bom load "$ROOT/datasets/split_air_conditioner/bom.toml" --data "$WORK/data" > /dev/null
"$SHIFU" fault-tree load "$ROOT/datasets/split_air_conditioner/fault-tree.toml" --data "$WORK/data" > /dev/null
KEY="$("$SHIFU" keys create --role admin --format json --data "$WORK/data" | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')"
"$SHIFU" serve --data "$WORK/data" --config "$WORK/shifu.toml" --listen "127.0.0.1:$PORT" 2> "$WORK/log" &
SERVER=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$PORT/ready" && break; sleep 0.1; done
cd "$WORK" # it leaves its own files where it is started
# The stream of alerts never ends; tests/serving.rs reads it.
PYTHONPATH="$TOOL" "$TOOL/bin/schemathesis" run "$ROOT/docs/openapi.json" --url "http://127.0.0.1:$PORT" -H "Authorization: Bearer $KEY" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
    --exclude-path /v1/alerts/stream --max-examples "$EXAMPLES" --seed 20261123 --continue-on-failure --suppress-health-check all \
    --request-timeout 30
! grep -n panicked "$WORK/log"
