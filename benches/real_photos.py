"""Enrols 50 real photos and inspects 10 others, one call each: real_photos.py SHIFU PHOTO_DIR"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

STANDARD = """category = "outdoor_unit"
version = "1"
[[checkpoint]]
id = "outdoor_unit"
title = "室外机"
stage = "after"
required = true
min_photos = 1
severity = "major"
checks = ["usable", "shot", "difference"]
"""


def call(*arguments: str) -> dict:
    done = subprocess.run([*arguments, "--format", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{arguments[1:4]}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main(shifu: str, folder: str) -> None:
    photos = sorted(pathlib.Path(folder).glob("*.jpg"))[:60]
    with tempfile.TemporaryDirectory() as work:
        good = pathlib.Path(work, "standard", "outdoor_unit", "good")
        good.mkdir(parents=True)
        pathlib.Path(work, "standard", "standard.toml").write_text(STANDARD, encoding="utf-8")
        for number, photo in enumerate(photos):
            if number % 6 != 5:
                shutil.copy(photo, good / f"{number:02}.jpg")
        data = str(pathlib.Path(work, "data"))
        report = call(shifu, "standards", "enrol", "outdoor_unit", str(pathlib.Path(work, "standard")), "--data", data)
        print("enrolled:", json.dumps(report["checkpoints"], ensure_ascii=False)[:600])
        verdicts, kinds = Counter(), Counter()
        for number, photo in enumerate(photos):
            if number % 6 == 5:
                ticket = pathlib.Path(work, f"{number}.json")
                ticket.write_text(json.dumps({"ticket_id": f"T{number}", "category": "outdoor_unit", "stage": "after"}))
                result = call(
                    shifu, "inspect", "--category", "outdoor_unit", "--ticket", str(ticket), str(photo), "--data", data
                )
                verdicts[result["verdict"]] += 1
                kinds.update(finding["kind"] for finding in result["findings"])
        print(f"inspected {sum(verdicts.values())}: verdicts {dict(verdicts)}, findings {dict(kinds)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
