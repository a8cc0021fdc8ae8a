"""Checks the bundled appliance data: references, counts, that quotes stand on their pages, and that no two rows are alike.

    python3 datasets/check.py [datasets/split_air_conditioner …]

Without a folder it checks all that have a `bom.toml`. Standard library only (Python 3.11 for `tomllib`); `pdftotext` is used for the page texts, and the
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
from collections import Counter

ALIKE = 0.3  # the greatest share of their character 8-grams that two rows may have in common
FIELDS = "phenomenon location cause action parts result pending request warranty fee appointment".split()
REASONS = {"unknown_code", "unknown_model", "model_needed", "product_line_needed", "out_of_scope", "no_evidence"}
NOTE_TAGS = set("安全 投诉 重复报修 老幼 商用 移机 安装 保修 费用 咨询 联网".split())
faults = []


def expect(ok, message):
    if not ok:
        faults.append(message)


def squeeze(text):
    return re.sub(r"\s+", "", text)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def check_bom(root, models):
    parts = {}
    for part in tomllib.loads((root / "bom.toml").read_text(encoding="utf-8"))["part"]:
        number = part["part_number"]
        expect(number not in parts, f"bom: {number} twice")
        expect(re.fullmatch(r"\d+\.\d\d", part["price"]), f"bom: {number} price {part['price']}")
        expect(any(fnmatch.fnmatch(model, glob) for glob in part["fits"] for model in models), f"bom: {number} fits no model")
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


# Questions as agents ask them: the least of each tag in a split.
TAGS = {"code": 14, "part": 4, "sibling": 14, "revision": 8, "customer": 12, "steps": 5, "safety": 4, "follow_up": 10, "english": 2, "user_guide": 5}


def check_questions(root, pages):
    seen, texts, agents = set(), [], set()
    for split in ("dev", "test", "agents-dev", "agents-test"):
        path = root / f"questions-{split}.jsonl"
        if not path.exists() and split.startswith("agents"):
            continue
        rows, earlier = lines_of(path), set()
        if split.startswith("agents"):
            agents.update(row["id"] for row in rows)
            tags = Counter(tag for row in rows for tag in row["tags"])
            expect(all(tags[tag] >= least for tag, least in TAGS.items()), f"questions-{split}: too few of a tag: {tags}")
            expect(sum(row["answerable"] for row in rows) >= 56 and sum(not row["answerable"] for row in rows) >= 14, f"questions-{split}: too few")
            expect(sum(row.get("reason") == "no_evidence" for row in rows) >= 6, f"questions-{split}: too few without evidence")
        for row in rows:
            expect(row["id"] not in seen, f"questions: {row['id']} twice")
            expect(row.get("follows", None) is None or row["follows"] in earlier, f"questions: {row['id']} follows none that stands before it")
            seen.add(row["id"])
            earlier.add(row["id"])
            texts.append((row["id"], row["question"]))
            if not row["answerable"]:
                expect(row.get("reason") in REASONS, f"questions: {row['id']} reason {row.get('reason')}")
                continue
            text = pages.get(row["document"], [])
            # A guide in Markdown has its tables' bars in the text.
            here = squeeze(text[row["page"] - 1]).replace("|", "") if len(text) >= row["page"] else ""
            expect(squeeze(row["quote"]) in here, f"questions: {row['id']} quote is not on page {row['page']}")
            for answer in row["answers"][:1]:
                expect(squeeze(answer) in squeeze(row["quote"]), f"questions: {row['id']} quote lacks {answer}")
        print(f"questions-{split}: {sum(r['answerable'] for r in rows)} answerable, "
              f"{sum(not r['answerable'] for r in rows)} unanswerable, {sum('follows' in r for r in rows)} follow-ups")
    check_different("questions", texts)
    printed = grams("".join(text for document in pages.values() for text in document))
    # Agents name codes, parts and models as they are printed; the first questions are in customers' words.
    customers = [(label, text) for label, text in texts if label not in agents]
    repeating = [label for label, text in customers if grams(text) & printed]
    expect(len(repeating) * 3 <= len(customers), f"questions: more than a third repeat eight characters of a manual: {repeating}")


def grams(text):
    text = squeeze(text)
    return {text[i:i + 8] for i in range(len(text) - 7)} or {text}


def check_different(what, texts):
    """`texts` is [(label, text)]: the share of the shorter one's 8-grams that the other has as well."""
    rows = [(label, grams(text)) for label, text in texts if text]
    worst = max(((len(a & b) / min(len(a), len(b)), one, other) for i, (one, a) in enumerate(rows) for other, b in rows[:i]),
                default=(0.0, "", ""))
    expect(worst[0] <= ALIKE, f"{what}: {worst[2]} and {worst[1]} share {worst[0]:.1%} of their 8-grams")
    print(f"{what}: the most alike two share {worst[0]:.2%} of their character 8-grams")


def check_dialogues(root, parts):
    rows = []
    for split in ("dev", "test"):
        part = lines_of(root / f"dialogues-{split}.jsonl")
        print(f"dialogues-{split}: {len(part)} dialogues, {sum(len(r['dialogue']) for r in part)} turns")
        rows += part
    expect(len({row["id"] for row in rows}) == len(rows), "dialogues: an id twice")
    for row in rows:
        turns = len(row["dialogue"])
        expect(4 <= turns <= 40, f"dialogues: {row['id']} has {turns} turns")
        expect(set(row["fields"]) == set(FIELDS), f"dialogues: {row['id']} fields {sorted(row['fields'])}")
        expect(set(row["reference_by_role"]) == {"customer", "agent", "technician"}, f"dialogues: {row['id']} roles")
        visit = row.get("appointment_at")
        expect(visit is None or row["fields"]["appointment"], f"dialogues: {row['id']} resolves an appointment that it lacks")
        for name, field in row["fields"].items():
            if field is None:
                continue
            expect(field["lines"] and all(1 <= n <= turns for n in field["lines"]), f"dialogues: {row['id']} {name} lines")
            if name == "parts":
                for part in field["value"]:
                    number = part.get("part_number")
                    expect(number is None or number in parts, f"dialogues: {row['id']} unknown part {number}")
    check_different("dialogues", [(row["id"], "".join(turn["text"] for turn in row["dialogue"])) for row in rows])
    check_different("reference summaries", [(row["id"], row["reference"]) for row in rows])
    check_different("summaries by role", [(row["id"], "".join(row["reference_by_role"].values())) for row in rows])


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
    notes = []
    for name in ("intakes", "intakes-dev", "intakes-test", "tickets"):
        path = root / f"{name}.jsonl"
        if not path.exists() and name.startswith("intakes-"):
            continue
        rows = lines_of(path)
        for row in rows:
            wanted = row["expect"] if name.startswith("intakes") else row
            label = row.get("id") or row["ticket_id"]
            ids = {s["id"] for s in wanted["symptoms"]}
            expect(ids <= symptoms, f"{name}: {label} symptoms {ids - symptoms}")
            expect(set(wanted["fault_codes"]) <= codes, f"{name}: {label} codes {wanted['fault_codes']}")
            expect(wanted["model"] is None or wanted["model"] in models, f"{name}: {label} model {wanted['model']}")
            if "missing" in wanted:
                check_note(f"{name}: {label}", row["received_at"], wanted)
        print(f"{name}: {len(rows)} rows")
        if name.startswith("intakes"):
            notes += rows
        else:
            check_different(name, [(row["ticket_id"], row["text"]) for row in rows])
    expect(len({row["id"] for row in notes}) == len(notes), "intakes: an id twice")
    check_different("intakes", [(row["id"], row["text"]) for row in notes])


def check_note(label, received, wanted):
    """What a note is expected to give: known labels, a visit that is not over before the note was taken, and questions for exactly what is lacking."""
    expect(set(wanted["tags"]) <= NOTE_TAGS, f"{label} tags {wanted['tags']}")
    expect(wanted["urgency"] in ("emergency", "high", "normal", "low"), f"{label} urgency {wanted['urgency']}")
    address, visit = wanted["address"], wanted["appointment"]
    lacking = [("model", wanted["model"]), ("symptoms", wanted["symptoms"] or wanted["fault_codes"]), ("address", address["street"] or address["detail"]),
               ("contact", wanted["contact"]["phone"]), ("appointment", visit)]
    expect(wanted["missing"] == [field for field, value in lacking if not value], f"{label} missing {wanted['missing']}")
    if visit:
        start, end = visit["start"], visit["end"] or visit["start"][:11] + "23:59:00+08:00"
        expect(start < end and end > received, f"{label} appointment {start} to {end}")


def check_standards(root):
    found = sorted((root / "standards").glob("*/standard.toml"))
    expect(found, "standards: no standard.toml")
    for path in found:
        standard = tomllib.loads(path.read_text(encoding="utf-8"))
        ids = [checkpoint["id"] for checkpoint in standard["checkpoint"]]
        expect(standard["category"] == path.parent.name, f"standards: {path.parent.name} is called {standard['category']} inside")
        expect(len(set(ids)) == len(ids), f"standards: {standard['category']} has a checkpoint twice")
        for checkpoint in standard["checkpoint"]:
            expect(checkpoint["stage"] in ("before", "after"), f"standards: {checkpoint['id']} stage")
            violations = checkpoint.get("violations", [])
            expect(bool(violations) == ("violation" in checkpoint["checks"]), f"standards: {checkpoint['id']} violations and checks disagree")
        print(f"standard {standard['category']}: {len(ids)} checkpoints, "
              f"{sum(len(c.get('violations', [])) for c in standard['checkpoint'])} violations")


def models_of(root):
    """The models of the appliance: all that a document is for."""
    documents = tomllib.loads((root / "documents.toml").read_text(encoding="utf-8"))["document"]
    return list(dict.fromkeys(model for document in documents for model in document["models"]))


PERSONAL = set("name phone address id_number plate email wechat bank_card".split())


def check_masking(folder):
    """Texts with personal data: form, and that what has to be masked and what has to stay are apart."""
    print(f"--- {folder.resolve().name}")
    texts, ids = [], set()
    for path in sorted(folder.glob("texts-*.jsonl")):
        rows = lines_of(path)
        for row in rows:
            where = f"{path.name}: {row['id']}"
            expect(row["id"] not in ids, f"{where} twice")
            expect(all(item["kind"] in PERSONAL for item in row["items"]), f"{where} kinds")
            expect(all(row["text"].count(item["text"]) == 1 for item in row["items"]), f"{where} an item does not stand once in its text")
            expect(all(token in row["text"] for token in row["keep"]), f"{where} keeps what is not in its text")
            expect(not any(token in item["text"] or item["text"] in token for token in row["keep"] for item in row["items"]), f"{where} keeps and masks the same")
            ids.add(row["id"])
            texts.append((row["id"], row["text"]))
        kinds = Counter(item["kind"] for row in rows for item in row["items"])
        print(f"{path.name}: {len(rows)} texts, {kinds.total()} items {dict(kinds)}, {sum(len(row['keep']) for row in rows)} tokens to keep")
    check_different("masking", texts)


def check(root):
    if root.resolve().name == "masking":
        return check_masking(root)
    print(f"--- {root.resolve().name}")
    models = models_of(root)
    parts = check_bom(root, models)
    tree = check_tree(root, parts, models)
    pages = check_documents(root)
    check_questions(root, pages)
    check_dialogues(root, parts)
    check_rows(root, parts, tree, models)
    check_standards(root)


def check_paraphrases(folder):
    """Passages with the questions that they answer: form, and that none resembles a question that something is measured with."""
    print(f"--- {folder.resolve().name}")
    measured = [row["question"] for path in sorted(folder.parent.glob("*/questions-*.jsonl")) for row in lines_of(path)]
    by_gram = {}
    for number, question in enumerate(measured):
        for gram in grams(question):
            by_gram.setdefault(gram, []).append(number)
    passages, questions, unanswerable, alike = 0, 0, 0, []
    for path in sorted(folder.glob("*.jsonl")):
        for at, row in enumerate(lines_of(path), 1):
            where = f"{path.name}:{at}"
            asked = [row["unanswerable"]] if "unanswerable" in row else row["questions"]
            unanswerable += "unanswerable" in row
            if "questions" in row:
                passages, questions = passages + 1, questions + len(asked)
                expect(len(asked) == 5 and row["text"] and row["section"], f"{where}: five questions, a text and its headings")
                expect(row["kind"] in ("row", "code", "steps", "text", "warning"), f"{where}: kind {row['kind']}")
                expect((row["kind"] in ("row", "code")) <= bool(row.get("header")), f"{where}: a row without column titles")
            for question in asked:
                own = grams(question)
                shared = Counter(number for gram in own for number in by_gram.get(gram, ()))
                for number, count in shared.most_common(1):
                    share = count / min(len(own), len(grams(measured[number])))
                    alike.append((share, where, question, measured[number]))
                    expect(share <= ALIKE, f"{where}: {question} resembles {measured[number]}")
    print(f"{passages} passages, {questions} questions, {unanswerable} without an answer; the most alike to a bundled question: {max(alike, default=None)}")


def check_safety(folder):
    """Reports of danger and what only sounds like one: form, and that no two rows are alike."""
    print(f"--- {folder.resolve().name}")
    texts, ids = [], set()
    for path in sorted(folder.glob("paraphrases-*.jsonl")):
        rows = lines_of(path)
        for row in rows:
            where = f"{path.name}: {row['id']}"
            expect(row["id"] not in ids, f"{where} twice")
            expect(all(word in row["text"] for word in row["words"]), f"{where} words {row['words']} are not in its text")
            expect(not row["urgent"] or row["words"], f"{where} names no words")
            expect(bool(row["kind"]) == row["urgent"], f"{where} kind {row['kind']}")
            ids.add(row["id"])
            texts.append((row["id"], row["text"]))
        urgent = Counter(row["kind"] for row in rows if row["urgent"])
        print(f"{path.name}: {urgent.total()} urgent {dict(urgent)}, {len(rows) - urgent.total()} ordinary")
    check_different("safety", texts)


def main():
    here = pathlib.Path(__file__).parent
    for root in [pathlib.Path(name) for name in sys.argv[1:]] or sorted([*(path.parent for path in here.glob("*/bom.toml")), *here.glob("masking")]):
        before = len(faults)
        check_safety(root) if root.resolve().name == "safety" else check(root)
        for fault in faults[before:]:
            print("FAULT", fault)
    if len(sys.argv) == 1:
        before = len(faults)
        check_paraphrases(here / "paraphrases")
        if (here / "safety").exists():
            check_safety(here / "safety")
        for fault in faults[before:]:
            print("FAULT", fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
