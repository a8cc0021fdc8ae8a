//! Whole files, hostile ones included, through the one entry point.

use std::io::Write;

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
