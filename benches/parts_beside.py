"""Parts from past repairs beside what anybody would try first, on the same rows.

    parts_beside.py logbook SHIFU DIR        train.jsonl and test.jsonl of `prepare_parts.py logbook`
    parts_beside.py faults SHIFU DIR         the folds of `prepare_parts.py faults`

Intervals are of the paired difference to the best reference: a bootstrap over tickets for the logbook, the corrected
resampled t of Nadeau & Bengio (2003) over folds for the faults.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
from scipy import sparse, stats
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

warnings.filterwarnings("ignore")
BOOTSTRAPS = 10_000


def rows(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ours(shifu: str, train: pathlib.Path, test: pathlib.Path) -> dict:
    command = [shifu, "eval", "parts", str(train), str(test), "--format", "json", "--rows"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def most_frequent(train: list[dict], test: list[dict]) -> list[list[str]]:
    counts = collections.Counter(part for row in train for part in row["parts"])
    top = [part for part, _ in counts.most_common(3)]
    return [top for _ in test]


def bm25(train: list[dict], test: list[dict], nearest: int = 20, k1: float = 1.2, b: float = 0.75) -> list[list[str]]:
    counter = CountVectorizer(tokenizer=lambda text: re.findall(r"[a-z0-9]+", text.lower()), token_pattern=None)
    counts = counter.fit_transform(row["text"] for row in train).tocoo()
    lengths = np.asarray(counts.sum(1)).ravel()
    holding = np.bincount(counts.col, minlength=counts.shape[1])
    rarity = np.log(1 + (len(train) - holding + 0.5) / (holding + 0.5))
    norm = k1 * (1 - b + b * lengths[counts.row] / lengths.mean())
    weights = rarity[counts.col] * counts.data * (k1 + 1) / (counts.data + norm)
    index = sparse.csr_matrix((weights, (counts.row, counts.col)), shape=counts.shape)
    found = []
    for row in test:
        scores = np.asarray((counter.transform([row["text"]]) > 0).astype(float).dot(index.T).todense()).ravel()
        votes = collections.Counter()
        for at in np.argsort(-scores, kind="stable")[:nearest]:
            for part in train[at]["parts"]:
                votes[part] += scores[at]
        found.append([part for part, _ in votes.most_common(3)])
    return found


def fitted(vectorizer, classifier):
    """Top three by a classifier; a repair of several parts is one example for each."""

    def predict(train: list[dict], test: list[dict]) -> list[list[str]]:
        pairs = [(row["text"], part) for row in train for part in row["parts"]]
        vectors = vectorizer().fit([row["text"] for row in train])
        model = classifier().fit(vectors.transform([text for text, _ in pairs]), [part for _, part in pairs])
        tested = vectors.transform([row["text"] for row in test])
        if hasattr(model, "predict_proba"):
            scores = model.predict_proba(tested)
        else:
            scores = model.decision_function(tested)
        return [[model.classes_[at] for at in np.argsort(-row, kind="stable")[:3]] for row in scores]

    return predict


def characters():
    return TfidfVectorizer(analyzer="char", ngram_range=(2, 5))


def logistic(strength: float):
    return lambda: OneVsRestClassifier(LogisticRegression(solver="liblinear", C=strength))


LOGBOOK = {
    "most frequent": most_frequent,
    "BM25, 20 neighbours": bm25,
    "TF-IDF words, logistic regression, C 1": fitted(TfidfVectorizer, lambda: LogisticRegression(max_iter=300)),
    "TF-IDF words, logistic regression, C 10": fitted(TfidfVectorizer, lambda: LogisticRegression(max_iter=300, C=10)),
}
FAULTS = {
    "most frequent": most_frequent,
    "characters 2-5, linear SVM": fitted(characters, LinearSVC),
    "characters 2-5, logistic regression, C 1": fitted(characters, logistic(1)),
    "characters 2-5, logistic regression, C 10": fitted(characters, logistic(10)),
}


def hits(found: list[list[str]], test: list[dict], count: int) -> np.ndarray:
    return np.array([any(part in row["parts"] for part in top[:count]) for top, row in zip(found, test)], dtype=float)


def logbook(shifu: str, folder: pathlib.Path) -> None:
    train, test = rows(folder / "train.jsonl"), rows(folder / "test.jsonl")
    report = ours(shifu, folder / "train.jsonl", folder / "test.jsonl")
    mine = {k: np.array([row[f"hit_at_{k}"] for row in report["predictions"]], dtype=float) for k in (1, 3)}
    peers = {name: predict(train, test) for name, predict in LOGBOOK.items()}
    known = {part for row in train for part in row["parts"]}
    seen = np.mean([any(part in known for part in row["parts"]) for row in test])
    labels = [part for row in test for part in row["parts"]]
    print(f"{len(train)} repairs, {len(test)} tickets; {np.mean([part not in known for part in labels]):.1%} of the right parts")
    print(f"never occur before, so that at most {seen:.3f} can be hit\n")
    print(f"{'':<42}{'hit@1':>7}{'hit@3':>7}")
    for name, found in peers.items():
        print(f"{name:<42}{hits(found, test, 1).mean():>7.3f}{hits(found, test, 3).mean():>7.3f}")
    print(f"{'past repairs (shifu)':<42}{mine[1].mean():>7.3f}{mine[3].mean():>7.3f}")
    for k in (1, 3):
        best = max(peers, key=lambda name: hits(peers[name], test, k).mean())
        apart = mine[k] - hits(peers[best], test, k)
        low, high = bootstrap(apart)
        print(f"hit@{k}: {apart.mean():+.3f} over {best}, 95 % interval {low:+.3f} to {high:+.3f}")
    print(f"calibration error {report['calibration_error']:.3f}, log loss {report['log_loss']:.3f}, fit {report['fit_ms']:.0f} ms, "
          f"prediction p50 {report['predict_p50_ms']:.2f} ms, p99 {report['predict_p99_ms']:.2f} ms")


def bootstrap(apart: np.ndarray) -> tuple[float, float]:
    random = np.random.default_rng(1)
    means = [apart[random.integers(0, len(apart), len(apart))].mean() for _ in range(BOOTSTRAPS)]
    return tuple(np.quantile(means, [0.025, 0.975]))


def faults(shifu: str, folder: pathlib.Path) -> None:
    for target in ("component", "cause"):
        scores = collections.defaultdict(list)
        errors, sizes = [], (0, 1)
        for test_path in sorted((folder / target).glob("*-test.jsonl")):
            train_path = test_path.with_name(test_path.name.replace("-test", "-train"))
            train, test = rows(train_path), rows(test_path)
            sizes = (len(train), len(test))
            report = ours(shifu, train_path, test_path)
            errors.append(report["calibration_error"])
            scores["past repairs (shifu)"].append(report["hit_at_1"])
            for name, predict in FAULTS.items():
                scores[name].append(hits(predict(train, test), test, 1).mean())
        print(f"{target}: {len(errors)} folds of {sizes[0]} + {sizes[1]} tickets, accuracy")
        for name, found in sorted(scores.items(), key=lambda item: item[0].startswith("past")):
            print(f"  {name:<42}{np.mean(found):>7.3f}")
        best = max(FAULTS, key=lambda name: np.mean(scores[name]))
        apart = np.array(scores["past repairs (shifu)"]) - np.array(scores[best])
        # Folds share training tickets: the variance of the mean is (1/J + n_test/n_train) s² instead of s²/J.
        spread = np.sqrt((1 / len(apart) + sizes[1] / sizes[0]) * apart.var(ddof=1))
        width = stats.t.ppf(0.975, len(apart) - 1) * spread
        print(f"  {apart.mean():+.3f} over {best}, 95 % interval {apart.mean() - width:+.3f} to {apart.mean() + width:+.3f}\n")


def main(kind: str, shifu: str, folder: str) -> None:
    {"logbook": logbook, "faults": faults}[kind](shifu, pathlib.Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
