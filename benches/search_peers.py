"""What shifu's search is compared with: BM25 over jieba's words behind FastAPI, an async endpoint in one worker.

    search_peers.py build bm25s|llama_index WINDOWS.jsonl INDEX_DIR     seconds and peak memory as one line of JSON
    search_peers.py serve bm25s|llama_index INDEX_DIR PORT              POST /v1/search {query, top_k}

bm25s gets lists of jieba's words. LlamaIndex's retriever takes no such lists and splits text with a regular expression: it gets
jieba's words with spaces between, keeps words of one character, and the text as it was is kept beside it as metadata.
"""

import json
import pathlib
import resource
import sys
import time

import jieba

jieba.setLogLevel("ERROR")
WORD = r"(?u)\b\w+\b"


def words(text: str) -> list[str]:
    return [word for word in jieba.lcut(text.lower()) if any(c.isalnum() for c in word)]


def read(corpus: str) -> list[dict]:
    return [json.loads(line) for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()]


class Bm25s:
    @staticmethod
    def build(rows: list[dict], index: str) -> None:
        import bm25s

        retriever = bm25s.BM25()
        retriever.index([words(row["text"]) for row in rows], show_progress=False)
        retriever.save(index, corpus=[{"id": row["_id"], "text": row["text"]} for row in rows], show_progress=False)

    def __init__(self, index: str):
        import bm25s

        self.retriever = bm25s.BM25.load(index, load_corpus=True, show_progress=False)

    def search(self, query: str, top_k: int) -> list[dict]:
        found, scores = self.retriever.retrieve([words(query)], k=top_k, show_progress=False)
        return [{"passage_id": row["id"], "text": row["text"], "score": float(score)} for row, score in zip(found[0], scores[0])]


class LlamaIndex:
    @staticmethod
    def build(rows: list[dict], index: str) -> None:
        from llama_index.core.schema import TextNode
        from llama_index.retrievers.bm25 import BM25Retriever

        nodes = [
            TextNode(
                id_=row["_id"], text=" ".join(words(row["text"])), metadata={"text": row["text"]},
                excluded_embed_metadata_keys=["text"],
            )
            for row in rows
        ]
        BM25Retriever.from_defaults(nodes=nodes, skip_stemming=True, token_pattern=WORD).persist(index, show_progress=False)

    def __init__(self, index: str):
        from llama_index.retrievers.bm25 import BM25Retriever

        self.retriever = BM25Retriever.from_persist_dir(index, show_progress=False)
        # These are not kept with the index.
        self.retriever.skip_stemming, self.retriever.token_pattern = True, WORD

    def search(self, query: str, top_k: int) -> list[dict]:
        self.retriever.similarity_top_k = top_k
        found = self.retriever.retrieve(" ".join(words(query)))
        return [{"passage_id": hit.node.node_id, "text": hit.node.metadata["text"], "score": hit.score} for hit in found]


PEERS = {"bm25s": Bm25s, "llama_index": LlamaIndex}


def build(peer: str, corpus: str, index: str) -> None:
    began = time.monotonic()
    PEERS[peer].build(read(corpus), index)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.monotonic() - began, "peak_mb": peak_mb}))


def serve(peer: str, index: str, port: str) -> None:
    import fastapi
    import pydantic
    import uvicorn

    class Request(pydantic.BaseModel):
        query: str
        top_k: int = 10

    jieba.initialize()
    searcher = PEERS[peer](index)
    app = fastapi.FastAPI()

    @app.get("/ready")
    async def ready() -> dict:
        return {}

    @app.post("/v1/search")
    async def search(request: Request) -> dict:
        began = time.monotonic()
        hits = searcher.search(request.query, request.top_k)
        return {"hits": hits, "took_ms": (time.monotonic() - began) * 1000}

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"build": build, "serve": serve}[command](*arguments)
