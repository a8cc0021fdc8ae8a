#!/usr/bin/env bash
# Summaries and fields: bash benches/tickets.sh DATA_DIR
source "$(dirname "$0")/lib.sh"
BUNDLED="datasets/split_air_conditioner"
cd "$ROOT"
machine
measure "Bundled dialogues, ROUGE, dev (tuned on)" "$SHIFU" eval summaries "$BUNDLED/dialogues-dev.jsonl"
measure "Bundled dialogues, ROUGE, test" "$SHIFU" eval summaries "$BUNDLED/dialogues-test.jsonl"
measure "Bundled dialogues, fields, dev (tuned on)" "$SHIFU" eval fields "$BUNDLED/dialogues-dev.jsonl"
measure "Bundled dialogues, fields, test" "$SHIFU" eval fields "$BUNDLED/dialogues-test.jsonl"
measure "Bundled phone notes" "$SHIFU" eval intake "$BUNDLED/intakes.jsonl"
for line in gas_water_heater drum_washing_machine smart_toilet; do # nothing was tuned on these
    for split in dev test; do
        measure "Dialogues, $line, ROUGE, $split" "$SHIFU" eval summaries "datasets/$line/dialogues-$split.jsonl"
        measure "Dialogues, $line, fields, $split" "$SHIFU" eval fields "datasets/$line/dialogues-$split.jsonl"
    done
    measure "Phone notes, $line" "$SHIFU" eval intake "datasets/$line/intakes.jsonl"
done
python3 "$BENCHES/prepare.py" dialogues "$DATA/text/helpdesk_dialogues_zh/train_3000.jsonl.gz" 20 "$WORK/helpdesk"
measure "Twenty real helpdesk dialogues: every sentence and field points at lines that exist" \
    python3 "$BENCHES/real_dialogues.py" "$SHIFU" "$WORK/helpdesk"
finish tickets
