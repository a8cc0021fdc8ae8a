//! Posteriors of a noisy-OR network and the time they take, for the comparison in `benches/noisy_or_beside.py`:
//! `cargo run --release -p shifu-diagnosis --example noisy_or NETWORK.json`.
//!
//! The file: `{"priors": [..], "symptoms": [{"leak": .., "links": [[cause, chance], ..], "observed": true | false | null}]}`.

use std::time::Instant;

use serde_json::{Value, json};
use shifu_diagnosis::{NoisyOr, NoisySymptom};

/// Runs of which the median counts.
const RUNS: usize = 101;

#[allow(clippy::print_stdout, reason = "an example speaks to its caller")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: noisy_or NETWORK.json")?;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let (network, observed) = read(&file).ok_or("the file is no noisy-OR network")?;
    let mut times_ms = Vec::with_capacity(RUNS);
    let mut found = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        found = network.posteriors(&observed);
        times_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times_ms.sort_by(f64::total_cmp);
    let found = found.ok_or("what was observed is impossible or too much of it is present")?;
    println!(
        "{}",
        json!({ "evidence": found.evidence, "causes": found.causes, "ms": times_ms[RUNS / 2] })
    );
    Ok(())
}

fn read(file: &Value) -> Option<(NoisyOr, Vec<Option<bool>>)> {
    let priors = file["priors"]
        .as_array()?
        .iter()
        .map(Value::as_f64)
        .collect::<Option<_>>()?;
    let link = |link: &Value| Some((usize::try_from(link[0].as_u64()?).ok()?, link[1].as_f64()?));
    let symptom = |symptom: &Value| {
        Some(NoisySymptom {
            leak: symptom["leak"].as_f64()?,
            links: symptom["links"]
                .as_array()?
                .iter()
                .map(link)
                .collect::<Option<_>>()?,
        })
    };
    let rows = file["symptoms"].as_array()?;
    let symptoms = rows.iter().map(symptom).collect::<Option<_>>()?;
    let observed = rows.iter().map(|row| row["observed"].as_bool()).collect();
    Some((NoisyOr { priors, symptoms }, observed))
}
