//! Malformed documents of every format have the outcome that is written beside them; arbitrary and mutated ones have some
//! outcome, soon; valid ones keep their text.

mod cases;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cases::{office, pdf, text_of};
use proptest::prelude::*;
use shifu_knowledge::{Limits, page_picture, parse};

#[test]
fn every_malformed_document_has_its_expected_outcome() {
    let all = cases::all();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &all {
        *counts.entry(case.format).or_default() += 1;
    }
    eprintln!("malformed documents: {counts:?}, {} in all", all.len());
    let problems: Vec<String> = all.iter().filter_map(cases::Case::problem).collect();
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(all.len() >= 200, "{} cases", all.len());
}

/// Drawing has no expected outcome of its own: a picture or a reason, soon.
#[test]
fn every_malformed_pdf_is_drawn_or_refused() {
    for case in cases::all().into_iter().filter(|case| case.file == "a.pdf") {
        let start = Instant::now();
        let outcome = page_picture(&case.bytes, case.file, 1, None);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "{} took {took:?}", case.what);
        if let Err(error) = outcome {
            assert!(error.to_string().contains("a.pdf"), "{}: {error}", case.what);
        }
    }
}

const FILES: [&str; 6] = ["a.pdf", "a.docx", "a.xlsx", "a.html", "a.md", "a.txt"];

/// A small valid file of each format.
fn valid(file: &str, lines: &[String]) -> Vec<u8> {
    let html = |text: &String| format!("<p>{text}</p>");
    match file {
        "a.pdf" => pdf::valid(&lines.iter().map(String::as_str).collect::<Vec<_>>()),
        "a.docx" => office::document(
            &lines
                .iter()
                .map(|line| office::paragraph(line))
                .collect::<String>(),
        ),
        "a.xlsx" => {
            let cells = (1..).zip(lines).map(|(at, line)| {
                format!(
                    "<row r=\"{at}\">{}</row>",
                    office::inline(&format!("A{at}"), line)
                )
            });
            office::sheet(&cells.collect::<String>())
        }
        "a.html" => lines.iter().map(html).collect::<String>().into_bytes(),
        _ => lines.join("\n\n").into_bytes(),
    }
}

/// Parses and gives the text, if any; never longer than five seconds.
fn outcome(file: &str, bytes: &[u8]) -> Result<Option<String>, TestCaseError> {
    let start = Instant::now();
    let found = parse(bytes, file, &Limits::default(), &mut |_| {});
    let took = start.elapsed();
    prop_assert!(took < Duration::from_secs(5), "{file} took {took:?}");
    if file == "a.pdf" {
        let _ = page_picture(bytes, file, 1, None);
    }
    Ok(found.ok().map(|document| text_of(&document)))
}

/// A change to a file: at a place (as a share of it), of a kind, with bytes.
type Change = (f64, u8, Vec<u8>);

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for (place, kind, with) in changes {
        let at = ((bytes.len() as f64) * place) as usize;
        let end = (at + with.len()).min(bytes.len());
        match kind % 4 {
            0 => bytes[at..end].copy_from_slice(&with[..end - at]),
            1 => drop(bytes.splice(at..at, with.iter().copied())),
            2 => drop(bytes.drain(at..end)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let digits = prop::collection::vec(b'0'..=b'9', 1..8);
    let marks = prop::sample::select(vec![
        &b"<<"[..],
        b">>",
        b"[",
        b"]",
        b"<",
        b">",
        b"/",
        b"stream",
        b"R",
        b"&",
        b"\xff",
        b"\0",
    ]);
    let with = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        digits,
        marks.prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec((0.0..1.0f64, any::<u8>(), with), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_have_an_outcome(
        file in prop::sample::select(&FILES[..]),
        head in prop::sample::select(vec![&b""[..], b"%PDF-1.7\n", b"PK\x03\x04", b"PK\x05\x06", b"<html>", b"\xff\xfe"]),
        bytes in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        outcome(file, &[head, &bytes].concat())?;
    }

    #[test]
    fn mutated_files_have_an_outcome(file in prop::sample::select(&FILES[..]), changes in changes()) {
        let lines = ["first words".to_owned(), "second words".to_owned()];
        outcome(file, &changed(valid(file, &lines), &changes))?;
    }

    #[test]
    fn valid_files_keep_their_text(
        file in prop::sample::select(&FILES[..]),
        lines in prop::collection::vec("[a-z]{1,8}( [a-z]{1,8}){0,4}", 1..5),
        chinese in "[\u{4e00}-\u{9f00}]{1,20}",
    ) {
        let mut lines = lines;
        // The PDFs made here have no Chinese font.
        if file != "a.pdf" {
            lines.push(chinese);
        }
        let text = outcome(file, &valid(file, &lines))?.unwrap_or_default();
        let mut from = 0;
        for line in &lines {
            let found = text[from..].find(line.as_str());
            prop_assert!(found.is_some(), "{file}: {line:?} is not in its place in {text:?}");
            from += found.unwrap_or(0) + line.len();
        }
    }

    #[test]
    fn tables_keep_their_cells(cells in prop::collection::vec(prop::collection::vec("[a-z]{1,6}", 3), 2..6)) {
        let html: String = cells
            .iter()
            .map(|row| format!("<tr>{}</tr>", row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>()))
            .collect();
        let docx: String = cells
            .iter()
            .map(|row| format!("<w:tr>{}</w:tr>", row.iter().map(|cell| format!("<w:tc>{}</w:tc>", office::paragraph(cell))).collect::<String>()))
            .collect();
        let xlsx: String = (1..)
            .zip(&cells)
            .map(|(at, row)| {
                let cells: String = "ABC".chars().zip(row).map(|(column, cell)| office::inline(&format!("{column}{at}"), cell)).collect();
                format!("<row r=\"{at}\">{cells}</row>")
            })
            .collect();
        let markdown: String = cells.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        let expected = cells.iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        for (file, bytes) in [
            ("a.html", format!("<table>{html}</table>").into_bytes()),
            ("a.docx", office::document(&format!("<w:tbl>{docx}</w:tbl>"))),
            // The name of the sheet is its heading.
            ("a.xlsx", office::sheet(&xlsx)),
            ("a.md", markdown.into_bytes()),
        ] {
            let text = outcome(file, &bytes)?.unwrap_or_default();
            prop_assert!(text.ends_with(&expected), "{file}: {text:?} and not {expected:?}");
        }
    }
}
