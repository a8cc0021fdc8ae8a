#!/usr/bin/env bash
# Every call of the API with curl against a server started by `shifu serve`: with a key, without one (401), and with the
# wrong role (403).   bash tests/every_call.sh [SHIFU]      SHIFU: the binary; default: the debug build
# Prints one line a call; exit status 1 when any call did not answer as it should.
set -euo pipefail
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
SHIFU="${1:-${CARGO_TARGET_DIR:-$HOME/.cache/shifu-target}/debug/shifu}"
APPLIANCE="$ROOT/datasets/split_air_conditioner"
CATEGORY=split_air_conditioner_install
LINE=split_air_conditioner
WORK="$(mktemp -d)"
trap 'kill "${SERVER:-0}" 2>/dev/null || true; rm -rf "$WORK"' EXIT
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
URL="http://127.0.0.1:$PORT"
failures=0

key() { "$SHIFU" keys create --role "$1" --format json --data "$WORK/data" | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])'; }
# field PATH: a field of the last reply, such as items.0.alert_id
field() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."): value = value[int(name)] if name.isdigit() else value[name]
print(value)' "$WORK/reply" "$1"; }
status_of() { # status_of METHOD PATH KEY CURL_ARGUMENTS...
    local method="$1" path="$2" key="$3"
    shift 3
    curl -s -o "$WORK/reply" -w '%{http_code}' -X "$method" ${key:+-H "Authorization: Bearer $key"} "$@" "$URL$path" || true
}
# call EXPECTED METHOD PATH ROLE WRONG_ROLE CURL_ARGUMENTS...   WRONG_ROLE `-`: the call needs no key
call() {
    local expected="$1" method="$2" path="$3" role="$4" wrong="$5" without=- with_wrong=- status verdict=ok
    shift 5
    if [ "$wrong" != - ]; then
        without="$(status_of "$method" "$path" '' "$@")"
        with_wrong="$(status_of "$method" "$path" "${KEYS[$wrong]}" "$@")"
        { [ "$without" = 401 ] && [ "$with_wrong" = 403 ]; } || verdict=FAILED
    fi
    status="$(status_of "$method" "$path" "${KEYS[$role]}" "$@")"
    [ "$status" = "$expected" ] || verdict=FAILED
    printf '%-7s %-6s %-58s %s %-11s %s without a key, %s as %s\n' "$verdict" "$method" "$path" "$status" "$role" "$without" "$with_wrong" "$wrong"
    if [ "$verdict" != ok ]; then
        failures=$((failures + 1))
        head -c 600 "$WORK/reply" || true
        echo
    fi
}
until_done() { # until_done PATH WANTED: waits for asynchronous work
    for _ in $(seq 300); do
        status_of GET "$1" "${KEYS[admin]}" > /dev/null
        [ "$(field status)" = "$2" ] && return
        sleep 0.2
    done
    echo "FAILED $1 never became $2"
    failures=$((failures + 1))
}

declare -A KEYS
for role in admin agent technician reviewer dispatcher; do KEYS[$role]="$(key $role)"; done
"$SHIFU" serve --data "$WORK/data" --listen "127.0.0.1:$PORT" 2> "$WORK/log" &
SERVER=$!
for _ in $(seq 100); do curl -s -o /dev/null "$URL/ready" && break; sleep 0.1; done

JSON=(-H 'Content-Type: application/json')
TOML=(-H 'Content-Type: application/toml')
for path in /health /ready /metrics /openapi.json /docs/; do call 200 GET $path admin -; done

manual() { printf '{"title":"%s","product_line":"%s","brand":"qinghe","models":["KFR-35GW/QH1"],"revision":"%s","effective_date":"2025-03-01"}' "$1" $LINE "$2"; }
call 202 POST /v1/documents admin agent -F "metadata=$(manual 维修手册 2025);type=application/json" -F "file=@$APPLIANCE/manual/service-manual-2025.md"
DOCUMENT="$(field document_id)"
until_done "/v1/documents/$DOCUMENT" indexed
call 200 GET /v1/documents admin agent
call 200 GET "/v1/documents/$DOCUMENT" admin technician
call 200 POST /v1/search agent -  "${JSON[@]}" -d '{"query":"通信故障 E6","top_k":3}'
call 200 POST /v1/answers agent -  "${JSON[@]}" -d '{"question":"报E6怎么处理？","model":"KFR-35GW/QH1"}'
ANSWER="$(field answer_id)"
for path in /v1/search /v1/answers; do
    [ "$(status_of POST $path '' "${JSON[@]}" -d '{"query":"x","question":"x"}')" = 401 ] || { echo "FAILED $path without a key"; failures=$((failures + 1)); }
done
call 200 GET "/v1/answers/$ANSWER" agent -
call 204 POST "/v1/answers/$ANSWER/feedback" agent - "${JSON[@]}" -d '{"verdict":"wrong","correction":"先查通信线"}'
CHAT='{"model":"shifu-extractive","messages":[{"role":"user","content":"报E6怎么处理？"}],"shifu":{"model":"KFR-35GW/QH1"}}'
call 200 POST /v1/chat/completions agent - "${JSON[@]}" -d "$CHAT"
call 404 POST /v1/embeddings agent - "${JSON[@]}" -d '{"model":"none","input":"x"}'
call 200 POST /mcp reviewer - "${JSON[@]}" -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
call 200 GET /v1/gaps admin agent
call 200 GET /v1/models agent -
call 202 POST /v1/documents admin agent -F "metadata=$(manual 维修手册 2023);type=application/json" -F "file=@$APPLIANCE/manual/service-manual-2023.pdf"
PDF="$(field document_id)"
until_done "/v1/documents/$PDF" indexed
call 200 GET "/v1/documents/$PDF/pages/2.png" technician -
call 202 POST "/v1/documents/$DOCUMENT/revise" admin agent -F "metadata=$(manual 维修手册 2026);type=application/json" -F "file=@$APPLIANCE/manual/user-guide.md"
REVISED="$(field document_id)"
until_done "/v1/documents/$REVISED" indexed
call 200 POST "/v1/documents/$REVISED/retire" admin agent
call 204 DELETE "/v1/documents/$REVISED" admin agent

call 200 PUT /v1/boms/$LINE admin dispatcher "${TOML[@]}" --data-binary "@$APPLIANCE/bom.toml"
call 200 GET /v1/boms/$LINE admin dispatcher
call 200 PUT /v1/fault-trees/$LINE admin dispatcher "${TOML[@]}" --data-binary "@$APPLIANCE/fault-tree.toml"
call 200 GET /v1/fault-trees/$LINE admin dispatcher
call 200 GET /v1/fault-trees/$LINE/graph admin dispatcher
call 200 GET /v1/fault-trees/$LINE/tree.svg admin dispatcher
TICKET="$(head -n 1 "$APPLIANCE/tickets.jsonl")"
call 200 POST /v1/part-predictions dispatcher reviewer "${JSON[@]}" -d "$TICKET"
call 200 POST /v1/part-predictions/batch dispatcher reviewer "${JSON[@]}" -d "[$TICKET]"
call 200 POST /v1/part-predictions/pick-list dispatcher reviewer "${JSON[@]}" -d '{"visits": []}'
call 200 POST /v1/repairs technician agent "${JSON[@]}" -d "$(head -n 1 "$APPLIANCE/repairs.jsonl")"
call 200 POST /v1/repairs/import dispatcher agent -H 'Content-Type: application/x-ndjson' --data-binary "@$APPLIANCE/repairs.jsonl"
# Repairs with two causes that the tree lacks: two suggestions.
TAUGHT="$(python3 -c 'import json
for at in range(40):
    cause = ["接线端子烧蚀", "风扇轴承卡死", "flare_leak", "flare_leak"][at % 4]
    print(json.dumps({"ticket_id": f"S-{at}", "product_line": "split_air_conditioner", "cause": cause, "symptoms": [{"id": "not_cooling", "present": True}], "fixed": True, "date": "2025-05-01"}))')"
call 200 POST /v1/repairs/import dispatcher agent -H 'Content-Type: application/x-ndjson' --data-binary "$TAUGHT"
call 200 GET /v1/suggestions admin agent
ACCEPTED="$(field items.0.suggestion_id)"
REJECTED="$(field items.1.suggestion_id)"
call 200 POST "/v1/suggestions/$ACCEPTED/accept" admin dispatcher
call 200 POST "/v1/suggestions/$REJECTED/reject" admin reviewer "${JSON[@]}" -d '{"note":"偶然"}'
call 200 GET '/v1/suggestions?status=accepted' admin technician
call 200 GET /v1/drift reviewer agent

DIALOGUE="$(head -n 1 "$APPLIANCE/dialogues-dev.jsonl" | python3 -c 'import json, sys; print(json.dumps({"dialogue": json.load(sys.stdin)["dialogue"]}, ensure_ascii=False))')"
call 200 POST /v1/summaries agent reviewer "${JSON[@]}" -d "$DIALOGUE"
call 200 POST /v1/summaries/batch dispatcher reviewer "${JSON[@]}" -d "[$DIALOGUE]"
call 200 POST /v1/intakes agent technician "${JSON[@]}" -d '{"text":"我家空调报E6，明天下午三点能来吗","received_at":"2026-11-23T10:00:00+08:00"}'

call 200 PUT /v1/standards/$CATEGORY admin reviewer "${TOML[@]}" --data-binary "@$APPLIANCE/standards/$CATEGORY/standard.toml"
for photo in $(ls "$APPLIANCE/standards/$CATEGORY/outdoor_bracket/good" | head -n 12); do
    call 200 POST /v1/standards/$CATEGORY/photos admin reviewer -F checkpoint=outdoor_bracket -F label=good -F "file=@$APPLIANCE/standards/$CATEGORY/outdoor_bracket/good/$photo"
done
call 200 GET /v1/standards/$CATEGORY admin reviewer
call 200 GET /v1/standards/$CATEGORY/report admin reviewer
VISIT="$(cat "$APPLIANCE/inspection/ticket.json")"
PHOTOS=()
for photo in "$APPLIANCE"/inspection/photos/*; do PHOTOS+=(-F "photos=@$photo"); done
call 200 POST /v1/photo-checks technician agent -F category=$CATEGORY -F checkpoint=outdoor_bracket -F "photo=@$photo"
call 200 POST /v1/inspections technician reviewer -F "ticket=$VISIT;type=application/json" -F "photos_meta=<$APPLIANCE/inspection/photos_meta.json" "${PHOTOS[@]}"
INSPECTION="$(field inspection_id)"
call 200 GET /v1/inspections reviewer agent
call 200 GET "/v1/inspections/$INSPECTION" reviewer agent
call 200 GET "/v1/inspections/$INSPECTION/photos/0/overlay.png" reviewer dispatcher
call 200 GET /v1/alerts reviewer technician
ALERT="$(field items.0.alert_id)"
call 200 POST "/v1/alerts/$ALERT/verdict" reviewer technician "${JSON[@]}" -d '{"verdict":"confirmed","note":"已核实"}'
call 200 GET /v1/alerts/stream reviewer technician --max-time 2

call 201 POST /v1/webhooks admin agent "${JSON[@]}" -d '{"url":"https://hooks.example.com/shifu","events":["alert.raised"]}'
WEBHOOK="$(field webhook_id)"
call 200 GET /v1/webhooks admin reviewer
call 200 GET "/v1/webhooks/$WEBHOOK/deliveries" admin technician
call 202 POST "/v1/webhooks/$WEBHOOK/redeliver" admin agent "${JSON[@]}" -d '{}'
call 204 DELETE "/v1/webhooks/$WEBHOOK" admin dispatcher

call 200 GET /v1/keys admin agent
call 201 POST /v1/keys admin agent "${JSON[@]}" -d '{"role":"agent","name":"试用"}'
call 204 DELETE "/v1/keys/$(field key_id)" admin agent
call 200 GET /v1/audit admin agent
call 200 DELETE "/v1/tickets/$(printf '%s' "$VISIT" | python3 -c 'import json, sys; print(json.load(sys.stdin)["ticket_id"])')" admin agent

kill -TERM "$SERVER"
wait "$SERVER" || { echo "FAILED the server did not stop cleanly"; failures=$((failures + 1)); }
echo "$failures calls did not answer as they should"
[ "$failures" -eq 0 ]
