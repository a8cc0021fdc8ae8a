//! DOCX and XLSX: the archive as it is, and archives whose parts are the pieces of the input between marks, as a changed byte of a
//! packed part would only ever be a wrong checksum.
#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

const DOCX: [&str; 3] = ["word/document.xml", "word/styles.xml", "word/numbering.xml"];
const XLSX: [&str; 5] = [
    "xl/workbook.xml",
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/_rels/workbook.xml.rels",
];

fn archive(names: &[&str], parts: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut rest = parts;
    for name in names {
        let end = memchr::memmem::find(rest, b"\n@@\n").unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind.get(4..).unwrap_or_default();
        if writer.start_file(*name, options).is_err() || writer.write_all(part).is_err() {
            return Vec::new();
        }
    }
    writer.finish().map_or_else(|_| Vec::new(), Cursor::into_inner)
}

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'D', parts)) => shifu_fuzz::document(&archive(&DOCX, parts), "a.docx"),
        Some((b'X', parts)) => shifu_fuzz::document(&archive(&XLSX, parts), "a.xlsx"),
        Some((b'x', _)) => shifu_fuzz::document(&bytes[1..], "a.xlsx"),
        _ => shifu_fuzz::document(bytes, "a.docx"),
    }
});
