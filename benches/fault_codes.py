"""Real fault-code tables as a library, and questions by code: an appliance folder for `shifu eval questions`.

    fault_codes.py FAULT_CODES.tsv OUT_DIR

Every appliance type becomes a document and a product line of its own; every (type, code) stands on a page of its own, so that the right page is the
right row. `questions-typed.jsonl` asks every code in four spellings with the type given. `questions-open.jsonl` asks, without a type, the codes
that mean different things by type: the right reply is to ask for the type.
"""

import csv
import json
import pathlib
import re
import sys

SPELLINGS = [str, str.lower, lambda code: re.sub(r"^([A-Za-z]+)(\d)", r"\1-\2", code), lambda code: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in code)]
ASKED = ["{}是什么故障", "显示{}怎么处理", "报{}", "代码{}"]


def main(source: str, out: str) -> None:
    target = pathlib.Path(out)
    (target / "manual").mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
    with open(source, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["lang"] != "zh_CN" or not row["code"].strip():
                continue
            found = rows.setdefault(row["product_plugin"], {}).setdefault(row["code"].strip(), [])
            cells = tuple(" ".join((row[name] or "").replace("|", "/").split()) for name in ("fault_name", "reason", "remedy"))
            if cells not in found:
                found.append(cells)
    documents, typed = [], []
    for kind, codes in sorted(rows.items()):
        line = re.sub(r"[^a-z0-9]+", "_", kind.lower())
        pages = []
        for page, (code, meanings) in enumerate(codes.items(), 1):
            table = "\n".join(f"| {code} | {' | '.join(cells)} |" for cells in meanings)
            pages.append(f"<!-- page {page} -->\n\n| 故障代码 | 故障名称 | 原因 | 处理 |\n|---|---|---|---|\n{table}\n")
            for number, (spelling, asked) in enumerate(zip(SPELLINGS, ASKED)):
                question = {"id": f"{kind}-{code}-{number}", "question": asked.format(spelling(code)), "product_line": line, "answerable": True}
                typed.append(question | {"document": kind, "page": page, "answers": [name for name, _, _ in meanings if name]})
        (target / "manual" / f"{line}.md").write_text(f"# {kind}\n\n" + "\n".join(pages), encoding="utf-8")
        documents.append(f'[[document]]\nfile = "manual/{line}.md"\ntitle = "{kind}"\nproduct_line = "{line}"\n')
    (target / "documents.toml").write_text("\n".join(documents), encoding="utf-8")
    meanings_of: dict[str, dict[str, set[str]]] = {}
    for kind, codes in rows.items():
        for code, meanings in codes.items():
            meanings_of.setdefault(code, {})[kind] = {name for name, _, _ in meanings}
    several = [code for code, kinds in meanings_of.items() if len({frozenset(names) for names in kinds.values()}) > 1]
    unsure = [
        {"id": f"open-{code}-{number}", "question": asked.format(spelling(code)), "answerable": False, "reason": "product_line_needed"}
        for code in several
        for number, (spelling, asked) in enumerate(zip(SPELLINGS, ASKED))
    ]
    for name, questions in (("typed", typed), ("open", unsure)):
        text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
        (target / f"questions-{name}.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(rows)} types, {len(typed) // 4} codes with their type, {len(several)} codes that mean different things by type")


if __name__ == "__main__":
    main(*sys.argv[1:])
