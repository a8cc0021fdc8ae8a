"""Checks the bundled appliance data: references, counts, and that quotes stand on their pages.

    python3 datasets/check.py [datasets/split_air_conditioner]

Standard library only (Python 3.11 for `tomllib`); `pdftotext` is used for the page texts, and the
page checks fall back to the Markdown source where it is not installed. Exit status 1 on any fault.
"""

import fnmatch
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

FIELDS = "phenomenon location cause action parts result pending request warranty fee appointment".split()
faults = []


def expect(ok, message):
    if not ok:
        faults.append(message)


def squeeze(text):
    return re.sub(r"\s+", "", text)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def check_bom(root):
    parts = {}
    for part in tomllib.loads((root / "bom.toml").read_text(encoding="utf-8"))["part"]:
        number = part["part_number"]
        expect(number not in parts, f"bom: {number} twice")
        expect(re.fullmatch(r"\d+\.\d\d", part["price"]), f"bom: {number} price {part['price']}")
        parts[number] = part
    return parts


def check_tree(root, parts, models):
    tree = tomllib.loads((root / "fault-tree.toml").read_text(encoding="utf-8"))
    events = {event["id"]: event for event in tree["event"]}
    gates = {gate["id"]: gate for gate in tree["gate"]}
    names = events.keys() | gates.keys()
    expect(len(names) == len(tree["event"]) + len(tree["gate"]), "tree: an id is used twice")
    for event in tree["event"]:
        expect(0 < event["probability"] < 1, f"tree: {event['id']} probability")
        for repair in event["repaired_by"]:
            expect(repair["part_number"] in parts, f"tree: {event['id']} needs unknown {repair['part_number']}")
    for gate in tree["gate"]:
        expect(set(gate["inputs"]) <= names, f"tree: {gate['id']} has an unknown input")
        if gate["type"] == "atleast":
            expect(1 <= gate["min"] <= len(gate["inputs"]), f"tree: {gate['id']} min")
    expect(acyclic(gates), "tree: the gates form a cycle")
    phrases = {}
    for symptom in tree["symptom"]:
        expect(len(symptom["phrases"]) >= 4, f"tree: {symptom['id']} has too few phrases")
        for phrase in symptom["phrases"]:
            expect(phrase not in phrases, f"tree: phrase {phrase} of {symptom['id']} and {phrases.get(phrase)}")
            phrases[phrase] = symptom["id"]
    for node in tree["symptom"] + tree["fault_code"]:
        label = node.get("id") or node["code"]
        expect(0 <= node["leak"] < 1, f"tree: {label} leak")
        for cause in node["causes"]:
            expect(cause["input"] in names, f"tree: {label} names unknown {cause['input']}")
            expect(0 < cause["probability"] <= 1, f"tree: {label} probability")
    for code in tree["fault_code"]:
        for glob in code["models"]:
            expect(any(fnmatch.fnmatch(model, glob) for model in models), f"tree: {code['code']} fits no model: {glob}")
    print(f"bom: {len(parts)} parts; tree: {len(events)} events, {len(gates)} gates, "
          f"{len(tree['symptom'])} symptoms, {len(tree['fault_code'])} fault codes")
    return tree


def acyclic(gates):
    state = {}

    def visit(name):
        if name not in gates or state.get(name) == "done":
            return True
        if state.get(name) == "open":
            return False
        state[name] = "open"
        ok = all(visit(child) for child in gates[name]["inputs"])
        state[name] = "done"
        return ok

    return all(visit(name) for name in gates)


def pages_of(path):
    """The text of every page of a manual: from the PDF where pdftotext is there, else from the source."""
    if path.suffix == ".pdf" and shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True).stdout
        return text.decode("utf-8").rstrip("\f").split("\f")
    return source_pages(path.with_suffix(".md"))


def source_pages(path):
    return re.split(r"(?m)^<!-- page \d+ -->\s*$", path.read_text(encoding="utf-8"))[1:]


def check_documents(root):
    documents = tomllib.loads((root / "documents.toml").read_text(encoding="utf-8"))["document"]
    pages = {}
    for document in documents:
        path = root / document["file"]
        expect(path.exists(), f"documents: {document['file']} is missing")
        if not path.exists():
            continue
        pages[document["title"]] = pages_of(path)
        expect(not document.get("supersedes") or document["supersedes"] in pages,
               f"documents: {document['title']} supersedes one that is not loaded before it")
        expect(len(pages[document["title"]]) == len(source_pages(path.with_suffix(".md"))),
               f"documents: {document['file']} has another number of pages than its source")
        for number, (pdf, source) in enumerate(zip(pages[document["title"]], source_pages(path.with_suffix(".md"))), 1):
            heading = re.search(r"(?m)^#+ (.+)$", source)
            expect(heading and squeeze(heading[1]) in squeeze(pdf),
                   f"documents: {document['file']} page {number} does not begin as its source")
    for title, texts in pages.items():
        print(f"{title}: {len(texts)} pages, {sum(len(squeeze(text)) for text in texts)} characters")
    return pages


def check_questions(root, pages):
    seen = set()
    for split in ("dev", "test"):
        rows = lines_of(root / f"questions-{split}.jsonl")
        for row in rows:
            expect(row["id"] not in seen, f"questions: {row['id']} twice")
            seen.add(row["id"])
            if not row["answerable"]:
                expect(row.get("reason"), f"questions: {row['id']} has no reason")
                continue
            text = pages.get(row["document"], [])
            here = squeeze(text[row["page"] - 1]) if len(text) >= row["page"] else ""
            expect(squeeze(row["quote"]) in here, f"questions: {row['id']} quote is not on page {row['page']}")
            for answer in row["answers"][:1]:
                expect(squeeze(answer) in squeeze(row["quote"]), f"questions: {row['id']} quote lacks {answer}")
        print(f"questions-{split}: {sum(r['answerable'] for r in rows)} answerable, "
              f"{sum(not r['answerable'] for r in rows)} unanswerable")


def grams(dialogue):
    text = "".join(squeeze(turn["text"]) for turn in dialogue)
    return {text[i:i + 8] for i in range(len(text) - 7)}


def check_dialogues(root, parts):
    rows = []
    for split in ("dev", "test"):
        part = lines_of(root / f"dialogues-{split}.jsonl")
        print(f"dialogues-{split}: {len(part)} dialogues, {sum(len(r['dialogue']) for r in part)} turns")
        rows += part
    for row in rows:
        turns = len(row["dialogue"])
        expect(10 <= turns <= 30, f"dialogues: {row['id']} has {turns} turns")
        expect(set(row["fields"]) == set(FIELDS), f"dialogues: {row['id']} fields {sorted(row['fields'])}")
        expect(set(row["reference_by_role"]) == {"customer", "agent", "technician"}, f"dialogues: {row['id']} roles")
        for name, field in row["fields"].items():
            if field is None:
                continue
            expect(field["lines"] and all(1 <= n <= turns for n in field["lines"]), f"dialogues: {row['id']} {name} lines")
            if name == "parts":
                for part in field["value"]:
                    number = part.get("part_number")
                    expect(number is None or number in parts, f"dialogues: {row['id']} unknown part {number}")
    worst = 0.0
    for i, one in enumerate(rows):
        for other in rows[:i]:
            a, b = grams(one["dialogue"]), grams(other["dialogue"])
            worst = max(worst, len(a & b) / min(len(a), len(b)))
    expect(worst <= 0.3, f"dialogues: two share {worst:.1%} of their 8-grams")
    print(f"dialogues: the most alike two share {worst:.2%} of their character 8-grams")


def check_rows(root, parts, tree, models):
    symptoms = {symptom["id"] for symptom in tree["symptom"]}
    codes = {code["code"] for code in tree["fault_code"]}
    events = {event["id"] for event in tree["event"]}
    repairs = lines_of(root / "repairs.jsonl")
    for row in repairs:
        label = f"repairs: {row['ticket_id']}/{row['visit']}"
        expect(row["model"] in models, f"{label} model")
        expect({s["id"] for s in row["symptoms"]} <= symptoms, f"{label} symptoms")
        expect(set(row["fault_codes"]) <= codes, f"{label} codes")
        expect(row.get("cause") is None or row["cause"] in events, f"{label} cause")
        for used in row["parts_used"]:
            part = parts.get(used["part_number"])
            expect(part, f"{label} unknown part {used['part_number']}")
            expect(part and any(fnmatch.fnmatch(row["model"], glob) for glob in part["fits"]), f"{label} {used['part_number']} does not fit")
    expect(len({(r["ticket_id"], r["visit"]) for r in repairs}) == len(repairs), "repairs: a (ticket, visit) twice")
    lacking = sum("cause" not in row for row in repairs)
    print(f"repairs: {len(repairs)} rows, {lacking} without a cause, {len({r['text'] for r in repairs})} different texts, "
          f"{sum(not r['fixed'] for r in repairs)} not fixed at that visit")
    for name in ("intakes", "tickets"):
        rows = lines_of(root / f"{name}.jsonl")
        for row in rows:
            wanted = row["expect"] if name == "intakes" else row
            ids = {s["id"] if isinstance(s, dict) else s for s in wanted["symptoms"]}
            expect(ids <= symptoms, f"{name}: {row} symptoms {ids - symptoms}")
        print(f"{name}: {len(rows)} rows")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "split_air_conditioner")
    models = ["KFR-26GW/QH1", "KFR-35GW/QH1", "KFR-50GW/QH1"]
    parts = check_bom(root)
    tree = check_tree(root, parts, models)
    pages = check_documents(root)
    check_questions(root, pages)
    check_dialogues(root, parts)
    check_rows(root, parts, tree, models)
    for fault in faults:
        print("FAULT", fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
