//! Pages without usable text: drawn, read by OCR, and laid out like pages with text.

use std::thread;
use std::time::{Duration, Instant};

use hayro_interpret::hayro_syntax::Pdf;
use shifu_domain::Photo;
use shifu_domain::models::{ModelError, Priority, TextLine, TextRecognizer};

use super::layout::{self, Glyph, Lines, Row};
use super::pdf::{Laid, Read, Unread};
use super::raster;
use crate::limits::Limits;

/// Longer side of the picture that is read, in pixels: 154 dpi of an A4 page, characters of 10 points 21 pixels high.
const LONG_SIDE: u16 = 1800;
/// Times that a page is tried while the recogniser is busy with other work.
const MOST_TRIES: usize = 3;
/// Longest pause between two of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads the pages of one PDF that have no usable text.
pub(super) struct Scans<'a> {
    pdf: &'a Pdf,
    recognizer: Option<&'a dyn TextRecognizer>,
    limits: Limits,
    spent: Duration,
    /// Why no page of the file is drawn, where there is a reason; found out with the first page.
    refused: Option<Option<String>>,
}

impl<'a> Scans<'a> {
    pub(super) fn new(pdf: &'a Pdf, recognizer: Option<&'a dyn TextRecognizer>, limits: &Limits) -> Self {
        Self {
            pdf,
            recognizer,
            limits: *limits,
            spent: Duration::ZERO,
            refused: None,
        }
    }

    /// The text of page `at` (from 0), or why it has none.
    pub(super) fn read(&mut self, at: usize, why: Unread) -> Read {
        let Some(recognizer) = self.recognizer else {
            return Read::Skipped(format!(
                "{}; to read it by OCR, install the text recogniser (`shifu models install`) and add the file again",
                why.reason()
            ));
        };
        if self.spent > self.limits.ocr_time {
            return Read::Skipped(format!(
                "{}; OCR of the pages before took more than {} minutes, add the rest as a file of its own",
                why.reason(),
                self.limits.ocr_time.as_secs() / 60
            ));
        }
        let start = Instant::now();
        let read = self.rows(at, recognizer);
        self.spent += start.elapsed();
        match read {
            Ok(laid) if laid.rows.is_empty() => {
                Read::Skipped(format!("{}, and OCR finds no text in it", why.reason()))
            }
            Ok(laid) => Read::Text(laid),
            Err(reason) => Read::Skipped(format!("{}, and OCR failed: {reason}", why.reason())),
        }
    }

    fn rows(&mut self, at: usize, recognizer: &dyn TextRecognizer) -> Result<Laid, String> {
        let (pdf, limits) = (self.pdf, self.limits);
        let refused = self
            .refused
            .get_or_insert_with(|| raster::refuses_pictures(pdf, &limits));
        if let Some(reason) = refused {
            return Err(reason.clone());
        }
        let drawn = raster::draw(pdf, at, LONG_SIDE, &limits)?;
        let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
        let rgb = drawn.data().iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]);
        let photo = Photo::from_rgb(width, height, rgb.collect()).map_err(|error| error.to_string())?;
        drop(drawn);
        let lines = recognized(recognizer, &photo).map_err(|error| error.to_string())?;
        let page = &pdf.pages()[at];
        let (width, height) = page.render_dimensions();
        let size = (f64::from(width), f64::from(height));
        Ok(Laid {
            rows: rows(&lines, size),
            lines: Lines::default(),
            size,
            by_ocr: true,
        })
    }
}

/// Nobody waits for a document, so a recogniser that is busy is asked again.
fn recognized(recognizer: &dyn TextRecognizer, photo: &Photo) -> Result<Vec<TextLine>, ModelError> {
    let mut tries = 1;
    loop {
        let pause = match recognizer.recognize(photo, Priority::Bulk) {
            Err(ModelError::Overloaded { retry_after_ms, .. }) if tries < MOST_TRIES => {
                Duration::from_millis(retry_after_ms).min(LONGEST_PAUSE)
            }
            Err(ModelError::DeadlineExceeded { .. }) if tries < MOST_TRIES => Duration::ZERO,
            result => return result,
        };
        thread::sleep(pause);
        tries += 1;
    }
}

/// Lines of OCR → rows, in points. A line is one piece of text to the layout: what stands beside it on the same height is another
/// cell or, where the gap is narrow, goes on with it.
fn rows(lines: &[TextLine], (width, height): (f64, f64)) -> Vec<Row> {
    let slope = slope(lines, (width, height));
    let glyph = |line: &TextLine| {
        let area = line.area();
        let (x, across) = (f64::from(area.x) * width, f64::from(area.width) * width);
        let (top, down) = (f64::from(area.y) * height, f64::from(area.height) * height);
        // A tilted line has a taller box than its letters.
        let down = (down - slope.abs() * across).max(0.3 * down);
        let middle = top + f64::from(area.height) * height / 2.0 - slope * (x + across / 2.0 - width / 2.0);
        let size = letter_size(&line.text, across, down);
        Glyph {
            x,
            // The baseline is a third of the size below the middle of the letters.
            y: middle + 0.33 * size,
            width: across,
            size,
            text: line.text.clone(),
        }
    };
    layout::rows(lines.iter().map(glyph).collect(), &[])
}

/// Points down for each point across, by the long lines: how far the scan is tilted.
fn slope(lines: &[TextLine], (width, height): (f64, f64)) -> f64 {
    let mut slopes: Vec<f64> = lines
        .iter()
        .filter_map(|line| {
            let [from, to, ..] = line.corners;
            let across = f64::from(to.0 - from.0) * width;
            let down = f64::from(to.1 - from.1) * height;
            (across > 8.0 * f64::from(line.area().height) * height && across > 0.1 * width)
                .then(|| down / across)
        })
        .collect();
    slopes.sort_by(f64::total_cmp);
    // Less than a pixel over the width of the page is none.
    slopes
        .get(slopes.len() / 2)
        .copied()
        .filter(|slope| slope.abs() > 0.001 && slope.abs() < 0.2)
        .unwrap_or(0.0)
}

/// Font size in points. Ideographs are as wide as the font is large; of Latin letters only the height of the box tells, which is
/// 1.2 of the size on average.
fn letter_size(text: &str, width: f64, height: f64) -> f64 {
    let by_height = height / 1.2;
    let wide = |c: char| ('\u{2e80}'..='\u{9fff}').contains(&c) || ('\u{ff01}'..='\u{ff60}').contains(&c);
    let (mut ideographs, mut ems) = (0, 0.0);
    for c in text.chars() {
        ideographs += usize::from(wide(c));
        ems += if wide(c) { 1.0 } else { 0.52 };
    }
    let by_width = width / f64::max(ems, 1.0);
    if ideographs >= 4 && ideographs * 2 > text.chars().count() && by_width > 0.5 * by_height {
        by_width.min(1.3 * by_height)
    } else {
        by_height
    }
}

/// Brings the sizes of lines read by OCR, which waver by some percent, to a few: that of running text and steps of a quarter. Only
/// so can a heading be told by its size.
pub(super) fn settle_sizes(pages: &mut [Read]) {
    let mut sizes: Vec<(f64, usize)> = pages
        .iter()
        .filter_map(|page| match page {
            Read::Text(text) if text.by_ocr => Some(&text.rows),
            _ => None,
        })
        .flatten()
        .map(|row| (row.size(), row.size_class().1))
        .collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sizes.iter().map(|&(_, chars)| chars).sum::<usize>() / 2;
    let mut seen = 0;
    let body = sizes.iter().find(|&&(_, chars)| {
        seen += chars;
        seen > half
    });
    let Some(&(body, _)) = body else { return };
    for page in pages {
        if let Read::Text(text) = page
            && text.by_ocr
        {
            for row in &mut text.rows {
                row.set_size(settled(row.size(), body));
            }
        }
    }
}

/// The step of a quarter that a size is nearest to, in log; what differs from running text by less than 18 % is running text.
fn settled(size: f64, body: f64) -> f64 {
    let ratio = size / body;
    if (0.82..1.18).contains(&ratio) {
        body
    } else {
        body * 1.25_f64.powf((ratio.ln() / 1.25_f64.ln()).round())
    }
}
