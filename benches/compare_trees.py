"""Our figures beside the reference: compare_trees.py OURS.json REFERENCE.tsv"""

import csv
import json
import pathlib
import sys

# Missing in the reference, whose engine did not finish; SCRAM 0.16.2 takes some 40 s and up to 2 GB, when it finishes.
SCRAM_SIX_DIGITS = {"das9701": 0.0744694}


def main(ours: str, reference: str) -> None:
    found = {pathlib.Path(tree["file"]).stem: tree for tree in json.loads(pathlib.Path(ours).read_text())["trees"]}
    equal = counted = 0
    times = {"probability_ms": 0.0, "posteriors_ms": 0.0, "cut_sets_ms": 0.0}
    slowest = 0.0
    print(f"{'tree':<12} {'reference':>18} {'ours':>18} {'equal':>6} {'cut sets':>14} {'ours':>14} {'nodes':>9} {'p ms':>9} {'post ms':>9} {'sets ms':>9}")
    with open(reference, encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        tree = found.get(row["tree"], {})
        expected, probability = row["probability_all_p_0.01"], tree.get("probability")
        same = probability is not None and close(expected, probability)
        sets = tree.get("minimal_cut_sets")
        equal += same
        counted += sets is not None and str(sets) == row["minimal_cut_sets"]
        if same:
            times = {name: sum_ms + tree[name] for name, sum_ms in times.items()}
            slowest = max(slowest, tree["posteriors_ms"] / tree["probability_ms"])
        shown = "-" if probability is None else f"{probability:.10e}"
        print(
            f"{row['tree']:<12} {expected:>18} {shown:>18} {'yes' if same else 'NO':>6} {row['minimal_cut_sets']:>14} "
            f"{'-' if sets is None else sets:>14} {tree.get('bdd_nodes', '-'):>9} "
            + " ".join(f"{tree.get(name, float('nan')):>9.1f}" for name in times)
        )
    print(f"probabilities equal: {equal} of {len(rows)}; cut-set counts equal: {counted} of {len(rows)}")
    for name, expected in SCRAM_SIX_DIGITS.items():
        if name in found:
            probability, bounds = found[name].get("probability"), found[name].get("bounds")
            print(f"{name}: {probability} (bounds {bounds}) beside SCRAM's {expected}; {found[name].get('probability_ms', float('nan')):.0f} ms")
    print(
        f"in all {times['probability_ms']:.0f} ms for probabilities, {times['cut_sets_ms']:.0f} ms for cut sets; "
        f"all posteriors take at most {slowest:.2f} times as long as the probability alone"
    )


def close(expected: str, probability: float) -> bool:
    try:
        # The reference is printed with 10 decimals of the mantissa, so its own rounding is up to 5e-11 relative.
        return abs(probability - float(expected)) <= 1e-9 * max(abs(float(expected)), 1e-300) + 1e-18
    except ValueError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
