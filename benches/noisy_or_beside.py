"""A noisy-OR network answered by shifu, pyAgrum and pgmpy in one run: noisy_or_beside.py NOISY_OR_EXAMPLE

NOISY_OR_EXAMPLE is the built example `noisy_or` of crates/diagnosis. Peers: pip install pyagrum pgmpy. Each symptom has
three to five causes; posteriors of all causes, median of several runs, one minute at most for a peer.
"""

import itertools
import json
import multiprocessing
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = [(30, 15, 4), (60, 40, 6)]
RUNS = 5
LIMIT_S = 60


def main(example: str) -> None:
    for causes, symptoms, observed in SIZES:
        network = made(random.Random(f"{causes} {symptoms}"), causes, symptoms, observed)
        ours = ask(example, network)
        print(f"\n{causes} causes, {symptoms} symptoms, {observed} present: P(observed) = {ours['evidence']:.6e}")
        print(f"{'shifu':<8} {ours['ms']:>10.3f} ms")
        for name, peer in [("pyAgrum", pyagrum_posteriors), ("pgmpy", pgmpy_posteriors)]:
            print(f"{name:<8} {beside(peer, network, ours['causes'])}")


def made(dice: random.Random, causes: int, symptoms: int, observed: int) -> dict:
    def symptom(at: int) -> dict:
        linked = sorted(dice.sample(range(causes), dice.randint(3, 5)))
        links = [[cause, round(dice.uniform(0.2, 0.9), 3)] for cause in linked]
        return {"leak": round(dice.uniform(0.001, 0.05), 3), "links": links, "observed": True if at < observed else None}

    return {
        "priors": [round(dice.uniform(0.002, 0.1), 4) for _ in range(causes)],
        "symptoms": [symptom(at) for at in range(symptoms)],
    }


def ask(example: str, network: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "network.json"
        path.write_text(json.dumps(network))
        return json.loads(subprocess.run([example, str(path)], check=True, capture_output=True, text=True).stdout)


def beside(peer, network: dict, expected: list[float]) -> str:
    answer = multiprocessing.Queue()
    process = multiprocessing.Process(target=lambda: answer.put(peer(network)))
    process.start()
    try:
        causes, elapsed_ms = answer.get(timeout=LIMIT_S)
    except Exception:
        return f"no answer in {LIMIT_S} s (or not installed)"
    finally:
        process.terminate()
    distance = max(abs(a - b) for a, b in zip(causes, expected, strict=True))
    return f"{elapsed_ms:>10.3f} ms, posteriors differ by at most {distance:.1e}: {'equal' if distance <= 1e-9 else 'NOT EQUAL'}"


def chance_absent(symptom: dict, happened) -> float:
    absent = 1.0 - symptom["leak"]
    for (_, chance), there in zip(symptom["links"], happened, strict=True):
        absent *= 1.0 - chance if there else 1.0
    return absent


def timed(answer) -> tuple[list[float], float]:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        causes = answer()
        times.append(1e3 * (time.perf_counter() - start))
    return causes, statistics.median(times)


def pyagrum_posteriors(network: dict) -> tuple[list[float], float]:
    import pyagrum

    net = pyagrum.BayesNet()
    for at, prior in enumerate(network["priors"]):
        net.add(pyagrum.LabelizedVariable(f"c{at}", "", 2))
        net.cpt(f"c{at}").fillWith([1 - prior, prior])
    for at, symptom in enumerate(network["symptoms"]):
        net.add(pyagrum.LabelizedVariable(f"s{at}", "", 2))
        names = [f"c{cause}" for cause, _ in symptom["links"]]
        for name in names:
            net.addArc(name, f"s{at}")
        for happened in itertools.product([0, 1], repeat=len(names)):
            absent = chance_absent(symptom, happened)
            net.cpt(f"s{at}")[dict(zip(names, happened))] = [absent, 1 - absent]
    observed = {f"s{at}": int(s["observed"]) for at, s in enumerate(network["symptoms"]) if s["observed"] is not None}

    def answer() -> list[float]:
        inference = pyagrum.LazyPropagation(net)
        inference.setEvidence(observed)
        inference.setTargets({f"c{at}" for at in range(len(network["priors"]))})
        inference.makeInference()
        return [inference.posterior(f"c{at}")[1] for at in range(len(network["priors"]))]

    return timed(answer)


def pgmpy_posteriors(network: dict) -> tuple[list[float], float]:
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteBayesianNetwork

    net = DiscreteBayesianNetwork()
    for at, prior in enumerate(network["priors"]):
        net.add_node(f"c{at}")
        net.add_cpds(TabularCPD(f"c{at}", 2, [[1 - prior], [prior]]))
    for at, symptom in enumerate(network["symptoms"]):
        names = [f"c{cause}" for cause, _ in symptom["links"]]
        net.add_edges_from((name, f"s{at}") for name in names)
        absent = [chance_absent(symptom, happened) for happened in itertools.product([0, 1], repeat=len(names))]
        table = [absent, [1 - a for a in absent]]
        net.add_cpds(TabularCPD(f"s{at}", 2, table, evidence=names, evidence_card=[2] * len(names)))
    observed = {f"s{at}": int(s["observed"]) for at, s in enumerate(network["symptoms"]) if s["observed"] is not None}
    inference = VariableElimination(net)

    def answer() -> list[float]:
        names = [f"c{at}" for at in range(len(network["priors"]))]
        return [inference.query([name], observed, show_progress=False).values[1] for name in names]

    return timed(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
