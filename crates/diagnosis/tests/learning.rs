//! What repairs teach: missing links and causes, age, silence, calibration; and that only the set of reports matters.

use shifu_diagnosis::{
    Bom, Change, Diagnosis, DiagnosisConfig, FaultTree, PartUsed, PredictionRequest, Repair, Sign,
    SymptomReport,
};
use shifu_domain::{ModelNumber, PartNumber, Probability, ProductLine, SymptomId, TicketId};

const BOM: &str = r#"
product_line = "oven"
[[part]]
part_number = "FAN"
name = "风机"
price = "80.00"
[[part]]
part_number = "BOARD"
name = "主板"
price = "200.00"
[[part]]
part_number = "LAMP"
name = "炉灯"
price = "10.00"
"#;

const TREE: &str = r#"
product_line = "oven"
version = "1"
[[event]]
id = "fan"
name = "风机坏"
probability = 0.2
repaired_by = [{ part_number = "FAN" }]
[[event]]
id = "board"
name = "主板坏"
probability = 0.2
repaired_by = [{ part_number = "BOARD" }]
[[gate]]
id = "no_heat_gate"
name = "不能加热"
type = "or"
inputs = ["fan", "board"]
[[symptom]]
id = "cold"
phrases = ["不加热"]
leak = 0.01
causes = [{ input = "no_heat_gate", probability = 0.8 }]
[[symptom]]
id = "loud"
phrases = ["声音大"]
leak = 0.01
causes = [{ input = "fan", probability = 0.7 }]
[[symptom]]
id = "dark"
phrases = ["灯不亮"]
leak = 0.01
causes = []
"#;

fn oven() -> Diagnosis {
    let (tree, bom) = (
        FaultTree::from_toml(TREE, "t").unwrap(),
        Bom::from_toml(BOM, "b").unwrap(),
    );
    Diagnosis::new(tree, bom, DiagnosisConfig::default()).unwrap()
}

fn reports(symptoms: &[&str]) -> Vec<SymptomReport> {
    symptoms
        .iter()
        .map(|id| SymptomReport {
            id: SymptomId::new(id).unwrap(),
            present: true,
        })
        .collect()
}

fn repair(number: usize, cause: Option<&str>, parts: &[&str], symptoms: &[&str]) -> Repair {
    Repair {
        ticket_id: TicketId::new(&format!("T{number:04}")).unwrap(),
        visit: 1,
        product_line: ProductLine::new("oven").unwrap(),
        model: Some(ModelNumber::new("O1").unwrap()),
        serial: None,
        symptoms: reports(symptoms),
        fault_codes: Vec::new(),
        parts_used: parts
            .iter()
            .map(|part| PartUsed {
                part_number: PartNumber::new(part).unwrap(),
                quantity: 1,
            })
            .collect(),
        cause: cause.map(str::to_owned),
        text: None,
        fixed: true,
        region: None,
        date: Some(format!("2025-{:02}-10", 1 + number % 12)),
        installed_on: None,
        predicted_first_time_fix: None,
    }
}

fn asked(symptoms: &[&str]) -> PredictionRequest {
    let mut request = PredictionRequest::new(ProductLine::new("oven").unwrap());
    request.model = Some(ModelNumber::new("O1").unwrap());
    request.symptoms = reports(symptoms);
    request
}

fn chance(oven: &Diagnosis, symptoms: &[&str], event: &str) -> f64 {
    let found = oven.predict(&asked(symptoms)).unwrap();
    found
        .causes
        .iter()
        .find(|cause| cause.event == event)
        .map_or(0.0, |cause| cause.probability.value())
}

/// Sixty repairs: fans that are cold and loud, boards that are cold or dark.
fn a_year() -> Vec<Repair> {
    (0..60)
        .map(|i| match i % 4 {
            0 | 1 => repair(i, Some("fan"), &["FAN"], &["cold", "loud"]),
            2 => repair(i, Some("board"), &["BOARD"], &["dark"]),
            _ => repair(i, Some("board"), &["BOARD"], &["cold", "dark"]),
        })
        .collect()
}

fn taught(repairs: &[Repair]) -> Diagnosis {
    let mut oven = oven();
    repairs.iter().for_each(|repair| _ = oven.learn(repair).unwrap());
    oven
}

#[test]
fn a_link_that_the_expert_did_not_know_is_learnt_and_suggested() {
    let (before, after) = (oven(), taught(&a_year()));
    assert!(
        chance(&before, &["dark"], "board") < 0.25,
        "the leak is all that explains it"
    );
    assert!(chance(&after, &["dark"], "board") > 0.9);
    let suggestions = after.suggestions();
    let Change::NewLink { event, link } = &suggestions[0].change else {
        panic!("{suggestions:?}")
    };
    assert_eq!(
        (event.as_str(), &link.sign),
        ("board", &Sign::Symptom(SymptomId::new("dark").unwrap()))
    );
    assert!(link.probability > 0.8 && suggestions[0].repairs == 30 && suggestions[0].tickets.len() == 20);
    // Thirty of thirty boards are dark; the tree expects its leak.
    let grounds = &suggestions[0].grounds;
    assert_eq!(
        (grounds.of_repairs, grounds.share, grounds.tree_expects),
        (30, 1.0, 0.01)
    );
    assert!(grounds.log_likelihood_ratio > 30.0, "{grounds:?}");
    let text = after.wording(&suggestions[0]);
    assert!(text.contains("30 次维修中有 30 次（100%）出现“灯不亮”"), "{text}");
    // Accepted, it is the expert's, and is not suggested again.
    let tree = after.tree().with_change(&suggestions[0].change, "2").unwrap();
    assert_eq!(tree.version, "2");
    let mut next = Diagnosis::new(tree, after.bom().clone(), DiagnosisConfig::default()).unwrap();
    assert!(chance(&next, &["dark"], "board") > 0.9);
    a_year().iter().for_each(|repair| _ = next.learn(repair).unwrap());
    assert!(next.suggestions().is_empty(), "{:?}", next.suggestions());
}

#[test]
fn a_cause_that_the_tree_lacks_brings_its_part_into_the_kit() {
    let mut repairs = a_year();
    repairs
        .iter_mut()
        .filter(|repair| repair.cause.as_deref() == Some("board"))
        .for_each(|repair| {
            repair.cause = None;
            repair.parts_used[0].part_number = PartNumber::new("LAMP").unwrap();
        });
    let oven = taught(&repairs);
    let found = oven.predict(&asked(&["dark"])).unwrap();
    assert_eq!(
        found.kit.first().map(|item| item.part_number.as_str()),
        Some("LAMP")
    );
    let suggestion = &oven.suggestions()[0];
    let Change::NewCause {
        name, parts, shows, ..
    } = &suggestion.change
    else {
        panic!("{suggestion:?}")
    };
    assert!(
        name == "炉灯故障" && parts.len() == 1 && shows.iter().any(|s| s.probability > 0.8),
        "{suggestion:?}"
    );
    let text = oven.wording(suggestion);
    assert!(
        text.starts_with("60 次维修中有 30 次（50%）更换的备件 LAMP 不是任何一个原因的备件"),
        "{text}"
    );
    // A tree of two causes with other parts hardly explains thirty of these repairs.
    assert!(suggestion.grounds.log_likelihood_ratio > 100.0, "{suggestion:?}");
    let tree = oven.tree().with_change(&suggestion.change, "2").unwrap();
    assert!(
        tree.with_change(&suggestion.change, "3").is_err(),
        "it is there already"
    );
}

#[test]
fn silence_about_a_sign_speaks_against_causes_that_show_it() {
    let repairs: Vec<Repair> = (0..60)
        .map(|i| match i % 2 {
            0 => repair(i, Some("fan"), &["FAN"], &["cold", "loud"]),
            _ => repair(i, Some("board"), &["BOARD"], &["cold"]),
        })
        .collect();
    let oven = taught(&repairs);
    // As many fans as boards are cold, but a fan is always told to be loud; here nobody says so.
    assert!(
        chance(&oven, &["cold"], "fan") < 0.45,
        "{}",
        chance(&oven, &["cold"], "fan")
    );
    assert!(chance(&oven, &["cold", "loud"], "fan") > 0.95);
}

#[test]
fn the_order_of_reports_does_not_matter_and_a_replaced_one_leaves_no_trace() {
    let year = a_year();
    let forward = taught(&year);
    let mut backward: Vec<Repair> = year.clone();
    backward.reverse();
    let mut backward = taught(&backward);
    let answer = |oven: &Diagnosis| {
        let mut found = oven.predict(&asked(&["cold"])).unwrap();
        found.took_ms = 0.0;
        found
    };
    assert_eq!(answer(&forward), answer(&backward));
    let other = repair(7, Some("fan"), &["FAN"], &["loud"]);
    backward.learn(&other).unwrap();
    assert_ne!(answer(&forward), answer(&backward));
    backward.learn(&year[7]).unwrap();
    assert_eq!(answer(&forward), answer(&backward));
}

#[test]
fn causes_come_with_age() {
    let repairs: Vec<Repair> = (0..80)
        .map(|i| {
            let (cause, part, installed) = if i % 2 == 0 {
                ("fan", "FAN", "2015-01-01")
            } else {
                ("board", "BOARD", "2024-12-01")
            };
            let mut repair = repair(i, Some(cause), &[part], &["cold"]);
            repair.installed_on = Some(installed.to_owned());
            repair.date = Some("2025-06-01".to_owned());
            repair
        })
        .collect();
    let oven = taught(&repairs);
    let fan = |installed: &str| {
        let mut request = asked(&["cold"]);
        request.date = Some("2025-06-01".to_owned());
        request.installed_on = Some(installed.to_owned());
        let found = oven.cause_frequencies(&request);
        found.iter().find(|cause| cause.0 == "fan").unwrap().1
    };
    assert!(
        fan("2014-05-05") > 2.0 * fan("2025-01-01"),
        "{} {}",
        fan("2014-05-05"),
        fan("2025-01-01")
    );
}

#[test]
fn an_appliance_repaired_before_may_have_its_cause_again() {
    let mut repairs = a_year();
    for i in 0..20 {
        let mut pair = [
            repair(100 + 2 * i, Some("board"), &["BOARD"], &["cold"]),
            repair(101 + 2 * i, Some("board"), &["BOARD"], &["cold"]),
        ];
        pair.iter_mut()
            .for_each(|repair| repair.serial = Some(format!("S{i}")));
        repairs.extend(pair);
    }
    let oven = taught(&repairs);
    let board = |serial: Option<&str>| {
        let mut request = asked(&["cold"]);
        request.serial = serial.map(str::to_owned);
        oven.cause_frequencies(&request)[1].1
    };
    // 20 of 20 pairs are alike; with 1 of 8 before, that is 21 of 28.
    let expected = 0.25 * board(None) + 0.75 * 0.999;
    assert!(
        (board(Some("S3")) - expected).abs() < 1e-9,
        "{} {expected}",
        board(Some("S3"))
    );
    assert_eq!(board(Some("never seen")), board(None));
}

#[test]
fn chances_come_to_what_was_seen_and_failing_visits_raise_the_alarm() {
    let visits = |fixed: fn(usize) -> bool| -> Vec<Repair> {
        let outcome = |mut repair: Repair| {
            let number: usize = repair.ticket_id.as_str()[1..].parse().unwrap();
            repair.fixed = fixed(number);
            repair.predicted_first_time_fix = Some(Probability::new(0.9).unwrap());
            repair
        };
        a_year().into_iter().map(outcome).collect()
    };
    let (steady, failing) = (taught(&visits(|i| i % 10 != 0)), taught(&visits(|i| i % 2 == 0)));
    assert!(!steady.drift().alarm, "{:?}", steady.drift());
    let shown = |oven: &Diagnosis| {
        let found = oven.predict(&asked(&["cold", "loud"])).unwrap();
        let raw = found.uncalibrated_first_time_fix.unwrap().value();
        (raw, found.first_time_fix.with_kit.value())
    };
    let (raw, calibrated) = shown(&failing);
    assert!(calibrated < raw - 0.1, "{raw} {calibrated}");
}

#[test]
fn a_change_that_does_not_fit_the_tree_is_refused() {
    let tree = FaultTree::from_toml(TREE, "t").unwrap();
    let link = |event: &str, symptom: &str, probability: f64| Change::NewLink {
        event: event.to_owned(),
        link: shifu_diagnosis::SuggestedLink {
            sign: Sign::Symptom(SymptomId::new(symptom).unwrap()),
            probability,
        },
    };
    assert!(tree.with_change(&link("fan", "dark", 0.5), "2").is_ok());
    for (event, symptom, probability) in [
        ("fan", "purple", 0.5),
        ("motor", "dark", 0.5),
        ("fan", "dark", 1.5),
    ] {
        let error = tree
            .with_change(&link(event, symptom, probability), "2")
            .unwrap_err()
            .to_string();
        assert!(error.contains("change"), "{error}");
    }
}
