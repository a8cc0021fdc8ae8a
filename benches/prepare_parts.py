"""Real repair records as tickets with parts, for `shifu eval parts`.

    prepare_parts.py logbook LOGBOOK.csv OUT_DIR [TRAIN_ROWS TEST_END]
    prepare_parts.py faults FOLDER OUT_DIR REPEATS

`logbook` writes train.jsonl (rows 1 to TRAIN_ROWS) and test.jsonl (the rows after them up to TEST_END); the right parts are the
comma-separated entries of ACTIONPART, and a row without any stays in: nobody can hit it. With smaller numbers it cuts the
training part itself, which is where anything is tuned.

`faults` writes, for the component and for the cause, REPEATS times ten folds of train.csv + dev.csv:
{component,cause}/REPEAT-FOLD-{train,test}.jsonl. The text is 问题现象 alone: the type columns are labels of the same report.
"""

import csv
import json
import pathlib
import random
import sys

TARGETS = {"component": "故障组件", "cause": "形成原因"}
FOLDS = 10


def write(path: pathlib.Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def logbook(source: str, out: pathlib.Path, train_rows: int, test_end: int) -> None:
    with open(source, encoding="utf-8", errors="replace", newline="") as stream:
        table = list(csv.reader(stream))
    at = {name: column for column, name in reversed(list(enumerate(table[0])))}
    rows = [
        {
            "id": row[at["IDENT"]],
            "text": row[at["PROBLEM"]],
            "parts": [" ".join(part.split()).upper() for part in row[at["ACTIONPART"]].split(",") if part.strip()],
        }
        for row in table[1:]
    ]
    write(out / "train.jsonl", rows[:train_rows])
    write(out / "test.jsonl", rows[train_rows:test_end])


def faults(folder: pathlib.Path, out: pathlib.Path, repeats: int) -> None:
    rows = []
    for name in ("train.csv", "dev.csv"):
        with open(folder / name, encoding="utf-8", newline="") as stream:
            rows += [{"name": f"{name[:-4]}-{row['']}", **row} for row in csv.DictReader(stream)]
    for target, column in TARGETS.items():
        tickets = [{"id": row["name"], "text": row["问题现象"].strip(), "parts": [row[column].strip()]} for row in rows]
        for repeat in range(repeats):
            order = list(range(len(tickets)))
            random.Random(repeat).shuffle(order)
            for fold in range(FOLDS):
                held_out = set(order[fold::FOLDS])
                for split in ("train", "test"):
                    chosen = [t for at, t in enumerate(tickets) if (at in held_out) == (split == "test")]
                    write(out / target / f"{repeat}-{fold}-{split}.jsonl", chosen)


def main(kind: str, source: str, out: str, *numbers: str) -> None:
    if kind == "logbook":
        train_rows, test_end = (int(number) for number in numbers or ("3022", "4318"))
        logbook(source, pathlib.Path(out), train_rows, test_end)
    else:
        faults(pathlib.Path(source), pathlib.Path(out), int(numbers[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
