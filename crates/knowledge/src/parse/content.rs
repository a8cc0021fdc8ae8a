//! What a PDF page would cost, looked at before it is interpreted: the interpreter itself sets no bounds on the size of a
//! page, on paths and runs of text that are only collected, or on inline images within one another.

use std::collections::BTreeSet;

use hayro_interpret::hayro_syntax::content::UntypedIter;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Object, ObjectIdentifier, Stream};
use hayro_interpret::hayro_syntax::page::{Page, Resources};

use crate::limits::Limits;

/// Pieces of a path that may be collected before it is drawn (a piece takes up to 56 bytes).
const MOST_PATH_PIECES: usize = 1_000_000;
/// Bytes of text that may be collected as a clip (a glyph's outline takes about 3 kB).
const MOST_CLIP_TEXT: usize = 10_000;
/// Streams that one page's content may be cut into.
const MOST_CONTENT_STREAMS: usize = 2_000;
/// Forms within forms; the interpreter goes no deeper either.
const DEEPEST_FORM: usize = 50;
/// Ends of inline images that may be doubtful in one stream.
const MOST_DOUBTFUL_IMAGES: usize = 12;

/// Looks at pages one after the other.
pub(super) struct Guard {
    limits: Limits,
    /// Bytes of content of all pages so far.
    total: u64,
    /// Forms that were looked at.
    seen: BTreeSet<ObjectIdentifier>,
}

impl Guard {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            total: 0,
            seen: BTreeSet::new(),
        }
    }

    /// Bytes of content of all pages looked at.
    pub(super) fn total_bytes(&self) -> u64 {
        self.total
    }

    /// Why a page must not be interpreted, if there is a reason.
    pub(super) fn refuses(&mut self, page: &Page<'_>) -> Option<String> {
        self.page(page).err()
    }

    fn page(&mut self, page: &Page<'_>) -> Result<(), String> {
        if let Some(parts) = page.raw().get::<Array<'_>>("Contents") {
            self.parts(&parts)?;
        }
        let content = page.page_stream().unwrap_or_default();
        self.total += content.len() as u64;
        self.content(content)?;
        self.forms(page.resources(), 0)?;
        if let Some(annotations) = page.raw().get::<Array<'_>>("Annots") {
            for annotation in annotations.iter::<Dict<'_>>().take(10_000) {
                for form in appearances(&annotation) {
                    self.form(&form, 0)?;
                }
            }
        }
        Ok(())
    }

    /// Adds the parts of a page's content up before they are joined.
    fn parts(&self, parts: &Array<'_>) -> Result<(), String> {
        let mut size = 0;
        for (at, part) in parts.iter::<Stream<'_>>().enumerate() {
            if at >= MOST_CONTENT_STREAMS {
                return Err(format!(
                    "its content is in more than {MOST_CONTENT_STREAMS} pieces"
                ));
            }
            size += part.decoded_data().map_or(0, |data| data.len());
            self.size(size)?;
        }
        Ok(())
    }

    fn size(&self, bytes: usize) -> Result<(), String> {
        let most = self.limits.page_content_bytes;
        if bytes > most {
            return Err(format!(
                "more than {most} bytes of drawing instructions on this page"
            ));
        }
        Ok(())
    }

    fn forms(&mut self, resources: &Resources<'_>, depth: usize) -> Result<(), String> {
        for name in resources.x_objects.keys().take(10_000) {
            if let Some(stream) = resources.get_x_object(&name) {
                let subtype = stream
                    .dict()
                    .get::<hayro_interpret::hayro_syntax::object::Name<'_>>("Subtype");
                if subtype.is_some_and(|name| name.as_str() == "Form") {
                    self.form(&stream, depth)?;
                }
            }
        }
        Ok(())
    }

    fn form(&mut self, form: &Stream<'_>, depth: usize) -> Result<(), String> {
        if depth > DEEPEST_FORM || !self.seen.insert(form.obj_id()) {
            return Ok(());
        }
        if let Ok(content) = form.decoded_data() {
            self.content(&content)?;
        }
        match form.dict().get::<Dict<'_>>("Resources") {
            Some(resources) => self.forms(&Resources::new(resources), depth + 1),
            None => Ok(()),
        }
    }

    /// One stream of drawing instructions.
    fn content(&self, content: &[u8]) -> Result<(), String> {
        self.size(content.len())?;
        if doubtful_images(content) > MOST_DOUBTFUL_IMAGES {
            return Err("its inline images cannot be told apart".to_owned());
        }
        let most_glyphs = self.limits.page_glyphs;
        let (mut path, mut clip_text, mut clips) = (0, 0, false);
        let mut instructions = UntypedIter::new(content);
        while let Some(instruction) = instructions.next() {
            let operator: &[u8] = instruction.operator;
            match operator {
                b"m" | b"l" | b"c" | b"v" | b"y" | b"h" => path += 1,
                b"re" => path += 5,
                b"n" | b"S" | b"s" | b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" => path = 0,
                b"Tr" => {
                    let mode = instruction.operands().next();
                    clips = matches!(mode, Some(Object::Number(mode)) if (4..=7).contains(&mode.as_i64()));
                }
                b"ET" => clip_text = 0,
                b"Tj" | b"TJ" | b"'" | b"\"" => {
                    let bytes: usize = instruction.operands().map(text_bytes).sum();
                    if bytes > 2 * most_glyphs {
                        return Err(format!("more than {most_glyphs} glyphs on this page"));
                    }
                    clip_text += if clips { bytes } else { 0 };
                }
                _ => {}
            }
            if path > MOST_PATH_PIECES || clip_text > MOST_CLIP_TEXT {
                return Err("a path on this page is too long".to_owned());
            }
        }
        Ok(())
    }
}

/// The normal appearances of an annotation.
fn appearances<'a>(annotation: &Dict<'a>) -> Vec<Stream<'a>> {
    let normal = annotation
        .get::<Dict<'_>>("AP")
        .and_then(|appearance| appearance.get::<Object<'_>>("N"));
    match normal {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Dict(states)) => states
            .keys()
            .take(100)
            .filter_map(|state| states.get::<Stream<'_>>(state))
            .collect(),
        _ => Vec::new(),
    }
}

fn text_bytes(operand: &Object<'_>) -> usize {
    match operand {
        Object::String(text) => text.as_bytes().len(),
        Object::Array(parts) => parts
            .iter::<Object<'_>>()
            .map(|part| match part {
                Object::String(text) => text.as_bytes().len(),
                _ => 0,
            })
            .sum(),
        _ => 0,
    }
}

/// Ends of inline images after which another end comes before the next beginning, with nothing but ASCII between.
///
/// There the reader looks whether instructions follow, by reading on; where those contain such an image again it does so again,
/// which costs stack and doubles the work each time.
fn doubtful_images(content: &[u8]) -> usize {
    if memchr::memmem::find(content, b"BI").is_none() {
        return 0;
    }
    let mut found = 0;
    let mut last = None;
    for end in memchr::memmem::find_iter(content, b"EI") {
        if let Some(last) = last.replace(end) {
            let between: &[u8] = &content[last + 2..end];
            found += usize::from(between.is_ascii() && memchr::memmem::find(between, b"BI").is_none());
        }
    }
    found.min(memchr::memmem::find_iter(content, b"BI").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(content: &[u8]) -> Option<String> {
        Guard::new(&Limits::default()).content(content).err()
    }

    #[test]
    fn what_pages_contain_is_let_through() {
        for content in [
            &b""[..],
            b"BT /F1 12 Tf 50 700 Td (text) Tj [(a) -20 (b)] TJ ET",
            b"q 1 0 0 1 0 0 cm 0 0 10 10 re f Q",
            b"q BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q BT (WEIGHT) Tj (HEIGHT) Tj ET",
        ] {
            assert_eq!(refused(content), None);
        }
    }

    #[test]
    fn what_would_be_collected_without_end_is_refused() {
        let check = |content: Vec<u8>, expected: &str| {
            let reason = refused(&content).unwrap_or_default();
            assert!(reason.contains(expected), "{reason:?} does not say {expected:?}");
        };
        check(
            [&b"BT ("[..], &vec![b'a'; 500_000], b") Tj ET"].concat(),
            "more than 200000 glyphs",
        );
        check(
            [&b"BT ["[..], &b"(aaaaaaaaaa)".repeat(50_000), b"] TJ ET"].concat(),
            "more than 200000 glyphs",
        );
        check(b"0 0 1 1 re ".repeat(200_001), "a path on this page");
        check(
            [&b"BT 7 Tr "[..], &b"(aaaaaaaaaa) Tj ".repeat(1_001)].concat(),
            "a path on this page",
        );
        check(vec![b' '; (16 << 20) + 1], "bytes of drawing instructions");
        check(b"BI ID x EI EI ".repeat(40), "inline images");
    }
}
