#!/usr/bin/env python3
"""Writes manuals of datasets/paraphrases as appliance folders, so that `shifu eval questions` can be tuned on them.

    python3 models/paraphrase/as_manuals.py OUT NAME...      OUT/NAME/{documents.toml, manual.md, questions-train.jsonl}

A page holds about ten passages; a question's right page is its passage's. The encoder must not have seen these manuals (`train.py
--hold-out`), or its nearness is too good to learn from."""

import json
import os
import re
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "datasets", "paraphrases")
PAGE = 10


def blocks(passages: list[dict]) -> tuple[list[str], list[int]]:
    """Markdown lines and the page of each passage."""
    lines, pages, open_headings, header, page = [], [], [], None, 0
    for at, passage in enumerate(passages):
        if at % PAGE == 0:
            page += 1
            lines += ["", f"<!-- page {page} -->", ""]
            header = None
        pages.append(page)
        headings = passage["section"]
        if headings != open_headings:
            same = next((n for n, (a, b) in enumerate(zip(headings, open_headings)) if a != b), min(len(headings), len(open_headings)))
            for level, heading in enumerate(headings[same:], same):
                lines += ["", "#" * (level + 1) + " " + heading, ""]
            open_headings, header = headings, None
        text = passage["text"].strip()
        if passage["kind"] in ("row", "code") and passage.get("header"):
            titles = passage["header"]
            cells = re.split(r"\s{2,}|\s*\|\s*|\t", text)
            cells = [cell.replace("\n", " ") for cell in cells[: len(titles) - 1] + ["  ".join(cells[len(titles) - 1 :])]]
            if titles != header:
                lines += ["", "| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
                header = titles
            lines.append("| " + " | ".join(cells + [""] * (len(titles) - len(cells))) + " |")
        else:
            header = None
            lines += ["", text, ""]
    return lines, pages


def main(out: str, *names: str) -> None:
    for name in names:
        with open(os.path.join(DATA, f"{name}.jsonl"), encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        passages = [row for row in rows if "questions" in row]
        lines, pages = blocks(passages)
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "manual.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        with open(os.path.join(folder, "documents.toml"), "w", encoding="utf-8") as file:
            file.write(f'[[document]]\nfile = "manual.md"\ntitle = "{name}"\nproduct_line = "{name}"\n')
        with open(os.path.join(folder, "questions-train.jsonl"), "w", encoding="utf-8") as file:
            for at, passage in enumerate(passages):
                for number, question in enumerate(passage["questions"]):
                    row = {"id": f"{name}-{at}-{number}", "question": question, "product_line": name, "answerable": True}
                    file.write(json.dumps(row | {"document": name, "page": pages[at], "answers": []}, ensure_ascii=False) + "\n")
            for number, row in enumerate(row for row in rows if "unanswerable" in row):
                row = {"id": f"{name}-u{number}", "question": row["unanswerable"], "product_line": name, "answerable": False}
                file.write(json.dumps(row | {"reason": "no_evidence"}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
