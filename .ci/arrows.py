"""The crates' arrows, from `cargo metadata`: feature crates know `domain` and nothing else of ours."""

import json
import subprocess
import sys

SIBLINGS = {"inference", "knowledge", "inspection", "diagnosis", "tickets", "store"}
ALLOWED = {name: {"domain"} for name in SIBLINGS} | {
    "domain": set(),
    "server": SIBLINGS | {"domain"},
    "evals": SIBLINGS | {"domain"},
    "cli": SIBLINGS | {"domain", "server", "evals"},
}
# A library that only one crate may name: the rest reaches it through the traits in domain.
ONLY = {
    "ort": {"inference"},
    "candle-core": {"inference"},
    "candle-nn": {"inference"},
    "candle-transformers": {"inference"},
    "tokenizers": {"inference"},
    "tantivy": {"knowledge"},
    "sqlx": {"store"},
    "object_store": {"store"},
    "axum": {"server"},
}


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    short = {p["name"]: p["name"].removeprefix("shifu-") if p["name"] != "shifu" else "cli" for p in packages}
    wrong = [f"crate missing: {name}" for name in ALLOWED.keys() - set(short.values())]
    for package in packages:
        name = short[package["name"]]
        for dependency in {d["name"] for d in package["dependencies"]}:
            if dependency in short:
                if short[dependency] not in ALLOWED.get(name, set()):
                    wrong.append(f"{name} -> {short[dependency]} is no arrow of the design")
            elif name not in ONLY.get(dependency, {name}):
                wrong.append(f"{name} names {dependency}, which only {sorted(ONLY[dependency])} may")
    print("\n".join(sorted(wrong)) or f"{len(packages)} crates, every arrow allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
