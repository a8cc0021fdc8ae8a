"""`/v1/search` over the same passages beside BM25 servers written in Python: search_servers.py SHIFU WINDOWS_DIR WORK_DIR PYTHON

WINDOWS_DIR is what `prepare.py windows` wrote; PYTHON is an interpreter that has `search_servers_requirements.txt`.

Each window is a passage for all of them. shifu cuts documents itself: it is sent Markdown of PAGES windows each, a window to a
`<!-- page N -->` and on one line, so that none is joined with the next, and a hit is known by its document and page. The others
(`search_peers.py`) get the same lines with their ids. All index in one process and are then asked in another, which has loaded the
finished index.

The load is wrk's: 8 connections, the same requests in turn, ten hits each. Servers stay up together and are asked one after the
other, REPETITIONS times around; a figure is the median. `processor ms` is what a query costs the server on all cores together:
it changes least when others use the machine too.

Overlapping windows hold the same answer and one of them is called right, so recall at 1 is low for every server.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from running import Client, Server, Settings, free_port, multipart
from serving import resident_mb

BENCHES = pathlib.Path(__file__).resolve().parent
# As many pages as a document may have.
PAGES = 5_000
TOP_K = 10
CONNECTIONS = 8
LOAD_S = 10
REPETITIONS = 3
LIMIT_S = 600


class Corpus:
    def __init__(self, folder: str):
        def rows(name: str) -> list[dict]:
            return [json.loads(line) for line in pathlib.Path(folder, name).read_text(encoding="utf-8").splitlines()]

        # Line breaks would be paragraphs or list items to some and spaces to others.
        self.windows = [{"_id": row["_id"], "text": " ".join(row["text"].split())} for row in rows("corpus.jsonl")]
        self.queries = {row["_id"]: row["text"] for row in rows("queries.jsonl")}
        judged = pathlib.Path(folder, "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]
        self.right = dict(line.split("\t")[:2] for line in judged)
        self.text = {row["_id"]: row["text"] for row in self.windows}

    def write_windows(self, path: pathlib.Path) -> None:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.windows), encoding="utf-8")

    def write_bodies(self, path: pathlib.Path) -> None:
        bodies = [json.dumps({"query": query, "top_k": TOP_K}, ensure_ascii=False) for query in self.queries.values()]
        path.write_text("\n".join(bodies) + "\n", encoding="utf-8")


class Shifu:
    """Indexes over HTTP, then starts again on what it kept."""

    name = "shifu"

    def __init__(self, shifu: str, corpus: Corpus, work: str):
        models = pathlib.Path(work, "no-models")
        models.mkdir()
        settings = Settings(shifu, str(models), work)
        data = str(pathlib.Path(work, "shifu"))
        self.key = settings.run(data, "keys", "create", "--role", "admin")["key"]
        self.server = Server(settings, data)
        self.window_at: dict[tuple[str, int], str] = {}
        self.server.start()
        began = time.monotonic()
        self.passages = self.add(corpus)
        self.index_s = time.monotonic() - began
        self.index_mb = resident_mb(self.server.process.pid, "VmHWM")
        self.server.stop()
        self.ready_s = self.server.start()
        self.pid, self.port = self.server.process.pid, self.server.port

    def add(self, corpus: Corpus) -> int:
        client, passages = Client(self.server.port, self.key, LIMIT_S), 0
        for number, first in enumerate(range(0, len(corpus.windows), PAGES)):
            part = corpus.windows[first : first + PAGES]
            text = "".join(f"<!-- page {page} -->\n\n{row['text']}\n\n" for page, row in enumerate(part, 1))
            metadata = {"title": f"part {number}", "product_line": "windows", "models": [], "revision": "1", "effective_date": None}
            parts = [("file", f"part-{number}.md", text.encode()), ("metadata", None, json.dumps(metadata).encode())]
            status, added, _ = client.call("POST", "/v1/documents", *multipart(parts))
            if status != 202:
                raise SystemExit(f"part {number} was not accepted: {status} {added}")
            document = self.indexed(client, added["document_id"])
            passages += document["passages"]
            self.window_at.update({(document["document_id"], page): row["_id"] for page, row in enumerate(part, 1)})
        return passages

    @staticmethod
    def indexed(client: Client, document_id: str) -> dict:
        ends = time.monotonic() + LIMIT_S
        while time.monotonic() < ends:
            _, document, _ = client.call("GET", f"/v1/documents/{document_id}")
            if document["status"] == "indexed":
                return document
            if document["status"] == "failed":
                raise SystemExit(f"{document_id}: {document['error']}")
            time.sleep(0.05)
        raise SystemExit(f"{document_id} was not indexed within {LIMIT_S} s")

    def window(self, hit: dict) -> str:
        return self.window_at[hit["document_id"], hit["page"]]

    def stop(self) -> None:
        self.server.stop()


class Peer:
    """One of `search_peers.py`."""

    key = "none"

    def __init__(self, name: str, python: str, windows: pathlib.Path, work: str):
        self.name, index = name, str(pathlib.Path(work, name))
        command = [python, str(BENCHES / "search_peers.py")]
        built = subprocess.run([*command, "build", name, str(windows), index], check=True, capture_output=True, text=True)
        figures = json.loads(built.stdout.splitlines()[-1])
        self.index_s, self.index_mb = figures["seconds"], figures["peak_mb"]
        self.passages = len(windows.read_text(encoding="utf-8").splitlines())
        self.port = free_port()
        began = time.monotonic()
        self.process = subprocess.Popen([*command, "serve", name, index, str(self.port)])
        while Client(self.port, "").status("GET", "/ready") != 200:
            if self.process.poll() is not None or time.monotonic() - began > LIMIT_S:
                raise SystemExit(f"{name} did not become ready")
            time.sleep(0.05)
        self.ready_s = time.monotonic() - began
        self.pid = self.process.pid

    def window(self, hit: dict) -> str:
        return hit["passage_id"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def recall(server: Shifu | Peer, corpus: Corpus) -> dict[str, float]:
    """Shares of the questions whose window, or whose window's text, is the first hit, or among the first five."""
    client, first, five = Client(server.port, server.key, LIMIT_S), 0, 0
    for number, query in corpus.queries.items():
        status, reply, _ = client.call("POST", "/v1/search", {"query": query, "top_k": TOP_K})
        if status != 200:
            raise SystemExit(f"{server.name}: {status} {reply}")
        right = corpus.text[corpus.right[number]]
        found = [corpus.text[server.window(hit)] == right for hit in reply["hits"]]
        first += any(found[:1])
        five += any(found[:5])
    client.close()
    return {"recall_at_1": first / len(corpus.queries), "recall_at_5": five / len(corpus.queries)}


def processor_seconds(pid: int) -> float:
    # After the name in brackets: fields 14 and 15 of proc(5), user and system time in ticks.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(server: Shifu | Peer, bodies: pathlib.Path, seconds: int) -> dict:
    command = [
        "wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "30s",
        "--script", str(BENCHES / "search.lua"), f"http://127.0.0.1:{server.port}/v1/search", "--", str(bodies), server.key,
    ]
    before = processor_seconds(server.pid)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["processor_ms"] = (processor_seconds(server.pid) - before) * 1000 / figures["requests"]
    if figures["not_2xx"] or figures["broken"]:
        raise SystemExit(f"{server.name}: not every request was answered: {figures}")
    return figures


def measured(servers: list[Shifu | Peer], corpus: Corpus, bodies: pathlib.Path) -> dict[str, dict[str, float]]:
    recalls = {server.name: recall(server, corpus) for server in servers}
    rounds: dict[str, list[dict]] = {server.name: [] for server in servers}
    for server in servers:
        load(server, bodies, LOAD_S // 2)
    for _ in range(REPETITIONS):
        for server in servers:
            rounds[server.name].append(load(server, bodies, LOAD_S))
    table = {}
    for server in servers:
        of = rounds[server.name]
        table[server.name] = {
            "passages": server.passages,
            "queries/s": statistics.median(one["requests"] / one["seconds"] for one in of),
            "p50 ms": statistics.median(one["p50_ms"] for one in of),
            "p99 ms": statistics.median(one["p99_ms"] for one in of),
            "processor ms": statistics.median(one["processor_ms"] for one in of),
            "recall@1": recalls[server.name]["recall_at_1"],
            "recall@5": recalls[server.name]["recall_at_5"],
            "resident MB": resident_mb(server.pid),
            "of it files MB": resident_mb(server.pid, "RssFile"),
            "peak MB": resident_mb(server.pid, "VmHWM"),
            "start s": server.ready_s,
            "indexing s": server.index_s,
            "indexing peak MB": server.index_mb,
        }
    return table


def show(table: dict[str, dict[str, float]]) -> None:
    print(f"{'':<17}" + "".join(f"{name:>13}" for name in table))
    for figure in next(iter(table.values())):
        whole = figure in ("passages", "queries/s") or figure.endswith("MB")
        digits = 0 if whole else 3 if figure.startswith("recall") else 2
        print(f"{figure:<17}" + "".join(f"{row[figure]:>13.{digits}f}" for row in table.values()))
    ours, peer = table["shifu"], table["bm25s"]
    print(f"queries/s of bm25s: {ours['queries/s'] / peer['queries/s']:.2f} times (goal 2)")
    recalls = ", ".join(f"{name} {ours[name] - peer[name]:+.3f}" for name in ("recall@1", "recall@5"))
    print(f"recall beside bm25s: {recalls} (goal: not below)")
    print(f"resident memory of bm25s: {ours['resident MB'] / peer['resident MB']:.2f} of it (goal 0.33)")


def main(shifu: str, windows: str, work: str, python: str) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt-get install wrk)")
    corpus = Corpus(windows)
    lines, bodies = pathlib.Path(work, "windows.jsonl"), pathlib.Path(work, "bodies.jsonl")
    corpus.write_windows(lines)
    corpus.write_bodies(bodies)
    servers: list[Shifu | Peer] = []
    try:
        servers.append(Shifu(shifu, corpus, work))
        for name in ("bm25s", "llama_index"):
            servers.append(Peer(name, python, lines, work))
        show(measured(servers, corpus, bodies))
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
