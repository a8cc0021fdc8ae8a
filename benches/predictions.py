"""Part predictions of the bundled product lines over HTTP: predictions.py SHIFU MODELS_DIR WORK_DIR DATASETS

A server with the bundled appliances answers wrk: 8 connections, tickets of all product lines in turn, each with one to three
symptoms, every second one with a fault code and half of them with text. Figures are medians of REPETITIONS runs.
"""

import json
import pathlib
import random
import statistics
import subprocess
import sys
import tomllib

from running import Server, Settings

BENCHES = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 8
LOAD_S = 10
REPETITIONS = 3
TICKETS = 2_000


def main(shifu: str, models: str, work: str, datasets: str) -> None:
    folder = pathlib.Path(work, "predictions")
    folder.mkdir()
    settings = Settings(shifu, models, str(folder))
    data, key = settings.prepared("data")
    bodies = folder / "bodies.jsonl"
    bodies.write_text("\n".join(tickets(pathlib.Path(datasets))) + "\n", encoding="utf-8")
    server = Server(settings, data)
    server.start()
    try:
        runs = [load(server.port, bodies, key) for _ in range(REPETITIONS + 1)][1:]
    finally:
        server.stop()
    wrong = sum(run["not_2xx"] + run["broken"] for run in runs)
    for name, value in [("predictions/s", lambda run: run["requests"] / run["seconds"]), ("p50 ms", lambda run: run["p50_ms"]), ("p99 ms", lambda run: run["p99_ms"])]:
        print(f"{name:<16} {statistics.median(map(value, runs)):8.1f}")
    print(f"{'not answered':<16} {wrong:8d}")


def tickets(datasets: pathlib.Path) -> list[str]:
    dice = random.Random(1)
    trees = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(datasets.glob("*/fault-tree.toml"))]
    return [json.dumps(ticket(dice, tree), ensure_ascii=False) for tree, _ in zip(trees * TICKETS, range(TICKETS))]


def ticket(dice: random.Random, tree: dict) -> dict:
    symptoms = dice.sample(tree["symptom"], dice.randint(1, 3))
    made: dict = {"product_line": tree["product_line"], "region": dice.choice(["11", "3502", "4403"]), "date": "2026-07-15"}
    if dice.random() < 0.5:
        made["text"] = "客户说" + "，".join(dice.choice(symptom["phrases"]) for symptom in symptoms)
    else:
        made["symptoms"] = [{"id": symptom["id"], "present": True} for symptom in symptoms]
    if tree.get("fault_code") and dice.random() < 0.5:
        made["fault_codes"] = [dice.choice(tree["fault_code"])["code"]]
    return made


def load(port: int, bodies: pathlib.Path, key: str) -> dict:
    url = f"http://127.0.0.1:{port}/v1/part-predictions"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{LOAD_S}s", "-s", str(BENCHES / "search.lua"), url, "--", str(bodies), key]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
