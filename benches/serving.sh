#!/usr/bin/env bash
# Time to the five results, memory, start to ready: bash benches/serving.sh DATA_DIR
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
machine
measure "Demo, server start and memory" python3 "$BENCHES/serving.py" "$SHIFU" "$SHIFU_MODELS_DIR" "$WORK"
finish serving
