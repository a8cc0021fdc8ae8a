"""Writers that note down what the server acknowledged, and the check that all of it is still there.

Every kind of acknowledged write has a check that goes through the API: documents 202, inspections 200 and 202, repairs 200, alert
verdicts 200, keys 201. A write that was sent and not answered may be there or not, but never by half.
"""

import itertools
import json
import pathlib
import random
import threading
import time
import uuid

from running import ROOT, Client, multipart

APPLIANCE = ROOT / "datasets/split_air_conditioner"
CATEGORY = "split_air_conditioner_install"
# A section is two passages (its heading, its text) and a search finds at most 100.
SECTIONS = (3, 45)
SETTLE_S = 120
# What a document is called that a worker has still to index.
UNFINISHED = {"queued", "parsing"}
KINDS = ("documents", "inspections", "repairs", "verdicts", "keys")


class Ledger:
    """What was acknowledged, by kind; and the documents that were sent at all."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged: dict[str, list[dict]] = {kind: [] for kind in KINDS}
        self.sent_documents: list[dict] = []
        self.answers: dict[str, int] = {}
        self.without_retry_after = 0

    def note(self, kind: str, **entry) -> None:
        with self.lock:
            self.acknowledged[kind].append(entry)

    def count(self, status: int, body, headers: dict) -> None:
        error = body.get("error") if isinstance(body, dict) else None
        code = error.get("code", "") if isinstance(error, dict) else ""
        with self.lock:
            name = f"{status} {code}".strip() if status else "no answer"
            self.answers[name] = self.answers.get(name, 0) + 1
            self.without_retry_after += status == 429 and "retry-after" not in headers

    def total(self) -> int:
        return sum(len(entries) for entries in self.acknowledged.values())

    def take(self) -> "Ledger":
        """What was noted since the last time, as a ledger of its own."""
        with self.lock:
            taken = Ledger()
            taken.acknowledged, self.acknowledged = self.acknowledged, {kind: [] for kind in KINDS}
            taken.sent_documents, self.sent_documents = self.sent_documents, []
            return taken

    def extend(self, other: "Ledger") -> None:
        for kind in KINDS:
            self.acknowledged[kind] += other.acknowledged[kind]
        self.sent_documents += other.sent_documents


class Writers:
    """Threads that write and ask until they are stopped; a refusal makes them pause."""

    def __init__(self, port: int, key: str, ledger: Ledger, seed: int):
        self.port, self.key, self.ledger = port, key, ledger
        self.stopping = threading.Event()
        self.run_id = uuid.uuid4().hex[:8]
        self.numbers = itertools.count(1)
        work = [self.document, self.document, self.inspection, self.inspection, self.repair, self.verdict, self.new_key, self.question, self.prediction]
        self.threads = [
            threading.Thread(target=self.loop, args=(step, random.Random(f"{seed}-{number}")), daemon=True) for number, step in enumerate(work)
        ]

    def __enter__(self) -> "Writers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(90)

    def loop(self, step, rng: random.Random) -> None:
        client = Client(self.port, self.key)
        while not self.stopping.is_set():
            status = step(client, rng)
            # A writer pauses a little after each call, so that no kind of call crowds out the others.
            time.sleep(0.2 if status in (0, 429, 503) else rng.uniform(0, 0.05))
        client.close()

    def send(self, client: Client, method: str, path: str, body=None, content_type="application/json", headers=None):
        status, reply, reply_headers = client.call(method, path, body, content_type, headers)
        self.ledger.count(status, reply, reply_headers)
        return status, reply

    def document(self, client: Client, rng: random.Random) -> int:
        number = next(self.numbers)
        line = f"crash_{self.run_id}_{number}"
        sections = [
            f"## 第 {section} 节\n\n压缩机检查第 {section} 步：{'先断电并静置五分钟，再测绕组电阻与对地绝缘，记录读数；' * rng.randint(4, 9)}\n"
            for section in range(1, rng.randint(*SECTIONS) + 1)
        ]
        metadata = {"title": f"手册 {line}", "product_line": line}
        parts = [
            ("metadata", None, json.dumps(metadata, ensure_ascii=False).encode()),
            ("file", "manual.md", ("# 压缩机\n\n" + "\n".join(sections)).encode()),
        ]
        with self.ledger.lock:
            self.ledger.sent_documents.append({"line": line})
        body, content_type = multipart(parts)
        status, reply = self.send(client, "POST", "/v1/documents", body, content_type)
        if status == 202:
            self.ledger.note("documents", id=reply["document_id"], line=line)
        return status

    def inspection(self, client: Client, rng: random.Random) -> int:
        ticket_id = f"crash-{self.run_id}-{next(self.numbers)}"
        ticket = {"ticket_id": ticket_id, "category": CATEGORY, "stage": "after"}
        photos = rng.sample(sorted((APPLIANCE / "inspection/photos").iterdir()), 2)
        parts = [("ticket", None, json.dumps(ticket).encode())]
        parts += [("photos", photo.name, photo.read_bytes()) for photo in photos]
        body, content_type = multipart(parts)
        headers = {"Prefer": "respond-async"} if rng.random() < 0.5 else {}
        status, reply = self.send(client, "POST", "/v1/inspections", body, content_type, headers)
        if status in (200, 202):
            verdict = reply["verdict"] if status == 200 else None
            self.ledger.note("inspections", id=reply["inspection_id"], ticket_id=ticket_id, verdict=verdict, photos=len(photos))
        return status

    def repair(self, client: Client, rng: random.Random) -> int:
        row = json.loads(rng.choice(repairs()))
        row["ticket_id"] = f"crash-{self.run_id}-{next(self.numbers)}"
        status, reply = self.send(client, "POST", "/v1/repairs", row)
        if status == 200:
            self.ledger.note("repairs", row=row)
        return status

    def verdict(self, client: Client, rng: random.Random) -> int:
        status, page = self.send(client, "GET", "/v1/alerts?status=open&limit=50")
        if status != 200 or not page["items"]:
            time.sleep(0.1)
            return status
        alert = rng.choice(page["items"])
        verdict = rng.choice(["confirmed", "dismissed"])
        status, reply = self.send(client, "POST", f"/v1/alerts/{alert['alert_id']}/verdict", {"verdict": verdict})
        if status == 200:
            self.ledger.note("verdicts", id=alert["alert_id"], ticket_id=alert["ticket_id"], verdict=verdict)
        return status

    def new_key(self, client: Client, rng: random.Random) -> int:
        """Also a call whose reply must be repeated after a restart."""
        once = uuid.uuid4().hex
        body = {"role": "agent", "name": f"crash {once}"}
        status, reply = self.send(client, "POST", "/v1/keys", body, headers={"Idempotency-Key": once})
        if status == 201:
            self.ledger.note("keys", key=reply["key"], id=reply["key_id"], once=once, body=body)
        time.sleep(0.1)
        return status

    def question(self, client: Client, rng: random.Random) -> int:
        return self.send(client, "POST", "/v1/answers", {"question": f"E{rng.randint(1, 9)} 怎么处理？", "product_line": "split_air_conditioner"})[0]

    def prediction(self, client: Client, rng: random.Random) -> int:
        row = json.loads(rng.choice(lines("tickets.jsonl")))
        row["ticket_id"] = f"crash-{self.run_id}-{next(self.numbers)}"
        return self.send(client, "POST", "/v1/part-predictions", row)[0]


def lines(name: str) -> list[str]:
    return [line for line in (APPLIANCE / name).read_text(encoding="utf-8").splitlines() if line.strip()]


_REPAIRS: list[str] = []


def repairs() -> list[str]:
    if not _REPAIRS:
        _REPAIRS.extend(lines("repairs.jsonl"))
    return _REPAIRS


class Check:
    """Looks every acknowledged write up; `lost` and `half` say what is not as acknowledged."""

    def __init__(self, port: int, key: str):
        self.client = Client(port, key)
        self.checked = {kind: 0 for kind in KINDS}
        self.lost: list[str] = []
        self.half: list[str] = []

    def run(self, ledger: Ledger) -> "Check":
        for kind in KINDS:
            for entry in ledger.acknowledged[kind]:
                self.checked[kind] += 1
                problem = getattr(self, kind)(entry)
                if problem:
                    self.lost.append(f"{kind} {json.dumps(entry, ensure_ascii=False)[:200]}: {problem}")
        for entry in ledger.sent_documents:
            self.whole(entry["line"])
        return self

    def get(self, path: str):
        """The answer, whatever the server is doing meanwhile: 429 and 503 are asked again."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            status, body, _ = self.client.call("GET", path)
            if status not in (0, 429, 503) or time.monotonic() > deadline:
                return status, body
            time.sleep(0.1)

    def post(self, path: str, body, headers=None):
        deadline = time.monotonic() + SETTLE_S
        while True:
            status, reply, reply_headers = self.client.call("POST", path, body, headers=headers)
            if status not in (0, 429, 503) or time.monotonic() > deadline:
                return status, reply, reply_headers
            time.sleep(0.1)

    def settled(self, path: str, unfinished: set[str]):
        """The record once its work is over."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            status, record = self.get(path)
            if status != 200 or record["status"] not in unfinished or time.monotonic() > deadline:
                return status, record
            time.sleep(0.05)

    def documents(self, entry: dict) -> str | None:
        status, record = self.settled(f"/v1/documents/{entry['id']}", UNFINISHED)
        if status != 200 or record["status"] != "indexed":
            return f"status {status}, {record and record.get('status')}, {record and record.get('error')}"
        return None

    def inspections(self, entry: dict) -> str | None:
        status, record = self.settled(f"/v1/inspections/{entry['id']}", {"queued", "running"})
        if status != 200 or record["status"] != "done" or record["ticket_id"] != entry["ticket_id"]:
            return f"status {status}, {record and record.get('status')}, {record and record.get('error')}"
        if entry["verdict"] is not None and record["verdict"] != entry["verdict"]:
            return f"verdict {record['verdict']}"
        status, _ = self.get(f"/v1/inspections/{entry['id']}/photos/{entry['photos'] - 1}/overlay.png")
        return None if status == 200 else f"its last photo: status {status}"

    def repairs(self, entry: dict) -> str | None:
        """A second report of a visit says whether there was a first."""
        status, reply, _ = self.post("/v1/repairs", entry["row"])
        return None if status == 200 and reply["replaced"] else f"status {status}, replaced {reply and reply.get('replaced')}"

    def verdicts(self, entry: dict) -> str | None:
        status, page = self.get(f"/v1/alerts?ticket_id={entry['ticket_id']}&limit=200")
        state = next((alert["state"] for alert in (page or {}).get("items", []) if alert["alert_id"] == entry["id"]), None)
        return None if state == entry["verdict"] else f"status {status}, state {state}"

    def keys(self, entry: dict) -> str | None:
        own = Client(self.client.port, entry["key"])
        status, _, _ = own.call("GET", "/v1/models")
        own.close()
        if status != 200:
            return f"the key is answered {status}"
        status, reply, headers = self.post("/v1/keys", entry["body"], {"Idempotency-Key": entry["once"]})
        if status != 201 or reply["key_id"] != entry["id"] or headers.get("idempotent-replayed") != "true":
            return f"its call is not repeated: {status}, {reply and reply.get('key_id')}"
        return None

    def whole(self, line: str) -> None:
        """A document's passages are in the index all or not at all, and as many as its record says."""
        status, reply, _ = self.post("/v1/search", {"query": "压缩机", "product_line": line, "top_k": 100})
        if status != 200:
            self.half.append(f"{line}: search is answered {status}")
            return
        found: dict[str, int] = {}
        for hit in reply["hits"]:
            found[hit["document_id"]] = found.get(hit["document_id"], 0) + 1
        for document_id, passages in found.items():
            status, record = self.settled(f"/v1/documents/{document_id}", UNFINISHED)
            if status != 200 or record["passages"] != passages:
                self.half.append(f"{line}: {passages} passages found, record {status} says {record and record.get('passages')}")


def agreed(check: Check) -> list[str]:
    """Documents whose record and index disagree, over all that the server lists, once their work is over."""
    client, problems, cursor = check.client, [], ""
    while True:
        status, page, _ = client.call("GET", f"/v1/documents?limit=200&cursor={cursor}")
        if status != 200:
            return [f"the list is answered {status}"]
        for record in page["items"]:
            line = record["metadata"]["product_line"]
            if not line.startswith("crash_"):
                continue
            if record["status"] in UNFINISHED:
                status, record = check.settled(f"/v1/documents/{record['document_id']}", UNFINISHED)
                if status != 200:
                    problems.append(f"{line}: its record is answered {status}")
                    continue
            _, reply, _ = client.call("POST", "/v1/search", {"query": "压缩机", "product_line": line, "top_k": 100})
            hits = len((reply or {}).get("hits", []))
            wanted = record["passages"] if record["status"] == "indexed" else 0
            if record["status"] not in ("indexed", "failed") or hits != wanted:
                problems.append(f"{line}: {record['status']}, record {record['passages']}, index {hits}")
        cursor = page["next_cursor"]
        if not cursor:
            return problems
