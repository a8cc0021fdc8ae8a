"""Rewrites one flow's section of RESULTS.md: `section.py NAME < text`. Other sections stay as they are."""

import pathlib
import re
import sys

RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
HEADER = "# Results\n\nEach section is written by `bash benches/<flow>.sh DATA_DIR`; figures of one section are of one run on one machine.\n"


def main() -> None:
    name, body = sys.argv[1], sys.stdin.read().strip()
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEADER
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    section = f"{start}\n## {name}\n\n{body}\n{end}"
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else text.rstrip() + "\n\n" + section + "\n"
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
