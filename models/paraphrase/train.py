#!/usr/bin/env python3
"""Trains the paraphrase encoder (crates/knowledge/src/encoder.rs) on datasets/paraphrases: questions near the passages that answer them.

    python3 -m venv V && V/bin/pip install -r models/paraphrase/requirements.txt
    V/bin/python models/paraphrase/train.py                       all manuals -> models/paraphrase/encoder.safetensors
    V/bin/python models/paraphrase/train.py --hold-out ac_user hood   trains on the others, prints right passage first / among three on these

A text is the weighted mean of the vectors of its pieces; the loss is the cross entropy of a question's own passage among those of its
batch, most of which are of the same manual, and of "none": for questions that the manual does not answer, and for one question in six
whose passage is taken away. Some minutes on two cores; the same seed gives the same file on the same machine."""

import argparse
import collections
import glob
import json
import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "datasets", "paraphrases")
DIMENSIONS = 256
# A piece that fewer questions and passages have says nothing.
RAREST = 3
QUESTION, PASSAGE = 120, 320
PLACES = {"text": 240, "heading": 32, "outer": 24, "header": 24}
BATCH, PASSAGES = 256, 320
# A question of which the manual holds no answer counts as so many, and one question in six loses its passage.
UNANSWERABLE, TAKEN_AWAY = 3, 1 / 6
# Telling "none" teaches the pieces too, but less than ranking does: with equal weight the right passage comes first less often.
NONE_WEIGHT = 0.25
RUN = re.compile(r"[a-zωμµ°℃%㎡]+|[0-9]+|[\u3400-\u4dbf\u4e00-\u9fff]+")


def fold(text: str) -> str:
    """As `analysis::fold`, as far as simplified Chinese and units go: character for character."""
    narrow = (chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else " " if c == "\u3000" else c for c in text)
    return "".join(lower if len(lower := c.lower()) == 1 else c for c in narrow)


def grams(text: str) -> list[str]:
    """As `grams` of encoder.rs."""
    folded, out = fold(text), []
    for run in RUN.finditer(folded):
        word = run.group()
        if word[0].isdigit():
            out.append("#")
        elif word[0] >= "\u3400":
            out += list(word) + [word[at : at + 2] for at in range(len(word) - 1)]
        else:
            out.append(word)
            if run.start() and folded[run.start() - 1] in "0123456789 ":
                out.append("u:" + word)
            if len(word) > 3:
                marked = f"<{word}>"
                out += [marked[at : at + 4] for at in range(len(marked) - 3)]
    return out


def passage_grams(passage: dict) -> list[tuple[str, int]]:
    """Pieces with the number of their place."""
    headings = passage["section"]
    texts = (passage["text"], " ".join(headings[-1:]), " ".join(headings[-2:-1]), " ".join((passage.get("header") or [])[:3]))
    return [(gram, place) for place, (text, most) in enumerate(zip(texts, PLACES.values())) for gram in grams(text)[:most]]


def manuals() -> dict[str, tuple[list[dict], list[tuple[str, int]]]]:
    """By name: passages, and questions with the number of their passage (-1: the manual holds no answer)."""
    found = {}
    for path in sorted(glob.glob(os.path.join(DATA, "*.jsonl"))):
        with open(path, encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        passages = [row for row in rows if "questions" in row]
        questions = [(question, at) for at, row in enumerate(passages) for question in row["questions"]]
        questions += [(row["unanswerable"], -1) for row in rows if "unanswerable" in row]
        found[os.path.basename(path).removesuffix(".jsonl")] = (passages, questions)
    return found


def padded(rows: list[list[int]], width: int) -> np.ndarray:
    out = np.zeros((len(rows), width), np.int32)
    for at, row in enumerate(rows):
        out[at, : len(row[:width])] = row[:width]
    return out


class Encoder:
    """Row 0 of every table stands for what is not known and weighs nothing."""

    def __init__(self, passages: list[dict], questions: list[str], seed: int):
        counts = collections.Counter()
        for passage in passages:
            counts.update({gram for gram, _ in passage_grams(passage)})
        for question in questions:
            counts.update(set(grams(question)))
        self.grams = sorted(gram for gram, count in counts.items() if count >= RAREST)
        self.number = {gram: at + 1 for at, gram in enumerate(self.grams)}
        size = len(self.grams) + 1
        self.weights = {
            "rows": jax.random.normal(jax.random.PRNGKey(seed), (size, DIMENSIONS)) * 0.1,
            "question": jnp.zeros(size),
            "passage": jnp.zeros(size),
            "places": jnp.zeros(len(PLACES)),
            "sharpness": jnp.array(2.5),
            "none": jnp.zeros(DIMENSIONS),
            "none_sharpness": jnp.array(2.5),
            "bias": jnp.array(0.0),
        }

    def question_rows(self, texts: list[str]) -> np.ndarray:
        return padded([[self.number[gram] for gram in grams(text)[:QUESTION] if gram in self.number] for text in texts], QUESTION)

    def passage_rows(self, passages: list[dict]) -> tuple[np.ndarray, np.ndarray]:
        known = [[(self.number[gram], place) for gram, place in passage_grams(one) if gram in self.number] for one in passages]
        return padded([[at for at, _ in one] for one in known], PASSAGE), padded([[place for _, place in one] for one in known], PASSAGE)

    @staticmethod
    def mean(weights, rows, gram_weights):
        total = (weights["rows"][rows] * gram_weights[..., None]).sum(1)
        return total / jnp.sqrt((total * total).sum(-1, keepdims=True) + 1e-6)

    @staticmethod
    def gate(weights, side, rows):
        return jnp.where(rows > 0, jax.nn.softplus(weights[side][rows] + 0.54), 0.0)

    @classmethod
    def questions(cls, weights, rows, kept=1.0):
        return cls.mean(weights, rows, cls.gate(weights, "question", rows) * kept)

    @staticmethod
    def none(weights, questions):
        """What "none" is worth against `none_sharpness` times the cosine of a passage."""
        return questions @ weights["none"] + weights["bias"]

    @classmethod
    def passages(cls, weights, rows, places, kept=1.0):
        return cls.mean(weights, rows, cls.gate(weights, "passage", rows) * jnp.exp(weights["places"][places]) * kept)

    def export(self, path: str) -> None:
        rows = np.array(self.weights["rows"])[1:]
        scales = np.maximum(np.abs(rows).max(1), 1e-9) / 127
        gates = {side: np.array(jax.nn.softplus(self.weights[side] + 0.54))[1:].astype(np.float32) for side in ("question", "passage")}
        save_file(
            {
                "grams": np.frombuffer("\n".join(self.grams).encode(), np.uint8),
                "rows": np.round(rows / scales[:, None]).astype(np.int8),
                "scales": scales.astype(np.float32),
                "question_weights": gates["question"],
                "passage_weights": gates["passage"],
                "places": np.exp(np.array(self.weights["places"])).astype(np.float32),
                "none": np.array(self.weights["none"]).astype(np.float32),
                "calibration": np.array([np.exp(self.weights["none_sharpness"]), self.weights["bias"]], np.float32),
            },
            path,
        )


def train(data: list[tuple[list[dict], list[tuple[str, int]]]], epochs: int, seed: int) -> Encoder:
    passages, questions, own, manual = [], [], [], []
    for number, (some, asked) in enumerate(data):
        asked = asked + [one for one in asked if one[1] < 0] * (UNANSWERABLE - 1)
        own += [len(passages) + at if at >= 0 else -1 for _, at in asked]
        passages += some
        questions += [question for question, _ in asked]
        manual += [number] * len(asked)
    encoder = Encoder(passages, questions, seed)
    question_rows, (passage_rows, places) = encoder.question_rows(questions), encoder.passage_rows(passages)
    own, manual = np.array(own), np.array(manual)
    schedule = optax.cosine_decay_schedule(2e-3, epochs * (len(questions) // BATCH))
    optimizer = optax.adamw(schedule, weight_decay=1e-3)
    state = optimizer.init(encoder.weights)

    def loss(weights, asked, right, rows, where, key):
        of_questions, of_passages, of_places = jax.random.split(key, 3)
        kept = lambda key, rows: jax.random.bernoulli(key, 0.7, rows.shape).astype(jnp.float32)
        a = Encoder.questions(weights, asked, kept(of_questions, asked))
        b = Encoder.passages(weights, rows, where, kept(of_passages, rows))
        fits = a @ b.T
        ranked = optax.softmax_cross_entropy_with_integer_labels(jnp.exp(weights["sharpness"]) * fits, right)
        away = jax.random.bernoulli(of_places, TAKEN_AWAY, right.shape) | (right < 0)
        fits = jnp.where(away[:, None] & (jnp.arange(PASSAGES) == right[:, None]), -1.0, fits)
        any_fits = jax.nn.logsumexp(jnp.exp(weights["none_sharpness"]) * fits, axis=1)
        none = optax.sigmoid_binary_cross_entropy(any_fits - Encoder.none(weights, a), 1.0 - away)
        return jnp.where(right >= 0, ranked, 0.0).mean() + NONE_WEIGHT * none.mean()

    @jax.jit
    def step(weights, state, *batch):
        value, gradient = jax.value_and_grad(loss)(weights, *batch)
        updates, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state, value

    rng, key = np.random.default_rng(seed), jax.random.PRNGKey(seed + 1)
    for epoch in range(epochs):
        # Questions of a manual and some of its neighbours share a batch: the passages that are hard to tell apart.
        order = rng.permutation(len(questions))
        order = order[np.argsort(rng.permutation(len(data))[manual[order]] + rng.normal(0, 0.6, len(order)), kind="stable")]
        starts, values = np.arange(0, len(order) - BATCH + 1, BATCH), []
        for start in rng.permutation(starts):
            batch = order[start : start + BATCH]
            wanted = np.unique(own[batch][own[batch] >= 0])
            others = rng.permutation(np.setdiff1d(np.arange(len(passages)), wanted))
            chosen = np.concatenate([wanted, others])[:PASSAGES]
            key, own_key = jax.random.split(key)
            batch_data = (question_rows[batch], np.where(own[batch] < 0, -1, np.searchsorted(wanted, own[batch])), passage_rows[chosen], places[chosen], own_key)
            encoder.weights, state, value = step(encoder.weights, state, *batch_data)
            values.append(float(value))
        print(f"epoch {epoch + 1} of {epochs}, loss {np.mean(values):.3f}", flush=True)
    return encoder


def found(encoder: Encoder, data: tuple[list[dict], list[tuple[str, int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place of each answerable question's own passage among those of its manual, from 0; the probability of an answer for questions that
    have one, and for those that have none."""
    passages, questions = data
    rows, places = encoder.passage_rows(passages)
    against = Encoder.passages(encoder.weights, rows, places)
    asked = Encoder.questions(encoder.weights, encoder.question_rows([question for question, _ in questions]))
    scores = np.array(jnp.exp(encoder.weights["sharpness"]) * asked @ against.T)
    own = np.array([at for _, at in questions])
    total = np.logaddexp.reduce(np.array(jnp.exp(encoder.weights["none_sharpness"]) * asked @ against.T), axis=1)
    answer = 1 / (1 + np.exp(np.array(Encoder.none(encoder.weights, asked)) - total))
    places = (scores > scores[np.arange(len(own)), own][:, None]).sum(1)
    return places[own >= 0], answer[own >= 0], answer[own < 0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hold-out", nargs="+", default=[])
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", help="where to write; nowhere by default when manuals are held out")
    arguments = parser.parse_args()
    data = manuals()
    encoder = train([one for name, one in data.items() if name not in arguments.hold_out], arguments.epochs, arguments.seed)
    for name in arguments.hold_out:
        places, answer, none = found(encoder, data[name])
        told = np.mean([np.mean(answer > one) for one in none])
        print(
            f"{name}: right passage first {np.mean(places < 1):.3f}, among three {np.mean(places < 3):.3f} of {len(places)} questions; "
            f"told from {len(none)} that have no answer: {told:.3f}",
            flush=True,
        )
    output = arguments.output or (None if arguments.hold_out else os.path.join(HERE, "encoder.safetensors"))
    if output:
        encoder.export(output)
        print(f"{len(encoder.grams)} pieces, {os.path.getsize(output) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
