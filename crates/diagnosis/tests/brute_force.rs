//! On random small trees, non-coherent gates and noisy symptoms included, posteriors and kits equal enumeration.

use proptest::prelude::*;
use shifu_diagnosis::{
    AnalysisLimits, Bom, Connective, Diagnosis, DiagnosisConfig, FaultTree, Input, KitLimit, MefOptions,
    PredictionRequest, Symptom, SymptomReport,
};
use shifu_domain::ProductLine;

const LINE: &str = "random_appliance";

/// A gate as (type, inputs as positions among events and earlier gates).
type RawGate = (u8, Vec<usize>);
type RawSymptom = (f64, Vec<(usize, f64)>, Option<bool>);

#[derive(Debug, Clone)]
struct Raw {
    events: Vec<f64>,
    gates: Vec<RawGate>,
    symptoms: Vec<RawSymptom>,
}

fn raw() -> impl Strategy<Value = Raw> {
    raw_with(9)
}

fn raw_with(most_events: usize) -> impl Strategy<Value = Raw> {
    let events = prop::collection::vec(
        prop_oneof![Just(0.0), Just(1.0), 0.001..0.999_f64, 0.001..0.999_f64],
        2..=most_events,
    );
    let gates = prop::collection::vec((0_u8..10, prop::collection::vec(0_usize..1000, 1..5)), 1..8);
    let link = (0_usize..1000, prop_oneof![Just(0.0), Just(1.0), 0.01..0.99_f64]);
    let symptom = (
        prop_oneof![Just(0.0), 0.001..0.5_f64],
        prop::collection::vec(link, 1..4),
        prop::option::weighted(0.8, any::<bool>()),
    );
    (events, gates, prop::collection::vec(symptom, 1..4)).prop_map(|(events, gates, symptoms)| Raw {
        events,
        gates,
        symptoms,
    })
}

fn text(raw: &Raw) -> (String, String) {
    let n = raw.events.len();
    let name = |at: usize| {
        if at < n {
            format!("e{at}")
        } else {
            format!("g{}", at - n)
        }
    };
    let mut tree = format!("product_line = \"{LINE}\"\n");
    for (i, p) in raw.events.iter().enumerate() {
        // Every third event needs no part, every fourth two of them.
        let parts = match i % 4 {
            0 => String::new(),
            3 => format!("{{ part_number = \"P{i}\" }}, {{ part_number = \"P1\", quantity = 2 }}"),
            _ => format!("{{ part_number = \"P{i}\" }}"),
        };
        tree += &format!("[[event]]\nid = \"e{i}\"\nprobability = {p:?}\nrepaired_by = [{parts}]\n");
    }
    for (i, (kind, inputs)) in raw.gates.iter().enumerate() {
        let mut inputs: Vec<String> = inputs
            .iter()
            .map(|&x| format!("\"{}\"", name(x % (n + i))))
            .collect();
        let count = inputs.len();
        let (kind, more) = match kind {
            0 => ("and", String::new()),
            1 => ("or", String::new()),
            2 => ("xor", String::new()),
            3 => ("nand", String::new()),
            4 => ("nor", String::new()),
            5 => ("atleast", format!("min = {}", count.div_ceil(2))),
            6 => (
                "cardinality",
                format!("min = {}\nmax = {}", count / 2, count.div_ceil(2)),
            ),
            7 => ("not", String::new()),
            8 => ("imply", String::new()),
            _ => ("iff", String::new()),
        };
        if kind == "not" {
            inputs.truncate(1);
        } else if matches!(kind, "imply" | "iff") {
            inputs = vec![inputs[0].clone(), inputs[count - 1].clone()];
        }
        tree += &format!(
            "[[gate]]\nid = \"g{i}\"\ntype = \"{kind}\"\n{more}\ninputs = [{}]\n",
            inputs.join(", ")
        );
    }
    let all = n + raw.gates.len();
    for (i, (leak, links, _)) in raw.symptoms.iter().enumerate() {
        let causes: Vec<String> = links
            .iter()
            .map(|(x, p)| format!("{{ input = \"{}\", probability = {p:?} }}", name(x % all)))
            .collect();
        tree += &format!(
            "[[symptom]]\nid = \"s{i}\"\nphrases = [\"现象{i}号\"]\nleak = {leak:?}\ncauses = [{}]\n",
            causes.join(", ")
        );
    }
    let parts: String = (0..n.max(4))
        .map(|i| {
            format!(
                "[[part]]\npart_number = \"P{i}\"\nname = \"件{i}\"\nprice = \"{}.50\"\n",
                7 + 13 * i
            )
        })
        .collect();
    (tree, format!("product_line = \"{LINE}\"\n{parts}"))
}

/// Values of all gates for an assignment, straight from the definitions.
fn gate_values(tree: &FaultTree, happened: u32) -> Vec<bool> {
    let mut values: Vec<bool> = Vec::new();
    for gate in &tree.gates {
        let inputs: Vec<bool> = gate
            .inputs
            .iter()
            .map(|&input| input_value(input, happened, &values))
            .collect();
        let count = inputs.iter().filter(|v| **v).count();
        values.push(match gate.connective {
            Connective::And => count == inputs.len(),
            Connective::Or => count > 0,
            Connective::Atleast { min } => count >= min as usize,
            Connective::Xor => count % 2 == 1,
            Connective::Not => count == 0,
            Connective::Nand => count < inputs.len(),
            Connective::Nor => count == 0,
            Connective::Imply => !inputs[0] || inputs[1],
            Connective::Iff => inputs[0] == inputs[1],
            Connective::Cardinality { min, max } => (min as usize..=max as usize).contains(&count),
        });
    }
    values
}

fn input_value(input: Input, happened: u32, gates: &[bool]) -> bool {
    match input {
        Input::Event(at) => happened >> at & 1 == 1,
        Input::Gate(at) => gates[at as usize],
        Input::Constant(value) => value,
    }
}

fn shows(symptom: &Symptom, happened: u32, gates: &[bool]) -> f64 {
    let hidden = symptom
        .causes
        .iter()
        .filter(|l| input_value(l.input, happened, gates))
        .map(|l| 1.0 - l.probability);
    1.0 - (1.0 - symptom.leak) * hidden.product::<f64>()
}

/// Weight of every assignment together with the evidence.
fn worlds(tree: &FaultTree, known: &[Option<bool>]) -> Vec<f64> {
    (0..1_u32 << tree.events.len())
        .map(|happened| {
            let gates = gate_values(tree, happened);
            let prior: f64 = tree
                .events
                .iter()
                .enumerate()
                .map(|(i, e)| {
                    if happened >> i & 1 == 1 {
                        e.probability
                    } else {
                        1.0 - e.probability
                    }
                })
                .product();
            tree.symptoms
                .iter()
                .zip(known)
                .fold(prior, |weight, (symptom, known)| match known {
                    None => weight,
                    Some(true) => weight * shows(symptom, happened, &gates),
                    Some(false) => weight * (1.0 - shows(symptom, happened, &gates)),
                })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn posteriors_and_first_time_fix_equal_enumeration(raw in raw()) {
        let (tree_text, bom_text) = text(&raw);
        let tree = FaultTree::from_toml(&tree_text, "tree.toml").unwrap();
        let bom = Bom::from_toml(&bom_text, "bom.toml").unwrap();
        let known: Vec<Option<bool>> = raw.symptoms.iter().map(|s| s.2).collect();
        let worlds = worlds(&tree, &known);
        let total: f64 = worlds.iter().sum();
        let config = DiagnosisConfig { max_causes: 100, ..DiagnosisConfig::default() };
        let diagnosis = Diagnosis::new(tree.clone(), bom.clone(), config).unwrap();
        let mut request = PredictionRequest::new(ProductLine::new(LINE).unwrap());
        for (symptom, known) in tree.symptoms.iter().zip(&known) {
            request.symptoms.extend(known.map(|present| SymptomReport { id: symptom.id.clone(), present }));
        }
        let found = diagnosis.predict(&request).unwrap();
        prop_assert!((found.evidence.probability - total).abs() < 1e-12);
        if total < 1e-9 {
            prop_assert!(total > 0.0 || found.evidence.probability < 1e-15);
            return Ok(());
        }
        for (i, event) in tree.events.iter().enumerate() {
            let expected: f64 = worlds.iter().enumerate().filter(|(w, _)| w >> i & 1 == 1).map(|(_, x)| x).sum::<f64>() / total;
            let cause = found.causes.iter().find(|c| c.event == event.id).map_or(0.0, |c| c.probability.value());
            // 1e-12, or the rounding of P(f) where the evidence itself is rare; causes below 1e-9 are not listed.
            let tolerance = 1e-12_f64.max(1e-15 / total);
            prop_assert!((cause - expected).abs() < tolerance || expected < 2e-9, "{} {cause} {expected}", event.id);
        }
        // The best kit by enumeration of part quantities, and the chances with it and without parts.
        let fix = |kit: &dyn Fn(&str) -> u32| -> f64 {
            let missing = |i: usize| tree.events[i].repaired_by.iter().any(|r| kit(r.part_number.as_str()) < r.quantity);
            let bad: u32 = (0..tree.events.len()).filter(|&i| missing(i)).map(|i| 1 << i).sum();
            worlds.iter().enumerate().filter(|(w, _)| *w as u32 & bad == 0).map(|(_, x)| x).sum::<f64>() / total
        };
        prop_assert!((found.first_time_fix.without_parts.value() - fix(&|_| 0)).abs() < 1e-11);
        let with = |part: &str| found.kit.iter().find(|i| i.part_number.as_str() == part).map_or(0, |i| i.quantity);
        prop_assert!((found.first_time_fix.with_kit.value() - fix(&with)).abs() < 1e-11);
        let value = |cost: f64, fix: f64| cost + 300.0 * (1.0 - fix);
        let ours = value(found.kit_cost.as_f64(), found.first_time_fix.with_kit.value());
        let parts: Vec<(String, u32)> = (0..tree.events.len())
            .filter(|i| i % 4 != 0).map(|i| (format!("P{i}"), 1))
            .chain((tree.events.len() > 3).then(|| ("P1".to_owned(), 2))).collect();
        let mut best = f64::INFINITY;
        for subset in 0..1_u32 << parts.len() {
            let kit = |part: &str| (0..parts.len())
                .filter(|i| subset >> i & 1 == 1 && parts[*i].0 == part).map(|i| parts[i].1).max().unwrap_or(0);
            let cost: f64 = bom.parts.iter().map(|p| p.price.as_f64() * f64::from(kit(p.part_number.as_str()))).sum();
            best = best.min(value(cost, fix(&kit)));
        }
        prop_assert!(found.certificate.optimal);
        prop_assert!((ours - best).abs() < 1e-6, "ours {ours}, best {best}");
        for question in &found.next_questions {
            prop_assert!(question.value > 0.0 && question.value <= 300.0);
        }
    }

    #[test]
    fn probability_cut_sets_and_the_written_file_agree_with_enumeration(raw in raw()) {
        let tree = FaultTree::from_toml(&text(&raw).0, "tree.toml").unwrap();
        let top = tree.gates.last().unwrap().id.clone();
        let at = tree.gate(&top).unwrap();
        let analysis = tree.analyze(Some(&top), AnalysisLimits::default()).unwrap();
        let holds: Vec<bool> = (0..1_u32 << tree.events.len()).map(|w| gate_values(&tree, w)[at]).collect();
        let weights = worlds(&tree, &vec![None; tree.symptoms.len()]);
        let expected: f64 = weights.iter().zip(&holds).filter(|(_, h)| **h).map(|(w, _)| w).sum();
        prop_assert!((analysis.probability - expected).abs() < 1e-12);
        // Minimal sets: true there, false on every proper subset.
        let minimal: Vec<usize> = (0..holds.len())
            .filter(|&w| holds[w] && (0..w).all(|v| v & w != v || !holds[v])).collect();
        prop_assert_eq!(analysis.minimal_cut_sets, Some(minimal.len() as u64));
        for set in &analysis.cut_sets {
            let mask: usize = set.events.iter().map(|id| 1_usize << tree.event(id).unwrap()).sum();
            prop_assert!(minimal.contains(&mask));
        }
        let chance = |mask: usize| -> f64 {
            tree.events.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, e)| e.probability).product()
        };
        let mut best: Vec<f64> = minimal.iter().map(|&m| chance(m)).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        for (set, expected) in analysis.cut_sets.iter().zip(best) {
            prop_assert!((set.probability - expected).abs() < 1e-12);
        }
        let again = FaultTree::from_mef_xml(&[("again.xml", &tree.to_mef_xml())], MefOptions::default()).unwrap();
        let twice = again.analyze(Some(&top), AnalysisLimits::default()).unwrap();
        prop_assert!((twice.probability - expected).abs() < 1e-12);
    }

    #[test]
    fn limited_kits_are_the_best_of_all_within_the_limit(raw in raw(), pieces in 0_u32..4) {
        let (tree_text, bom_text) = text(&raw);
        let tree = FaultTree::from_toml(&tree_text, "tree.toml").unwrap();
        let bom = Bom::from_toml(&bom_text, "bom.toml").unwrap();
        let diagnosis = Diagnosis::new(tree, bom, DiagnosisConfig::default()).unwrap();
        let mut request = PredictionRequest::new(ProductLine::new(LINE).unwrap());
        request.limit = Some(KitLimit { max_parts: Some(pieces), ..KitLimit::default() });
        let few = diagnosis.predict(&request).unwrap();
        prop_assert!(few.kit.iter().map(|i| i.quantity).sum::<u32>() <= pieces);
        request.limit = Some(KitLimit { max_parts: Some(pieces + 1), ..KitLimit::default() });
        let more = diagnosis.predict(&request).unwrap();
        prop_assert!(more.first_time_fix.with_kit.value() >= few.first_time_fix.with_kit.value() - 1e-9);
        request.limit = Some(KitLimit { target_first_time_fix: Some(few.first_time_fix.with_kit), ..KitLimit::default() });
        let target = diagnosis.predict(&request).unwrap();
        prop_assert!(target.first_time_fix.with_kit.value() >= few.first_time_fix.with_kit.value() - 1e-8);
        prop_assert!(target.kit_cost <= few.kit_cost);
        request.limit = Some(KitLimit { max_cost: Some(few.kit_cost), ..KitLimit::default() });
        let cost = diagnosis.predict(&request).unwrap();
        prop_assert!(cost.kit_cost <= few.kit_cost);
        prop_assert!(cost.first_time_fix.with_kit.value() >= few.first_time_fix.with_kit.value() - 1e-7);
    }
}

/// What enumeration says of one gate: where it holds, and the weight of every state.
struct Enumerated {
    holds: Vec<bool>,
    weights: Vec<f64>,
    total: f64,
}

impl Enumerated {
    fn of(tree: &FaultTree, gate: usize) -> Self {
        let holds: Vec<bool> = (0..1_u32 << tree.events.len())
            .map(|w| gate_values(tree, w)[gate])
            .collect();
        let weights = worlds(tree, &vec![None; tree.symptoms.len()]);
        let total = weights
            .iter()
            .zip(&holds)
            .filter(|(_, h)| **h)
            .map(|(w, _)| w)
            .sum();
        Self {
            holds,
            weights,
            total,
        }
    }

    /// P(gate and `event` being `happened`).
    fn with(&self, event: usize, happened: bool) -> f64 {
        let true_there = |w: usize| self.holds[w] && (w >> event & 1 == 1) == happened;
        (0..self.holds.len())
            .filter(|&w| true_there(w))
            .map(|w| self.weights[w])
            .sum()
    }

    fn minimal_sets(&self) -> Vec<usize> {
        let minimal = |w: usize| self.holds[w] && (0..w).all(|v| v & w != v || !self.holds[v]);
        (0..self.holds.len()).filter(|&w| minimal(w)).collect()
    }

    /// P(some minimal set with `event` has happened).
    fn some_set_with(&self, event: usize, minimal: &[usize]) -> f64 {
        let sets: Vec<usize> = minimal.iter().copied().filter(|m| m >> event & 1 == 1).collect();
        let happened = |w: usize| sets.iter().any(|m| w & m == *m);
        (0..self.holds.len())
            .filter(|&w| happened(w))
            .map(|w| self.weights[w])
            .sum()
    }

    /// Sets of literals, as events that count and their values, that suffice while none of them can be left out.
    fn prime_implicants(&self, events: usize) -> u64 {
        let suffices = |counts: usize, values: usize| {
            (0..self.holds.len()).all(|w| w & counts != values || self.holds[w])
        };
        let is_prime = |counts: usize, values: usize| {
            let spared = (0..events).map(|e| 1 << e).filter(|bit| counts & bit != 0);
            suffices(counts, values)
                && spared
                    .map(|bit| (counts & !bit, values & !bit))
                    .all(|(c, v)| !suffices(c, v))
        };
        let values_of = |counts: usize| (0..=counts).filter(move |values| values & !counts == 0);
        (0..1_usize << events)
            .flat_map(|counts| values_of(counts).map(move |values| (counts, values)))
            .filter(|&(counts, values)| is_prime(counts, values))
            .count() as u64
    }

    fn rests_on(&self, event: usize) -> bool {
        (0..self.holds.len()).any(|w| self.holds[w] != self.holds[w ^ (1 << event)])
    }
}

/// Equal to 1e-9 relative, or as near as sums of sixteen-digit numbers come.
fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs() + 1e-13
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn importance_and_the_likeliest_state_equal_enumeration(raw in raw_with(16)) {
        let tree = FaultTree::from_toml(&text(&raw).0, "tree.toml").unwrap();
        let top = tree.gates.last().unwrap().id.clone();
        let all = Enumerated::of(&tree, tree.gate(&top).unwrap());
        let analysis = tree.analyze(Some(&top), AnalysisLimits::default()).unwrap();
        prop_assert!((analysis.probability - all.total).abs() < 1e-12);
        prop_assert!(near(analysis.probability, all.total));
        prop_assert_eq!(analysis.bounds, None);
        let minimal = if tree.events.len() <= 9 { all.minimal_sets() } else { Vec::new() };
        for row in &analysis.importance {
            let at = tree.event(&row.event).unwrap();
            let p = row.probability;
            if p == 0.0 || p == 1.0 || all.total == 0.0 {
                continue;
            }
            let (given, without) = (all.with(at, true) / p, all.with(at, false) / (1.0 - p));
            prop_assert!((row.mif - (given - without)).abs() < 1e-12);
            prop_assert!((row.posterior - given * p / all.total).abs() < 1e-12_f64.max(1e-15 / all.total));
            prop_assert!((row.cif - p * (given - without) / all.total).abs() < 1e-9);
            prop_assert!((row.raw.unwrap() - given / all.total).abs() <= 1e-9 * (1.0 + given / all.total));
            match row.rrw {
                Some(rrw) => prop_assert!(near(rrw, all.total / without), "{} {}", rrw, all.total / without),
                None => prop_assert!(without < 1e-300),
            }
            if let Some(fussell_vesely) = row.fussell_vesely {
                prop_assert!(row.cif <= fussell_vesely + 1e-12 && fussell_vesely <= row.posterior + 1e-12);
                if tree.events.len() <= 9 {
                    prop_assert!(near(fussell_vesely, all.some_set_with(at, &minimal) / all.total));
                }
            } else {
                prop_assert!(!analysis.coherent);
            }
        }
        if tree.events.len() <= 6 {
            let expected = (!analysis.coherent).then(|| all.prime_implicants(tree.events.len()));
            prop_assert_eq!(analysis.prime_implicants, expected);
        }
        let best = (0..all.holds.len()).filter(|&w| all.holds[w]).map(|w| all.weights[w]).fold(0.0, f64::max);
        match &analysis.likeliest_state {
            None => prop_assert!(best == 0.0),
            Some(state) => {
                let happened: usize = state.events.iter().map(|id| 1_usize << tree.event(id).unwrap()).sum();
                let free = |e: &usize| tree.events[*e].probability > 0.5 && !all.rests_on(*e);
                let whole = (0..tree.events.len()).filter(free).fold(happened, |w, e| w | 1 << e);
                prop_assert!(all.holds[whole] && near(all.weights[whole], best));
                prop_assert!(near(state.posterior * all.total, state.probability));
            }
        }
    }

    #[test]
    fn bounds_hold_the_probability_however_few_nodes_they_have(raw in raw_with(12), size in 1_usize..12) {
        let tree = FaultTree::from_toml(&text(&raw).0, "tree.toml").unwrap();
        let top = tree.gates.last().unwrap().id.clone();
        let expected = Enumerated::of(&tree, tree.gate(&top).unwrap()).total;
        let limits = AnalysisLimits { max_nodes: 2, max_bound_nodes: size, ..AnalysisLimits::default() };
        let analysis = tree.analyze(Some(&top), limits).unwrap();
        if let Some(bounds) = analysis.bounds {
            prop_assert!(bounds.lower <= expected + 1e-12 && expected <= bounds.upper + 1e-12, "{bounds:?} {expected}");
            prop_assert!(analysis.importance.is_empty() && analysis.cut_sets.is_empty());
        } else {
            prop_assert!((analysis.probability - expected).abs() < 1e-12);
        }
    }
}
