//! What drawing a PDF page would cost, counted by interpreting it without drawing: the renderer itself sets no bounds on pictures,
//! patterns and paths, and once it draws it cannot be stopped.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::Stream;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, BezPath, PathSeg, Point, Rect};
use hayro_interpret::pattern::{Pattern, TilingPattern};
use hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, Paint, SoftMask, StrokeProps, TransformExt, interpret_page,
};

use crate::limits::Limits;

/// Pixels that may be painted on one page, one above the other: 4 seconds' work of one core.
const MOST_PAINTED: f64 = 2e9;
/// Length of all outlines, in pixels; a pixel costs up to 10 bytes until the page is drawn.
const MOST_OUTLINE: f64 = 4e7;
/// Pixels of all pictures on one page, as stored. Seven scans of an A4 page at 600 dpi have 243 million.
const MOST_DECODED: f64 = 2.5e8;
/// Bytes of pictures, patterns, shadings and masks that are kept until the page is drawn.
const MOST_KEPT: f64 = 512.0 * 1024.0 * 1024.0;
/// Times that the cell of a pattern may cover itself, across or down.
const MOST_OVERLAPS: f64 = 16.0;
/// What a pixel of a shading costs more than one of a plain colour.
const SHADING: f64 = 30.0;

/// Why the page must not be drawn with `scale` pixels a point, if there is a reason.
pub(super) fn refuses<'a>(
    pdf: &'a Pdf,
    page: &Page<'a>,
    cache: &InterpreterCache<'a>,
    scale: f64,
    limits: &Limits,
) -> Option<String> {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width) * scale, f64::from(height) * scale);
    let mut cost = Cost::new(bounds, limits);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let transform = Affine::scale(scale) * page.initial_transform(true).to_kurbo();
        let settings = InterpreterSettings::default();
        let mut context = Context::new(transform, bounds, cache, pdf.xref(), settings);
        interpret_page(page, &mut context, &mut cost);
        cost.check();
    }));
    match outcome.map_err(|thrown| thrown.downcast::<TooMuch>()) {
        Ok(()) => None,
        Err(Ok(too_much)) => Some(format!("drawing this page takes too many {}", too_much.0)),
        Err(Err(_)) => Some(super::pdf::DAMAGED.to_owned()),
    }
}

/// Thrown through the interpreter when a bound is passed; never seen outside [`refuses`].
struct TooMuch(&'static str);

/// Counts instead of drawing. Lengths are in pixels.
struct Cost {
    bounds: Rect,
    /// How often the renderer draws what is being interpreted.
    weight: f64,
    painted: f64,
    outline: f64,
    decoded: f64,
    kept: f64,
    operations_left: usize,
    until: Instant,
    masks: BTreeSet<u128>,
}

impl Cost {
    fn new(bounds: Rect, limits: &Limits) -> Self {
        Self {
            bounds,
            weight: 1.0,
            painted: 0.0,
            outline: 0.0,
            decoded: 0.0,
            kept: 0.0,
            operations_left: limits.page_operations,
            until: Instant::now() + limits.page_time,
            masks: BTreeSet::new(),
        }
    }

    /// Looks at what the calls so far have come to.
    fn check(&self) {
        for (counted, most, what) in [
            (self.painted, MOST_PAINTED, "pixels"),
            (self.outline, MOST_OUTLINE, "lines"),
            (self.decoded, MOST_DECODED, "pixels of pictures"),
            (self.kept, MOST_KEPT, "bytes"),
        ] {
            // What is no number is too much as well.
            if counted.is_nan() || counted > most {
                resume_unwind(Box::new(TooMuch(what)));
            }
        }
    }

    /// Counts a call of the interpreter.
    fn operation(&mut self) {
        self.check();
        if self.operations_left == 0 {
            resume_unwind(Box::new(TooMuch("steps")));
        }
        self.operations_left -= 1;
        if self.operations_left.is_multiple_of(64) && Instant::now() > self.until {
            resume_unwind(Box::new(TooMuch("seconds")));
        }
    }

    fn page_area(&self) -> f64 {
        self.bounds.area()
    }

    /// Longest that a line within the page can be, generously.
    fn longest(&self) -> f64 {
        self.bounds.width() + self.bounds.height()
    }

    /// The part of a box that lies on the page.
    fn visible(&self, area: Rect) -> Rect {
        let part = area.intersect(self.bounds);
        if part.width() > 0.0 && part.height() > 0.0 {
            part
        } else {
            Rect::ZERO
        }
    }

    fn outline_of(&self, path: &BezPath, transform: Affine) -> f64 {
        let longest = self.longest();
        let of = |segment: PathSeg| chord(&(transform * segment)).min(longest) + 1.0;
        path.segments().map(of).sum()
    }

    fn stroke(&mut self, path: &BezPath, transform: Affine, props: &StrokeProps) {
        // Both sides of the line, with caps and joins.
        self.outline += 4.0 * self.weight * self.outline_of(path, transform);
        let period: f64 = props.dash_array.iter().map(|&length| f64::from(length)).sum();
        if period > 0.0 {
            let length: f64 = path.segments().map(|segment| chord(&segment)).sum();
            let dashes = length / period * props.dash_array.len() as f64;
            self.outline += 8.0 * self.weight * dashes;
        }
    }

    /// Filling `area`, of which the page shows a part, with `props`.
    fn paint(&mut self, area: Rect, props: &DrawProps<'_>, is_stroke: bool) {
        let visible = self.visible(area);
        self.painted += self.weight * visible.area();
        if let Paint::Pattern(pattern) = &props.paint {
            self.pattern(pattern, visible, is_stroke);
        }
        self.mask(props.soft_mask.as_ref());
    }

    fn pattern(&mut self, pattern: &Pattern<'_>, visible: Rect, is_stroke: bool) {
        self.operation();
        match pattern {
            Pattern::Shading(_) => {
                self.painted += SHADING * self.weight * visible.area();
                self.kept += 4.0 * self.weight * visible.area();
            }
            Pattern::Tiling(tiling) => self.tiling(tiling, is_stroke),
        }
    }

    /// The renderer draws the cell once, and again for every neighbour that reaches into it.
    fn tiling<'a>(&mut self, tiling: &TilingPattern<'a>, is_stroke: bool) {
        let across = overlaps(tiling.bbox.width(), tiling.x_step);
        let down = overlaps(tiling.bbox.height(), tiling.y_step);
        let copies = across.max(down);
        if (across + down).is_nan() || copies > MOST_OVERLAPS {
            resume_unwind(Box::new(TooMuch("copies of a pattern")));
        }
        let coefficients = tiling.matrix.as_coeffs();
        let cell = Affine::scale_non_uniform(
            coefficients[0].hypot(coefficients[1]),
            coefficients[2].hypot(coefficients[3]),
        ) * Affine::translate((-tiling.bbox.x0, -tiling.bbox.y0));
        self.kept += 4.0 * self.weight * self.page_area();
        let weight = self.weight;
        self.weight *= across * down;
        tiling.interpret(self, cell, is_stroke);
        self.weight = weight;
    }

    /// A mask is drawn once, on a page of its own.
    fn mask(&mut self, mask: Option<&SoftMask<'_>>) {
        let Some(mask) = mask else { return };
        if self.masks.insert(mask.cache_key()) {
            self.operation();
            self.kept += 5.0 * self.weight * self.page_area();
            self.painted += 3.0 * self.weight * self.page_area();
            mask.interpret(self);
        }
    }

    /// Pictures are kept as large as they are stored, smaller ones as large as they are drawn (as `hayro` shrinks them).
    fn picture(&mut self, (width, height): (f64, f64), transform: Affine) {
        const MOST_SIDE: f64 = 32_767.0;
        let coefficients = transform.as_coeffs();
        let across = coefficients[0].hypot(coefficients[1]);
        let down = coefficients[2].hypot(coefficients[3]);
        let kept = if across < 1.0 || down < 1.0 {
            let side = |stored: f64, scale: f64| (stored * scale).ceil().clamp(1.0, MOST_SIDE);
            side(width, across) * side(height, down)
        } else {
            width * height
        };
        self.kept += 8.0 * self.weight * kept;
        self.decoded += self.weight * width * height;
        let area = transform.transform_rect_bbox(Rect::new(0.0, 0.0, width, height));
        self.painted += self.weight * self.visible(area).area();
    }
}

/// Times that a cell this long covers itself when it is repeated at every step.
fn overlaps(length: f64, step: f32) -> f64 {
    1.0 + (length.abs() / f64::from(step.abs())).ceil()
}

/// Length of the polygon of a segment's control points: the curve is not longer.
fn chord(segment: &PathSeg) -> f64 {
    let along = |points: &[Point]| points.windows(2).map(|two| two[0].distance(two[1])).sum();
    match segment {
        PathSeg::Line(line) => along(&[line.p0, line.p1]),
        PathSeg::Quad(quad) => along(&[quad.p0, quad.p1, quad.p2]),
        PathSeg::Cubic(cubic) => along(&[cubic.p0, cubic.p1, cubic.p2, cubic.p3]),
    }
}

fn strokes(mode: &DrawMode) -> Option<&StrokeProps> {
    match mode {
        DrawMode::Stroke(props) | DrawMode::FillAndStroke(_, props) => Some(props),
        DrawMode::Fill(_) | DrawMode::Invisible => None,
    }
}

impl<'a> Device<'a> for Cost {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.operation();
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        let mut area = path.control_box();
        self.outline += self.weight * self.outline_of(path, props.transform);
        if let Some(stroke) = strokes(mode) {
            self.stroke(path, props.transform, stroke);
            let reach = f64::from(stroke.line_width) * f64::from(stroke.miter_limit.max(1.5));
            area = area.inflate(reach, reach);
        }
        let area = props.transform.transform_rect_bbox(area);
        self.paint(area, &props, strokes(mode).is_some());
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.operation();
        self.outline += self.weight * self.outline_of(&clip.path, Affine::IDENTITY);
        self.painted += self.weight * self.page_area() / 16.0;
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.operation();
        self.painted += self.weight * self.page_area() / 16.0;
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        self.operation();
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        let sides = if strokes(mode).is_some() { 5.0 } else { 1.0 };
        for placed in run.glyphs() {
            match &**placed {
                Glyph::Outline(_) => {
                    // A glyph's outline is about eight times as long as it is high.
                    let at = props.transform * placed.transform();
                    let [a, b, c, d, ..] = at.as_coeffs();
                    let size = (1000.0 * a.hypot(b).max(c.hypot(d))).min(self.longest());
                    self.outline += sides * self.weight * 8.0 * size;
                    self.painted += sides * self.weight * size * size;
                }
                Glyph::Type3(glyph) => {
                    self.operation();
                    glyph.interpret(self, props.transform, placed.transform(), &props.paint);
                }
            }
        }
        if let Paint::Pattern(pattern) = &props.paint {
            self.pattern(pattern, self.bounds, strokes(mode).is_some());
        }
        self.mask(props.soft_mask.as_ref());
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.operation();
        let stored = (f64::from(image.width()), f64::from(image.height()));
        self.picture(stored, props.transform);
        match &image {
            Image::Raster(raster) => {
                for key in ["SMask", "Mask"] {
                    if let Some(mask) = raster.stream().dict().get::<Stream<'_>>(key) {
                        let side = |key| f64::from(mask.dict().get::<u32>(key).unwrap_or(0));
                        self.picture((side("Width"), side("Height")), props.transform);
                    }
                }
            }
            Image::Stencil(_) => self.painted += self.weight * self.page_area() / 4.0,
        }
        self.mask(props.soft_mask.as_ref());
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}
