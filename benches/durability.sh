#!/usr/bin/env bash
# Crashes, overload, a lost database, a tenth of a day: bash benches/durability.sh [--short] DATA_DIR
# The long form takes about two hours and a half; --short runs the same in minutes. Exit status 1 when a goal was missed.
LONG=1
if [ "${1:-}" = --short ]; then
    LONG=0
    shift
fi
source "$(dirname "$0")/lib.sh"
cd "$ROOT"
if [ $LONG -eq 1 ]; then
    KILLS=200 OVERLOAD_S=600 AWAY_S=30 SHARE=0.1
else
    KILLS=10 OVERLOAD_S=30 AWAY_S=10 SHARE=0.001
fi
# What is photographed at an installation: the bundled photos by checkpoint, and real outdoor units where DATA_DIR has them.
PHOTOS="$WORK/photos"
mkdir "$PHOTOS"
ln -s "$ROOT/datasets/split_air_conditioner/standards/split_air_conditioner_install" "$PHOTOS/standard"
[ ! -d "$DATA/images/hvac_equipment" ] || ln -s "$DATA/images/hvac_equipment" "$PHOTOS/outdoor_units"
missed=0
# scenario TITLE COMMAND ARGUMENTS...: the measure in a folder of its own
scenario() {
    local title="$1" name="$2" folder
    shift 2
    folder="$(mktemp -d -p "$WORK")"
    measure "$title" python3 "$BENCHES/durability.py" "$name" "$SHIFU" "$SHIFU_MODELS_DIR" "$folder" "$@"
    grep -q '^as it should be\|^skipped' "$WORK/out" || missed=1
    rm -rf "$folder"
}
machine
[ $LONG -eq 1 ] || { say "Short form: fewer kills, less time, a thousandth of a day."; say ''; }
scenario "kill -9 at random moments, SQLite" kills $KILLS sqlite
scenario "kill -9 at random moments, PostgreSQL" kills $KILLS postgres
scenario "PostgreSQL stopped under load" database $AWAY_S
scenario "Four times the sustainable load" overload $OVERLOAD_S "$PHOTOS"
scenario "A share of a head brand's day" day $SHARE "$PHOTOS"
finish durability
exit $missed
