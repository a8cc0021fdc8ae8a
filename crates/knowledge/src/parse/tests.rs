//! Whole files, hostile ones included, through the one entry point.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use hayro::vello_cpu::Pixmap;
use shifu_domain::Photo;
use shifu_domain::models::{ModelError, ModelVersion, Priority, TextLine};

use super::*;

fn parsed(bytes: &[u8], name: &str) -> Result<Document, KnowledgeError> {
    parse(bytes, name, &Limits::default(), &mut |_| {})
}

fn docx(document: &str, styles: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in [("word/document.xml", document), ("word/styles.xml", styles)] {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(body.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn wrapped(body: &str) -> String {
    format!("<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>")
}

fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

#[test]
fn docx_headings_tables_and_page_breaks() {
    let body = [
        "<w:p><w:pPr><w:pStyle w:val=\"a1\"/></w:pPr><w:r><w:t>故障代码</w:t></w:r></w:p>",
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>代码</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>名称</w:t></w:r></w:p></w:tc></w:tr>",
        "<w:tr><w:tc><w:tcPr><w:vMerge w:val=\"restart\"/></w:tcPr><w:p><w:r><w:t>E6</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>通讯故障之一的说明</w:t></w:r></w:p></w:tc></w:tr>",
        "<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc><w:tc><w:p><w:r><w:t>主板 &amp; 线</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
        "<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p><w:p><w:r><w:lastRenderedPageBreak/><w:t>第二页</w:t></w:r></w:p>",
        "<w:p><w:r><w:t>还在第二页</w:t><w:lastRenderedPageBreak/><w:t>第三页</w:t></w:r></w:p>",
    ]
    .concat();
    let styles = "<w:styles xmlns:w=\"w\"><w:style w:styleId=\"a1\"><w:name w:val=\"heading 2\"/></w:style></w:styles>";
    let document = parsed(&docx(&wrapped(&body), styles), "a.docx").unwrap();
    assert_eq!(document.pages.len(), 3);
    assert_eq!(
        document.pages[0].blocks[0],
        Block::Heading {
            level: 2,
            text: "故障代码".into()
        }
    );
    let Block::Table(table) = &document.pages[0].blocks[1] else {
        panic!("{document:?}")
    };
    assert_eq!(table.rows, [["E6", "通讯故障之一的说明"], ["E6", "主板 & 线"]]);
    assert_eq!(document.pages[1].blocks.len(), 2);
    assert_eq!(document.pages[2].blocks, [Block::Paragraph("第三页".into())]);
}

#[test]
fn a_zip_bomb_and_a_deep_document_are_refused() {
    let bomb = docx(&wrapped(&paragraph(&"0".repeat(60 << 20))), "<a/>");
    assert!(bomb.len() < 200_000, "the bomb is small");
    assert!(matches!(
        parsed(&bomb, "a.docx"),
        Err(KnowledgeError::OverLimit {
            limit: "unpacked_bytes",
            ..
        })
    ));
    let deep = docx(&"<w:p>".repeat(100_000), "<a/>");
    assert!(matches!(
        parsed(&deep, "a.docx"),
        Err(KnowledgeError::OverLimit {
            limit: "xml_depth",
            ..
        })
    ));
    let other = {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer
            .start_file("x", zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.finish().unwrap().into_inner()
    };
    assert!(matches!(
        parsed(&other, "a.docx"),
        Err(KnowledgeError::Mislabelled { .. })
    ));
}

/// A PDF of the given page contents; Helvetica as F1. `extra` goes into the catalogue.
fn pdf(pages: &[&str], extra: &str, trailer: &str) -> Vec<u8> {
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{extra}>>"),
        format!(
            "<</Type/Pages/Count {}/Kids[{}]>>",
            pages.len(),
            (0..pages.len())
                .map(|at| format!("{} 0 R ", 4 + 2 * at))
                .collect::<String>()
        ),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    for (at, content) in pages.iter().enumerate() {
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 3 0 R>>>>/Contents {} 0 R>>",
            5 + 2 * at
        ));
        objects.push(format!(
            "<</Length {}>>stream\n{content}\nendstream",
            content.len()
        ));
    }
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).bytes());
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(
        format!(
            "trailer\n<</Size {}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF",
            objects.len() + 1
        )
        .bytes(),
    );
    out
}

#[test]
fn pdf_pages_labels_and_blank_pages() {
    let text = |words: &str| format!("BT /F1 12 Tf 50 700 Td ({words}) Tj ET");
    let bytes = pdf(
        &[&text("First page here"), "", &text("Third page here")],
        "/PageLabels<</Nums[0<</S/r>>2<</S/D/P(A-)/St 5>>]>>",
        "",
    );
    let document = parsed(&bytes, "a.pdf").unwrap();
    assert_eq!(
        document.pages[0].blocks,
        [Block::Paragraph("First page here".into())]
    );
    let labels: Vec<_> = document
        .pages
        .iter()
        .map(|page| page.label.as_deref().unwrap())
        .collect();
    assert_eq!(labels, ["i", "ii", "A-5"]);
    assert_eq!(
        document.skipped,
        [SkippedPage {
            page: 2,
            reason: "no text on this page".into()
        }]
    );
}

#[test]
fn pdf_rows_of_a_table_survive() {
    let cell = |x: u32, y: u32, text: &str| format!("BT /F1 10 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET ");
    let content: String = [
        ("Code", "Meaning", 700),
        ("E6", "Communication fault", 680),
        ("F1", "Room sensor open", 660),
    ]
    .iter()
    .flat_map(|&(left, right, y)| [cell(50, y, left), cell(150, y, right)])
    .collect();
    let document = parsed(&pdf(&[&content], "", ""), "a.pdf").unwrap();
    let Block::Table(table) = &document.pages[0].blocks[0] else {
        panic!("{document:?}")
    };
    assert_eq!(table.header, ["Code", "Meaning"]);
    assert_eq!(table.rows[0], ["E6", "Communication fault"]);
}

#[test]
fn protected_truncated_and_textless_pdfs_say_so() {
    let text = "BT /F1 12 Tf 50 700 Td (secret) Tj ET";
    let whole = pdf(&[text], "", "");
    assert!(matches!(
        parsed(&whole[..60], "a.pdf"),
        Err(KnowledgeError::Damaged { format: "PDF", .. })
    ));
    let key = "00".repeat(32);
    let encrypt =
        format!("/ID[<00><00>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{key}>/U<{key}>>>");
    assert!(matches!(
        parsed(&pdf(&[text], "", &encrypt), "a.pdf"),
        Err(KnowledgeError::PasswordProtected { .. })
    ));
    assert!(matches!(
        parsed(&pdf(&[""], "", ""), "a.pdf"),
        Err(KnowledgeError::NoText { pages: 1, .. })
    ));
}

#[test]
fn a_flate_bomb_is_refused_before_it_unfolds() {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..300 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let mut bytes = format!(
        "%PDF-1.7\n1 0 obj\n<</Filter/FlateDecode/Length {}>>stream\n",
        packed.len()
    )
    .into_bytes();
    bytes.extend(&packed);
    bytes.extend(b"\nendstream endobj");
    assert!(matches!(
        parsed(&bytes, "a.pdf"),
        Err(KnowledgeError::OverLimit {
            limit: "unpacked_bytes",
            ..
        })
    ));
}

#[test]
fn hostile_and_mislabelled_files_are_named() {
    assert!(matches!(
        parsed(b"", "a.md"),
        Err(KnowledgeError::EmptyFile { .. })
    ));
    assert!(matches!(
        parsed(b" \n\n", "a.txt"),
        Err(KnowledgeError::EmptyFile { .. })
    ));
    assert!(matches!(
        parsed(b"\x89PNG\r\n\x1a\n0000", "a.pdf"),
        Err(KnowledgeError::Mislabelled { .. })
    ));
    assert!(matches!(
        parsed(b"hello", "a.docx"),
        Err(KnowledgeError::Mislabelled { .. })
    ));
    assert!(matches!(
        parsed(b"\x89PNG\r\n\x1a\n0000", "a.md"),
        Err(KnowledgeError::Mislabelled { .. })
    ));
    assert!(matches!(
        parsed(b"x", "a.exe"),
        Err(KnowledgeError::UnsupportedFormat { .. })
    ));
    let small = Limits {
        file_bytes: 3,
        ..Limits::default()
    };
    assert!(matches!(
        parse(b"12345", "a.md", &small, &mut |_| {}),
        Err(KnowledgeError::OverLimit {
            limit: "size_bytes",
            ..
        })
    ));
    assert!(matches!(
        parsed(b"<!-- page 999999 -->\nx", "a.md"),
        Err(KnowledgeError::OverLimit { limit: "pages", .. })
    ));
    let mut broken = "室外机风机电机故障，检查绕组。".repeat(30).into_bytes();
    broken.push(0xff);
    assert!(
        parsed(&broken, "a.txt").is_ok(),
        "one broken byte costs one character"
    );
}

#[test]
fn every_cut_of_a_pdf_and_a_docx_gives_a_result() {
    let pdf = pdf(&["BT /F1 12 Tf 50 700 Td (text) Tj ET"], "", "");
    let docx = docx(&wrapped(&paragraph("text")), "<a/>");
    for (bytes, name) in [(&pdf, "a.pdf"), (&docx, "a.docx")] {
        for end in (0..bytes.len()).step_by(7) {
            let _ = parsed(&bytes[..end], name);
        }
    }
}

/// Sees what it is told to see on every page, and remembers the pictures.
struct Recognizer {
    sees: Result<Vec<TextLine>, ModelError>,
    seen: Mutex<Vec<Photo>>,
}

impl Recognizer {
    fn new(sees: Result<Vec<TextLine>, ModelError>) -> Self {
        Self {
            sees,
            seen: Mutex::default(),
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Document, KnowledgeError> {
        let reader = Reader {
            limits: Limits::default(),
            recognizer: Some(self),
            stop: None,
        };
        reader.parse(bytes, "a.pdf", &mut |_| {})
    }
}

impl TextRecognizer for Recognizer {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: "told".into(),
            version: "1".into(),
        }
    }

    fn recognize(&self, photo: &Photo, priority: Priority) -> Result<Vec<TextLine>, ModelError> {
        assert_eq!(priority, Priority::Bulk);
        self.seen.lock().unwrap().push(photo.clone());
        self.sees.clone()
    }
}

/// A line at a place in fractions of the page.
fn seen(x: f32, y: f32, width: f32, height: f32, text: &str) -> TextLine {
    TextLine {
        text: text.to_owned(),
        confidence: 0.9,
        corners: [(x, y), (x + width, y), (x + width, y + height), (x, y + height)],
        character_confidences: vec![0.9; text.chars().count()],
    }
}

/// A page that is one black picture in its lower half.
const SCAN: &str = "q 600 0 0 400 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI Q";

#[test]
fn a_scanned_page_is_drawn_read_and_laid_out() {
    let recognizer = Recognizer::new(Ok(vec![
        // 800 points high: a heading of 24 points, then text and a table of 12.
        seen(0.1, 0.05, 0.16, 0.036, "故障代码"),
        seen(0.1, 0.12, 0.28, 0.018, "显示下列代码时先断电再检查。"),
        seen(0.1, 0.200, 0.04, 0.018, "代码"),
        seen(0.3, 0.200, 0.08, 0.018, "故障名称"),
        seen(0.1, 0.225, 0.02, 0.018, "E6"),
        seen(0.3, 0.226, 0.08, 0.018, "通信故障"),
        seen(0.1, 0.250, 0.02, 0.018, "F1"),
        seen(0.3, 0.249, 0.06, 0.018, "感温包"),
    ]));
    let text = "BT /F1 12 Tf 50 700 Td (a page with text) Tj ET";
    let bytes = pdf(&[SCAN, &format!("{text} {SCAN}")], "", "");
    let document = recognizer.read(&bytes).unwrap();
    let photos = recognizer.seen.lock().unwrap();
    assert_eq!(photos.len(), 1, "a page with a text layer is left alone");
    assert_eq!((photos[0].width(), photos[0].height()), (1350, 1800));
    assert_eq!(photos[0].pixel(600, 500), [255; 3], "the upper half is paper");
    assert_eq!(
        photos[0].pixel(600, 1300),
        [0; 3],
        "the lower half is the picture"
    );
    assert_eq!(document.ocr_pages(), [1]);
    assert_eq!(document.skipped, []);
    let [
        Block::Heading { text: title, .. },
        Block::Paragraph(first),
        Block::Table(table),
    ] = &document.pages[0].blocks[..]
    else {
        panic!("{:?}", document.pages[0])
    };
    assert_eq!(
        (title.as_str(), first.as_str()),
        ("故障代码", "显示下列代码时先断电再检查。")
    );
    assert_eq!(table.header, ["代码", "故障名称"]);
    assert_eq!(table.rows, [["E6", "通信故障"], ["F1", "感温包"]]);
    let (row, area) = document.pages[0].areas[2][1];
    let near = |a: f32, b: f32| (a - b).abs() < 0.004;
    assert!(
        row == 1 && near(area.x, 0.1) && near(area.width, 0.28),
        "{area:?}"
    );
    assert!(near(area.y, 0.226) && near(area.height, 0.018), "{area:?}");
}

#[test]
fn a_tilted_scan_keeps_its_rows() {
    // Tilted by one degree: over half the page the lines sink by five points.
    let tilted = |x: f32, y: f32, width: f32, text: &str| {
        let sinks = |x: f32| 0.0175 * x * 600.0 / 800.0;
        let corner = |x: f32, y: f32| (x, y + sinks(x));
        TextLine {
            corners: [
                corner(x, y),
                corner(x + width, y),
                corner(x + width, y + 0.018),
                corner(x, y + 0.018),
            ],
            ..seen(x, y, width, 0.018, text)
        }
    };
    let long = "显示下列代码时先断电再检查，检查之前先等待五分钟。";
    let recognizer = Recognizer::new(Ok(vec![
        tilted(0.1, 0.10, 0.6, long),
        tilted(0.1, 0.13, 0.6, long),
        tilted(0.1, 0.225, 0.02, "E6"),
        tilted(0.7, 0.225, 0.08, "通信故障"),
        tilted(0.1, 0.250, 0.02, "F1"),
        tilted(0.7, 0.250, 0.06, "感温包"),
    ]));
    let document = recognizer.read(&pdf(&[SCAN], "", "")).unwrap();
    let Some(Block::Table(table)) = document.pages[0].blocks.last() else {
        panic!("{document:?}")
    };
    assert_eq!(table.rows, [["E6", "通信故障"], ["F1", "感温包"]]);
}

#[test]
fn a_page_that_ocr_fails_on_is_skipped_and_the_others_are_not() {
    let text = "BT /F1 12 Tf 50 700 Td (a page with text) Tj ET";
    let bytes = pdf(&[text, SCAN], "", "");
    let check = |document: Result<Document, KnowledgeError>, expected: &str| {
        let document = document.unwrap();
        assert_eq!(document.pages[0].blocks.len(), 1);
        assert_eq!(document.ocr_pages(), [0; 0]);
        let [skipped] = &document.skipped[..] else {
            panic!("{document:?}")
        };
        assert_eq!(skipped.page, 2);
        assert!(skipped.reason.contains(expected), "{:?}", skipped.reason);
    };
    check(parsed(&bytes, "a.pdf"), "`shifu models install`");
    check(Recognizer::new(Ok(Vec::new())).read(&bytes), "OCR finds no text");
    let busy = Recognizer::new(Err(ModelError::Overloaded {
        model: "told".into(),
        retry_after_ms: 1,
    }));
    check(busy.read(&bytes), "told is busy");
    assert_eq!(
        busy.seen.lock().unwrap().len(),
        3,
        "a busy recogniser is asked again"
    );
    let failed = Recognizer::new(Err(ModelError::Failed {
        model: "told".into(),
        reason: "broken".into(),
    }));
    check(failed.read(&bytes), "told failed: broken");
    assert_eq!(failed.seen.lock().unwrap().len(), 1);
    let late = Reader {
        limits: Limits {
            ocr_time: std::time::Duration::ZERO,
            ..Limits::default()
        },
        recognizer: Some(&failed),
        stop: None,
    };
    let twice = pdf(&[text, SCAN, SCAN], "", "");
    let late = late.parse(&twice, "a.pdf", &mut |_| {}).unwrap();
    assert!(
        late.skipped[1].reason.contains("took more than 0 minutes"),
        "{late:?}"
    );
    let stopped = Reader {
        limits: Limits::default(),
        recognizer: Some(&failed),
        stop: Some(&AtomicBool::new(true)),
    };
    assert!(matches!(
        stopped.parse(&twice, "a.pdf", &mut |_| {}),
        Err(KnowledgeError::Interrupted { .. })
    ));
}

/// A PNG's pixels.
fn pixels(png: &[u8]) -> Pixmap {
    Pixmap::from_png(std::io::Cursor::new(png)).unwrap()
}

#[test]
fn a_page_is_drawn_upright_with_its_mark() {
    // Turned by a quarter, the page is 800 by 600; the square in its lower left corner comes to stand in the upper left one.
    let bytes = pdf(&["0 0 150 150 re f"], "", "");
    let text = String::from_utf8(bytes).unwrap();
    let turned = text.replace("/MediaBox[0 0 600 800]", "/Rotate 90/MediaBox[0 0 600 800]");
    let bytes = turned.into_bytes();
    let plain = pixels(&page_picture(&bytes, "a.pdf", 1, None).unwrap());
    assert_eq!((plain.width(), plain.height()), (1600, 1200));
    let colour = |of: &Pixmap, x: u16, y: u16| {
        let pixel = of.sample(x, y);
        [pixel.r, pixel.g, pixel.b]
    };
    assert_eq!(
        (colour(&plain, 10, 10), colour(&plain, 10, 1190)),
        ([0; 3], [255; 3])
    );
    let mark = BoundingBox {
        x: 0.5,
        y: 0.25,
        width: 0.25,
        height: 0.125,
    };
    let marked = pixels(&page_picture(&bytes, "a.pdf", 1, Some(mark)).unwrap());
    // The box with five pixels of room.
    let inside = |x: u16, y: u16| (795..1205).contains(&x) && (295..455).contains(&y);
    for y in 0..1200 {
        for x in 0..1600 {
            let differs = plain.sample(x, y) != marked.sample(x, y);
            assert_eq!(differs, inside(x, y), "({x}, {y})");
        }
    }
    let wild = BoundingBox {
        x: f32::NAN,
        y: -3.0,
        width: f32::INFINITY,
        height: 1e30,
    };
    page_picture(&bytes, "a.pdf", 1, Some(wild)).unwrap();
}

#[test]
fn what_has_no_picture_says_so() {
    let bytes = pdf(&["0 0 150 150 re f"], "", "");
    let check = |found: Result<Vec<u8>, KnowledgeError>, expected: &str| {
        let error = found.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    };
    check(
        page_picture(&bytes, "a.pdf", 0, None),
        "a.pdf has no page 0; its pages are 1 to 1",
    );
    check(page_picture(&bytes, "a.pdf", 2, None), "a.pdf has no page 2");
    check(
        page_picture(b"text", "a.md", 1, None),
        "only pages of a PDF have one, this is Markdown",
    );
    let page = |content: &str| page_picture(&pdf(&[content], "", ""), "a.pdf", 1, None);
    check(page(&"0 0 600 800 re f ".repeat(10_000)), "too many pixels");
    check(page("[0.0001] 0 d 0 0 m 600 800 l S"), "too many lines");
    check(
        page(&"0 0 m 1 800 l 2 0 l 3 800 l S ".repeat(20_000)),
        "too many lines",
    );
    let picture = "q 600 0 0 800 0 0 cm BI /W 9000 /H 9000 /BPC 1 /CS /G ID x EI Q ";
    check(page(&picture.repeat(4)), "too many pixels of pictures");
    check(
        page("q 1000000000 0 0 8000 0 0 cm BI /W 3000 /H 30000 /BPC 1 /CS /G ID x EI Q"),
        "too many bytes",
    );
    let large = "BI /W 60000 /H 60000 /BPC 1 /CS /G ID x EI";
    check(page(large), "too many pixels of pictures");
}
