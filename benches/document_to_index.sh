#!/usr/bin/env bash
# Document → index: pages a second of text PDFs, and search over 50,000 passages.   bash benches/document_to_index.sh DATA_DIR
# Scanned pages and the servers beside it: needs wrk (Debian: apt-get install wrk), and PyPI for the packages that it compares with.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
machine
measure "Text PDF, the bundled service manual twenty times" python3 "$BENCHES/ingest.py" "$SHIFU" datasets/split_air_conditioner/manual/service-manual-2025.pdf 20
# Not in lib.sh: only this flow is compared with packages of PyPI.
python3 -m venv "$WORK/peers"
"$WORK/peers/bin/pip" install --quiet --disable-pip-version-check -r "$BENCHES/search_servers_requirements.txt" >&2
python3 -m venv "$WORK/rapidocr"
"$WORK/rapidocr/bin/pip" install --quiet --disable-pip-version-check -r "$BENCHES/scanned_requirements.txt" >&2
measure "Scanned PDF, A4 pages of 36 lines at 150 dpi (goal: 0.3 pages/s on 2 cores, no more errors than rapidocr)" "$WORK/rapidocr/bin/python" "$BENCHES/scanned.py" "$SHIFU" "$SHIFU_MODELS_DIR" "$WORK/scanned"
python3 "$BENCHES/prepare.py" windows "$DATA/text" 50000 "$WORK/windows" | tee -a "$BODY"
say ''
say 'Latency is what this corpus is for: one of several overlapping windows that hold the answer is called right.'
say ''
measure "Search over 50,000 passages (goal: p50 3 ms, p99 15 ms)" "$SHIFU" eval retrieval "$WORK/windows"
mkdir "$WORK/servers"
measure "The same passages over HTTP, beside bm25s and LlamaIndex's BM25 retriever behind FastAPI, both with jieba's words" \
    python3 "$BENCHES/search_servers.py" "$SHIFU" "$WORK/windows" "$WORK/servers" "$WORK/peers/bin/python"
finish document_to_index
