"""Summarises dialogues and checks that all that is said points at its lines: real_dialogues.py SHIFU DIR"""

import json
import pathlib
import subprocess
import sys


def main(shifu: str, folder: str) -> None:
    done = sentences = fields = bad = 0
    shares = []
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        lines = json.loads(path.read_text(encoding="utf-8"))
        run = subprocess.run([shifu, "summarize", str(path), "--format", "json"], capture_output=True, text=True)
        if run.returncode != 0:
            print(f"{path.name}: exit {run.returncode}: {run.stderr.strip()}")
            continue
        summary = json.loads(run.stdout)
        pointers = [s["lines"] for s in summary["summary"]] + [f["lines"] for f in summary["fields"].values() if f]
        bad += sum(1 for p in pointers if not p or not all(1 <= n <= len(lines) for n in p))
        sentences += len(summary["summary"])
        fields += sum(1 for f in summary["fields"].values() if f)
        shares.append(sum(len(s["text"]) for s in summary["summary"]) / max(1, sum(len(line["text"]) for line in lines)))
        done += 1
    shares.sort()
    print(f"summarised {done}; sentences {sentences}; fields {fields}; pointers to no line {bad}")
    if shares:
        print(f"length of summary over dialogue, median {shares[len(shares) // 2]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
