"""Our engine beside SCRAM on the same trees, in one run: scram_beside.py SHIFU ARALIA_FOLDER [RUNS]

SHIFU is the command line, ARALIA_FOLDER holds the trees. Runs alternate between the two, so that both meet the same load;
medians of RUNS runs (default 5). Ours is the time for the probability, and for counts that time plus the one for the cut
sets; SCRAM's is its own calculation time for probabilities, and for counts the time until its <sum-of-products>, because
listing the sets would only add to it. SCRAM: Debian package `scram`, 0.16.2.
"""

import json
import math
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

# SCRAM needs some 40 s and 2 GB for das9701 and finishes not every time; das9601 is not coherent and has no cut sets.
NO_PROBABILITY = {"das9701"}
NO_COUNT = {"das9701", "das9601"}


def main(shifu: str, folder: str, runs: str = "5") -> None:
    if shutil.which("scram") is None:
        print("skipped: no `scram` here (Debian package scram, 0.16.2)")
        return
    trees = sorted(pathlib.Path(folder).glob("*.xml"))
    ours = {tree.stem: ([], []) for tree in trees}
    theirs = {tree.stem: ([], []) for tree in trees}
    for _ in range(int(runs)):
        for tree in trees:
            if tree.stem not in NO_PROBABILITY:
                probability_ms, counted_ms = analysed(shifu, tree)
                ours[tree.stem][0].append(probability_ms)
                theirs[tree.stem][0].append(scram_probability_ms(tree))
            if tree.stem not in NO_COUNT:
                ours[tree.stem][1].append(counted_ms)
                theirs[tree.stem][1].append(scram_count_ms(tree))
    for at, title in enumerate(["probability", "cut-set count"]):
        table(title, {tree: (ours[tree][at], theirs[tree][at]) for tree in ours if ours[tree][at]})


def analysed(shifu: str, tree: pathlib.Path) -> tuple[float, float]:
    command = [shifu, "eval", "fault-trees", str(tree), "--format", "json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["trees"][0]
    return found["probability_ms"], found["probability_ms"] + found["cut_sets_ms"]


def scram_probability_ms(tree: pathlib.Path) -> float:
    command = ["scram", "--no-indent", "--bdd", "--probability", "1", "-l", "1", str(tree)]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    times = re.findall(r"<(?:products|probability)>([0-9.e+-]+)</", report)
    return 1e3 * sum(map(float, times))


def scram_count_ms(tree: pathlib.Path) -> float:
    start = time.perf_counter()
    command = ["scram", "--no-indent", "--zbdd", "-l", "1000", str(tree)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if b"<sum-of-products" in line:
                break
        elapsed_ms = 1e3 * (time.perf_counter() - start)
        process.kill()
    return elapsed_ms


def table(title: str, times: dict[str, tuple[list[float], list[float]]]) -> None:
    print(f"\n{title:<14} {'ours ms':>10} {'scram ms':>10} {'ratio':>7}")
    medians = {tree: (statistics.median(a), statistics.median(b)) for tree, (a, b) in times.items()}
    for tree, (ours, theirs) in medians.items():
        print(f"{tree:<14} {ours:>10.2f} {theirs:>10.2f} {ours / theirs:>7.2f}")
    mean = math.exp(statistics.fmean(math.log(ours / theirs) for ours, theirs in medians.values()))
    faster = sum(ours < theirs for ours, theirs in medians.values())
    print(
        f"in all {sum(o for o, _ in medians.values()):.0f} ms beside {sum(t for _, t in medians.values()):.0f} ms; "
        f"faster on {faster} of {len(medians)}; geometric mean of the ratios {mean:.2f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
