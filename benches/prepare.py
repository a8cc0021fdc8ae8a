"""Turns public data into the formats that `shifu eval` and `shifu knowledge add` take.

    prepare.py beir SQUAD.json OUT_DIR          every passage is the corpus, a question's own passage is relevant
    prepare.py pages PAGES.jsonl OUT.md         rows {page, text} to Markdown with page marks
    prepare.py windows TEXT_DIR COUNT OUT_DIR   overlapping windows of 200 characters over the passages of CMRC, DRCD, RGB and the car manual; 500 questions
    prepare.py emanual DATA_DIR OUT_DIR         sections of the phone's and the TV's manual with their questions: OUT_DIR/phone, tv-tune, tv-report
    prepare.py rgb RGB.jsonl SEED OUT.jsonl     each question once with two right documents among five, once with five wrong ones
    prepare.py dialogues TRAIN.jsonl.gz N DIR   the first N customer-helpdesk dialogues, a JSON file each
    prepare.py tiles IN_DIR OUT_DIR             good and defective tiles in MVTec layout: even-numbered good ones train
    prepare.py nameplates IN_DIR N OUT.jsonl    N frames a label with the model that stands on it
"""

import csv
import gzip
import hashlib
import json
import pathlib
import random
import sys

NAMEPLATES = {"china": "MXR-310A", "malaysia": "RFX-200X", "japan": "DRV-521M"}


def rows(path: str) -> list[dict]:
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]


def write_lines(path: pathlib.Path, items: list[dict]) -> None:
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")


def beir(squad: str, out: str) -> None:
    target = pathlib.Path(out)
    target.mkdir(parents=True, exist_ok=True)
    ids: dict[str, str] = {}
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    for article in json.loads(pathlib.Path(squad).read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            passage = ids.setdefault(paragraph["context"], f"p{len(ids)}")
            for qa in paragraph["qas"]:
                queries.append({"_id": qa["id"], "text": qa["question"]})
                qrels.append(f"{qa['id']}\t{passage}\t1")
    write_lines(target / "corpus.jsonl", [{"_id": i, "title": "", "text": t} for t, i in ids.items()])
    write_lines(target / "queries.jsonl", queries)
    (target / "qrels.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")


def pages(source: str, out: str) -> None:
    by_page: dict[int, list[str]] = {}
    for row in rows(source):
        by_page.setdefault(row["page"], []).append(row["text"])
    text = "".join(f"<!-- page {page} -->\n\n" + "\n\n".join(parts) + "\n\n" for page, parts in sorted(by_page.items()))
    pathlib.Path(out).write_text(text, encoding="utf-8")


def texts_of(folder: pathlib.Path):
    for squad in ("cmrc2018_zh/cmrc2018_dev.json", "cmrc2018_zh/cmrc2018_trial.json", "drcd_zh_hant/DRCD_dev.json"):
        for article in json.loads((folder / squad).read_text(encoding="utf-8"))["data"]:
            yield from (paragraph["context"] for paragraph in article["paragraphs"])
    yield from (row["text"] for row in rows(str(folder / "car_manual_zh/manual_pages.jsonl")))
    for row in rows(str(folder / "rgb_zh/zh_refine_150.jsonl")):
        yield from row["positive"] + row["negative"]


def windows(source: str, count: str, out: str) -> None:
    folder, target, wanted = pathlib.Path(source), pathlib.Path(out), int(count)
    target.mkdir(parents=True, exist_ok=True)
    texts = list(dict.fromkeys(texts_of(folder)))
    step = max(1, sum(max(1, len(text) - 100) for text in texts) // wanted)
    pieces = [(text, at) for text in texts for at in range(0, max(1, len(text) - 100), step)][:wanted]
    place: dict[str, list[tuple[int, str]]] = {}
    for number, (text, at) in enumerate(pieces):
        place.setdefault(text, []).append((number, text[at : at + 200]))
    questions = [
        (qa["question"], paragraph["context"], [answer["text"] for answer in qa["answers"]])
        for article in json.loads((folder / "cmrc2018_zh/cmrc2018_dev.json").read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ][::6][:500]
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    for question, context, answers in questions:
        # One window is called right; its neighbours hold the answer as well, so recall at 1 is a lower bound.
        right = next((number for number, window in place.get(context, []) if any(answer in window for answer in answers)), None)
        if right is not None:
            qrels.append(f"q{len(queries)}\tw{right}\t1")
            queries.append({"_id": f"q{len(queries)}", "text": question})
    write_lines(target / "corpus.jsonl", [{"_id": f"w{n}", "title": "", "text": text[at : at + 200]} for n, (text, at) in enumerate(pieces)])
    write_lines(target / "queries.jsonl", queries)
    (target / "qrels.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    print(f"{len(pieces)} windows, {len(queries)} questions")


def plain(title: str) -> str:
    return " ".join(title.replace("\u2019", "'").lower().split())


def sections_of(path: pathlib.Path, chapters: set[str]) -> list[tuple[str, dict]]:
    """Sections with their path: as the file states it, else the chapter a section stands in and its own title."""
    manual = json.loads(path.read_text(encoding="utf-8"))
    named, chapter = [], ""
    for section in manual.values():
        if "section_hierarchy" in section:
            name = ">".join(manual[one]["title"] for one in section["section_hierarchy"].split(">"))
        else:
            opens = plain(section["title"]) in chapters
            chapter = section["title"] if opens else chapter
            name = chapter if opens else f"{chapter}>{section['title']}"
        while any(name == other for other, _ in named):
            name += "'"
        named.append((name, section))
    return named


def section_asked(asked: str, sections: list[tuple[str, dict]]) -> str | None:
    """The section that a question's path names. Paths go deeper than the manual is cut: the last step may be a line of the section above
    it, or of one that follows; and the end of a line cut some titles."""
    chapter, *steps = [step.replace("\u2019", "'").strip() for step in asked.split(">")]
    own = [(name, section) for name, section in sections if plain(name.split(">")[0]).rstrip("s") == plain(chapter).rstrip("s")]
    if not steps:
        return own[0][0] if own else None
    for depth in reversed(range(len(steps))):
        titles = [section["title"].replace("\u2019", "'").strip() for _, section in own]
        fits = (
            lambda title: title == steps[depth],
            lambda title: plain(title) == plain(steps[depth]) or len(title) > 40 and plain(steps[depth]).startswith(plain(title)),
        )
        found = next((at for fit in fits for at, title in enumerate(titles) if fit(title)), None)
        if found is None:
            continue
        for step in reversed(steps[depth + 1 :]):
            near = own[found : found + 8] if " " in step.strip() else own[found : found + 1]
            inside = (name for name, section in near if plain(step) in map(plain, section["text"]))
            if name := next(inside, None):
                return name
        return own[found][0]
    return None


def emanual(source: str, out: str) -> None:
    folder = pathlib.Path(source)
    with open(folder / "s10_50_questions.csv", encoding="utf-8") as stream:
        phone = [(row["question"], row["section_path"]) for row in csv.DictReader(stream)]
    tv = [(row["question"], row["section"]) for row in rows(str(folder / "smart_tv_qa_clean.jsonl"))]
    for manual, questions, parts in (
        ("s10_manual_corpus.json", phone, lambda right: "phone"),
        # All questions about a section lie on one side.
        ("smart_tv_remote_manual_corpus.json", tv, lambda right: ("tv-tune", "tv-report")[hashlib.sha256(right.encode()).digest()[0] % 2]),
    ):
        sections = sections_of(folder / manual, {plain(path.split(">")[0]) for _, path in questions})
        judged: dict[str, list[tuple[str, str]]] = {}
        for question, path in questions:
            right = section_asked(path, sections)
            if right is not None:
                judged.setdefault(parts(right), []).append((question, right))
        corpus = [{"_id": name, "title": name.replace(">", " > "), "text": "\n".join(section["text"])} for name, section in sections]
        for part, asked in sorted(judged.items()):
            target = pathlib.Path(out, part)
            target.mkdir(parents=True, exist_ok=True)
            write_lines(target / "corpus.jsonl", corpus)
            write_lines(target / "queries.jsonl", [{"_id": f"q{n}", "text": question} for n, (question, _) in enumerate(asked)])
            qrels = [f"q{n}\t{right}\t1" for n, (_, right) in enumerate(asked)]
            (target / "qrels.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *qrels]) + "\n", encoding="utf-8")
            print(f"{part}: {len(asked)} of {len(questions)} questions, {len(sections)} sections")
        print(f"{manual}: {sum(map(len, judged.values()))} of {len(questions)} questions map to a section")


def rgb(source: str, seed: str, out: str) -> None:
    rng, items = random.Random(int(seed)), []
    for row in rows(source):
        wrong = rng.sample(row["negative"], min(5, len(row["negative"])))
        right = rng.sample(row["positive"], min(2, len(row["positive"])))
        mixed = right + wrong[: 5 - len(right)]
        rng.shuffle(mixed)
        question = {"question": row["query"], "answers": row["answer"]}
        items += [question | {"documents": mixed, "answerable": True}, question | {"documents": wrong, "answerable": False}]
    write_lines(pathlib.Path(out), items)


def dialogues(source: str, count: str, out: str) -> None:
    target = pathlib.Path(out)
    target.mkdir(parents=True, exist_ok=True)
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        for number, line in zip(range(int(count)), stream):
            turns = json.loads(line)["turns"]
            lines = [
                {"speaker": "customer" if turn["sender"] == "customer" else "agent", "text": text}
                for turn in turns
                for text in turn["utterances"]
            ]
            (target / f"{number + 1:02}.json").write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")


def link(photo: pathlib.Path, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / photo.name).symlink_to(photo.resolve())


def tiles(source: str, out: str) -> None:
    folder = pathlib.Path(source)
    for kind in sorted(p for p in folder.iterdir() if p.is_dir()):
        photos = sorted(p for p in kind.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
        for number, photo in enumerate(photos):
            if kind.name.lower() in {"good", "free", "mt_free"}:
                link(photo, pathlib.Path(out, "train" if number % 2 == 0 else "test", "good"))
            else:
                link(photo, pathlib.Path(out, "test", kind.name))


def nameplates(source: str, count: str, out: str) -> None:
    items = []
    for label, model in NAMEPLATES.items():
        frames = sorted(p for p in pathlib.Path(source).rglob("*") if label in str(p).lower() and p.suffix.lower() in {".jpg", ".png", ".jpeg"})
        step = max(1, len(frames) // int(count))
        items += [{"image": str(p.resolve()), "expect": [model], "hint": model} for p in frames[::step][: int(count)]]
    write_lines(pathlib.Path(out), items)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"beir": beir, "pages": pages, "emanual": emanual, "rgb": rgb, "windows": windows, "dialogues": dialogues, "tiles": tiles, "nameplates": nameplates}[command](*arguments)
