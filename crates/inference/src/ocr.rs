//! PP-OCRv6: photo → lines of text.
//!
//! Detect text areas on a shrunk photo, cut each out of the full one and rectify it, turn it if it stands on its head,
//! recognise lines of like width together, decode with a confidence for every character, put into reading order.
//! The steps follow PaddleOCR; thresholds stand in `models/manifest.toml`.

mod decode;
mod detect;
mod geometry;
mod order;
mod rectify;

use std::path::Path;
use std::sync::Arc;

use shifu_domain::Photo;
use shifu_domain::models::{ModelError, ModelVersion, Priority, TextLine, TextRecognizer};

use crate::error::InferenceError;
use crate::install::verified_file;
use crate::manifest::{Manifest, ModelEntry};
use crate::queue::{Backend, Length, Observer, QueueOptions, Served};
use crate::raster::Raster;
use crate::runtime::OnnxModel;
use decode::{Alphabet, ReadLine};
use detect::DetectorThresholds;
use geometry::Point;

/// Manifest name of the library.
const RUNTIME: &str = "onnxruntime";
const DETECTOR: &str = "ppocr-v6-det";
const RECOGNISER: &str = "ppocr-v6-rec";
const ORIENTATION: &str = "ppocr-v2-orientation";

/// Height of a line image, in pixels, that recogniser and orientation check were trained on.
const LINE_HEIGHT: usize = 48;
/// Width of a line image for the orientation check.
const ORIENTATION_WIDTH: usize = 192;
/// Line images are padded to multiples of this, so that a line's result does not depend on its neighbours in a batch.
const WIDTH_STEP: usize = 160;
/// Widest line image: about 250 characters.
const WIDEST: usize = 3200;
/// The detector halves its input five times.
const DETECTOR_STEP: usize = 32;

/// How photos are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OcrOptions {
    /// The photo is shrunk for detection until its longer side is at most this; it is never enlarged above 1:1, except
    /// that a side below 32 pixels is. Time and memory grow with the square.
    pub detector_side: usize,
    /// Threads inside one operator.
    pub threads: usize,
    /// Whether lines are checked for standing on their head (when that model is installed).
    pub check_upright: bool,
    /// Line images of one recognition batch times their width at most this; bounds memory.
    pub line_batch_width: usize,
}

impl Default for OcrOptions {
    fn default() -> Self {
        Self {
            detector_side: 1280,
            threads: 1,
            check_upright: true,
            line_batch_width: 1920,
        }
    }
}

/// The PP-OCRv6 detector and recogniser behind a queue.
pub struct OcrRecognizer {
    served: Served<OcrPipeline>,
    version: ModelVersion,
}

impl OcrRecognizer {
    /// Starts the queue; models are verified and loaded from `dir` when the first photo comes.
    ///
    /// # Errors
    /// When a model of the manifest is unknown, or the thread cannot be started. Missing files are reported by
    /// [`TextRecognizer::recognize`].
    pub fn start(
        manifest: &Manifest,
        dir: &Path,
        options: OcrOptions,
        queue: QueueOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InferenceError> {
        let recogniser = manifest.model(RECOGNISER)?.version();
        let detector = manifest.model(DETECTOR)?.version();
        let version = ModelVersion {
            name: "ppocr-v6".to_owned(),
            version: format!(
                "{};{}",
                detector.version,
                recogniser.version.split('+').next_back().unwrap_or("")
            ),
        };
        let (manifest, dir) = (manifest.clone(), dir.to_owned());
        let load =
            move || OcrPipeline::load(&manifest, &dir, options).map_err(|e| e.into_model_error("ppocr-v6"));
        let served = Served::start("ppocr-v6", queue, observer, load)
            .map_err(|e| InferenceError::bad_model(RECOGNISER, e))?;
        Ok(Self { served, version })
    }

    /// Names of the models it needs, in the manifest.
    pub(crate) fn needs() -> [&'static str; 3] {
        [RUNTIME, DETECTOR, RECOGNISER]
    }
}

impl TextRecognizer for OcrRecognizer {
    fn version(&self) -> ModelVersion {
        self.version.clone()
    }

    fn recognize(&self, photo: &Photo, priority: Priority) -> Result<Vec<TextLine>, ModelError> {
        let mut results = self
            .served
            .call(vec![Page(Raster::from_photo(photo))], priority)?;
        Ok(results.pop().unwrap_or_default())
    }
}

/// One photo to read; its length is counted in pixels.
struct Page(Raster);

impl Length for Page {
    fn length(&self) -> usize {
        self.0.width * self.0.height
    }
}

/// The loaded models.
struct OcrPipeline {
    detector: OnnxModel,
    recogniser: OnnxModel,
    orientation: Option<OnnxModel>,
    alphabet: Alphabet,
    options: OcrOptions,
    thresholds: DetectorThresholds,
    line_threshold: f32,
    turned_threshold: f32,
}

/// A line image and where it was.
struct Cut {
    image: Raster,
    corners: [Point; 4],
}

impl OcrPipeline {
    fn load(manifest: &Manifest, dir: &Path, options: OcrOptions) -> Result<Self, InferenceError> {
        let runtime = manifest.model(RUNTIME)?;
        let library = verified_file(runtime, dir, &runtime.files[0].name)?;
        let load = |model: &ModelEntry| {
            OnnxModel::load(
                &library,
                &verified_file(model, dir, "model.onnx")?,
                options.threads,
            )
        };
        let (detector, recogniser) = (manifest.model(DETECTOR)?, manifest.model(RECOGNISER)?);
        let orientation = manifest.model(ORIENTATION).ok().filter(|_| options.check_upright);
        let loaded = load(recogniser)?;
        let alphabet = Alphabet::parse(&loaded.metadata("character").unwrap_or_default())?;
        Ok(Self {
            detector: load(detector)?,
            recogniser: loaded,
            orientation: orientation.and_then(|m| load(m).ok()),
            alphabet,
            options,
            thresholds: DetectorThresholds {
                pixel: detector.threshold("pixel", 0.3),
                area: detector.threshold("box", 0.5),
                unclip: f64::from(detector.threshold("unclip", 1.6)),
            },
            line_threshold: recogniser.threshold("line", 0.5),
            turned_threshold: orientation.map_or(0.9, |m| m.threshold("turned", 0.9)),
        })
    }

    fn read(&mut self, page: &Raster) -> Result<Vec<TextLine>, ModelError> {
        let mut cuts = self.cut_lines(page)?;
        self.turn_upright(&mut cuts)?;
        let texts = self.recognise(&cuts)?;
        let (width, height) = (page.width as f64, page.height as f64);
        let fraction = |p: Point| {
            (
                (p.0 / width).clamp(0.0, 1.0) as f32,
                (p.1 / height).clamp(0.0, 1.0) as f32,
            )
        };
        let lines = cuts
            .iter()
            .zip(texts)
            .map(|(cut, line)| (cut, line.trimmed()))
            .filter(|(_, line)| !line.text.is_empty() && line.confidence() >= self.line_threshold)
            .map(|(cut, line)| TextLine {
                confidence: line.confidence(),
                corners: cut.corners.map(fraction),
                character_confidences: line.confidences,
                text: line.text,
            })
            .collect();
        Ok(order::reading_order(lines, (width / height) as f32))
    }

    /// Finds text areas and cuts them out of the full photo.
    fn cut_lines(&mut self, page: &Raster) -> Result<Vec<Cut>, ModelError> {
        let (width, height) = detector_size(page.width, page.height, self.options.detector_side);
        let small = page.resized(width, height);
        let mut tensor = vec![0.0; 3 * width * height];
        write_bgr(&small, &mut tensor, width);
        let thresholds = self.thresholds;
        let areas = self
            .detector
            .run([1, 3, height, width], &tensor, |shape, map| {
                let (h, w) = (shape[shape.len() - 2] as usize, shape[shape.len() - 1] as usize);
                detect::text_areas(map, w, h, &thresholds)
                    .into_iter()
                    .map(|a| (a, w, h))
                    .collect::<Vec<_>>()
            })
            .map_err(|e| failed(DETECTOR, e))?;
        Ok(areas
            .into_iter()
            .filter_map(|(area, w, h)| {
                let (sx, sy) = (page.width as f64 / w as f64, page.height as f64 / h as f64);
                let within = |v: f64, most: usize| v.clamp(0.0, (most - 1) as f64);
                let corners = area
                    .corners()
                    .map(|p| (within(p.0 * sx, page.width), within(p.1 * sy, page.height)));
                let image = rectify::rectified(page, corners);
                (image.width > 3 && image.height > 3).then_some(Cut { image, corners })
            })
            .collect())
    }

    /// Turns line images that stand on their head.
    fn turn_upright(&mut self, cuts: &mut [Cut]) -> Result<(), ModelError> {
        let Some(model) = &mut self.orientation else {
            return Ok(());
        };
        const SIZE: usize = 3 * LINE_HEIGHT * ORIENTATION_WIDTH;
        for batch in cuts.chunks_mut(16) {
            let mut tensor = vec![0.0; batch.len() * SIZE];
            for (cut, tensor) in batch.iter().zip(tensor.chunks_exact_mut(SIZE)) {
                let width = line_width(&cut.image).min(ORIENTATION_WIDTH);
                write_bgr(&cut.image.resized(width, LINE_HEIGHT), tensor, ORIENTATION_WIDTH);
            }
            let turned = model
                .run(
                    [batch.len(), 3, LINE_HEIGHT, ORIENTATION_WIDTH],
                    &tensor,
                    |_, chances| chances.chunks_exact(2).map(|c| c[1]).collect::<Vec<_>>(),
                )
                .map_err(|e| failed(ORIENTATION, e))?;
            for (cut, chance) in batch.iter_mut().zip(turned) {
                if chance > self.turned_threshold {
                    cut.image = cut.image.upside_down();
                    cut.corners.rotate_left(2);
                }
            }
        }
        Ok(())
    }

    /// Reads all line images, those of one padded width together.
    fn recognise(&mut self, cuts: &[Cut]) -> Result<Vec<ReadLine>, ModelError> {
        let mut order: Vec<(usize, usize)> = cuts
            .iter()
            .enumerate()
            .map(|(at, cut)| (padded_width(line_width(&cut.image)), at))
            .collect();
        order.sort_unstable();
        let mut lines = vec![ReadLine::default(); cuts.len()];
        for same_width in order.chunk_by(|a, b| a.0 == b.0) {
            let width = same_width[0].0;
            let most = (self.options.line_batch_width / width).max(1);
            for batch in same_width.chunks(most) {
                let images = batch.iter().map(|&(_, at)| &cuts[at].image);
                for (&(_, at), line) in batch
                    .iter()
                    .zip(self.recognise_batch(images, batch.len(), width)?)
                {
                    lines[at] = line;
                }
            }
        }
        Ok(lines)
    }

    fn recognise_batch<'a>(
        &mut self,
        images: impl Iterator<Item = &'a Raster>,
        count: usize,
        width: usize,
    ) -> Result<Vec<ReadLine>, ModelError> {
        let size = 3 * LINE_HEIGHT * width;
        let mut tensor = vec![0.0; count * size];
        for (image, tensor) in images.zip(tensor.chunks_exact_mut(size)) {
            write_bgr(&image.resized(line_width(image), LINE_HEIGHT), tensor, width);
        }
        let (alphabet, classes) = (&self.alphabet, self.alphabet.classes());
        self.recogniser
            .run([count, 3, LINE_HEIGHT, width], &tensor, |shape, steps| {
                let fits = shape.len() == 3 && shape[0] as usize == count && shape[2] as usize == classes;
                let length = shape.get(1).map_or(0, |&t| t as usize) * classes;
                if !fits || length == 0 {
                    return Err(failed(
                        RECOGNISER,
                        format!("its output is {shape:?}, its alphabet {classes}"),
                    ));
                }
                Ok(steps
                    .chunks_exact(length)
                    .map(|line| alphabet.decode(line))
                    .collect())
            })
            .map_err(|e| failed(RECOGNISER, e))?
    }
}

impl Backend for OcrPipeline {
    type Item = Page;
    type Output = Vec<TextLine>;

    fn run(&mut self, batch: Vec<Page>) -> Result<Vec<Result<Vec<TextLine>, ModelError>>, ModelError> {
        Ok(batch.into_iter().map(|page| self.read(&page.0)).collect())
    }
}

/// Size of the detector's input: longer side at most `most`, both sides multiples of 32.
fn detector_size(width: usize, height: usize, most: usize) -> (usize, usize) {
    let ratio = (most as f64 / width.max(height) as f64).min(1.0);
    let side = |length: usize| {
        let steps = (length as f64 * ratio / DETECTOR_STEP as f64).round() as usize;
        steps.max(1) * DETECTOR_STEP
    };
    (side(width), side(height))
}

/// Width of a line image once it is 48 pixels high.
fn line_width(line: &Raster) -> usize {
    (LINE_HEIGHT * line.width)
        .div_ceil(line.height.max(1))
        .clamp(1, WIDEST)
}

fn padded_width(width: usize) -> usize {
    width.div_ceil(WIDTH_STEP).max(2) * WIDTH_STEP
}

/// Writes (v / 255 - 0.5) / 0.5 as planes B, G, R whose rows are `row` long; what is not written stays 0.
fn write_bgr(image: &Raster, tensor: &mut [f32], row: usize) {
    let plane = tensor.len() / 3;
    for (y, pixels) in image.rgb.chunks_exact(image.width * 3).enumerate() {
        for (x, pixel) in pixels.chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().rev().enumerate() {
                tensor[channel * plane + y * row + x] = f32::from(value) / 127.5 - 1.0;
            }
        }
    }
}

fn failed(model: &str, reason: String) -> ModelError {
    ModelError::Failed {
        model: model.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detector_input_is_never_enlarged_and_always_a_multiple_of_32() {
        for ((width, height), expected) in [
            ((640, 360), (640, 352)),
            ((4000, 3000), (1280, 960)),
            ((3000, 4000), (960, 1280)),
            ((10, 5), (32, 32)),
            ((20_000, 10), (1280, 32)),
        ] {
            assert_eq!(detector_size(width, height, 1280), expected);
        }
    }

    #[test]
    fn line_images_are_padded_in_steps() {
        let line = |width, height| Raster {
            width,
            height,
            rgb: vec![0; width * height * 3],
        };
        for ((width, height), expected) in [
            ((10, 40), 320),
            ((300, 48), 320),
            ((321, 48), 480),
            ((100_000, 2), WIDEST),
        ] {
            assert_eq!(
                padded_width(line_width(&line(width, height))),
                expected,
                "{width} x {height}"
            );
        }
    }

    #[test]
    fn tensors_are_blue_green_red_from_minus_one_to_one() {
        let image = Raster {
            width: 1,
            height: 2,
            rgb: vec![255, 0, 0, 0, 0, 255],
        };
        let mut tensor = vec![0.0; 3 * 2 * 2];
        write_bgr(&image, &mut tensor, 2);
        assert_eq!(
            tensor,
            [-1.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0]
        );
    }
}

#[cfg(test)]
mod reading;
