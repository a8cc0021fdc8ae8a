"""Our figures beside the reference: compare_trees.py OURS.json REFERENCE.tsv"""

import csv
import json
import pathlib
import sys


def main(ours: str, reference: str) -> None:
    found = {pathlib.Path(tree["file"]).stem: tree for tree in json.loads(pathlib.Path(ours).read_text())["trees"]}
    equal = counted = 0
    total_ms = 0.0
    print(f"{'tree':<12} {'reference':>18} {'ours':>18} {'equal':>6} {'cut sets':>14} {'ours':>14} {'nodes':>9} {'ms':>9}")
    with open(reference, encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        tree = found.get(row["tree"], {})
        expected, probability = row["probability_all_p_0.01"], tree.get("probability")
        same = probability is not None and close(expected, probability)
        sets = tree.get("minimal_cut_sets")
        equal += same
        counted += sets is not None and str(sets) == row["minimal_cut_sets"]
        total_ms += tree.get("ms") or 0.0
        shown = "-" if probability is None else f"{probability:.10e}"
        print(
            f"{row['tree']:<12} {expected:>18} {shown:>18} {'yes' if same else 'NO':>6} {row['minimal_cut_sets']:>14} "
            f"{'-' if sets is None else sets:>14} {tree.get('bdd_nodes', '-'):>9} {tree.get('ms', float('nan')):>9.1f}"
        )
    print(f"probabilities equal: {equal} of {len(rows)}; cut-set counts equal: {counted} of {len(rows)}; {total_ms:.0f} ms in all")


def close(expected: str, probability: float) -> bool:
    try:
        # The reference is printed with 10 decimals of the mantissa, so its own rounding is up to 5e-11 relative.
        return abs(probability - float(expected)) <= 1e-9 * max(abs(float(expected)), 1e-300) + 1e-18
    except ValueError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
