#!/usr/bin/env python3
"""Small first inputs of every target, made from the bundled appliances: python3 fuzz/seeds.py DIR"""
import base64
import json
import pathlib
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "datasets"
LINES = ["split_air_conditioner", "gas_water_heater", "drum_washing_machine", "smart_toilet"]


def put(target: str, name: str, data: bytes | str) -> None:
    folder = pathlib.Path(sys.argv[1]) / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def pieces(text: str, size: int) -> list[str]:
    """Whole lines of about `size` characters, from the beginning and from the middle."""
    lines = text.splitlines(keepends=True)
    starts, out = (0, len(lines) // 2), []
    for start in starts:
        piece = ""
        for line in lines[start:]:
            if len(piece) > size:
                break
            piece += line
        out.append(piece)
    return out


def tables(text: str, count: int) -> str:
    """The head of a TOML file and its first tables of each kind."""
    head, *rest = text.split("\n[[")
    kept: dict[str, int] = {}
    out = [head]
    for table in rest:
        kind = table.split("]]")[0]
        kept[kind] = kept.get(kind, 0) + 1
        if kept[kind] <= count:
            out.append("[[" + table)
    return "\n".join(out)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(width * 3)) for y in range(height))
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"eXIf", exif)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def pdf(words: str, packed: bool) -> bytes:
    cmap = (b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange "
            b"1 beginbfrange <0000> <FFFF> <0000> endbfrange endcmap")
    text = "".join(f"{ord(c):04x}" for c in words if ord(c) < 0x10000)
    content = f"q 1 0 0 1 50 700 cm BT /F1 12 Tf <{text}> Tj /F2 10 Tf 0 -20 Td (E6) Tj ET 0 0 100 20 re S Q /X Do".encode()

    def stream(dictionary: str, data: bytes) -> bytes:
        if packed:
            data, dictionary = zlib.compress(data), dictionary + "/Filter/FlateDecode"
        return f"<<{dictionary}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"

    objects = [
        b"<</Type/Catalog/Pages 2 0 R/PageLabels<</Nums[0<</S/r>>]>>>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 8 0 R>>/XObject<</X 9 0 R>>>>>>",
        stream("", content),
        b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000>>",
        stream("", cmap),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", b"BT /F2 9 Tf (form) Tj ET"),
    ]
    out, places = b"%PDF-1.7\n", []
    for at, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{at} 0 obj\n".encode() + body + b"\nendobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{p:010} 00000 n \n" for p in places)
    return out + (table + f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n").encode()


def documents(line: str) -> None:
    manual = next((DATA / line / "manual").glob("user-guide.md")).read_text()
    for at, piece in enumerate(pieces(manual, 1500)):
        put("html", f"{line}-{at}.md", "M" + piece)
        put("html", f"{line}-{at}.txt", "T" + piece.replace("#", ""))
        rows = "".join(f"<tr><td rowspan=2>{row}</td><th colspan=3>{row}</th></tr>" for row in piece.split("\n")[:6])
        put("html", f"{line}-{at}.html", f"<h1>{line}</h1><ol><li>{piece[:300]}</ol><table>{rows}</table>")
        put("pdf", f"{line}-{at}.pdf", pdf(piece.split("\n")[0], at == 0))
        words = [word for word in piece.split() if "<" not in word and "&" not in word][:12]
        paragraphs = "".join(f'<w:p><w:pPr><w:pStyle w:val="a"/></w:pPr><w:r><w:t>{word}</w:t></w:r></w:p>' for word in words[:4])
        cells = "".join(f'<w:tc><w:tcPr><w:gridSpan w:val="2"/><w:vMerge/></w:tcPr><w:p><w:r><w:t>{word}</w:t></w:r></w:p></w:tc>' for word in words[4:8])
        styles = '<w:styles><w:style w:styleId="a"><w:name w:val="heading 1"/></w:style></w:styles>'
        numbering = '<w:numbering><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum></w:numbering>'
        put("docx_xlsx", f"{line}-{at}.docx", "D" + "\n@@\n".join(
            [f"<w:document><w:body>{paragraphs}<w:tbl><w:tr>{cells}</w:tr></w:tbl></w:body></w:document>", styles, numbering]))
        rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n % 3}</v></c><c r="B{n}" s="0"><v>{45000 + n}</v></c></row>' for n in range(1, 5))
        put("docx_xlsx", f"{line}-{at}.xlsx", "X" + "\n@@\n".join([
            f'<workbook><sheets><sheet name="{line}" r:id="rId1"/></sheets></workbook>',
            f'<worksheet><sheetData>{rows}</sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>',
            "<sst>" + "".join(f"<si><t>{word}</t></si>" for word in words[:3]) + "</sst>",
            '<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>',
            '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>']))


def definitions(line: str) -> None:
    put("toml", f"{line}-tree", "T" + tables((DATA / line / "fault-tree.toml").read_text(), 2))
    put("toml", f"{line}-bom", "B" + tables((DATA / line / "bom.toml").read_text(), 4))
    for standard in (DATA / line / "standards").glob("*/standard.toml"):
        put("toml", f"{line}-standard", "S" + tables(standard.read_text(), 2))
    events, gates = [], []
    for at, table in enumerate((DATA / line / "fault-tree.toml").read_text().split("[[event]]")[1:6]):
        name = table.split('id = "')[1].split('"')[0]
        events.append(f'<define-basic-event name="{name}"><label>{name}</label><float value="0.0{at + 1}"/></define-basic-event>')
        gates.append(f'<basic-event name="{name}"/>')
    put("mef_xml", line, '<opsa-mef name="m"><define-fault-tree name="t"><define-gate name="g"><or>'
        f'{"".join(gates)}<not><gate name="h"/></not></or></define-gate><define-gate name="h"><atleast min="2">{"".join(gates)}'
        f'</atleast></define-gate></define-fault-tree><model-data>{"".join(events)}</model-data></opsa-mef>')


def main() -> None:
    for line in LINES:
        documents(line)
        definitions(line)
        dialogues = (DATA / line / "dialogues-dev.jsonl").read_text().splitlines()
        for at, dialogue in enumerate(dialogues[:3]):
            put("dialogue_json", f"{line}-{at}", json.dumps(json.loads(dialogue)["dialogue"], ensure_ascii=False))
    put("mef_xml", "expressions", '<opsa-mef><define-fault-tree name="t"><define-component name="c" role="private">'
        '<define-basic-event name="e"><exponential><parameter name="p"/><system-mission-time/></exponential></define-basic-event>'
        '</define-component><define-gate name="g"><cardinality min="1" max="1"><event name="c.e"/><event name="a" type="basic-event"/>'
        '<constant value="true"/></cardinality></define-gate></define-fault-tree><define-parameter name="p"><histogram><float value="0"/>'
        '<bin><float value="1e-6"/><float value="1"/></bin></histogram></define-parameter><model-data><define-basic-event name="a"/>'
        '<define-basic-event name="b"/></model-data><define-CCF-group name="G" model="MGL"><members><basic-event name="a"/>'
        '<basic-event name="b"/></members><distribution><float value="0.1"/></distribution><factors><factor level="2"><float value="0.2"/>'
        '</factor></factors></define-CCF-group></opsa-mef>')
    put("photo", "tiny.png", png(24, 16))
    put("photo", "tiny.webp", base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="))
    photos = sorted((DATA / LINES[0]).rglob("*.jpg"), key=lambda path: path.stat().st_size)
    for photo in photos[:2]:
        put("photo", photo.parent.name + "-" + photo.name, photo.read_bytes())
    ticket = '{"ticket_id":"T-1","category":"split_air_conditioner_install","stage":"after"}'
    put("multipart", "inspection", 'multipart/form-data; boundary=b7\n--b7\r\nContent-Disposition: form-data; name="ticket"\r\n\r\n'
        + ticket + '\r\n--b7\r\nContent-Disposition: form-data; name="photos"; filename="外机.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        + "\xff\r\n--b7--\r\n")


main()
