"""Pages a second from file to index: `ingest.py SHIFU PDF COPIES` adds COPIES of a PDF in one call of `shifu knowledge add`, start included.

Every copy is another document (its title tells), so that nothing is taken from a cache.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def main(shifu: str, pdf: str, copies: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [shutil.copy(pdf, pathlib.Path(folder, f"manual-{number}.pdf")) for number in range(int(copies))]
        data = pathlib.Path(folder, "data")
        arguments = [shifu, "knowledge", "add", *map(str, files), "--product-line", "split_air_conditioner", "--data", str(data), "--format", "json"]
        began = time.monotonic()
        done = subprocess.run(arguments, capture_output=True, text=True)
        seconds = time.monotonic() - began
        if done.returncode != 0:
            raise SystemExit(f"exit {done.returncode}: {done.stderr.strip()}")
        documents = json.loads(done.stdout)["documents"]
        pages = sum(document["pages"] for document in documents)
        passages = sum(document["passages"] for document in documents)
        print(f"{len(documents)} documents, {pages} pages, {passages} passages in {seconds:.1f} s: {pages / seconds:.0f} pages/s (goal 50)")


if __name__ == "__main__":
    main(*sys.argv[1:])
