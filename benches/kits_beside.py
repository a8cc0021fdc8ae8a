"""Our kits beside greedy and HiGHS on the same instances: kits_beside.py KITS.json [SECONDS]

KITS.json is what the `kits` task of shifu-evals writes: instances and our kits. HiGHS gets one thread and SECONDS (1) for each
kit within a budget. Needs `pip install highspy numpy`."""

import json
import statistics
import sys
import time

import highspy
import numpy as np


def served(instance: dict, kit: set[int]) -> float:
    return sum(w for w, needs in zip(instance["weights"], instance["needs"]) if kit.issuperset(needs))


def greedy(instance: dict, budget: float, penalty: float | None) -> set[int]:
    """Adds the missing parts of one fault after another: most newly served weight per yuan, while it fits and (with a
    penalty) while it pays. All faults that the parts complete count as gain."""
    prices, weights = instance["prices"], instance["weights"]
    needs = [set(parts) for parts in instance["needs"]]
    of_part: list[list[int]] = [[] for _ in prices]
    for fault, parts in enumerate(needs):
        for part in parts:
            of_part[part].append(fault)
    kit: set[int] = set()
    while True:
        best = (0.0, None, 0.0)
        for parts in needs:
            missing = parts - kit
            cost = sum(prices[part] for part in missing)
            if not missing or cost > budget:
                continue
            touched = {fault for part in missing for fault in of_part[part]}
            gain = sum(weights[fault] for fault in touched if needs[fault] - kit <= missing)
            if penalty is not None and penalty * gain <= cost:
                continue
            if gain / max(cost, 1e-12) > best[0]:
                best = (gain / max(cost, 1e-12), missing, cost)
        if best[1] is None:
            return kit
        kit |= best[1]
        budget -= best[2]


# HiGHS' tolerances are absolute, so weights that sum to 1 are told to it as ones that sum to this.
SCALE = 1e4


def highs(instance: dict, budget: float | None, seconds: float) -> tuple[float, float, float]:
    """Objective (weight served, or expected cost), proven bound and seconds."""
    prices, weights, penalty = instance["prices"], instance["weights"], instance["penalty"]
    model = highspy.Highs()
    for option, value in {"output_flag": False, "threads": 1, "time_limit": seconds, "mip_rel_gap": 1e-7, "mip_abs_gap": 1e-9}.items():
        model.setOptionValue(option, value)
    parts = len(prices)
    for part, price in enumerate(prices):
        model.addVar(0, 1)
        model.changeColIntegrality(part, highspy.HighsVarType.kInteger)
        model.changeColCost(part, price if budget is None else 0.0)
    for fault, weight in enumerate(weights):
        model.addVar(0, 1)
        model.changeColCost(parts + fault, -weight * (penalty if budget is None else SCALE))
        for part in instance["needs"][fault]:
            model.addRow(-highspy.kHighsInf, 0, 2, np.array([parts + fault, part], dtype=np.int32), np.array([1.0, -1.0]))
    if budget is not None:
        model.addRow(-highspy.kHighsInf, budget, parts, np.arange(parts, dtype=np.int32), np.array(prices))
    start = time.perf_counter()
    model.run()
    took = time.perf_counter() - start
    info = model.getInfo()
    value, bound = info.objective_function_value, info.mip_dual_bound
    if budget is None:
        return penalty * sum(weights) + value, penalty * sum(weights) + bound, took
    return -value / SCALE, -bound / SCALE, took


def quantiles(name: str, numbers: list[float], unit: str) -> str:
    ordered = sorted(numbers)
    return f"{name:<34} median {statistics.median(ordered):>9.3f} {unit}, 95th {ordered[int(0.95 * (len(ordered) - 1))]:>9.3f} {unit}, worst {ordered[-1]:>9.3f} {unit}"


def penalty_form(rows: list[dict]) -> None:
    print("least price plus penalty")
    unequal, below, greedy_over, ms, highs_ms = 0, 0, [], [], []
    for row in rows:
        instance, ours = row["instance"], row["penalty"]
        kit = set(ours["parts"])
        cost = lambda kit: sum(instance["prices"][p] for p in kit) + instance["penalty"] * (sum(instance["weights"]) - served(instance, kit))
        value, _, took = highs(instance, None, 60.0)
        beside = cost(greedy(instance, float("inf"), instance["penalty"]))
        unequal += abs(cost(kit) - value) > 1e-6 * value
        below += cost(kit) > beside * (1 + 1e-9)
        greedy_over.append(100 * (beside / cost(kit) - 1))
        ms.append(ours["ms"])
        highs_ms.append(1e3 * took)
    print(f"proven optimal {sum(row['penalty']['proven'] for row in rows)} of {len(rows)}; unequal to HiGHS {unequal}; worse than greedy {below}")
    print(quantiles("greedy costs more by", greedy_over, "%"))
    print(quantiles("ours", ms, "ms"))
    print(quantiles("HiGHS", highs_ms, "ms"))


def budget_form(rows: list[dict], seconds: float) -> None:
    print(f"most weight within a budget; HiGHS with {seconds:g} s")
    below, wrong, greedy_less, highs_less, gaps, highs_gaps, ms, highs_ms = 0, 0, [], [], [], [], [], []
    for row in rows:
        instance, ours = row["instance"], row["budget"]
        kit = set(ours["parts"])
        value = served(instance, kit)
        assert sum(instance["prices"][p] for p in kit) <= instance["budget"] * (1 + 1e-9)
        beside = served(instance, greedy(instance, instance["budget"], None))
        theirs, bound, took = highs(instance, instance["budget"], seconds)
        below += value < beside * (1 - 1e-9)
        wrong += ours["bound"] < theirs * (1 - 1e-7) or value > bound * (1 + 1e-6)
        greedy_less.append(100 * (1 - beside / value))
        highs_less.append(100 * (1 - theirs / value))
        gaps.append(100 * ours["gap"])
        highs_gaps.append(100 * (bound / theirs - 1) if theirs > 0 else 100.0)
        ms.append(ours["ms"])
        highs_ms.append(1e3 * took)
    print(
        f"proven optimal {sum(row['budget']['proven'] for row in rows)} of {len(rows)}, HiGHS {sum(g < 1e-3 for g in highs_gaps)}; gap at most .1 % on {sum(g <= 0.1 for g in gaps)}, HiGHS {sum(g <= 0.1 for g in highs_gaps)}; worse than greedy {below}; bounds that contradict HiGHS {wrong}"
    )
    print(quantiles("our gap", gaps, "%"))
    print(quantiles("HiGHS' gap", highs_gaps, "%"))
    print(quantiles("greedy serves less by", greedy_less, "%"))
    print(quantiles("HiGHS serves less by", highs_less, "%"))
    print(quantiles("ours", ms, "ms"))
    print(quantiles("HiGHS", highs_ms, "ms"))


if __name__ == "__main__":
    measured = json.loads(open(sys.argv[1], encoding="utf-8").read())
    measured = measured["rows"] if isinstance(measured, dict) else measured
    penalty_form(measured)
    print()
    budget_form(measured, float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
