//! The bundled dialogues and notes, by the public functions. Tuned on the dev files only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shifu_domain::recognise::{Lexicon, LexiconEntries};
use shifu_domain::{
    Dialogue, FaultCode, FormKind, ModelNumber, PartNumber, ProductLine, SummaryFields, SymptomId,
};
use shifu_tickets::rouge::{Rouge, mean, rouge};
use shifu_tickets::scoring::{FieldCounts, score_fields};
use shifu_tickets::{IntakeReader, Summarizer};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../datasets/split_air_conditioner")
        .join(name)
}

fn table(name: &str) -> toml::Table {
    std::fs::read_to_string(data(name)).unwrap().parse().unwrap()
}

fn rows<'a>(table: &'a toml::Table, name: &str) -> impl Iterator<Item = &'a toml::Value> {
    table[name].as_array().unwrap().iter()
}

fn lexicon() -> Arc<Lexicon> {
    let (bom, tree) = (table("bom.toml"), table("fault-tree.toml"));
    let text = |value: &toml::Value, name: &str| value[name].as_str().unwrap().to_owned();
    Arc::new(Lexicon::new(LexiconEntries {
        product_lines: vec![(
            ProductLine::new("split_air_conditioner").unwrap(),
            vec!["空调".into(), "挂机".into()],
        )],
        models: ["KFR-26GW/QH1", "KFR-35GW/QH1", "KFR-50GW/QH1"]
            .map(|m| ModelNumber::new(m).unwrap())
            .to_vec(),
        parts: rows(&bom, "part")
            .map(|p| (PartNumber::new(&text(p, "part_number")).unwrap(), text(p, "name")))
            .collect(),
        fault_codes: rows(&tree, "fault_code")
            .map(|c| (FaultCode::new(&text(c, "code")).unwrap(), Vec::new()))
            .collect(),
        symptoms: rows(&tree, "symptom")
            .map(|s| {
                let phrases = s["phrases"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| p.as_str().unwrap().to_owned());
                (SymptomId::new(&text(s, "id")).unwrap(), phrases.collect())
            })
            .collect(),
    }))
}

fn lines(name: &str) -> Vec<serde_json::Value> {
    std::fs::read_to_string(data(name))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Mean ROUGE of the summaries and the counts of each field over a file of dialogues.
fn measure(name: &str) -> (Rouge, Vec<(&'static str, FieldCounts)>) {
    let summarizer = Summarizer::new(lexicon());
    let mut scores = Vec::new();
    let mut counts: Vec<(&'static str, FieldCounts)> = Vec::new();
    for row in lines(name) {
        let dialogue: Dialogue = serde_json::from_value(row["dialogue"].clone()).unwrap();
        let summary = summarizer.summarize(&dialogue, FormKind::Overall).unwrap();
        let text: String = summary.summary.iter().map(|line| line.text.as_str()).collect();
        scores.push(rouge(&text, row["reference"].as_str().unwrap()));
        let mut fields = row["fields"].clone();
        for field in fields
            .as_object_mut()
            .unwrap()
            .values_mut()
            .filter(|field| !field.is_null())
        {
            field["confidence"] = 1.0.into();
        }
        let expected: SummaryFields = serde_json::from_value(fields).unwrap();
        for (field, found) in score_fields(&summary.fields, &expected) {
            match counts.iter_mut().find(|(name, _)| *name == field) {
                Some((_, sum)) => *sum = sum.plus(found),
                None => counts.push((field, found)),
            }
        }
    }
    (mean(&scores), counts)
}

fn total(counts: &[(&'static str, FieldCounts)]) -> FieldCounts {
    counts
        .iter()
        .fold(FieldCounts::default(), |sum, (_, one)| sum.plus(*one))
}

#[test]
fn dev_dialogues_are_summarised_at_the_measured_quality() {
    let (rouge, counts) = measure("dialogues-dev.jsonl");
    let all = total(&counts);
    for (field, count) in &counts {
        eprintln!(
            "{field} right {} lines {} given {} expected {}",
            count.right, count.right_lines, count.given, count.expected
        );
    }
    eprintln!(
        "{rouge:?} precision {:.3} recall {:.3} f1 {:.3}",
        all.precision(),
        all.recall(),
        all.f1()
    );
    assert!(
        rouge.rouge_1 >= 35.0 && rouge.rouge_2 >= 14.0 && rouge.rouge_l >= 25.0,
        "{rouge:?}"
    );
}

#[test]
fn notes_become_the_expected_tickets() {
    let reader = IntakeReader::new(lexicon());
    let (mut right, mut all) = (0, 0);
    for row in lines("intakes.jsonl") {
        let received = row["received_at"].as_str().unwrap().parse().unwrap();
        let ticket = reader
            .read(row["text"].as_str().unwrap(), Some(received))
            .unwrap();
        let given = serde_json::to_value(&ticket).unwrap();
        let expected = &row["expect"];
        let value =
            |value: &serde_json::Value| value.get("value").cloned().unwrap_or(serde_json::Value::Null);
        let mut compare = |name: &str, given: serde_json::Value, expected: &serde_json::Value| {
            all += 1;
            if given == *expected {
                right += 1;
            } else {
                eprintln!("{} {name}: {given} instead of {expected}", row["id"]);
            }
        };
        compare(
            "product_line",
            value(&given["product_line"]),
            &expected["product_line"],
        );
        compare("model", value(&given["model"]), &expected["model"]);
        compare(
            "fault_codes",
            given["fault_codes"]
                .as_array()
                .unwrap()
                .iter()
                .map(value)
                .collect(),
            &expected["fault_codes"],
        );
        let symptoms = given["symptoms"].as_array().unwrap().iter();
        let mut symptoms: Vec<String> = symptoms
            .map(|s| format!("{} {}", s["id"], s["present"]))
            .collect();
        let mut wanted: Vec<String> = expected["symptoms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| format!("{} {}", s["id"], s["present"]))
            .collect();
        symptoms.sort();
        wanted.sort();
        compare("symptoms", symptoms.into(), &wanted.into());
        for piece in ["province", "city", "district", "street", "detail"] {
            compare(
                piece,
                value(&given["address"][piece]),
                &expected["address"][piece],
            );
        }
        for piece in ["name", "phone"] {
            compare(
                piece,
                value(&given["contact"][piece]),
                &expected["contact"][piece],
            );
        }
        for bound in ["start", "end"] {
            compare(
                bound,
                given["appointment"].get(bound).cloned().unwrap_or_default(),
                &expected["appointment"].get(bound).cloned().unwrap_or_default(),
            );
        }
        compare("urgency", value(&given["urgency"]), &expected["urgency"]);
    }
    eprintln!("{right} of {all} values right");
    assert!(right as f64 >= 0.9 * all as f64, "{right} of {all}");
}
