#!/usr/bin/env bash
# Client libraries of others, from their registry, talk to a running server: bash tests/clients.sh [SHIFU]
# SHIFU: the binary; default: the debug build. Needs Python 3 with pip. Exit status 1 when one is not answered as it expects.
set -euo pipefail
OPENAI_VERSION=3.54.0
MCP_VERSION=2.3.0
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
SHIFU="${1:-${CARGO_TARGET_DIR:-$HOME/.cache/shifu-target}/debug/shifu}"
MODELS="${SHIFU_MODELS_DIR:-$HOME/.cache/shifu/models}"
TOOLS="$HOME/.cache/shifu-tools"
library() { # library NAME VERSION: installed into a folder of its own
    local folder="$TOOLS/$1-$2"
    [ -e "$folder/.complete" ] && return
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --target "$folder" "$1==$2"
    touch "$folder/.complete"
}
library openai "$OPENAI_VERSION"
library mcp "$MCP_VERSION"
WORK="$(mktemp -d)"
trap 'kill "${SERVER:-0}" 2>/dev/null || true; rm -rf "$WORK"' EXIT
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
URL="http://127.0.0.1:$PORT"
APPLIANCE="$ROOT/datasets/split_air_conditioner"
CATEGORY=split_air_conditioner_install
key() { "$SHIFU" keys create --role "$1" --format json --data "$WORK/data" | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])'; }
"$SHIFU" knowledge add "$APPLIANCE/manual/service-manual-2025.md" --product-line split_air_conditioner --models KFR-35GW/QH1 --data "$WORK/data" > /dev/null
"$SHIFU" bom load "$APPLIANCE/bom.toml" --data "$WORK/data" > /dev/null
"$SHIFU" fault-tree load "$APPLIANCE/fault-tree.toml" --data "$WORK/data" > /dev/null
ADMIN="$(key admin)"
AGENT="$(key agent)"
TECHNICIAN="$(key technician)"
"$SHIFU" serve --data "$WORK/data" --models-dir "$MODELS" --listen "127.0.0.1:$PORT" 2> "$WORK/log" &
SERVER=$!
for _ in $(seq 100); do curl -s -o /dev/null "$URL/ready" && break; sleep 0.1; done
curl -sf -o /dev/null -X PUT -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/toml' \
    --data-binary "@$APPLIANCE/standards/$CATEGORY/standard.toml" "$URL/v1/standards/$CATEGORY"
echo "openai $OPENAI_VERSION"
PYTHONPATH="$TOOLS/openai-$OPENAI_VERSION" python3 "$ROOT/tests/openai_client.py" "$URL" "$AGENT"
echo "mcp $MCP_VERSION"
PHOTOS=("$APPLIANCE/standards/$CATEGORY/outdoor_bracket/good/"*.jpg)
PYTHONPATH="$TOOLS/mcp-$MCP_VERSION" python3 "$ROOT/tests/mcp_client.py" "$URL" "$AGENT" "$TECHNICIAN" "${PHOTOS[0]}"
! grep -n panicked "$WORK/log"
