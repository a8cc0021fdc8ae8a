//! PDF: the text layer by interpretation of the page content (`hayro`), which also knows predefined Chinese CMaps.
//!
//! Every page is interpreted on its own; one that fails, panics or passes a limit is reported and skipped. A page without text, or
//! with one that cannot be read, is drawn and read by OCR where a recogniser is given.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hayro_interpret::font::{Glyph as PdfGlyph, GlyphRun};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Shape};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt, interpret_page,
};

use shifu_domain::BoundingBox;

use super::content::Guard;
use super::layout::{self, Frame, Glyph, Lines, Row, Rule, Upright};
use super::scanned::Scans;
use super::{Builder, Fault, OverLimit, ParseProgress, Reader};
use crate::limits::Limits;

/// Parses a whole PDF.
pub(super) fn parse(
    bytes: &[u8],
    reader: &Reader<'_>,
    builder: &mut Builder,
    progress: &mut dyn FnMut(ParseProgress),
) -> Result<(), Fault> {
    let limits = builder.limits;
    let pdf = open(bytes, &limits)?;
    let total = pdf.pages().len();
    let labels = catch_unwind(AssertUnwindSafe(|| page_labels(&pdf))).unwrap_or_default();
    let cache = InterpreterCache::new();
    let mut pages = Vec::with_capacity(total);
    let mut budget = Spent::new(&limits);
    let mut scans = Scans::new(&pdf, reader.recognizer, &limits);
    for (at, page) in pdf.pages().iter().enumerate() {
        if reader.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Fault::Interrupted);
        }
        let text = match budget.page(&pdf, page, &cache)? {
            Read::Unread(why) => scans.read(at, why),
            read => read,
        };
        pages.push(text);
        progress(ParseProgress {
            pages_done: at as u32 + 1,
            pages_total: total as u32,
        });
    }
    write(pages, &labels, builder)
}

/// Opens a PDF within the limits; it has pages.
pub(super) fn open(bytes: &[u8], limits: &Limits) -> Result<Pdf, Fault> {
    super::bombs::check(bytes, limits.unpacked_bytes)?;
    let pdf = match catch_unwind(AssertUnwindSafe(|| Pdf::new(bytes.to_vec()))) {
        Ok(Ok(pdf)) => pdf,
        Ok(Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected))) => return Err(Fault::Password),
        Ok(Err(LoadPdfError::Decryption(other))) => {
            return Err(Fault::Damaged(format!(
                "its encryption cannot be read ({other:?})"
            )));
        }
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => {
            return Err(Fault::Damaged(
                "no page tree can be read; the file may be truncated".to_owned(),
            ));
        }
    };
    catch_unwind(AssertUnwindSafe(|| {
        super::bombs::check_streams(&pdf, limits.unpacked_bytes)
    }))
    .unwrap_or_else(|_| Err(Fault::Damaged("its streams cannot be read".to_owned())))?;
    let total = pdf.pages().len();
    if total > limits.pages as usize {
        return Err(Fault::Over(OverLimit {
            limit: "pages",
            max: u64::from(limits.pages),
            actual: total as u64,
        }));
    }
    if total == 0 {
        return Err(Fault::Damaged("it has no pages".to_owned()));
    }
    Ok(pdf)
}

/// What interpretation gave for one page.
pub(super) enum Read {
    Text(Laid),
    /// There is something to see, and no text that can be used.
    Unread(Unread),
    Skipped(String),
}

/// A page's text.
pub(super) struct Laid {
    pub rows: Vec<Row>,
    pub lines: Lines,
    /// Width and height as displayed, in points.
    pub size: (f64, f64),
    /// Whether it was read from a picture of the page.
    pub by_ocr: bool,
}

/// Why a page has no usable text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Scanned,
    Outlines,
    Garbled,
}

impl Unread {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Scanned => "no text layer: the page is a scanned image",
            Self::Outlines => "no text layer: the page is drawn with lines only",
            Self::Garbled => "the text cannot be read: its font has no Unicode map",
        }
    }
}

fn write(mut pages: Vec<Read>, labels: &BTreeMap<usize, String>, builder: &mut Builder) -> Result<(), Fault> {
    super::scanned::settle_sizes(&mut pages);
    drop_running_titles(&mut pages);
    let (body, headings) = sizes(&pages);
    for (at, page) in pages.iter().enumerate() {
        builder.go_to_page(at as u32 + 1)?;
        match page {
            Read::Skipped(reason) => builder.skip(reason)?,
            Read::Unread(why) => builder.skip(why.reason())?,
            Read::Text(text) => {
                for placed in layout::blocks(&text.rows, &text.lines, body, &headings) {
                    let area = |&(at, frame): &(usize, Frame)| Some((at, share(frame, text.size)?));
                    let areas = placed.frames.iter().filter_map(area).collect();
                    builder.place(placed.block, areas)?;
                }
                if text.by_ocr {
                    builder.by_ocr();
                }
            }
        }
        if let Some(label) = labels.get(&at) {
            builder.label(label)?;
        }
    }
    Ok(())
}

/// A box in points as fractions of the page, to four places: a tenth of a millimetre.
fn share(frame: Frame, (width, height): (f64, f64)) -> Option<BoundingBox> {
    let part = |at: f64, whole: f64| (at / whole).clamp(0.0, 1.0);
    let (x0, x1) = (part(frame.x0, width), part(frame.x1, width));
    let (y0, y1) = (part(frame.y0, height), part(frame.y1, height));
    let rounded = |share: f64| ((share * 1e4).round() / 1e4) as f32;
    (x1 > x0 && y1 > y0).then(|| BoundingBox {
        x: rounded(x0),
        y: rounded(y0),
        width: rounded(x1 - x0),
        height: rounded(y1 - y0),
    })
}

/// Takes out headers and footers: rows with a cell that stands, digits aside, at one place on more than half of the pages.
fn drop_running_titles(pages: &mut [Read]) {
    let mut seen: BTreeMap<(i64, String), usize> = BTreeMap::new();
    let mut with_text = 0usize;
    for page in &*pages {
        if let Read::Text(text) = page {
            with_text += 1;
            for key in text.rows.iter().flat_map(Row::repeat_keys) {
                *seen.entry(key).or_default() += 1;
            }
        }
    }
    if with_text < 4 {
        return;
    }
    let repeated = |row: &Row| {
        row.repeat_keys()
            .iter()
            .any(|key| seen.get(key).is_some_and(|&count| count * 2 > with_text))
    };
    for page in pages {
        if let Read::Text(text) = page {
            // Only the first and last two rows of a page can be header or footer.
            let last = text.rows.len();
            let mut at = 0;
            text.rows.retain(|row| {
                at += 1;
                !((at <= 2 || at + 1 >= last) && repeated(row))
            });
        }
    }
}

/// The size of running text and the sizes of headings, largest first, at most five.
fn sizes(pages: &[Read]) -> (u32, Vec<u32>) {
    let mut chars: BTreeMap<u32, usize> = BTreeMap::new();
    for page in pages {
        if let Read::Text(text) = page {
            for row in &text.rows {
                let (size, count) = row.size_class();
                *chars.entry(size).or_default() += count;
            }
        }
    }
    let body = chars
        .iter()
        .max_by_key(|&(size, count)| (*count, *size))
        .map_or(20, |(&size, _)| size);
    let larger: Vec<u32> = chars
        .keys()
        .rev()
        .copied()
        .filter(|&size| f64::from(size) >= 1.06 * f64::from(body))
        .collect();
    (body, larger.into_iter().take(6).collect())
}

/// What the pages so far have cost.
struct Spent {
    limits: Limits,
    guard: Guard,
    /// Spent on interpreting; drawing and OCR have a limit of their own.
    time: Duration,
    glyphs: usize,
}

impl Spent {
    fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            guard: Guard::new(limits),
            time: Duration::ZERO,
            glyphs: 0,
        }
    }

    fn page<'a>(
        &mut self,
        pdf: &'a Pdf,
        page: &Page<'a>,
        cache: &InterpreterCache<'a>,
    ) -> Result<Read, Fault> {
        let start = Instant::now();
        let refused = catch_unwind(AssertUnwindSafe(|| self.guard.refuses(page)));
        let read = match refused {
            Ok(None) => read_page(pdf, page, cache, &self.limits),
            Ok(Some(reason)) => Read::Skipped(reason),
            Err(_) => Read::Skipped(DAMAGED.to_owned()),
        };
        if let Read::Text(text) = &read {
            self.glyphs += text.rows.iter().map(|row| row.size_class().1).sum::<usize>();
        }
        self.time += start.elapsed();
        let seconds = |time: Duration| time.as_secs();
        for (limit, max, actual) in [
            (
                "document_content_bytes",
                self.limits.document_content_bytes,
                self.guard.total_bytes(),
            ),
            (
                "document_glyphs",
                self.limits.document_glyphs as u64,
                self.glyphs as u64,
            ),
            (
                "parse_seconds",
                seconds(self.limits.document_time),
                seconds(self.time),
            ),
        ] {
            if actual > max {
                return Err(Fault::Over(OverLimit { limit, max, actual }));
            }
        }
        Ok(read)
    }
}

/// Why a page is skipped whose content the interpreter cannot follow.
pub(super) const DAMAGED: &str = "the page content is damaged";

/// Thrown through the interpreter when a page passes a limit; never seen outside [`read_page`].
enum Enough {
    Glyphs,
    Operations,
    Time,
}

fn read_page<'a>(pdf: &'a Pdf, page: &Page<'a>, cache: &InterpreterCache<'a>, limits: &Limits) -> Read {
    let (width, height) = page.render_dimensions();
    let mut device = Extractor::new(limits);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
        let settings = InterpreterSettings::default();
        let mut context = Context::new(
            page.initial_transform(true).to_kurbo(),
            bounds,
            cache,
            pdf.xref(),
            settings,
        );
        interpret_page(page, &mut context, &mut device);
    }));
    match outcome.map_err(|thrown| thrown.downcast::<Enough>()) {
        Ok(()) => device.finish((f64::from(width), f64::from(height))),
        Err(Ok(enough)) => Read::Skipped(match *enough {
            Enough::Glyphs => format!("more than {} glyphs on this page", limits.page_glyphs),
            Enough::Operations => format!("more than {} drawings on this page", limits.page_operations),
            Enough::Time => format!(
                "it takes longer than {} s to read this page",
                limits.page_time.as_secs()
            ),
        }),
        Err(Err(_)) => Read::Skipped(DAMAGED.to_owned()),
    }
}

/// Collects glyphs and rules.
struct Extractor {
    glyphs: Vec<Glyph>,
    rules: Vec<Rule>,
    uprights: Vec<Upright>,
    /// Glyphs without a Unicode value, with a private-use one or U+FFFD.
    garbage: usize,
    images: usize,
    paths: usize,
    most_glyphs: usize,
    operations_left: usize,
    until: Instant,
}

impl Extractor {
    fn new(limits: &Limits) -> Self {
        Self {
            glyphs: Vec::new(),
            rules: Vec::new(),
            uprights: Vec::new(),
            garbage: 0,
            images: 0,
            paths: 0,
            most_glyphs: limits.page_glyphs,
            operations_left: limits.page_operations,
            until: Instant::now() + limits.page_time,
        }
    }

    /// Counts a call of the interpreter; it can only be stopped by unwinding through it.
    fn operation(&mut self) {
        if self.operations_left == 0 {
            resume_unwind(Box::new(Enough::Operations));
        }
        self.operations_left -= 1;
        if self.operations_left.is_multiple_of(64) && Instant::now() > self.until {
            resume_unwind(Box::new(Enough::Time));
        }
    }

    fn finish(mut self, size: (f64, f64)) -> Read {
        let readable = self.glyphs.iter().filter(|g| !g.text.trim().is_empty()).count();
        if readable == 0 && self.garbage == 0 {
            return if self.images > 0 {
                Read::Unread(Unread::Scanned)
            } else if self.paths >= MANY_PATHS {
                Read::Unread(Unread::Outlines)
            } else {
                Read::Skipped("no text on this page".to_owned())
            };
        }
        // Bullets and symbols are often private; a page that is mostly so has a font without a Unicode map.
        if self.garbage * 2 > readable + self.garbage {
            return Read::Unread(Unread::Garbled);
        }
        self.rules
            .sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
        let rows = layout::rows(self.glyphs, &self.uprights);
        Read::Text(Laid {
            rows,
            lines: Lines {
                rules: merged(&self.rules),
                uprights: self.uprights,
            },
            size,
            by_ocr: false,
        })
    }

    fn glyph(&mut self, glyph: &PdfGlyph<'_>, at: Affine, text: &str) {
        let coefficients = at.as_coeffs();
        let (across, up) = (
            coefficients[0].hypot(coefficients[1]),
            coefficients[2].hypot(coefficients[3]),
        );
        let width = match glyph {
            PdfGlyph::Outline(outline) => outline.advance_width(),
            PdfGlyph::Type3(glyph) => glyph.advance_width(),
        };
        let origin = at * Point::ZERO;
        let width = f64::from(width.unwrap_or(500.0));
        self.glyphs.push(Glyph {
            x: origin.x,
            y: origin.y,
            width: width * across,
            size: up * 1000.0,
            text: text.to_owned(),
        });
    }

    fn bounds(&mut self, bounds: Rect) {
        if self.rules.len() + self.uprights.len() >= MOST_RULES {
            return;
        }
        let (width, height) = (bounds.width(), bounds.height());
        if height < 2.5 && width > 4.0 {
            self.rules.push(Rule {
                x0: bounds.x0,
                x1: bounds.x1,
                y: bounds.center().y,
            });
        } else if width < 2.5 && height > 4.0 {
            self.uprights.push(Upright {
                x: bounds.center().x,
                y0: bounds.y0,
                y1: bounds.y1,
            });
        } else if width > 8.0 && height >= 8.0 {
            // A filled or framed box is bounded by rules on all sides.
            self.rules.extend([bounds.y0, bounds.y1].map(|y| Rule {
                x0: bounds.x0,
                x1: bounds.x1,
                y,
            }));
            self.uprights.extend([bounds.x0, bounds.x1].map(|x| Upright {
                x,
                y0: bounds.y0,
                y1: bounds.y1,
            }));
        }
    }
}

/// Paths of a page without text and pictures that may be its letters: a line of text has about so many.
const MANY_PATHS: usize = 30;

/// Rules looked at on one page.
const MOST_RULES: usize = 10_000;

/// Joins pieces of one line (a rule drawn cell by cell).
fn merged(rules: &[Rule]) -> Vec<Rule> {
    let mut out: Vec<Rule> = Vec::new();
    for rule in rules {
        match out.iter_mut().rev().take(24).find(|last| {
            (last.y - rule.y).abs() < 1.2 && rule.x0 <= last.x1 + 2.0 && rule.x1 >= last.x0 - 2.0
        }) {
            Some(last) => {
                last.x0 = last.x0.min(rule.x0);
                last.x1 = last.x1.max(rule.x1);
            }
            None => out.push(*rule),
        }
    }
    out.retain(|rule| rule.x1 - rule.x0 > 40.0);
    out
}

fn is_garbage(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..='\u{10ffff}')
            || (c.is_control() && c != '\t')
    })
}

impl<'a> Device<'a> for Extractor {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, _: &DrawMode) {
        self.operation();
        self.paths += 1;
        if path.elements().len() <= 12 {
            self.bounds(props.transform.transform_rect_bbox(path.bounding_box()));
        }
    }

    fn push_clip_path(&mut self, _: &ClipPath) {
        // A form begins with a clip; unfolding it again may have taken long.
        self.operation();
        if Instant::now() > self.until {
            resume_unwind(Box::new(Enough::Time));
        }
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {
        self.operation();
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        self.operation();
        for placed in run.glyphs() {
            if self.glyphs.len() + self.garbage >= self.most_glyphs {
                resume_unwind(Box::new(Enough::Glyphs));
            }
            let text = match placed.as_unicode() {
                Some(BfString::Char(c)) => c.to_string(),
                Some(BfString::String(text)) => text,
                None => String::new(),
            };
            if text.is_empty() || is_garbage(&text) {
                self.garbage += 1;
            } else {
                self.glyph(placed, props.transform * placed.transform(), &text);
            }
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.operation();
        self.images += 1;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

/// Printed page numbers by `/PageLabels` (ISO 32000-1, 12.4.2), page from 0 → label.
fn page_labels(pdf: &Pdf) -> BTreeMap<usize, String> {
    let mut starts: BTreeMap<usize, (Option<char>, String, u32)> = BTreeMap::new();
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    if let Some(tree) = catalog.and_then(|catalog| catalog.get::<Dict<'_>>("PageLabels")) {
        label_tree(&tree, 0, &mut starts);
    }
    let mut labels = BTreeMap::new();
    for at in 0..pdf.pages().len() {
        if let Some((&from, (style, prefix, first))) = starts.range(..=at).next_back() {
            let number = first.saturating_add((at - from) as u32);
            labels.insert(
                at,
                format!(
                    "{prefix}{}",
                    style.map(|style| numeral(style, number)).unwrap_or_default()
                ),
            );
        }
    }
    labels
}

fn label_tree(node: &Dict<'_>, depth: usize, starts: &mut BTreeMap<usize, (Option<char>, String, u32)>) {
    if depth > 16 || starts.len() > 10_000 {
        return;
    }
    if let Some(numbers) = node.get::<Array<'_>>("Nums") {
        let mut items = numbers.flex_iter();
        while let Some(from) = items.next::<i32>() {
            let Some(label) = items.next::<Dict<'_>>() else {
                break;
            };
            let style = label
                .get::<Name<'_>>("S")
                .and_then(|name| name.as_str().chars().next());
            let prefix = label
                .get::<PdfString<'_>>("P")
                .map(|text| text_string(text.as_bytes()))
                .unwrap_or_default();
            let first = label
                .get::<i32>("St")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(1);
            if let Ok(from) = usize::try_from(from) {
                starts.insert(from, (style, prefix, first));
            }
        }
    }
    if let Some(kids) = node.get::<Array<'_>>("Kids") {
        for kid in kids.iter::<Dict<'_>>().take(10_000) {
            label_tree(&kid, depth + 1, starts);
        }
    }
}

/// A PDF text string: UTF-16 with a mark, UTF-8 with a mark, or (nearly) Latin-1.
fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE
            .decode_without_bom_handling(rest)
            .0
            .into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

fn numeral(style: char, number: u32) -> String {
    match style {
        'D' => number.to_string(),
        'r' => roman(number).to_lowercase(),
        'R' => roman(number),
        'a' | 'A' => {
            let letter = char::from(b'A' + ((number.max(1) - 1) % 26) as u8);
            let letters: String =
                std::iter::repeat_n(letter, ((number.max(1) - 1) / 26 + 1).min(40) as usize).collect();
            if style == 'a' {
                letters.to_lowercase()
            } else {
                letters
            }
        }
        _ => String::new(),
    }
}

fn roman(mut number: u32) -> String {
    const PARTS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut out = String::new();
    number = number.min(20_000);
    for (value, letters) in PARTS {
        while number >= value {
            out.push_str(letters);
            number -= value;
        }
    }
    out
}
