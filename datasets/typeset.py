"""Typesets the manuals of an appliance: Markdown with `<!-- page N -->` marks → PDF, one physical page for each mark.

    python3 -m venv VENV && VENV/bin/pip install weasyprint==70.0 markdown pypdf
    VENV/bin/python datasets/typeset.py datasets/split_air_conditioner

The folder's `documents.toml` says which documents there are (those whose `file` ends in `.pdf` are typeset) and its `bom.toml`
how part numbers begin. The Chinese font is Noto Sans CJK SC (Debian package fonts-noto-cjk, SIL Open Font License); only the
glyphs that are used are embedded. A page that overflows is an error, so that the page numbers of the
PDF and of the source cannot drift apart. The same source gives the same bytes. Page labels come from `front_pages` in `documents.toml`.
"""

import os
import pathlib
import re
import sys
import tomllib

import markdown
import pypdf
import weasyprint

STYLE = """
@page { size: 176mm 250mm; margin: 20mm 14mm 15mm 14mm;
  @top-left { content: string(title); width: 50%; margin-bottom: 5mm; vertical-align: bottom;
    font: 8pt 'Noto Sans CJK SC'; color: #51606e; border-bottom: .5pt solid #9fb0c0; }
  @top-right { content: string(section); width: 50%; margin-bottom: 5mm; vertical-align: bottom;
    font: 8pt 'Noto Sans CJK SC'; color: #51606e; border-bottom: .5pt solid #9fb0c0; }
  @bottom-center { content: string(label); font: 9pt 'Noto Sans CJK SC'; color: #51606e; } }
@page cover { @top-left { content: none; border: none } @top-right { content: none; border: none } }
body { font: 10.6pt/1.62 'Noto Sans CJK SC'; color: #1b2733; margin: 0; }
section { break-after: page; string-set: title attr(data-title), section attr(data-section), label attr(data-label); }
section:last-child { break-after: auto; }
section.cover { page: cover; padding-top: 40mm; }
section.cover h1 { font-size: 25pt; border-bottom: 3pt solid #12689b; padding-bottom: 5mm; line-height: 1.3; }
section.cover > p { font-size: 12pt; }
h1, h2, h3 { color: #0f4d75; margin: 0 0 3mm; }
h2 { font-size: 15pt; border-left: 4pt solid #12689b; padding-left: 3mm; line-height: 1.35; }
h3 { font-size: 11.6pt; margin: 3mm 0 1mm; }
p { margin: 1.8mm 0; }
table { border-collapse: collapse; width: 100%; margin: 2mm 0 3mm; font-size: 9.8pt; line-height: 1.45; }
th, td { border: .5pt solid #a9b7c4; padding: .9mm 1.3mm; text-align: left; vertical-align: top; }
th { background: #e3eef5; font-weight: bold; }
tr:nth-child(even) td { background: #f7fafc; }
table.narrow td:first-child, table.narrow th:first-child { white-space: nowrap; font-weight: bold; }
span { white-space: nowrap; }
table.codes { font-size: 9pt; }
table.codes td:nth-child(2) { white-space: nowrap; }
ol { margin: 1mm 0 2.4mm; padding-left: 6.5mm; }
li { margin: .55mm 0; }
blockquote { margin: 2.2mm 0; padding: 1.6mm 3mm; border: .8pt solid #d99a1c; border-left-width: 4pt; background: #fff8e6; }
blockquote.danger { border-color: #c0392b; background: #fdeeec; }
blockquote p { margin: 0; }
"""

VALUE = (r"[−≥]?\s?\d[\d.～]*\s"
         r"(?:A|V|g|mm²?|N·m|[kM]Pa|bar|[kM]?Ω|℃|μF|W|kg|m²?|cm|mL|L/min|r/min|Hz)(?![A-Za-z])")


def unbroken(root, documents):
    """What is never broken over two lines: part numbers, models (whole, or up to their first number) and values with their unit."""
    parts = tomllib.loads((root / "bom.toml").read_text(encoding="utf-8"))["part"]
    beginnings = sorted({re.escape(part["part_number"].split("-")[0]) for part in parts})
    models = {model for document in documents for model in document["models"]}
    models |= {found[0] for model in models if (found := re.match(r"\D+\d+", model))}
    whole = [re.escape(model) for model in sorted(models, key=lambda model: (-len(model), model))]
    return re.compile("|".join([f"(?:{'|'.join(beginnings)})-[A-Z]+-\\d+", *whole, VALUE]))


def roman(number):
    return ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"][number - 1]


def label(number, front_pages):
    return roman(number) if number <= front_pages else str(number - front_pages)


def page_html(number, source, document, whole):
    """One `<section>`: headings, tables, lists, and block quotes as warning boxes."""
    source = re.sub(r"(?m)^(>.*)\n\n(?=>)", r"\1\n\n<!-- next box -->\n\n", source)
    html = markdown.markdown(source, extensions=["tables", "sane_lists", "nl2br"])
    html = re.sub(r"<blockquote>(?=\s*<p><strong>警告)", '<blockquote class="danger">', html)
    html = re.sub(r"<table>(?=\s*<thead>\s*<tr>\s*<th>(代码|版本|项目|参数|名称|方向|部件|按键|现象|步骤|机型)</th>)", '<table class="narrow">', html)
    html = re.sub(r'<table class="narrow">(?=\s*<thead>\s*<tr>\s*<th>代码</th>)', '<table class="narrow codes">', html)
    html = whole.sub(lambda found: f"<span>{found[0]}</span>", html)
    heading = re.search(r"(?m)^#+ (.+)$", source)
    cover = ' class="cover"' if number == 1 and document["front_pages"] else ""
    return (f'<section{cover} data-title="{document["title"]}" data-section="{heading[1]}" '
            f'data-label="{label(number, document["front_pages"])}">{html}</section>')


def typeset(root, document, whole):
    source = (root / document["file"]).with_suffix(".md")
    marks = re.split(r"(?m)^<!-- page (\d+) -->\s*$", source.read_text(encoding="utf-8"))[1:]
    numbers, pages = [int(n) for n in marks[::2]], marks[1::2]
    assert numbers == list(range(1, len(pages) + 1)), f"{source}: the page marks are not 1, 2, 3 …"
    body = "".join(page_html(n, text, document, whole) for n, text in zip(numbers, pages))
    html = f'<html lang="zh-CN"><head><title>{document["title"]}</title><style>{STYLE}</style></head><body>{body}</body></html>'
    rendered = weasyprint.HTML(string=html).render()
    if len(rendered.pages) != len(pages):
        sys.exit(f"{source}: {len(pages)} marks but {len(rendered.pages)} pages: a page overflows")
    target = source.with_suffix(".pdf")
    rendered.write_pdf(target)
    set_page_labels(target, document["front_pages"])
    print(f"{target.name}: {len(pages)} pages, {target.stat().st_size // 1024} KiB")


def set_page_labels(path, front_pages):
    writer = pypdf.PdfWriter(clone_from=path)
    writer.pdf_header = "%PDF-1.7"
    if front_pages:
        writer.set_page_label(0, front_pages - 1, style="/r")
    writer.set_page_label(front_pages, len(writer.pages) - 1, style="/D", start=1)
    writer.write(path)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.environ["SOURCE_DATE_EPOCH"] = "1740787200"  # 2025-03-01: fonts carry the time they were cut
    root = pathlib.Path(sys.argv[1])
    documents = tomllib.loads((root / "documents.toml").read_text(encoding="utf-8"))["document"]
    whole = unbroken(root, documents)
    for document in documents:
        if document["file"].endswith(".pdf"):
            typeset(root, document, whole)


if __name__ == "__main__":
    main()
