//! Reads the text of photos: `read_text MODELS_DIR PHOTO…` prints a JSON line a photo with its lines and milliseconds.
//!
//! `--side N` before the photos sets the detector's longer side, `--upright no` leaves the orientation check out.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use shifu_domain::Photo;
use shifu_domain::models::{Priority, TextRecognizer};
use shifu_inference::{Manifest, OcrOptions, OcrRecognizer, QueueOptions, Unobserved};

#[allow(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let models = arguments
        .next()
        .ok_or("usage: read_text MODELS_DIR [--side N] [--upright no] PHOTO…")?;
    let mut options = OcrOptions::default();
    while let Some(flag) = arguments.next_if(|a| a.starts_with("--")) {
        let value = arguments.next().unwrap_or_default();
        match flag.as_str() {
            "--side" => options.detector_side = value.parse()?,
            "--upright" => options.check_upright = value != "no",
            other => return Err(format!("unknown flag {other}").into()),
        }
    }
    let recognizer = OcrRecognizer::start(
        &Manifest::built_in(),
        Path::new(&models),
        options,
        QueueOptions::default(),
        Arc::new(Unobserved),
    )?;
    for path in arguments {
        let decoded = image::open(&path)?.to_rgb8();
        let photo = Photo::from_rgb(decoded.width(), decoded.height(), decoded.into_raw())?;
        let began = Instant::now();
        let lines = recognizer.recognize(&photo, Priority::Interactive)?;
        let took_ms = began.elapsed().as_secs_f64() * 1000.0;
        println!(
            "{}",
            serde_json::json!({ "photo": path, "took_ms": took_ms, "lines": lines })
        );
    }
    Ok(())
}
