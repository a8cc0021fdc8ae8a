#!/usr/bin/env bash
# Retrieval, quotes, bundled and real manuals: bash benches/knowledge.sh DATA_DIR
source "$(dirname "$0")/lib.sh"
TEXT="$DATA/text"
BUNDLED="datasets/split_air_conditioner"
cd "$ROOT"
machine

python3 "$BENCHES/prepare.py" beir "$TEXT/cmrc2018_zh/cmrc2018_dev.json" "$WORK/cmrc"
say 'CMRC 2018 dev, question to its passage; bm25s over jieba words plus bigrams reaches recall@1 .957.'
say ''
measure "CMRC 2018 dev as retrieval" "$SHIFU" eval retrieval "$WORK/cmrc"
measure "CMRC 2018 dev, one quoted sentence" "$SHIFU" eval quotes "$TEXT/cmrc2018_zh/cmrc2018_dev.json"
measure "Bundled questions, split air conditioner, dev (tuned on)" "$SHIFU" eval questions "$BUNDLED" --split dev
measure "Bundled questions, split air conditioner, test" "$SHIFU" eval questions "$BUNDLED" --split test
say 'The questions of the other appliances are in words of customers that the manuals do not use; nothing was tuned on them.'
say ''
for line in gas_water_heater drum_washing_machine smart_toilet; do
    for split in dev test; do
        measure "Bundled questions, $line, $split" "$SHIFU" eval questions "datasets/$line" --split $split
    done
done

mkdir "$WORK/real"
cp "$TEXT"/ac_service_manuals_es/*.md "$WORK/real/"
python3 "$BENCHES/prepare.py" pages "$TEXT/car_manual_zh/manual_pages.jsonl" "$WORK/real/car.md"
measure "Real manuals: pages in, pages indexed" python3 "$BENCHES/real_manuals.py" "$SHIFU" "$WORK/real" "$BENCHES/real_questions.jsonl"
finish knowledge
