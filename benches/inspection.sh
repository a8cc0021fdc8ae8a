#!/usr/bin/env bash
# Photos: bash benches/inspection.sh DATA_DIR
source "$(dirname "$0")/lib.sh"
IMAGES="$DATA/images"
cd "$ROOT"
machine
python3 "$BENCHES/prepare.py" tiles "$IMAGES/magnetic_tile" "$WORK/tiles"
measure "Magnetic tiles, small defects (half of the good ones enrolled)" "$SHIFU" eval inspection "$WORK/tiles"
measure "Household objects, which class a photo shows (5 shots)" "$SHIFU" eval shots "$IMAGES/household_objects" --shots 5
for checkpoint in datasets/split_air_conditioner/standards/split_air_conditioner_install/*/; do
    [ "$(ls "$checkpoint/good" | wc -l)" -ge 40 ] || continue
    python3 "$BENCHES/bundled_photos.py" "$checkpoint" "$WORK/$(basename "$checkpoint")"
    measure "Bundled checkpoint $(basename "$checkpoint") (last 12 good photos held out)" "$SHIFU" eval inspection "$WORK/$(basename "$checkpoint")"
done
measure "Near copies by edit" "$SHIFU" eval duplicates "$IMAGES/household_objects"
measure "Sixty real photos of outdoor units: 50 enrolled, 10 inspected" python3 "$BENCHES/real_photos.py" "$SHIFU" "$IMAGES/hvac_equipment"
python3 "$BENCHES/prepare.py" nameplates "$IMAGES/nameplates" 10 "$WORK/nameplates.jsonl"
SHIFU_MODELS_DIR="$SHIFU_MODELS_DIR" measure "Model read from nameplate frames (10 a label)" "$SHIFU" eval ocr "$WORK/nameplates.jsonl"
finish inspection
