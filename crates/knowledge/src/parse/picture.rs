//! A page of a stored document as a picture, with the cited place marked.

use hayro::vello_cpu::Pixmap;
use shifu_domain::BoundingBox;

use super::content::Guard;
use super::{Format, pdf, raster, readable_format};
use crate::error::KnowledgeError;
use crate::limits::Limits;

/// Longer side of the picture, in pixels.
const LONG_SIDE: u16 = 1600;
/// What is marked shows through: parts of 255 that the yellow covers.
const COVER: u32 = 90;
const YELLOW: [u8; 3] = [255, 221, 0];
const BORDER: [u8; 3] = [196, 120, 0];
/// Width of the border, and room between it and the marked text, in pixels.
const BORDER_WIDTH: u32 = 3;
const ROOM: f32 = 5.0;

/// Page `number` (from 1) of a PDF as PNG, upright as displayed, its longer side 1,600 pixels; `mark` is covered with a translucent
/// yellow box with a darker border.
///
/// # Errors
/// [`KnowledgeError::NoPicture`] for other formats and for pages that cannot be drawn within the limits,
/// [`KnowledgeError::UnknownPage`] for a page that the file does not have, and what [`crate::parse`] gives for files that cannot be
/// opened.
pub fn page_picture(
    bytes: &[u8],
    file_name: &str,
    number: u32,
    mark: Option<BoundingBox>,
) -> Result<Vec<u8>, KnowledgeError> {
    let limits = Limits::default();
    let no_picture = |reason: String| KnowledgeError::NoPicture {
        file: file_name.to_owned(),
        reason,
    };
    let format = readable_format(bytes, file_name, &limits)?;
    if format != Format::Pdf {
        return Err(no_picture(format!(
            "only pages of a PDF have one, this is {}",
            format.name()
        )));
    }
    let pdf = pdf::open(bytes, &limits).map_err(|fault| fault.named(file_name, format))?;
    let pages = pdf.pages().len();
    let at = (number as usize).wrapping_sub(1);
    let Some(page) = pdf.pages().get(at) else {
        return Err(KnowledgeError::UnknownPage {
            file: file_name.to_owned(),
            page: number,
            pages: u32::try_from(pages).unwrap_or(u32::MAX),
        });
    };
    let refused =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Guard::new(&limits).refuses(page)))
            .unwrap_or_else(|_| Some(pdf::DAMAGED.to_owned()))
            .or_else(|| raster::refuses_pictures(&pdf, &limits));
    if let Some(reason) = refused {
        return Err(no_picture(reason));
    }
    let mut drawn = raster::draw(&pdf, at, LONG_SIDE, &limits).map_err(no_picture)?;
    if let Some(mark) = mark {
        cover(&mut drawn, mark);
    }
    drawn.into_png().map_err(|error| no_picture(error.to_string()))
}

/// Marks a box.
fn cover(drawn: &mut Pixmap, mark: BoundingBox) {
    let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
    let along = |from: f32, length: f32, whole: u32| {
        let start = (from * whole as f32 - ROOM).max(0.0) as u32;
        let end = ((from + length) * whole as f32 + ROOM).ceil().max(0.0) as u32;
        start..end.min(whole)
    };
    let columns = along(mark.x, mark.width, width);
    let rows = along(mark.y, mark.height, height);
    let pixels = drawn.data_mut();
    for y in rows.clone() {
        for x in columns.clone() {
            let edge = x < columns.start + BORDER_WIDTH
                || x + BORDER_WIDTH >= columns.end
                || y < rows.start + BORDER_WIDTH
                || y + BORDER_WIDTH >= rows.end;
            let pixel = &mut pixels[(y * width + x) as usize];
            let under = [pixel.r, pixel.g, pixel.b];
            let mixed = if edge {
                BORDER
            } else {
                std::array::from_fn(|at| {
                    let (under, over) = (u32::from(under[at]), u32::from(YELLOW[at]));
                    // Like a marker pen: paper turns yellow, letters stay black.
                    let multiplied = under * over / 255;
                    ((under * (255 - COVER) + multiplied * COVER) / 255) as u8
                })
            };
            [pixel.r, pixel.g, pixel.b] = mixed;
        }
    }
}
