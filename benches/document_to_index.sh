#!/usr/bin/env bash
# Document → index: pages a second of text PDFs, and search over 50,000 passages.   bash benches/document_to_index.sh DATA_DIR
# Not measured yet: servers beside it under load. Scanned pages need Python with rapidocr==3.10.0, onnxruntime and pillow: PYTHON=VENV/bin/python.
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
machine
measure "Text PDF, the bundled service manual twenty times" python3 "$BENCHES/ingest.py" "$SHIFU" datasets/split_air_conditioner/manual/service-manual-2025.pdf 20
measure "Scanned PDF, A4 pages of 36 lines at 150 dpi (goal: 0.3 pages/s on 2 cores, no more errors than rapidocr)" "${PYTHON:-python3}" "$BENCHES/scanned.py" "$SHIFU" "$SHIFU_MODELS_DIR" "$WORK/scanned"
python3 "$BENCHES/prepare.py" windows "$DATA/text" 50000 "$WORK/windows" | tee -a "$BODY"
say ''
say 'Latency is what this corpus is for: one of several overlapping windows that hold the answer is called right.'
say ''
measure "Search over 50,000 passages (goal: p50 3 ms, p99 15 ms)" "$SHIFU" eval retrieval "$WORK/windows"
finish document_to_index
