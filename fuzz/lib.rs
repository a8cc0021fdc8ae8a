//! What the targets share.

use shifu_knowledge::{KnowledgeError, Limits, page_picture as picture, parse};

/// Panics inside a decoder of somebody else's are caught where it is called and become errors; only one that reaches the target is
/// a finding. libFuzzer's own hook would end the run at the first caught one.
pub fn only_uncaught_panics_count() {
    std::panic::set_hook(Box::new(|panic| {
        let ours = panic
            .location()
            .is_some_and(|place| place.file().contains("crates/"));
        let theirs = panic
            .location()
            .is_some_and(|place| place.file().contains("registry/"));
        if ours && !theirs {
            eprintln!("{panic}");
        }
    }));
}

/// Draws the first page; an error names the file.
pub fn page_picture(bytes: &[u8]) {
    if let Err(error) = picture(bytes, "a.pdf", 1, None) {
        assert!(error.to_string().starts_with("a.pdf"));
    }
}

/// Parses a document; whatever it holds, what comes out is within the limits.
pub fn document(bytes: &[u8], file: &str) {
    let limits = Limits {
        pages: 200,
        text_chars: 2_000_000,
        unpacked_bytes: 32 << 20,
        document_content_bytes: 64 << 20,
        ..Limits::default()
    };
    match parse(bytes, file, &limits, &mut |_| {}) {
        Ok(document) => {
            assert!(document.pages.len() <= limits.pages as usize);
            assert!(document.pages.iter().any(|page| !page.blocks.is_empty()));
        }
        Err(KnowledgeError::OverLimit { max, actual, .. }) => assert!(actual > max),
        Err(error) => assert!(error.to_string().starts_with(file)),
    }
}
