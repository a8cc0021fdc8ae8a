#!/usr/bin/env bash
# Weights of search and evidence, fitted on manuals that the encoder has not seen: bash models/paraphrase/fit.sh
# Needs a virtual environment with requirements.txt as PYTHON (default python3). Trains, builds with those weights, measures, fits and
# puts the trained file back. About 15 minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON="${PYTHON:-python3}"
HELD_OUT="ac_service2 ac_user2 gas_service gas_user washer_service3 washer_user toilet_service2 toilet_user fridge faq"
WORK="$(mktemp -d)"
WEIGHTS=models/paraphrase/encoder.safetensors
cp "$WEIGHTS" "$WORK/shipped"
trap 'cp "$WORK/shipped" "$WEIGHTS"; rm -rf "$WORK"' EXIT
# shellcheck disable=SC2086
"$PYTHON" models/paraphrase/train.py --hold-out $HELD_OUT --output "$WEIGHTS"
cargo build --release --locked --workspace --bin shifu
shifu="${CARGO_TARGET_DIR:-target}/release/shifu"
# shellcheck disable=SC2086
"$PYTHON" models/paraphrase/as_manuals.py "$WORK/manuals" $HELD_OUT
mkdir "$WORK/train" "$WORK/dev"
for name in $HELD_OUT; do
    "$shifu" eval questions "$WORK/manuals/$name" --split train --rows "$WORK/train/$name.jsonl" > /dev/null
done
for folder in datasets/*/questions-agents-dev.jsonl; do
    name="$(basename "$(dirname "$folder")")"
    "$shifu" eval questions "datasets/$name" --split agents-dev --rows "$WORK/dev/$name.jsonl" > /dev/null
done
"$PYTHON" models/paraphrase/fit.py "$WORK/train" "$WORK/dev"
