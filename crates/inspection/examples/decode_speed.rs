//! Milliseconds to decode, measure and fingerprint: `cargo run --release -p shifu-inspection --example decode_speed -- DIR`

use std::io::Write as _;
use std::time::Instant;

use shifu_inspection::{Fingerprint, Limits, Quality, decode, decode_detail};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let mut out = std::io::stdout().lock();
    for path in paths {
        let bytes = std::fs::read(&path)?;
        let Ok(decoded) = decode(&bytes, Limits::default()) else {
            continue;
        };
        let time = |work: &dyn Fn()| {
            let mut runs: Vec<f64> = (0..7)
                .map(|_| {
                    let start = Instant::now();
                    work();
                    start.elapsed().as_secs_f64() * 1000.0
                })
                .collect();
            runs.sort_by(f64::total_cmp);
            (runs[0], runs[3])
        };
        let small = time(&|| drop(decode(&bytes, Limits::default())));
        let large = time(&|| drop(decode_detail(&bytes, Limits::default())));
        let quality = time(&|| {
            std::hint::black_box(Quality::of(&decoded));
        });
        let print = time(&|| drop(Fingerprint::of(&decoded.photo, &bytes)));
        writeln!(
            out,
            "{}: {} x {}, {} KB; least and median ms: decode {small:.1?}, detail {large:.1?}, quality {quality:.1?}, fingerprint {print:.1?}",
            path.file_name().unwrap_or_default().to_string_lossy(),
            decoded.full_width,
            decoded.full_height,
            bytes.len() / 1024
        )?;
    }
    Ok(())
}
