#!/usr/bin/env bash
# Fault trees against published values: bash benches/diagnosis.sh DATA_DIR
source "$(dirname "$0")/lib.sh"
TREES="$DATA/fault_trees"
machine

say 'Aralia trees, every p = 0.01, against `reference.tsv` (probability to 1e-9 relative, minimal cut sets exactly).'
say ''
"$SHIFU" eval fault-trees "$TREES"/aralia/*.xml --format json > "$WORK/aralia.json"
measure "Aralia" python3 "$BENCHES/compare_trees.py" "$WORK/aralia.json" "$TREES/aralia/reference.tsv"

cd "$TREES/open_psa"
measure "Open-PSA models with published values" "$SHIFU" eval fault-trees \
    baobab1.xml+baobab1-basic-events.xml chinese.xml+chinese-basic-events.xml theatre.xml three_motor.xml lift.xml HIPPS.xml
say 'Published (SCRAM): Baobab1 1.2823e-6 with 46188 cut sets, Chinese 0.0045691, Theatre 0.00207, ThreeMotor 0.0211538, Lift 1.19999e-5, HIPPS 0.0016209.'
cd "$ROOT"
finish diagnosis
