#!/usr/bin/env python3
"""Fits the weights of the search (crates/knowledge/src/rank.rs) and of the evidence for an answer (answer/evidence.rs).

    python models/paraphrase/fit.py TRAIN_ROWS_DIR DEV_ROWS_DIR

Both directories hold what `shifu eval questions --rows FILE` writes: TRAIN of manuals of datasets/paraphrases that the encoder had not seen
(`as_manuals.py`, `train.py --hold-out`), DEV of the bundled appliances' agents-dev. `models/paraphrase/fit.sh` does all of it. Prints weights
fitted on TRAIN with what they reach on both; numbers in the code are rounded from such a run."""

import glob
import json
import os
import sys

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

RANKING = ["bm25", "coverage", "window", "phrase", "exact", "meaning", "fits", "clause"]
EVIDENCE = ["answered", "meaning", "ahead", "gap", "coverage", "fits", "known"]
# As in evidence.rs: what they add to the score of the search.
FITS, CLAUSE = 7.0, 3.0
# A question that its manual does not answer counts as so many.
UNANSWERABLE = 10
# Answered or refused by name: not by evidence.
BY_NAME = ("unknown_model", "unknown_code", "model_needed", "product_line_needed")


def rows(folder: str) -> list[dict]:
    return [json.loads(line) for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))) for line in open(path, encoding="utf-8")]


def ranking_features(candidate: dict) -> list[float]:
    explain = candidate["explain"]
    support = explain.get("support") or {}
    values = {**explain, "exact": min(explain["exact"], 2.0), "fits": support.get("fits", 0.5), "clause": support.get("clause", 0.0)}
    return [values[name] for name in RANKING]


def fit_ranking(questions: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Listwise: the right candidates' share of the softmax over a question's candidates."""
    usable = [(features, right) for features, right in questions if right.any() and not right.all()]

    def loss(weights):
        total, gradient = 0.0, np.zeros(len(weights))
        for features, right in usable:
            scores = features @ weights
            share = np.exp(scores - scores.max())
            own = share * right
            total -= np.log(own.sum() / share.sum())
            gradient -= features.T @ (own / own.sum() - share / share.sum())
        penalty = 0.3 * weights @ weights
        return (total + penalty) / len(usable), (gradient + 0.6 * weights) / len(usable)

    return minimize(loss, np.ones(len(RANKING)), jac=True, method="L-BFGS-B").x


def right_first(questions: list[tuple[np.ndarray, np.ndarray]], weights: np.ndarray) -> tuple[float, float]:
    places = [np.flatnonzero(right[np.argsort(-(features @ weights), kind="stable")])[:1] for features, right in questions]
    firsts = np.array([place[0] if len(place) else 99 for place in places])
    return float(np.mean(firsts < 1)), float(np.mean(firsts < 3))


def evidence_features(row: dict) -> list[float]:
    candidates = row["candidates"]
    explain = candidates[0]["explain"]
    support = explain["support"]
    meanings = sorted((one["explain"]["meaning"] for one in candidates), reverse=True)
    scores = [one["score"] + FITS * one["explain"]["support"]["fits"] + CLAUSE * one["explain"]["support"]["clause"] for one in candidates]
    answered = min(max(support["answered"], 1e-4), 1 - 1e-4)
    values = {
        "answered": np.log(answered / (1 - answered)),
        "meaning": explain["meaning"],
        "ahead": explain["meaning"] - np.mean(meanings[1:5]) if len(meanings) > 1 else 1.0,
        "gap": scores[0] - (scores[1] if len(scores) > 1 else 0.0),
        "coverage": support["coverage"],
        "fits": support["fits"],
        "known": support["known"],
    }
    return [float(values[name]) for name in EVIDENCE]


def evidence(all_rows: list[dict]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of the first candidate, whether the question has an answer, whether that candidate is on its page."""
    used = [row for row in all_rows if row["candidates"] and not row["codes"] and row["reason"] not in BY_NAME]
    first = [bool(row["candidates"][0]["right"]) for row in used]
    return np.array([evidence_features(row) for row in used]), np.array([row["answerable"] for row in used]), np.array(first)


def main(train_dir: str, dev_dir: str) -> None:
    train, dev = rows(train_dir), rows(dev_dir)

    def questions(all_rows):
        answerable = [row for row in all_rows if row["answerable"] and row["candidates"]]
        return [(np.array([ranking_features(one) for one in row["candidates"]]), np.array([one["right"] for one in row["candidates"]])) for row in answerable]

    weights = fit_ranking(questions(train))
    print("ranking", dict(zip(RANKING, (weights / weights[0]).round(2) if weights[0] > 0.1 else weights.round(2))))
    for name, some in (("train", questions(train)), ("agents-dev", questions(dev))):
        first, three = right_first(some, weights)
        print(f"  {name}: right page first {first:.3f}, among three {three:.3f} of {len(some)}")

    features, answerable, right = evidence(train)
    model = LogisticRegression(max_iter=9000).fit(features, right, sample_weight=np.where(answerable, 1.0, UNANSWERABLE))
    print("evidence", dict(zip(EVIDENCE, model.coef_[0].round(2))), "intercept", model.intercept_[0].round(2))
    sets = {"train": (features, answerable, right), "agents-dev": evidence(dev)}
    given = {name: model.predict_proba(some[0])[:, 1] for name, some in sets.items()}
    for name, (_, answerable, right) in sets.items():
        print(f"  {name}: area under the curve, answerable or not: {roc_auc_score(answerable, given[name]):.3f}; right or not: {roc_auc_score(right, given[name]):.3f}")
    for floor in (0.3, 0.35, 0.4, 0.44, 0.5, 0.55, 0.6):
        for name, (_, answerable, right) in sets.items():
            passes = given[name] >= floor
            print(
                f"  floor {floor:.2f} {name}: falsely refused {np.mean(~passes[answerable]):.3f}, rightly refused {np.mean(~passes[~answerable]):.3f}, "
                f"answered from the right page {np.mean((right & passes)[answerable]):.3f}, from another {np.mean((~right & passes)[answerable]):.3f}"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
