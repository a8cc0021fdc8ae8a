#!/usr/bin/env bash
# schemathesis looks for an answer that docs/openapi.json does not describe: bash tests/schemathesis.sh [SHIFU] [EXAMPLES]
# SHIFU: the binary; default: the debug build. EXAMPLES: generated inputs a call at most; default 25. Needs Python 3 with pip.
# Every call is asked twice: with names that are made up, and with names that the demo's data holds. Exit status 1 when a status,
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
URL="http://127.0.0.1:$PORT"
cd "$WORK" # the tool leaves its own files where it is started
printf '[limits]\nrequests_per_minute = 0\n' > shifu.toml
"$SHIFU" demo --once --data data > demo.log
KEY="$("$SHIFU" keys create --role admin --format json --data data | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')"
"$SHIFU" serve --data data --config shifu.toml --listen "127.0.0.1:$PORT" 2> log &
SERVER=$!
for _ in $(seq 100); do curl -s -o /dev/null "$URL/ready" && break; sleep 0.1; done

call() { curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "${@:2}" "$URL$1"; }
# first FIELD PATH CURL_ARGUMENTS...: a field of the reply, or of the first of its items
first() { call "${@:2}" | python3 -c 'import json, sys
reply = json.load(sys.stdin)
print((reply["items"][0] if "items" in reply else reply)[sys.argv[1]])' "$1"; }
cat > there.toml <<T
[parameters]
"path.product_line" = "split_air_conditioner"
"path.category" = "split_air_conditioner_install"
"path.document_id" = "$(first document_id /v1/documents)"
"path.inspection_id" = "$(first inspection_id /v1/inspections)"
"path.alert_id" = "$(first alert_id /v1/alerts)"
"path.answer_id" = "$(first answer_id /v1/answers -d '{"question":"E6 怎么处理"}')"
"path.webhook_id" = "$(first webhook_id /v1/webhooks -d '{"url":"http://127.0.0.1:9/hook","events":["alert"]}')"
T
# The stream of alerts never ends; tests/serving.rs reads it.
look() {
    PYTHONPATH="$TOOL:$ROOT/tests" SCHEMATHESIS_HOOKS=schemathesis_hooks "$TOOL/bin/schemathesis" "$@" \
        run "$ROOT/docs/openapi.json" --url "$URL" -H "Authorization: Bearer $KEY" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
        --exclude-path /v1/alerts/stream --max-examples "$EXAMPLES" --seed 20261123 --continue-on-failure --suppress-health-check all \
        --request-timeout 30 --warnings off $METHODS
}
METHODS='' look
METHODS='--exclude-method DELETE' look --config-file there.toml
! grep -n panicked log
