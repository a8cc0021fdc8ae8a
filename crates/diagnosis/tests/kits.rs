//! On random trees kits, their chances and the worth of a question equal enumeration under every limit; stock, housings and
//! substitutes as a dispatcher sees them.

use proptest::prelude::*;
use shifu_diagnosis::{
    Bom, Diagnosis, DiagnosisConfig, FaultTree, KitLimit, Prediction, PredictionRequest, Stock,
    SymptomReport, ValueUnit,
};
use shifu_domain::{ModelNumber, PartNumber, Probability, ProductLine, SymptomId, Yuan};

/// What a failed visit costs, in yuan: the default of the configuration.
const FAILED_VISIT: f64 = 300.0;
const PARTS: usize = 7;

/// Events as (probability, (part, quantity)); symptoms as (leak, (event, link)).
#[derive(Debug, Clone)]
struct World {
    events: Vec<(f64, Vec<(usize, u32)>)>,
    symptoms: [(f64, Vec<(usize, f64)>); 2],
}

fn world() -> impl Strategy<Value = World> {
    let chance = prop_oneof![0.001..0.3_f64, 0.001..0.99_f64];
    let needs = prop::collection::vec((0..PARTS, 1_u32..3), 0..4);
    let symptom = || {
        (
            0.001..0.3_f64,
            prop::collection::vec((0_usize..100, 0.05..0.99_f64), 1..6),
        )
    };
    (
        prop::collection::vec((chance, needs), 2..=16),
        symptom(),
        symptom(),
    )
        .prop_map(|(mut events, a, b)| {
            for (_, needs) in &mut events {
                needs.sort_unstable();
                needs.dedup_by_key(|need| need.0);
            }
            World {
                events,
                symptoms: [a, b],
            }
        })
}

fn price(part: usize) -> f64 {
    (7 + 23 * part) as f64
}

impl World {
    fn diagnosis(&self, kit_evaluations: usize) -> Diagnosis {
        let mut tree = "product_line = \"random\"\n".to_owned();
        for (at, (chance, needs)) in self.events.iter().enumerate() {
            let part = |(part, quantity): &(usize, u32)| {
                format!("{{ part_number = \"P{part}\", quantity = {quantity} }}")
            };
            let parts: Vec<String> = needs.iter().map(part).collect();
            tree += &format!(
                "[[event]]\nid = \"e{at}\"\nprobability = {chance:?}\nrepaired_by = [{}]\n",
                parts.join(", ")
            );
        }
        for (at, (leak, links)) in self.symptoms.iter().enumerate() {
            let link = |&(event, chance): &(usize, f64)| {
                format!(
                    "{{ input = \"e{}\", probability = {chance:?} }}",
                    event % self.events.len()
                )
            };
            let links: Vec<String> = links.iter().map(link).collect();
            tree += &format!(
                "[[symptom]]\nid = \"s{at}\"\nphrases = [\"现象{at}\"]\nleak = {leak:?}\ncauses = [{}]\n",
                links.join(", ")
            );
        }
        let part = |part| {
            format!(
                "[[part]]\npart_number = \"P{part}\"\nname = \"件{part}\"\nprice = \"{}.00\"\n",
                price(part)
            )
        };
        let parts: String = (0..PARTS).map(part).collect();
        let bom = format!("product_line = \"random\"\n{parts}");
        Diagnosis::new(
            FaultTree::from_toml(&tree, "tree.toml").unwrap(),
            Bom::from_toml(&bom, "bom.toml").unwrap(),
            DiagnosisConfig {
                kit_evaluations,
                ..DiagnosisConfig::default()
            },
        )
        .unwrap()
    }

    /// Weight of every assignment of the events with the first symptom present and, where it is known, the second.
    fn weights(&self, second: Option<bool>) -> Vec<f64> {
        let shows = |symptom: usize, happened: usize| {
            let (leak, links) = &self.symptoms[symptom];
            let hidden: f64 = links
                .iter()
                .filter(|(event, _)| happened >> (event % self.events.len()) & 1 == 1)
                .map(|(_, chance)| 1.0 - chance)
                .product();
            1.0 - (1.0 - leak) * hidden
        };
        (0..1_usize << self.events.len())
            .map(|happened| {
                let prior: f64 = self
                    .events
                    .iter()
                    .enumerate()
                    .map(|(at, (chance, _))| {
                        if happened >> at & 1 == 1 {
                            *chance
                        } else {
                            1.0 - chance
                        }
                    })
                    .product();
                let answer = second.map_or(1.0, |yes| {
                    if yes {
                        shows(1, happened)
                    } else {
                        1.0 - shows(1, happened)
                    }
                });
                prior * shows(0, happened) * answer
            })
            .collect()
    }

    /// Every kit of sensible quantities with its price, pieces and chance of being enough, for weights that need not sum to 1.
    fn kits(&self, weights: &[f64]) -> Vec<Kit> {
        let events = self.events.len();
        // Sums over subsets: weight of the assignments whose events all lie in a set.
        let mut within = weights.to_vec();
        for bit in 0..events {
            for set in (0..within.len()).filter(|set| set >> bit & 1 == 1) {
                within[set] += within[set ^ (1 << bit)];
            }
        }
        let total = within[within.len() - 1];
        (0..3_usize.pow(PARTS as u32))
            .map(|code| {
                let taken: Vec<u32> = (0..PARTS)
                    .map(|part| (code / 3_usize.pow(part as u32) % 3) as u32)
                    .collect();
                let repaired =
                    |needs: &[(usize, u32)]| needs.iter().all(|&(part, quantity)| taken[part] >= quantity);
                let set: usize = (0..events)
                    .filter(|&at| repaired(&self.events[at].1))
                    .map(|at| 1 << at)
                    .sum();
                Kit {
                    cost: taken
                        .iter()
                        .enumerate()
                        .map(|(part, &n)| price(part) * f64::from(n))
                        .sum(),
                    pieces: taken.iter().sum(),
                    fix: within[set] / total,
                    taken,
                }
            })
            .collect()
    }
}

#[derive(Debug, Clone)]
struct Kit {
    taken: Vec<u32>,
    cost: f64,
    pieces: u32,
    fix: f64,
}

impl Kit {
    fn expected_cost(&self) -> f64 {
        self.cost + FAILED_VISIT * (1.0 - self.fix)
    }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

fn request(limit: Option<KitLimit>) -> PredictionRequest {
    let mut request = PredictionRequest::new(ProductLine::new("random").unwrap());
    request.symptoms.push(SymptomReport {
        id: SymptomId::new("s0").unwrap(),
        present: true,
    });
    request.limit = limit;
    request
}

/// The enumerated kit that a prediction sends.
fn sent<'a>(kits: &'a [Kit], found: &Prediction) -> &'a Kit {
    let mut taken = vec![0; PARTS];
    for item in &found.kit {
        taken[item.part_number.as_str()[1..].parse::<usize>().unwrap()] = item.quantity;
    }
    kits.iter().find(|kit| kit.taken == taken).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_best_kit_of_every_limit_equals_enumeration(world in world(), fen in 0_u32..60_000, pieces in 0_u32..8, target in 0.0..1.0_f64) {
        let diagnosis = world.diagnosis(1_000_000);
        let kits = world.kits(&world.weights(None));
        let predict = |limit| diagnosis.predict(&request(limit)).unwrap();
        let agrees = |found: &Prediction| {
            let kit = sent(&kits, found);
            (kit.fix - found.first_time_fix.with_kit.value()).abs() < 1e-9 && (kit.cost - found.kit_cost.as_f64()).abs() < 1e-9
        };

        let found = predict(None);
        let best = least(kits.iter().map(Kit::expected_cost));
        prop_assert!(agrees(&found) && found.certificate.optimal);
        prop_assert!((sent(&kits, &found).expected_cost() - best).abs() < 1e-6);

        let most = Yuan::from_fen(fen.into());
        let found = predict(Some(KitLimit { max_cost: Some(most), ..KitLimit::default() }));
        let best = 1.0 - least(kits.iter().filter(|kit| kit.cost <= most.as_f64() + 1e-9).map(|kit| 1.0 - kit.fix));
        prop_assert!(agrees(&found) && found.certificate.optimal && found.kit_cost <= most);
        prop_assert!((sent(&kits, &found).fix - best).abs() < 1e-9);

        let found = predict(Some(KitLimit { max_parts: Some(pieces), ..KitLimit::default() }));
        let best = 1.0 - least(kits.iter().filter(|kit| kit.pieces <= pieces).map(|kit| 1.0 - kit.fix));
        prop_assert!(agrees(&found) && found.certificate.optimal && sent(&kits, &found).pieces <= pieces);
        prop_assert!((sent(&kits, &found).fix - best).abs() < 1e-9);

        let target = Probability::new(target).unwrap();
        let found = predict(Some(KitLimit { target_first_time_fix: Some(target), ..KitLimit::default() }));
        let best = least(kits.iter().filter(|kit| kit.fix >= target.value() - 1e-9).map(|kit| kit.cost));
        prop_assert!(agrees(&found) && found.certificate.optimal, "{:?} {} {best}", found.certificate, found.kit_cost);
        prop_assert!((found.kit_cost.as_f64() - best).abs() < 1e-9, "{} {best}", found.kit_cost);
    }

    #[test]
    fn a_search_cut_short_tells_a_true_gap(world in world(), fen in 0_u32..60_000, target in 0.0..1.0_f64, evaluations in 0_usize..300) {
        let diagnosis = world.diagnosis(evaluations);
        let kits = world.kits(&world.weights(None));
        let proven = |found: &Prediction, ours: f64, best: f64| {
            ours >= best - 1e-7 && best >= ours * (1.0 - found.certificate.gap) - 1e-7
        };

        let most = Yuan::from_fen(fen.into());
        let found = diagnosis.predict(&request(Some(KitLimit { max_cost: Some(most), ..KitLimit::default() }))).unwrap();
        let best = least(kits.iter().filter(|kit| kit.cost <= most.as_f64() + 1e-9).map(|kit| 1.0 - kit.fix));
        prop_assert!(proven(&found, 1.0 - found.first_time_fix.with_kit.value(), best), "{:?} {best}", found.certificate);

        let target = Probability::new(target).unwrap();
        let limit = KitLimit { target_first_time_fix: Some(target), ..KitLimit::default() };
        let found = diagnosis.predict(&request(Some(limit))).unwrap();
        let best = least(kits.iter().filter(|kit| kit.fix >= target.value() - 1e-9).map(|kit| kit.cost));
        prop_assert!(found.first_time_fix.with_kit.value() >= target.value() - 1e-9);
        prop_assert!(proven(&found, found.kit_cost.as_f64(), best), "{:?} {} {best}", found.certificate, found.kit_cost);
    }

    #[test]
    fn a_question_is_worth_what_its_answer_saves(world in world()) {
        let found = world.diagnosis(3_000).predict(&request(None)).unwrap();
        let now = world.kits(&world.weights(None));
        let (yes, no) = (world.weights(Some(true)), world.weights(Some(false)));
        let share = yes.iter().sum::<f64>() / (yes.iter().sum::<f64>() + no.iter().sum::<f64>());
        let after = |weights: &[f64]| least(world.kits(weights).iter().map(Kit::expected_cost));
        let saved = least(now.iter().map(Kit::expected_cost)) - share * after(&yes) - (1.0 - share) * after(&no);
        let asked = found.next_questions.iter().find(|question| question.symptom.as_str() == "s1");
        prop_assert!((asked.map_or(0.0, |question| question.value) - saved).abs() < 2e-6, "{asked:?} {saved}");
        prop_assert!(asked.is_none_or(|question| question.unit == ValueUnit::Yuan));
    }
}

const BOM: &str = r#"
product_line = "washer"
[[part]]
part_number = "PUMP-3"
name = "排水泵"
price = "80.00"
supersedes = ["PUMP-2"]
fits = ["W1*"]
[[part]]
part_number = "PUMP-2"
name = "排水泵（旧）"
price = "75.00"
supersedes = ["PUMP-1"]
fits = ["W1*"]
[[part]]
part_number = "PUMP-X"
name = "排水泵"
price = "60.00"
fits = ["W1*", "W2*"]
[[part]]
part_number = "PUMP-Y"
name = "排水泵"
price = "50.00"
fits = ["W2*"]
"#;

const TREE: &str = r#"
product_line = "washer"
[[housing]]
id = "back"
name = "后盖"
open_minutes = 15
[[event]]
id = "pump"
name = "排水泵坏"
probability = 0.1
repaired_by = [{ part_number = "PUMP-1" }]
check_minutes = 5
inside = "back"
[[event]]
id = "filter"
name = "滤网堵"
probability = 0.1
check_minutes = 4.0
[[event]]
id = "hose"
name = "排水管折"
probability = 0.05
inside = "back"
[[symptom]]
id = "no_drain"
phrases = ["不排水"]
leak = 0.0
causes = [
  { input = "pump", probability = 1.0 },
  { input = "filter", probability = 1.0 },
  { input = "hose", probability = 1.0 },
]
"#;

fn washer(stock: &[(&str, u32)]) -> Prediction {
    let diagnosis = Diagnosis::new(
        FaultTree::from_toml(TREE, "t").unwrap(),
        Bom::from_toml(BOM, "b").unwrap(),
        DiagnosisConfig::default(),
    )
    .unwrap();
    let mut request = PredictionRequest::new(ProductLine::new("washer").unwrap());
    request.model = Some(ModelNumber::new("W100").unwrap());
    request.symptoms.push(SymptomReport {
        id: SymptomId::new("no_drain").unwrap(),
        present: true,
    });
    let line = |&(number, depot): &(&str, u32)| Stock {
        part_number: PartNumber::new(number).unwrap(),
        depot,
        van: 0,
    };
    request.stock = Some(stock.iter().map(line).collect());
    diagnosis.predict(&request).unwrap()
}

#[test]
fn the_cheapest_part_in_stock_that_fits_is_offered_instead() {
    let offered = |stock: &[(&str, u32)]| {
        let found = washer(stock);
        assert_eq!(found.kit[0].part_number.as_str(), "PUMP-3");
        let fixed = found.first_time_fix.with_every_part.value() > 0.999;
        let substitute = found
            .substitutes
            .first()
            .map(|s| (s.part_number.to_string(), s.price.fen()));
        (found.kit[0].in_stock, substitute, fixed)
    };
    let instead = |number: &str, fen| Some((number.to_owned(), fen));
    assert_eq!(offered(&[("PUMP-3", 1), ("PUMP-X", 1)]), (Some(true), None, true));
    assert_eq!(
        offered(&[("PUMP-2", 1), ("PUMP-X", 1)]),
        (Some(false), instead("PUMP-X", 6_000), true)
    );
    // A number replaced twice still serves, at the price of the part that replaced it.
    assert_eq!(
        offered(&[("PUMP-1", 2)]),
        (Some(false), instead("PUMP-1", 8_000), true)
    );
    // What fits other models only is no help.
    assert_eq!(offered(&[("PUMP-Y", 9)]), (Some(false), None, false));
    let found = washer(&[("PUMP-X", 1)]);
    let alternatives: Vec<&str> = found.kit[0].alternatives.iter().map(PartNumber::as_str).collect();
    assert_eq!(alternatives, ["PUMP-X", "PUMP-2", "PUMP-1"]);
}

#[test]
fn checks_open_a_housing_once_and_say_why() {
    let found = washer(&[]);
    let checks: Vec<(&str, f64, Option<&str>)> = found
        .checks
        .iter()
        .map(|check| (check.event.as_str(), check.minutes, check.opens.as_deref()))
        .collect();
    // The filter costs nothing to open; the pump goes before the hose, which is less likely and takes the default 10 minutes.
    assert_eq!(
        checks,
        [
            ("filter", 4.0, None),
            ("pump", 20.0, Some("后盖")),
            ("hose", 10.0, None)
        ]
    );
    assert!(
        found.checks[1].because.contains("打开「后盖」"),
        "{}",
        found.checks[1].because
    );
}

#[test]
fn a_wrong_housing_is_refused_with_its_line() {
    let with = |from: &str, to: &str| {
        FaultTree::from_toml(&TREE.replacen(from, to, 1), "t")
            .unwrap_err()
            .to_string()
    };
    for (from, to, expected) in [
        (
            "inside = \"back\"",
            "inside = \"front\"",
            "t:13: unknown housing \"front\"",
        ),
        (
            "open_minutes = 15",
            "open_minutes = -1",
            "t:6: open_minutes of \"back\": use 0 to 1440 minutes",
        ),
        (
            "check_minutes = 5",
            "check_minutes = nan",
            "t:12: check_minutes of \"pump\"",
        ),
        (
            "open_minutes = 15",
            "open_minutes = 15\ncolour = \"white\"",
            "unknown field `colour`",
        ),
        (
            "[[event]]",
            "[[housing]]\nid = \"back\"\nopen_minutes = 1\n[[event]]",
            "t:8: housing \"back\" is already defined at t:4",
        ),
    ] {
        let found = with(from, to);
        assert!(found.contains(expected), "{found}");
    }
}
