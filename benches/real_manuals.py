"""Ingests real manuals, counts their pages, and asks questions whose pages are known.

    real_manuals.py SHIFU MANUALS_DIR QUESTIONS.jsonl      rows {manuals: […], question, pages: […]}
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

MARK = re.compile(r"^PAGE \d+$|^<!-- page \d+ -->$", re.MULTILINE)


def call(shifu: str, data: str, *arguments: str) -> dict:
    done = subprocess.run([shifu, *arguments, "--data", data, "--format", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{arguments}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main(shifu: str, manuals: str, questions: str) -> None:
    rows = [json.loads(line) for line in pathlib.Path(questions).read_text(encoding="utf-8").splitlines() if line]
    with tempfile.TemporaryDirectory() as data:
        for manual in sorted(pathlib.Path(manuals).glob("*.md")):
            line = "automobile" if manual.stem == "car" else "split_air_conditioner"
            added = call(shifu, data, "knowledge", "add", str(manual), "--product-line", line, "--title", manual.stem)
            document = added["documents"][0]
            marks = len(MARK.findall(manual.read_text(encoding="utf-8")))
            print(
                f"{manual.stem:<36} page marks {marks:>4}  pages {document['pages']:>4}  passages {document['passages']:>5}  "
                f"without text {len(document['skipped']):>3}"
            )
        right = 0
        for row in rows:
            line = "automobile" if row["manuals"] == ["car"] else "split_air_conditioner"
            answer = call(shifu, data, "ask", row["question"], "--product-line", line)
            cited = [(c["title"], c["page"]) for c in answer["citations"]]
            hit = bool(cited) and cited[0][0] in row["manuals"] and cited[0][1] in row["pages"]
            right += hit
            print(f"{'right' if hit else 'WRONG'}  {row['question']}  ->  {cited[:1] or answer.get('refusal')}")
        print(f"first cited page right: {right} of {len(rows)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
