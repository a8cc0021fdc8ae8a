//! What linking a customer's own words to symptoms is worth, on the bundled appliances:
//! `cargo run --release -p shifu-diagnosis --example linked -- datasets [even | odd | whole] [unseen] [NOTES …]`.
//!
//! 1. Notes with the symptoms they mean (`intakes-dev.jsonl`, or the files named): precision and recall of symptoms, recognised alone
//!    and with those linked, with all repairs learnt.
//! 2. Requests that hold only the customer's part of a repair's text; repairs in order of time, the first 70 % to learn from and the rest to
//!    ask about. The tree keeps the `even` phrases of each symptom (the first, third …; this is what was tuned on), the `odd` ones or the
//!    `whole` list. Symptoms as before; log-loss of the true cause in nats and whether it is among the first three. The repairs'
//!    texts are drawn from templates with the tree's phrases, which flatters: with `unseen` they are not learnt from, and all words that the
//!    tree lacks are new.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use shifu_diagnosis::{
    Bom, Diagnosis, DiagnosisConfig, EvidenceSource, FaultTree, Prediction, PredictionRequest, Repair,
    SymptomReport,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Share of the repairs to learn from.
const LEARNT: f64 = 0.7;

/// Symptoms found and missed.
#[derive(Default, Clone, Copy)]
struct Found {
    right: f64,
    wrong: f64,
    missed: f64,
}

impl Found {
    fn count(&mut self, found: &BTreeSet<String>, meant: &BTreeSet<String>) {
        self.right += found.intersection(meant).count() as f64;
        self.wrong += found.difference(meant).count() as f64;
        self.missed += meant.difference(found).count() as f64;
    }

    fn told(self) -> Value {
        let share = |of: f64| (self.right / (self.right + of).max(1.0) * 1e3).round() / 1e3;
        json!({ "right": self.right, "precision": share(self.wrong), "recall": share(self.missed) })
    }
}

/// How well causes are foretold.
#[derive(Default, Clone, Copy)]
struct Causes {
    requests: f64,
    log_loss: f64,
    first_three: f64,
}

/// Links by tenths of their certainty: how many were right, of how many.
#[derive(Default)]
struct Links([(u32, u32); 10]);

impl Links {
    fn count(&mut self, certainty: f64, right: bool) {
        let of = &mut self.0[((certainty * 10.0) as usize).min(9)];
        of.0 += u32::from(right);
        of.1 += 1;
    }

    fn told(&self) -> String {
        let tenths = self.0.iter().enumerate().filter(|(_, (_, all))| *all > 0);
        let tenths = tenths.map(|(at, (right, all))| format!("from 0.{at}: {right} of {all}"));
        tenths.collect::<Vec<_>>().join(", ")
    }
}

impl Causes {
    fn count(&mut self, prediction: &Prediction, cause: &str) {
        let total: f64 = prediction
            .causes
            .iter()
            .map(|cause| cause.probability.value())
            .sum();
        let at = prediction.causes.iter().position(|found| found.event == cause);
        let chance = at.map_or(0.0, |at| prediction.causes[at].probability.value() / total);
        self.requests += 1.0;
        self.log_loss -= chance.max(1e-4).ln();
        self.first_three += f64::from(u8::from(at.is_some_and(|at| at < 3)));
    }

    fn told(self) -> Value {
        let mean = |sum: f64| (sum / self.requests * 1e3).round() / 1e3;
        json!({ "requests": self.requests, "log_loss": mean(self.log_loss), "first_three": mean(self.first_three) })
    }
}

#[allow(clippy::print_stdout, reason = "an example speaks to its caller")]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = args
        .next()
        .ok_or("usage: linked DATASETS [even | odd | whole] [unseen] [NOTES …]")?;
    let (mut notes, words): (Vec<String>, Vec<String>) = args.partition(|arg| arg.ends_with(".jsonl"));
    let said = |word: &str| words.iter().any(|said| said == word);
    let phrases = match (said("odd"), said("whole")) {
        (true, _) => Phrases::Odd,
        (_, true) => Phrases::Whole,
        _ => Phrases::Even,
    };
    if notes.is_empty() {
        notes.push("intakes-dev.jsonl".to_owned());
    }
    let mut links = Links::default();
    let mut of_notes = [Found::default(); 2];
    let (mut of_requests, mut of_causes) = ([Found::default(); 2], [Causes::default(); 2]);
    let mut folders: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::result::Result<_, _>>()?;
    folders.sort();
    for folder in folders
        .iter()
        .filter(|folder| folder.join("repairs.jsonl").exists())
    {
        let repairs = repairs(folder)?;
        let whole = fitted(engine(folder, Phrases::Whole)?, &repairs, false)?;
        for file in &notes {
            for note in lines(&folder.join(file))? {
                read_note(&whole, &note, &mut of_notes, &mut links)?;
            }
        }
        let (past, coming) = repairs.split_at((repairs.len() as f64 * LEARNT) as usize);
        let partial = fitted(engine(folder, phrases)?, past, said("unseen"))?;
        for repair in coming.iter().filter(|repair| repair.fixed) {
            ask(&partial, repair, &mut of_requests, &mut of_causes)?;
        }
    }
    let both = |found: [Value; 2]| json!({ "recognised": found[0], "linked": found[1] });
    println!("notes {:#}", both(of_notes.map(Found::told)));
    println!("links of the notes by certainty: {}", links.told());
    println!("requests {:#}", both(of_requests.map(Found::told)));
    println!("causes {:#}", both(of_causes.map(Causes::told)));
    Ok(())
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path)?;
    Ok(text
        .lines()
        .map(serde_json::from_str)
        .collect::<std::result::Result<_, _>>()?)
}

fn repairs(folder: &Path) -> Result<Vec<Repair>> {
    let mut repairs: Vec<Repair> = lines(&folder.join("repairs.jsonl"))?
        .into_iter()
        .map(serde_json::from_value)
        .collect::<std::result::Result<_, _>>()?;
    repairs.sort_by(|a, b| a.date.cmp(&b.date));
    Ok(repairs)
}

/// Which phrases of each symptom the tree keeps.
#[derive(Clone, Copy)]
enum Phrases {
    Even,
    Odd,
    Whole,
}

fn engine(folder: &Path, phrases: Phrases) -> Result<Diagnosis> {
    let tree = std::fs::read_to_string(folder.join("fault-tree.toml"))?;
    let mut tree = FaultTree::from_toml(&tree, "fault-tree.toml")?;
    for symptom in &mut tree.symptoms {
        let (from, step) = match phrases {
            Phrases::Even => (0, 2),
            Phrases::Odd => (1, 2),
            Phrases::Whole => (0, 1),
        };
        symptom.phrases = symptom.phrases.iter().skip(from).step_by(step).cloned().collect();
    }
    let bom = Bom::from_toml(&std::fs::read_to_string(folder.join("bom.toml"))?, "bom.toml")?;
    let config = DiagnosisConfig {
        max_causes: usize::MAX,
        max_questions: 0,
        ..DiagnosisConfig::default()
    };
    Ok(Diagnosis::new(tree, bom, config)?)
}

fn fitted(mut engine: Diagnosis, repairs: &[Repair], without_texts: bool) -> Result<Diagnosis> {
    for repair in repairs {
        let text = repair.text.clone().filter(|_| !without_texts);
        engine.learn(&Repair {
            text,
            ..repair.clone()
        })?;
    }
    let start = Instant::now();
    let _ = engine.fitted();
    eprintln!(
        "fitted {} repairs in {:.1} ms",
        repairs.len(),
        start.elapsed().as_secs_f64() * 1e3
    );
    Ok(engine)
}

/// The symptoms that a prediction took as present, and those of them that were recognised.
fn symptoms(prediction: &Prediction) -> [BTreeSet<String>; 2] {
    let all = prediction.evidence.symptoms.iter().filter(|told| told.present);
    let ids = |linked: bool| {
        let told = all
            .clone()
            .filter(move |told| linked || told.source != EvidenceSource::Linked);
        told.map(|told| told.id.to_string()).collect()
    };
    [ids(false), ids(true)]
}

fn read_note(engine: &Diagnosis, note: &Value, found: &mut [Found; 2], links: &mut Links) -> Result<()> {
    // Notes name the symptoms below `expect`, tickets beside the text.
    let meant: Vec<SymptomReport> =
        serde_json::from_value(note.get("expect").unwrap_or(note)["symptoms"].clone())?;
    let meant: BTreeSet<String> = meant
        .iter()
        .filter(|told| told.present)
        .map(|told| told.id.to_string())
        .collect();
    let mut request = PredictionRequest::new(engine.bom().product_line.clone());
    request.text = note["text"].as_str().map(str::to_owned);
    let prediction = engine.predict(&request)?;
    let [recognised, linked] = symptoms(&prediction);
    for told in prediction.evidence.symptoms.iter().filter(|told| told.present) {
        if let Some(certainty) = told.certainty {
            links.count(certainty, meant.contains(told.id.as_str()));
        }
    }
    found[0].count(&recognised, &meant);
    found[1].count(&linked, &meant);
    Ok(())
}

fn ask(engine: &Diagnosis, repair: &Repair, found: &mut [Found; 2], causes: &mut [Causes; 2]) -> Result<()> {
    let mut request = PredictionRequest::new(repair.product_line.clone());
    request.model.clone_from(&repair.model);
    request.region.clone_from(&repair.region);
    request.date.clone_from(&repair.date);
    request.text = repair
        .text
        .as_ref()
        .and_then(|text| text.split('。').next())
        .map(str::to_owned);
    let linked = engine.predict(&request)?;
    // The same with what was recognised, and without the other words.
    let mut plain = PredictionRequest {
        text: None,
        ..request
    };
    let recognised = linked
        .evidence
        .symptoms
        .iter()
        .filter(|told| told.source != EvidenceSource::Linked);
    plain.symptoms = recognised
        .map(|told| SymptomReport {
            id: told.id.clone(),
            present: told.present,
        })
        .collect();
    plain.fault_codes = linked
        .evidence
        .fault_codes
        .iter()
        .map(|told| told.code.clone())
        .collect();
    let plain = engine.predict(&plain)?;
    let meant = repair
        .symptoms
        .iter()
        .filter(|told| told.present)
        .map(|told| told.id.to_string())
        .collect();
    for (found, seen) in found.iter_mut().zip(symptoms(&linked)) {
        found.count(&seen, &meant);
    }
    if let Some(cause) = repair.cause.as_deref() {
        causes[0].count(&plain, cause);
        causes[1].count(&linked, cause);
    }
    Ok(())
}
