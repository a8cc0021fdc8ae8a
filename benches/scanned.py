"""Pages a second and character errors of scanned manuals, beside rapidocr with the same models on the same pictures.

    python3 -m venv VENV && VENV/bin/pip install -r benches/scanned_requirements.txt
    VENV/bin/python benches/scanned.py SHIFU MODELS_DIR WORK [PAGES]

Draws A4 pages of 36 lines at 150 dpi from the bundled manual's text (Noto Sans CJK SC, Debian package fonts-noto-cjk), a little
tilted and grainy as a scanner leaves them, as grey JPEG in one PDF without a text layer. `shifu knowledge add` reads it, start
included; the text is put together from its passages. Character errors are edits (Levenshtein) for each character, blanks apart.
"""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

from PIL import Image, ImageDraw, ImageFilter, ImageFont

ROOT = pathlib.Path(__file__).resolve().parent.parent
MANUAL = ROOT / "datasets/split_air_conditioner/manual/service-manual-2025.md"
FONT = pathlib.Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SIMPLIFIED = 2
WIDTH, HEIGHT, LINES, SIZE = 1240, 1754, 36, 25


def lines(font: ImageFont.FreeTypeFont) -> list[str]:
    """The manual's sentences, without marks of Markdown and without tables, in lines that fit a page."""
    out = []
    for line in MANUAL.read_text(encoding="utf-8").splitlines():
        line = re.sub(r"<!--.*?-->|[*`#>\\]", "", line).strip()
        if len(line) < 8 or line.startswith(("|", "-", "=", "<", "!")):
            continue
        text = ""
        for character in line:
            if font.getlength(text + character) > WIDTH - 200:
                out.append(text)
                text = ""
            text += character
        out.append(text)
    return out


def page(text: list[str], font: ImageFont.FreeTypeFont, chance: random.Random) -> Image.Image:
    picture = Image.new("L", (WIDTH, HEIGHT), 250)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(text):
        draw.text((100, 110 + number * 43), line, font=font, fill=30)
    picture = picture.rotate(chance.uniform(-0.4, 0.4), Image.Resampling.BICUBIC, fillcolor=250)
    grain = Image.effect_noise(picture.size, 14)
    return Image.blend(picture.filter(ImageFilter.GaussianBlur(0.5)), grain, 0.06)


def edits(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def bare(text: str) -> str:
    return "".join(text.split())


def report(name: str, seconds: float, found: list[str], expected: list[str]) -> None:
    wrong = sum(edits(bare(a), bare(b)) for a, b in zip(found, expected, strict=True))
    characters = sum(len(bare(b)) for b in expected)
    print(f"{name}: {len(expected) / seconds:.2f} pages/s, {wrong} of {characters} characters wrong ({100 * wrong / characters:.2f} %)")


def by_shifu(shifu: str, models: str, work: pathlib.Path, pdf: pathlib.Path, expected: list[str]) -> None:
    environment = {**os.environ, "SHIFU_MODELS_DIR": models}
    about = ["--data", str(work / "data"), "--format", "json"]

    def call(*arguments: str) -> dict:
        done = subprocess.run([shifu, *arguments, *about], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise SystemExit(f"exit {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    began = time.monotonic()
    document = call("knowledge", "add", str(pdf), "--product-line", "split_air_conditioner")["documents"][0]
    seconds = time.monotonic() - began
    assert document["ocr_pages"] == list(range(1, len(expected) + 1)), document
    passages = {}
    for text in expected:
        for query in text.split("\n")[::4]:
            for hit in call("knowledge", "search", query, "--top-k", "100")["hits"]:
                number = int(hit["passage_id"].rsplit("-", 1)[1])
                passages[number] = (hit["page"], hit["text"])
    assert len(passages) == document["passages"], f"{len(passages)} of {document['passages']} passages found"
    found = ["" for _ in expected]
    for number in sorted(passages):
        at, text = passages[number]
        found[at - 1] += text
    report(f"shifu knowledge add ({os.cpu_count()} cores)", seconds, found, expected)


def by_rapidocr(pictures: list[pathlib.Path], expected: list[str]) -> None:
    from rapidocr import RapidOCR

    began = time.monotonic()
    engine = RapidOCR()
    found = ["".join(engine(str(picture)).txts or ()) for picture in pictures]
    report("rapidocr 3.10.0", time.monotonic() - began, found, expected)


def main(shifu: str, models: str, work: str, pages: str = "6") -> None:
    folder = pathlib.Path(work)
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.truetype(str(FONT), SIZE, index=SIMPLIFIED)
    every = lines(font)
    chance = random.Random(1)
    texts = [every[at * LINES : (at + 1) * LINES] for at in range(int(pages))]
    drawn = [page(text, font, chance) for text in texts]
    pictures = []
    for number, picture in enumerate(drawn, 1):
        pictures.append(folder / f"page-{number}.jpg")
        picture.save(pictures[-1], quality=75)
    pdf = folder / "scanned.pdf"
    drawn[0].save(pdf, resolution=150.0, save_all=True, append_images=drawn[1:], quality=75)
    expected = ["\n".join(text) for text in texts]
    by_shifu(shifu, models, folder, pdf, expected)
    by_rapidocr(pictures, expected)


if __name__ == "__main__":
    main(*sys.argv[1:])
