#!/usr/bin/env python3
"""Fits the weights of the sentence scorer (crates/knowledge/src/answer/fit.rs): the softmax of a linear score over the sentences of a
passage, against those that hold an answer.

    for f in cmrc2018_zh/cmrc2018_trial cmrc2018_zh/cmrc2018_dev drcd_zh_hant/DRCD_dev; do
        cargo run --release -p shifu-knowledge --example quote_measures -- DATA_DIR/text/$f.json > WORK/$(basename $f).jsonl; done
    python3 models/quote/fit.py WORK

Fits on CMRC 2018 trial (each question counts three times) and DRCD dev, prints what five-fold cross-validation finds on trial, the
weights, and what they find on CMRC 2018 dev, which took no part. Needs numpy; the same input gives the same weights."""

import json
import pathlib
import sys

import numpy as np

STEPS, RATE, RIDGE, TRIAL_WEIGHT, FOLDS = 600, 0.3, 1e-3, 3.0, 5


def read(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measures [questions, sentences, measures], what holds an answer and what is a sentence [questions, sentences]."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    most = max(map(len, rows))
    measures = np.zeros((len(rows), most, len(rows[0][0]["measures"])))
    holds, there = np.zeros((len(rows), most)), np.zeros((len(rows), most))
    for at, row in enumerate(rows):
        measures[at, : len(row)] = [one["measures"] for one in row]
        holds[at, : len(row)] = [one["holds"] for one in row]
        there[at, : len(row)] = 1
    return measures, holds, there


def softmax(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    scores = np.where(among > 0, scores, -np.inf)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def fit(parts: list[tuple[tuple[np.ndarray, np.ndarray, np.ndarray], float]]) -> np.ndarray:
    kept = [([one[part[1].sum(1) > 0] for one in part], weight) for part, weight in parts]
    inside = np.concatenate([measures[there > 0] for (measures, _, there), _ in kept])
    spread = inside.std(0) + 1e-3
    weights, speed = np.zeros(inside.shape[1]), np.zeros(inside.shape[1])
    total = sum(weight * len(part[0]) for part, weight in kept)
    for _ in range(STEPS):
        gradient = 2 * RIDGE * weights
        for (measures, holds, there), weight in kept:
            scaled = measures / spread
            scores = scaled @ weights
            wanted = softmax(scores, holds * there) - softmax(scores, there)
            gradient = gradient - weight * np.einsum("qs,qsm->m", wanted, scaled) / total
        speed = 0.9 * speed - RATE * gradient
        weights = weights + speed
    return weights / spread


def right(weights: np.ndarray, part: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    measures, holds, there = part
    best = np.where(there > 0, measures @ weights, -np.inf).argmax(1)
    return holds[np.arange(len(best)), best].mean()


def main() -> None:
    work = pathlib.Path(sys.argv[1])
    trial, drcd, dev = (read(work / f"{name}.jsonl") for name in ("cmrc2018_trial", "DRCD_dev", "cmrc2018_dev"))
    fold = np.arange(len(trial[0])) * FOLDS // len(trial[0])
    found = []
    for number in range(FOLDS):
        own = fold == number
        weights = fit([([one[~own] for one in trial], TRIAL_WEIGHT), (drcd, 1.0)])
        found.append(right(weights, [one[own] for one in trial]) * own.sum())
    print(f"trial, cross-validated: {sum(found) / len(trial[0]):.4f}")
    weights = fit([(trial, TRIAL_WEIGHT), (drcd, 1.0)])
    print("weights:", ", ".join(f"{weight:.2f}" for weight in weights))
    print(f"dev, not fitted on: {right(weights, dev):.4f}")


if __name__ == "__main__":
    main()
