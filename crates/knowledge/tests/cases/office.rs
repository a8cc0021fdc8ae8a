//! DOCX and XLSX: archives and XML that lie about themselves.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Case;
use super::Expected::{Damaged, Mislabelled, NoText, Over, Password, Text, Without};

/// An archive of these entries.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    with_method(entries, CompressionMethod::Deflated)
}

fn with_method(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(body).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn document(body: &str) -> Vec<u8> {
    archive(&[("word/document.xml", wrapped(body).as_bytes())])
}

fn wrapped(body: &str) -> String {
    format!("<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>")
}

pub(crate) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

pub(crate) fn sheet(rows: &str) -> Vec<u8> {
    workbook(&[("甲", rows)], "", "")
}

/// A workbook of sheets with these rows, shared strings and cell formats.
pub(crate) fn workbook(sheets: &[(&str, &str)], strings: &str, styles: &str) -> Vec<u8> {
    let list: String = (1..)
        .zip(sheets)
        .map(|(at, (name, _))| format!("<sheet name=\"{name}\" sheetId=\"{at}\" r:id=\"rId{at}\"/>"))
        .collect();
    let relations: String = (1..=sheets.len())
        .map(|at| format!("<Relationship Id=\"rId{at}\" Target=\"worksheets/sheet{at}.xml\"/>"))
        .collect();
    let mut entries = vec![
        (
            "xl/workbook.xml".to_owned(),
            format!("<workbook><sheets>{list}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("<Relationships>{relations}</Relationships>"),
        ),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst>{strings}</sst>")),
        (
            "xl/styles.xml".to_owned(),
            format!("<styleSheet>{styles}</styleSheet>"),
        ),
    ];
    for (at, (_, rows)) in (1..).zip(sheets) {
        entries.push((
            format!("xl/worksheets/sheet{at}.xml"),
            format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let entries: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(name, body)| (name.as_str(), body.as_bytes()))
        .collect();
    archive(&entries)
}

pub(crate) fn inline(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn row(number: u32, cells: &str) -> String {
    format!("<row r=\"{number}\">{cells}</row>")
}

/// Flips the bits of the byte at `at` from the place where `mark` stands.
fn flipped(mut bytes: Vec<u8>, mark: &[u8], at: usize, bits: u8) -> Vec<u8> {
    let place = memchr::memmem::find(&bytes, mark).unwrap();
    bytes[place + at] ^= bits;
    bytes
}

/// The old container that Office puts a locked file into.
fn locked() -> Vec<u8> {
    let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    bytes.resize(1024, 0);
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(2048, 0);
    bytes
}

/// What goes wrong with the archive itself, for a file with this ending and main part.
fn archives(file: &'static str, whole: &[u8], main: &'static str, missing: &'static str) -> Vec<Case> {
    let case = |what: &str, bytes: Vec<u8>, expected| Case::new(file, what, bytes, expected);
    let directory = memchr::memmem::find(whole, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::find(whole, b"PK\x05\x06").unwrap();
    let mut wrong_place = whole.to_vec();
    wrong_place[end + 16..end + 20].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
    let many: Vec<(String, &[u8])> = (0..60).map(|at| (format!("x{at}"), &b""[..])).collect();
    let mut many: Vec<(&str, &[u8])> = many.iter().map(|(name, body)| (name.as_str(), *body)).collect();
    many.push((main, b"<a/>"));
    let slip = archive(&[(Box::leak(format!("../../{main}").into_boxed_str()), b"<a/>")]);
    let absolute = archive(&[(Box::leak(format!("/{main}").into_boxed_str()), b"<a/>")]);
    let bomb = archive(&[(main, vec![b' '; 12 << 20].as_slice())]);
    let mut lying = bomb.clone();
    // The size it claims to unfold to, in both heads.
    for (mark, at) in [(&b"PK\x03\x04"[..], 22), (b"PK\x01\x02", 24)] {
        let place = memchr::memmem::find(&lying, mark).unwrap();
        lying[place + at..place + at + 4].copy_from_slice(&[16, 0, 0, 0]);
    }
    vec![
        case("no archive", b"hello".to_vec(), Mislabelled("no ZIP archive")),
        case(
            "a JPEG",
            b"\xff\xd8\xff\xe0".to_vec(),
            Mislabelled("a JPEG image"),
        ),
        case(
            "an old Office file",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(),
            Mislabelled("an old Office file"),
        ),
        case("a locked file", locked(), Password),
        case("an empty archive", archive(&[]), Mislabelled(missing)),
        case(
            "an archive of something else",
            archive(&[("x", b"y")]),
            Mislabelled(missing),
        ),
        case("an archive with its part outside", slip, Mislabelled(missing)),
        case(
            "an archive with its part at the root",
            absolute,
            Mislabelled(missing),
        ),
        case("cut after four bytes", whole[..4].to_vec(), Damaged("")),
        case("cut inside the first entry", whole[..60].to_vec(), Damaged("")),
        case(
            "cut before the directory",
            whole[..directory].to_vec(),
            Damaged(""),
        ),
        case(
            "cut inside the directory",
            whole[..directory + 30].to_vec(),
            Damaged(""),
        ),
        case("cut before the end record", whole[..end].to_vec(), Damaged("")),
        case(
            "cut inside the end record",
            whole[..end + 10].to_vec(),
            Damaged(""),
        ),
        case("a directory beyond the end", wrong_place, Damaged("")),
        case(
            "an unknown method",
            flipped(whole.to_vec(), b"PK\x01\x02", 10, 0x55),
            Damaged(""),
        ),
        case(
            "an encrypted entry",
            flipped(whole.to_vec(), b"PK\x01\x02", 8, 1),
            Password,
        ),
        case(
            "a wrong checksum",
            flipped(whole.to_vec(), b"PK\x01\x02", 16, 0xff),
            Damaged(main),
        ),
        case(
            "damaged packed data",
            flipped(whole.to_vec(), main.as_bytes(), main.len() + 3, 0xff),
            Damaged(main),
        ),
        case("too many entries", archive(&many), Over("archive_entries"))
            .within(|limits| limits.archive_entries = 50),
        case("12 MiB of blanks in 12 kB", bomb, Over("unpacked_bytes")),
        case(
            "12 MiB that claim to be 16 bytes",
            lying,
            Damaged("larger than its declared"),
        ),
        case("XML that is none", archive(&[(main, b"hello")]), NoText("")),
        case("XML of binary data", archive(&[(main, &[0xfe; 500])]), NoText("")),
        case(
            "XML cut off",
            archive(&[(main, b"<a><b><c>")]),
            Damaged("too early"),
        ),
        case(
            "XML of crossed tags",
            archive(&[(main, b"<a><b></a></b>")]),
            Damaged(main),
        ),
        case("XML of an open tag", archive(&[(main, b"<a")]), Damaged(main)),
        case(
            "XML 300 deep",
            archive(&[(main, "<a>".repeat(300).as_bytes())]),
            Over("xml_depth"),
        ),
    ]
}

pub(crate) fn docx_cases() -> Vec<Case> {
    let whole = document(&paragraph("第一段文字"));
    let mut cases = archives("a.docx", &whole, "word/document.xml", "without word/document.xml");
    let case = |what: &str, body: &str, expected| Case::new("a.docx", what, document(body), expected);
    let laughs = format!(
        "<!DOCTYPE a [<!ENTITY x \"{}\"><!ENTITY y \"&x;&x;&x;\">]>{}",
        "笑".repeat(100),
        wrapped(&paragraph("&y;前后"))
    );
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(
            wrapped(&paragraph("双字节文字"))
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    let mut broken = wrapped(&paragraph("第一段文字")).into_bytes();
    let at = memchr::memmem::find(&broken, "段".as_bytes()).unwrap();
    broken[at] = 0xff;
    let cell = |inside: &str| format!("<w:tc>{inside}</w:tc>");
    let table = |rows: &str| format!("<w:tbl>{rows}</w:tbl>");
    let span =
        |properties: &str, text: &str| cell(&format!("<w:tcPr>{properties}</w:tcPr>{}", paragraph(text)));
    let continued = format!(
        "<w:tr>{}</w:tr>{}",
        span("<w:vMerge w:val=\"restart\"/>", &"长".repeat(100_000)),
        format!("<w:tr>{}</w:tr>", span("<w:vMerge/>", "")).repeat(5_000)
    );
    let attributes: String = (0..100_000).map(|at| format!(" a{at}=\"\"")).collect();
    let breaks = format!("{}<w:br w:type=\"page\"/>", paragraph("字"));
    let mut numbering = String::from("<w:numbering><w:abstractNum w:abstractNumId=\"1\">");
    for level in 0..20_000 {
        numbering += &format!("<w:lvl w:ilvl=\"{level}\"><w:numFmt w:val=\"bullet\"/></w:lvl>");
    }
    numbering += "</w:abstractNum>";
    for list in 0..20_000 {
        numbering += &format!("<w:num w:numId=\"{list}\"><w:abstractNumId w:val=\"1\"/></w:num>");
    }
    numbering += "</w:numbering>";
    let body = wrapped(&paragraph("第一段文字"));
    let listed = with_method(
        &[
            ("word/document.xml", body.as_bytes()),
            ("word/numbering.xml", numbering.as_bytes()),
        ],
        CompressionMethod::Stored,
    );
    let parts =
        |entries: &[(&str, &[u8])]| archive(&[&[("word/document.xml", body.as_bytes())], entries].concat());
    cases.extend([
        case("no paragraph", "", NoText("no text")),
        case("blank paragraphs", &paragraph("  ").repeat(50), NoText("no text")),
        Case::new(
            "a.docx",
            "entities in entities",
            archive(&[("word/document.xml", laughs.as_bytes())]),
            Without("前后", "笑"),
        ),
        case("an unknown entity", &paragraph("前&nonsense;后"), Text("前后")),
        case(
            "a character that is none",
            &paragraph("前&#x110000;&#0;后"),
            Text("前"),
        ),
        Case::new(
            "a.docx",
            "UTF-16",
            archive(&[("word/document.xml", &utf16)]),
            Text("双字节文字"),
        ),
        Case::new(
            "a.docx",
            "a broken byte",
            archive(&[("word/document.xml", &broken)]),
            Text("第"),
        ),
        case(
            "a column span of 4 billion",
            &table(&format!(
                "<w:tr>{}</w:tr>",
                span("<w:gridSpan w:val=\"4294967295\"/>", "宽格")
            )),
            Text("宽格"),
        ),
        case(
            "a column span of minus one",
            &table(&format!(
                "<w:tr>{}</w:tr>",
                span("<w:gridSpan w:val=\"-1\"/>", "窄格")
            )),
            Text("窄格"),
        ),
        case(
            "a long cell continued 5,000 times",
            &table(&continued),
            Text("长"),
        ),
        case(
            "a continued cell without a first one",
            &table(&format!(
                "<w:tr>{}{}</w:tr>",
                span("<w:vMerge/>", ""),
                span("", "右格")
            )),
            Text("右格"),
        ),
        case("cells outside rows", &table(&span("", "漏网")), NoText("")),
        case(
            "rows outside tables",
            &format!("<w:tr>{}</w:tr>", span("", "行中字")),
            Text("行中字"),
        ),
        case(
            "80 tables in one another",
            &("<w:tbl><w:tr><w:tc>".repeat(80)
                + &paragraph("深处的字")
                + &"</w:tc></w:tr></w:tbl>".repeat(80)),
            Text("深处的字"),
        ),
        case(
            "too many cells",
            &table(&format!("<w:tr>{}</w:tr>", span("", "格").repeat(9)).repeat(9)),
            Over("table_cells"),
        )
        .within(|limits| limits.table_cells = 50),
        case(
            "too many cells without text",
            &table(&"<w:tr/>".repeat(500)),
            Over("table_cells"),
        )
        .within(|limits| limits.table_cells = 50),
        case(
            "a style with 100,000 attributes",
            &format!("<w:p><w:pPr><w:pStyle{attributes}/></w:pPr><w:r><w:t>第一段文字</w:t></w:r></w:p>"),
            Text("第一段文字"),
        ),
        case("6,000 page breaks", &breaks.repeat(6_000), Over("pages")),
        case("too much text", &paragraph("第一段文字"), Over("text_chars"))
            .within(|limits| limits.text_chars = 3),
        case("too many blocks", &paragraph("字").repeat(20), Over("blocks"))
            .within(|limits| limits.blocks = 10),
        Case::new(
            "a.docx",
            "20,000 lists of 20,000 levels",
            listed,
            Text("第一段文字"),
        ),
        Case::new(
            "a.docx",
            "styles that are no XML",
            parts(&[("word/styles.xml", b"<<<>>>")]),
            Text("第一段文字"),
        ),
        Case::new(
            "a.docx",
            "folded styles",
            parts(&[("word/styles.xml", vec![b' '; 12 << 20].as_slice())]),
            Over("unpacked_bytes"),
        ),
        Case::new(
            "a.docx",
            "parts that are too large together",
            parts(&[("word/styles.xml", b"<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/>")]),
            Over("unpacked_bytes"),
        )
        .within(|limits| limits.unpacked_bytes = 150),
        Case::new(
            "a.docx",
            "a workbook",
            sheet(&row(1, &inline("A1", "字"))),
            Mislabelled("without word/document.xml"),
        ),
        Case::new("a.docx", "a file over the limit", whole, Over("size_bytes"))
            .within(|limits| limits.file_bytes = 10),
    ]);
    cases
}

pub(crate) fn xlsx_cases() -> Vec<Case> {
    let whole = sheet(&row(1, &(inline("A1", "代码") + &inline("B1", "含义"))));
    let mut cases = archives("a.xlsx", &whole, "xl/workbook.xml", "without xl/workbook.xml");
    let case = |what: &str, rows: &str, expected| Case::new("a.xlsx", what, sheet(rows), expected);
    let words = row(1, &inline("A1", "单元格"));
    let book = |what: &str, strings: &str, styles: &str, cells: &str, expected| {
        Case::new(
            "a.xlsx",
            what,
            workbook(&[("甲", &row(1, cells))], strings, styles),
            expected,
        )
    };
    let merged = |areas: &str| {
        let rows = format!(
            "{}</sheetData><mergeCells>{areas}</mergeCells><sheetData>",
            row(1, &(inline("A1", "合并格") + &inline("B1", "旁格")))
        );
        sheet(&rows)
    };
    let shared = format!("<si><t>{}</t></si>", "长".repeat(100_000));
    let many_uses: String = (1..=600)
        .map(|at| row(at, "<c t=\"s\"><v>0</v></c><c t=\"s\"><v>0</v></c>"))
        .collect();
    cases.extend([
        case("no row", "", NoText("no text")),
        case("blank cells", &row(1, "<c r=\"A1\"/><c r=\"B1\"><v></v></c>"), NoText("no text")),
        case("a row of 4 billion", &words.replace("r=\"1\"", "r=\"4294967295\""), Text("单元格")),
        case("a row of minus one", &words.replace("r=\"1\"", "r=\"-1\""), Text("单元格")),
        case("a cell that is nowhere", &words.replace("A1", "?!"), Text("单元格")),
        case("a cell beyond the last column", &(words.clone() + &row(2, &inline("XFD2", "远处"))), Without("单元格", "远处")),
        case("a cell of a column that cannot be", &(words.clone() + &row(2, &inline("ZZZZ2", "第二行"))), Text("第二行")),
        case("cells from right to left", &row(1, &(inline("B1", "右边字") + &inline("A1", "左边字"))), Text("左边字 右边字")),
        case("two cells at one place", &row(1, &(inline("A1", "前一个") + &inline("A1", "后一个"))), Text("后一个")),
        case("rows from the last to the first", &(row(9, &inline("A9", "后面")) + &row(1, &inline("A1", "前面"))), Text("前面 后面")),
        case("numbers that are none", &row(1, "<c r=\"A1\"><v>NaN</v></c><c r=\"B1\"><v>1e999</v></c><c r=\"C1\"><v>12a</v></c>"), Text("12a")),
        case("an error and a truth", &row(1, "<c r=\"A1\" t=\"e\"><v>#REF!</v></c><c r=\"B1\" t=\"b\"><v>1</v></c><c r=\"C1\" t=\"b\"><v>0</v></c>"), Without("TRUE FALSE", "#REF!")),
        case("a formula with its value", &row(1, "<c r=\"A1\" t=\"str\"><f>A2&amp;A3</f><v>结果字</v></c>"), Without("结果字", "A2")),
        book("a shared string that is not there", "<si><t>甲乙</t></si>", "", "<c r=\"A1\" t=\"s\"><v>99999999999</v></c><c r=\"B1\" t=\"s\"><v>0</v></c>", Text("甲乙")),
        book("a shared string of minus one", "<si><t>甲乙</t></si>", "", "<c r=\"A1\" t=\"s\"><v>-1</v></c><c r=\"B1\" t=\"s\"><v>0</v></c>", Text("甲乙")),
        book("readings of a shared string", "<si><t>漢字</t><rPh><t>かんじ</t></rPh></si>", "", "<c r=\"A1\" t=\"s\"><v>0</v></c>", Without("漢字", "かんじ")),
        book("a style that is not there", "", "<cellXfs><xf numFmtId=\"14\"/></cellXfs>", "<c r=\"A1\" s=\"99999999999\"><v>45778</v></c><c r=\"B1\" s=\"0\"><v>45778</v></c>", Text("45778 2025-05-01")),
        book("a date beyond the calendar", "", "<cellXfs><xf numFmtId=\"14\"/></cellXfs>", "<c r=\"A1\" s=\"0\"><v>99999999</v></c>", Text("99999999")),
        book("a date before the calendar", "", "<cellXfs><xf numFmtId=\"14\"/></cellXfs>", "<c r=\"A1\" s=\"0\"><v>-5</v></c>", Text("-5")),
        book("a format of its own", "", "<numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy&quot;年&quot;m&quot;月&quot;\"/></numFmts><cellXfs><xf numFmtId=\"164\"/></cellXfs>", "<c r=\"A1\" s=\"0\"><v>45778</v></c>", Text("2025-05-01")),
        Case::new("a.xlsx", "an area of all cells", merged("<mergeCell ref=\"A1:XFD1048576\"/>"), Text("合并格")),
        Case::new("a.xlsx", "an area from right to left", merged("<mergeCell ref=\"B2:A1\"/>"), Text("合并格 旁格")),
        Case::new("a.xlsx", "areas that are none", merged("<mergeCell ref=\":\"/><mergeCell ref=\"A1\"/><mergeCell/>"), Text("合并格 旁格")),
        Case::new("a.xlsx", "30,000 areas", merged(&"<mergeCell ref=\"A1:A2\"/>".repeat(30_000)), Text("合并格")),
        Case::new("a.xlsx", "one long string a thousand times", workbook(&[("甲", &many_uses)], &shared, ""), Over("text_chars")),
        Case::new("a.xlsx", "too many strings", workbook(&[("甲", &words)], &"<si/>".repeat(30), ""), Over("blocks")).within(|limits| limits.blocks = 20),
        case("too many cells", &row(1, &inline("A1", "格").repeat(30)), Over("blocks")).within(|limits| limits.blocks = 20),
        case("too much text", &words, Over("text_chars")).within(|limits| limits.text_chars = 2),
        Case::new("a.xlsx", "too many sheets", workbook(&[("甲", ""); 30], "", ""), Over("pages")).within(|limits| limits.pages = 20),
        Case::new("a.xlsx", "a sheet that is not there", {
            let list = "<workbook><sheets><sheet name=\"a\" r:id=\"rId1\"/></sheets></workbook>";
            archive(&[("xl/workbook.xml", list.as_bytes())])
        }, NoText("no text")),
        Case::new("a.xlsx", "a sheet outside the archive", {
            let list = "<workbook><sheets><sheet name=\"a\" r:id=\"rId1\"/></sheets></workbook>";
            let relations = "<R><Relationship Id=\"rId1\" Target=\"../../../etc/passwd\"/></R>";
            archive(&[("xl/workbook.xml", list.as_bytes()), ("xl/_rels/workbook.xml.rels", relations.as_bytes())])
        }, NoText("no text")),
        Case::new("a.xlsx", "hidden sheets only", {
            let list = "<workbook><sheets><sheet name=\"a\" state=\"veryHidden\"/></sheets></workbook>";
            let rows = format!("<worksheet><sheetData>{words}</sheetData></worksheet>");
            archive(&[("xl/workbook.xml", list.as_bytes()), ("xl/worksheets/sheet1.xml", rows.as_bytes())])
        }, NoText("no text")),
        Case::new("a.xlsx", "a sheet cut off", {
            let list = "<workbook><sheets><sheet name=\"a\"/></sheets></workbook>";
            archive(&[("xl/workbook.xml", list.as_bytes()), ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>")])
        }, Damaged("too early")),
        Case::new("a.xlsx", "a sheet 300 deep", {
            let list = "<workbook><sheets><sheet name=\"a\"/></sheets></workbook>";
            archive(&[("xl/workbook.xml", list.as_bytes()), ("xl/worksheets/sheet1.xml", "<a>".repeat(300).as_bytes())])
        }, Over("xml_depth")),
        Case::new("a.xlsx", "a document", document(&paragraph("字")), Mislabelled("without xl/workbook.xml")),
    ]);
    cases
}
