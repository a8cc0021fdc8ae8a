"""Ranks a BEIR folder by bm25s over stemmed English words of title and text, to compare with.

    bm25.py BEIR_DIR
"""

import json
import pathlib
import sys

import bm25s
import Stemmer


def rows(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


folder = pathlib.Path(sys.argv[1])
corpus, queries = rows(folder / "corpus.jsonl"), rows(folder / "queries.jsonl")
right = dict(line.split("\t")[:2] for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:])
stemmer = Stemmer.Stemmer("english")
for name, stopwords in (("without stop words", "en"), ("with all words", None)):

    def words(texts: list[str]):
        return bm25s.tokenize(texts, stopwords=stopwords, stemmer=stemmer, show_progress=False)

    index = bm25s.BM25()
    index.index(words([f"{row['title']}\n{row['text']}" for row in corpus]), show_progress=False)
    found, _ = index.retrieve(words([row["text"] for row in queries]), k=5, show_progress=False)
    ranked = [[corpus[at]["_id"] for at in line] for line in found]
    first = sum(line[0] == right[row["_id"]] for line, row in zip(ranked, queries))
    five = sum(right[row["_id"]] in line for line, row in zip(ranked, queries))
    print(f"bm25s {bm25s.__version__} {name}: recall_at_1 {first / len(queries):.3f}, recall_at_5 {five / len(queries):.3f}, {len(queries)} queries")
