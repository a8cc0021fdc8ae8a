//! What a dispatcher sees: hand-computable predictions, learning that shifts the next one, and the bundled appliance.

use shifu_diagnosis::{
    Bom, Diagnosis, DiagnosisConfig, EvidenceSource, FaultTree, KitLimit, PartUsed, PredictionRequest,
    Repair, Shrinkage, Stock, SymptomReport, ValueUnit,
};
use shifu_domain::{
    FaultCode, ModelNumber, PartNumber, Probability, ProductLine, Region, SymptomId, TicketId, Yuan,
};

const BOM: &str = r#"
product_line = "washer"
[[part]]
part_number = "PUMP-2"
name = "排水泵"
price = "60.00"
supersedes = ["PUMP-1"]
fits = ["W1*"]
[[part]]
part_number = "PUMP-9"
name = "排水泵"
price = "90.00"
fits = ["W2*"]
[[part]]
part_number = "BOARD"
name = "主板"
price = "200.00"
"#;

const TREE: &str = r#"
product_line = "washer"
version = "3"
[[event]]
id = "pump"
name = "排水泵坏"
probability = 0.1
repaired_by = [{ part_number = "PUMP-1" }, { part_number = "PUMP-9" }]
[[event]]
id = "board"
name = "主板坏"
probability = 0.1
repaired_by = [{ part_number = "BOARD" }]
[[event]]
id = "filter"
name = "滤网堵"
probability = 0.2
[[gate]]
id = "no_drain_gate"
name = "排水中断"
type = "or"
inputs = ["pump", "board"]
[[symptom]]
id = "no_drain"
phrases = ["不排水"]
leak = 0.0
causes = [{ input = "no_drain_gate", probability = 1.0 }]
[[symptom]]
id = "dark"
phrases = ["屏幕不亮"]
leak = 0.0
causes = [{ input = "board", probability = 0.5 }]
[[fault_code]]
code = "E1"
models = ["W1*"]
leak = 0.0
causes = [{ input = "pump", probability = 0.5 }]
"#;

fn diagnosis(config: DiagnosisConfig) -> Diagnosis {
    Diagnosis::new(
        FaultTree::from_toml(TREE, "t").unwrap(),
        Bom::from_toml(BOM, "b").unwrap(),
        config,
    )
    .unwrap()
}

fn request(model: &str, symptoms: &[(&str, bool)]) -> PredictionRequest {
    let mut request = PredictionRequest::new(ProductLine::new("washer").unwrap());
    request.model = Some(ModelNumber::new(model).unwrap());
    request.symptoms = symptoms
        .iter()
        .map(|(id, present)| SymptomReport {
            id: SymptomId::new(id).unwrap(),
            present: *present,
        })
        .collect();
    request
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} and not {expected}");
}

#[test]
fn two_causes_of_one_symptom_share_it_as_computed_by_hand() {
    let found = diagnosis(DiagnosisConfig::default())
        .predict(&request("W100", &[("no_drain", true)]))
        .unwrap();
    // P(f) = 1 − 0.9² = 0.19; P(pump | f) = 0.1/0.19 = 10/19; P(filter | f) = 0.2.
    near(found.evidence.probability, 0.19);
    near(found.causes[0].probability.value(), 10.0 / 19.0);
    near(
        found
            .causes
            .iter()
            .find(|c| c.event == "filter")
            .unwrap()
            .probability
            .value(),
        0.2,
    );
    // Without parts nothing is fixed; with the pump alone all but a broken board: 0.09/0.19 = 9/19.
    near(found.first_time_fix.without_parts.value(), 0.0);
    near(found.first_time_fix.with_every_part.value(), 1.0);
    // Pump: 60 saves 300·9/19 = 142.1; the board after it: 200 for 300·10/19 = 157.9, not worth it.
    assert_eq!(found.kit.len(), 1);
    assert_eq!(found.kit[0].part_number.as_str(), "PUMP-2");
    assert_eq!(found.kit_cost.to_string(), "60.00");
    near(found.first_time_fix.with_kit.value(), 9.0 / 19.0);
    near(found.kit[0].probability_needed.value(), 10.0 / 19.0);
    assert!(found.certificate.optimal && found.certificate.gap == 0.0);
    assert!(found.kit[0].alternatives.iter().any(|n| n.as_str() == "PUMP-1"));
    assert!(
        found.causes[0]
            .because
            .iter()
            .any(|w| w.contains("不排水") && w.contains("排水中断")),
        "{:?}",
        found.causes[0].because
    );
    let [low, high] = found.causes[0].interval;
    assert!(low < 10.0 / 19.0 && 10.0 / 19.0 < high);
}

#[test]
fn the_answer_to_a_question_is_worth_what_it_saves() {
    let found = diagnosis(DiagnosisConfig::default())
        .predict(&request("W100", &[("no_drain", true)]))
        .unwrap();
    // "dark" shows with 0.05/0.19 = 5/19, always with a broken board; then P(pump) = 0.1, and the best kit is the board alone
    // (200 + 300·0.1 = 230) against the pump alone (60 + 300): 130 yuan saved; without it the pump stays best.
    let question = &found.next_questions[0];
    assert_eq!(
        (question.symptom.as_str(), question.unit),
        ("dark", ValueUnit::Yuan)
    );
    near(question.value, 5.0 / 19.0 * 130.0);
    assert!(question.text.contains("屏幕不亮"));
}

#[test]
fn limits_bound_the_kit() {
    let diagnosis = diagnosis(DiagnosisConfig::default());
    let mut request = request("W100", &[("no_drain", true)]);
    let mut with = |limit: KitLimit| {
        request.limit = Some(limit);
        diagnosis.predict(&request).unwrap()
    };
    assert!(
        with(KitLimit {
            max_parts: Some(0),
            ..KitLimit::default()
        })
        .kit
        .is_empty()
    );
    assert_eq!(
        with(KitLimit {
            max_parts: Some(2),
            ..KitLimit::default()
        })
        .kit
        .len(),
        2
    );
    let cheap = with(KitLimit {
        max_cost: Some(Yuan::from_fen(19_999)),
        ..KitLimit::default()
    });
    assert_eq!((cheap.kit.len(), cheap.kit_cost.fen()), (1, 6_000));
    let sure = with(KitLimit {
        target_first_time_fix: Some(Probability::ONE),
        ..KitLimit::default()
    });
    assert_eq!(sure.kit_cost.fen(), 26_000);
    let bad = KitLimit {
        max_parts: Some(1),
        max_cost: Some(Yuan::ZERO),
        ..KitLimit::default()
    };
    request.limit = Some(bad);
    assert!(diagnosis.predict(&request).is_err());
}

#[test]
fn parts_follow_the_model_and_the_stock() {
    let diagnosis = diagnosis(DiagnosisConfig::default());
    let mut request = request("W200", &[("no_drain", true)]);
    request.stock = Some(vec![Stock {
        part_number: PartNumber::new("PUMP-9").unwrap(),
        depot: 1,
        van: 0,
    }]);
    let found = diagnosis.predict(&request).unwrap();
    assert_eq!(found.kit[0].part_number.as_str(), "PUMP-9");
    assert_eq!(found.kit[0].in_stock, Some(true));
    // No board in stock: only worlds without a broken board are fixed by every part at hand.
    near(found.first_time_fix.with_every_part.value(), 9.0 / 19.0);
}

#[test]
fn what_is_unknown_or_contradictory_is_reported() {
    let diagnosis = diagnosis(DiagnosisConfig::default());
    let mut asked = request("W200", &[("no_drain", true), ("flies_away", true)]);
    asked.fault_codes = vec![FaultCode::new("E1").unwrap(), FaultCode::new("E99").unwrap()];
    let found = diagnosis.predict(&asked).unwrap();
    let ignored: Vec<(&str, &str)> = found
        .evidence
        .ignored
        .iter()
        .map(|i| (i.kind.as_str(), i.value.as_str()))
        .collect();
    assert_eq!(
        ignored,
        [
            ("symptom", "flies_away"),
            ("fault_code", "E1"),
            ("fault_code", "E99")
        ]
    );
    // A dark screen without the drain stopped cannot be: the board stops it for certain.
    let found = diagnosis
        .predict(&request("W100", &[("no_drain", false), ("dark", true)]))
        .unwrap();
    assert!(found.evidence.contradictory && found.causes.is_empty() && found.kit.is_empty());
    let mut other = request("W100", &[]);
    other.product_line = ProductLine::new("oven").unwrap();
    assert!(
        diagnosis
            .predict(&other)
            .unwrap_err()
            .to_string()
            .contains("oven")
    );
}

#[test]
fn text_becomes_evidence_and_stated_symptoms_win() {
    let diagnosis = diagnosis(DiagnosisConfig::default());
    let mut asked = request("W100", &[("dark", false)]);
    asked.text = Some("洗衣机不排水，报E1，屏幕不亮".to_owned());
    let found = diagnosis.predict(&asked).unwrap();
    let symptoms: Vec<(&str, bool)> = found
        .evidence
        .symptoms
        .iter()
        .map(|s| (s.id.as_str(), s.present))
        .collect();
    assert_eq!(symptoms, [("dark", false), ("no_drain", true)]);
    assert_eq!(found.evidence.fault_codes[0].code.as_str(), "E1");
    // E1 needs the pump, and a pump without a drain stopped is impossible anyway.
    near(found.causes[0].probability.value(), 1.0);
}

#[test]
fn what_is_only_supposed_weighs_less_and_is_asked_about() {
    let washer = diagnosis(DiagnosisConfig::default());
    let told = |text: &str| {
        let mut asked = request("W1-8", &[]);
        asked.text = Some(text.to_owned());
        washer.predict(&asked).unwrap()
    };
    let (plain, hedged, nothing) = (told("洗衣机不排水"), told("洗衣机好像不排水"), told("洗衣机"));
    assert!(hedged.evidence.symptoms[0].hedged && !plain.evidence.symptoms[0].hedged);
    let pump = |found: &shifu_diagnosis::Prediction| {
        let cause = found.causes.iter().find(|cause| cause.event == "pump").unwrap();
        cause.probability.value()
    };
    // Without the symptom .1; with it .1 / .19. The chance of the gate is .19: (.8 · .1) / (.8 · .19 + .2 · .81).
    near(pump(&nothing), 0.1);
    near(pump(&plain), 0.1 / 0.19);
    near(pump(&hedged), 0.08 / (0.8 * 0.19 + 0.2 * 0.81));
    let asks = |found: &shifu_diagnosis::Prediction| {
        found
            .next_questions
            .iter()
            .any(|q| q.symptom.as_str() == "no_drain")
    };
    assert!(asks(&hedged) && !asks(&plain));
    let because = &hedged.causes[0].because;
    assert!(because.iter().any(|why| why.contains("可能出现")), "{because:?}");
}

#[test]
fn other_words_for_a_phrase_are_linked_weigh_less_and_are_asked_about() {
    let washer = diagnosis(DiagnosisConfig::default());
    let mut asked = request("W1-8", &[]);
    asked.text = Some("洗衣机屏幕黑着不亮".to_owned());
    let found = washer.predict(&asked).unwrap();
    let told = &found.evidence.symptoms[0];
    assert_eq!((told.id.as_str(), told.source), ("dark", EvidenceSource::Linked));
    // All of 屏, 幕, 不, 亮, 屏幕, 幕不, 不亮 but 幕不; only 不 is of both symptoms.
    let (both, one) = (1.5_f64.ln(), 3_f64.ln());
    let likeness = (both + 5.0 * one) / (both + 6.0 * one);
    assert!((0.8..0.9).contains(&likeness) && told.hedged && told.certainty == Some(0.8));
    // Half of the repairs are taken to record either symptom: the odds are taken times 1 + .8 / (.5 · .2). The board shows so by half.
    let ratio = 1.0 + 0.8 / (0.5 * 0.2);
    let board = found.causes.iter().find(|cause| cause.event == "board").unwrap();
    near(
        board.probability.value(),
        0.05 * (ratio + 1.0) / (0.05 * ratio + 0.95),
    );
    assert!(
        found
            .next_questions
            .iter()
            .any(|question| question.symptom.as_str() == "dark")
    );
    asked.symptoms = vec![SymptomReport {
        id: SymptomId::new("no_drain").unwrap(),
        present: true,
    }];
    let found = washer.predict(&asked).unwrap();
    assert_eq!(
        found.evidence.symptoms.len(),
        1,
        "who names symptoms has read the text"
    );
}

#[test]
fn words_are_learnt_from_repairs_that_count_and_from_no_others() {
    let mut washer = diagnosis(DiagnosisConfig::default());
    let mut asked = request("W1-8", &[]);
    asked.text = Some("昨晚起一筒脏水捞衣服".to_owned());
    let linked = |washer: &Diagnosis| {
        let found = washer.predict(&asked).unwrap();
        let told = found
            .evidence
            .symptoms
            .first()
            .map(|told| (told.id.to_string(), told.source));
        (told, serde_json::to_value(found.causes).unwrap())
    };
    let nothing = linked(&washer);
    assert_eq!(nothing.0, None);
    let report = |at: usize| {
        let mut repair = repair(&format!("T{at}"), 1, Some("pump"), &["PUMP-1"]);
        repair.symptoms = vec![SymptomReport {
            id: SymptomId::new("no_drain").unwrap(),
            present: true,
        }];
        repair.text = Some("客户讲一筒脏水。检查发现排水泵坏。".to_owned());
        repair
    };
    for at in 0..12 {
        let refused = Repair {
            product_line: ProductLine::new("oven").unwrap(),
            ..report(at)
        };
        washer.learn(&refused).unwrap_err();
        washer
            .learn(&Repair {
                fixed: false,
                ..report(at)
            })
            .unwrap();
    }
    assert_eq!(linked(&washer), nothing);
    let mut backwards = diagnosis(DiagnosisConfig::default());
    for at in 0..12 {
        washer.learn(&report(at)).unwrap();
        backwards.learn(&report(11 - at)).unwrap();
    }
    assert_eq!(
        linked(&washer).0,
        Some(("no_drain".to_owned(), EvidenceSource::Linked))
    );
    assert_eq!(linked(&washer), linked(&backwards));
}

fn repair(ticket: &str, visit: u32, cause: Option<&str>, parts: &[&str]) -> Repair {
    Repair {
        ticket_id: TicketId::new(ticket).unwrap(),
        visit,
        product_line: ProductLine::new("washer").unwrap(),
        model: Some(ModelNumber::new("W100").unwrap()),
        serial: None,
        symptoms: vec![SymptomReport {
            id: SymptomId::new("no_drain").unwrap(),
            present: true,
        }],
        fault_codes: Vec::new(),
        parts_used: parts
            .iter()
            .map(|p| PartUsed {
                part_number: PartNumber::new(p).unwrap(),
                quantity: 1,
            })
            .collect(),
        cause: cause.map(str::to_owned),
        text: None,
        fixed: true,
        region: Some(Region::new("3502").unwrap()),
        date: Some("2025-07-01".to_owned()),
        installed_on: None,
        predicted_first_time_fix: None,
    }
}

#[test]
fn a_repair_shifts_the_next_prediction_by_the_fraction() {
    let config = DiagnosisConfig {
        prior_size: 9.0,
        shrinkage: Shrinkage::Fixed(9.0),
        ..DiagnosisConfig::default()
    };
    let mut diagnosis = diagnosis(config);
    let mut asked = request("W100", &[("no_drain", true)]);
    asked.region = Some(Region::new("350203").unwrap());
    asked.date = Some("2025-08-09".to_owned());
    let chance = |diagnosis: &Diagnosis, event: &str| {
        let found = diagnosis.predict(&asked).unwrap();
        found
            .causes
            .iter()
            .find(|c| c.event == event)
            .unwrap()
            .probability
            .value()
    };
    near(chance(&diagnosis, "board"), 10.0 / 19.0);
    assert!(
        diagnosis
            .learn(&repair("T1", 1, Some("主板坏"), &["BOARD"]))
            .unwrap()
            .counted
    );
    // board: (1 + 9·0.1)/(1 + 9) = 0.19; pump: 0.9/10 = 0.09; P(f) = 1 − 0.81·0.91 = 0.2629.
    near(chance(&diagnosis, "board"), 0.19 / 0.2629);
    assert_eq!(diagnosis.repairs_learnt(), 1);
    // The same visit reported again replaces; another cause takes its place.
    let second = diagnosis
        .learn(&repair("T1", 1, Some("pump"), &["PUMP-2"]))
        .unwrap();
    assert!(second.replaced && second.counted);
    near(chance(&diagnosis, "pump"), 0.19 / 0.2629);
    assert_eq!(diagnosis.repairs_learnt(), 1);
    let not_fixed = Repair {
        fixed: false,
        ..repair("T1", 1, Some("pump"), &[])
    };
    assert!(!diagnosis.learn(&not_fixed).unwrap().counted);
    near(chance(&diagnosis, "board"), 10.0 / 19.0);
}

#[test]
fn a_repair_without_a_cause_counts_by_its_parts() {
    let mut diagnosis = diagnosis(DiagnosisConfig::default());
    let by_part = diagnosis.learn(&repair("T1", 1, None, &["PUMP-1"])).unwrap();
    near(by_part.causes["pump"], 1.0);
    assert!(!by_part.causes.contains_key("board"));
    // The filter needs no part, so it may have been dirty as well: its share is its prior 0.2.
    assert!((by_part.causes["filter"] - 0.2).abs() < 1e-9);
    let unknown = diagnosis
        .learn(&repair("T2", 1, Some("不知道"), &["NO-SUCH"]))
        .unwrap();
    assert!(
        !unknown.counted && unknown.notes.len() >= 2,
        "{:?}",
        unknown.notes
    );
}

#[test]
fn the_bundled_appliance_predicts_and_learns_from_its_repairs() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/split_air_conditioner");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let tree = FaultTree::from_toml(&read("fault-tree.toml"), "fault-tree.toml").unwrap();
    let bom = Bom::from_toml(&read("bom.toml"), "bom.toml").unwrap();
    let check = tree.check();
    assert!(
        check.events >= 25 && check.symptoms >= 12 && check.fault_codes >= 20,
        "{check:?}"
    );
    let mut diagnosis = Diagnosis::new(tree, bom, DiagnosisConfig::default()).unwrap();
    let mut asked = PredictionRequest::new(ProductLine::new("split_air_conditioner").unwrap());
    asked.model = Some(ModelNumber::new("KFR-35GW/QH1").unwrap());
    asked.text = Some("空调不制冷，外机不转，显示E6".to_owned());
    asked.region = Some(Region::new("350203").unwrap());
    asked.date = Some("2025-07-15".to_owned());
    let before = diagnosis.predict(&asked).unwrap();
    eprintln!(
        "before: {:.1} ms, {:#?}",
        before.took_ms,
        before.causes.iter().take(3).collect::<Vec<_>>()
    );
    assert!(before.evidence.symptoms.len() >= 2 && before.evidence.fault_codes.len() == 1);
    assert!(!before.next_questions.is_empty() && before.certificate.optimal);
    let svg = diagnosis.tree().to_svg(Some(&before));
    assert!(roxmltree::Document::parse(&svg).is_ok() && svg.contains("<title") && svg.contains("<desc"));
    let start = std::time::Instant::now();
    let mut rows = 0;
    for line in read("repairs.jsonl").lines() {
        let repair: Repair = serde_json::from_str(line).unwrap();
        diagnosis.learn(&repair).unwrap();
        rows += 1;
    }
    eprintln!(
        "{rows} repairs in {:?}, {} count",
        start.elapsed(),
        diagnosis.repairs_learnt()
    );
    let after = diagnosis.predict(&asked).unwrap();
    eprintln!("after: {:.1} ms, {:#?}", after.took_ms, after);
    assert_ne!(before.causes, after.causes);
    assert_eq!(after, {
        let mut again = diagnosis.predict(&asked).unwrap();
        again.took_ms = after.took_ms;
        again
    });
}
