//! Predictions for a product line that has a parts list and past repairs, but no fault tree yet.
//!
//! What was known of a ticket before the visit becomes a text, [`PastRepairs`] gives the chance of every part, and the kit is
//! chosen for one needed part: the chances are those of "this is the part", and "none" is one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shifu_domain::{KitItem, ModelNumber, PartNumber, Probability, Yuan};

use crate::beta;
use crate::bom::{Bom, Part};
use crate::contract::{
    Cause, Certificate, Evidence, FirstTimeFix, KitLimit, Learnt, Prediction, PredictionRequest, Repair,
};
use crate::error::DiagnoseError;
use crate::kit::{FaultParts, PartSets, PartsTaken};
use crate::past_repairs::{PartChance, PastRepair, PastRepairs};

/// What a repair without parts is learnt as; no part number is so short.
const NO_PART: &str = "-";
/// Causes listed.
const LISTED: usize = 10;
/// Evaluations that a kit within a limit may take.
const EVALUATIONS: usize = 2_000;
/// How many tickets a chance is taken to rest on for its interval: the neighbours that vote.
const VOTES: f64 = 50.0;
/// The linear models are renewed when more than one in so many repairs is new to them: every time while there are few.
const RENEWED_SHARE: usize = 5;

/// A parts list with past repairs.
#[derive(Debug, Clone)]
pub struct ColdStart {
    bom: Arc<Bom>,
    past: PastRepairs,
    reports: BTreeSet<(String, u32)>,
    added: usize,
}

impl ColdStart {
    /// Without any repair.
    #[must_use]
    pub fn new(bom: Arc<Bom>) -> Self {
        let names = bom
            .parts
            .iter()
            .map(|part| (part.part_number.to_string(), part.name.clone()))
            .collect();
        Self {
            past: PastRepairs::fit([], names),
            bom,
            reports: BTreeSet::new(),
            added: 0,
        }
    }

    /// Repairs that count.
    #[must_use]
    pub fn repairs_learnt(&self) -> usize {
        self.past.len()
    }

    /// Takes a repair in; it counts in the next prediction. A visit that was reported before is not counted again: `replaced`
    /// then says that all repairs must be learnt anew.
    pub fn learn(&mut self, repair: &Repair) -> Learnt {
        let mut learnt = Learnt {
            counted: false,
            replaced: !self.reports.insert((repair.ticket_id.to_string(), repair.visit)),
            causes: BTreeMap::new(),
            notes: vec!["no fault tree yet: the parts used count for tickets of like text".to_owned()],
        };
        let text = text_of_repair(repair);
        if !repair.fixed {
            learnt
                .notes
                .push("the visit did not solve the problem, so it does not count".to_owned());
        } else if text.is_empty() {
            learnt
                .notes
                .push("nothing says what was known before the visit, so it does not count".to_owned());
        } else if !learnt.replaced {
            self.past.add(PastRepair {
                ticket: repair.ticket_id.to_string(),
                text,
                parts: self.parts_of(repair),
            });
            self.added += 1;
            learnt.counted = true;
        }
        learnt
    }

    fn parts_of(&self, repair: &Repair) -> Vec<String> {
        if repair.parts_used.is_empty() {
            return vec![NO_PART.to_owned()];
        }
        let used = repair.parts_used.iter().map(|used| &used.part_number);
        used.map(|number| {
            self.bom
                .current(number)
                .map_or(number, |part| &part.part_number)
                .to_string()
        })
        .collect()
    }

    /// Whether enough was added for [`ColdStart::refit`] to be worth its time.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.added > self.past.len() / RENEWED_SHARE
    }

    /// Renews what is not learnt at once; seconds for 100,000 repairs.
    pub fn refit(&mut self) {
        self.past.refit();
        self.added = 0;
    }

    /// Parts and their chances for one ticket; no symptoms, questions or checks, for those need a tree.
    ///
    /// # Errors
    /// `UnknownProductLine`, `BadRequest` when the request says nothing of the fault.
    pub fn predict(
        &self,
        request: &PredictionRequest,
        failed_visit: Yuan,
    ) -> Result<Prediction, DiagnoseError> {
        if request.product_line != self.bom.product_line {
            return Err(DiagnoseError::UnknownProductLine {
                requested: request.product_line.to_string(),
                available: self.bom.product_line.to_string(),
            });
        }
        let text = text_of_request(request);
        if text.is_empty() {
            return Err(DiagnoseError::BadRequest {
                field: "text",
                reason: "this product line has no fault tree yet: give text, symptoms or fault codes"
                    .to_owned(),
            });
        }
        let chances = self.past.predict(&text);
        let candidates = self.candidates(&chances, request.model.as_ref());
        let taken = self.taken(&candidates, request.limit.as_ref(), failed_visit)?;
        Ok(self.prediction(request, &chances, &candidates, &taken))
    }

    /// The parts that fit the model, each with its chance.
    fn candidates(&self, chances: &[PartChance], model: Option<&ModelNumber>) -> Vec<(&Part, f64)> {
        let known = chances.iter().filter_map(|chance| {
            let number = PartNumber::new(&chance.part).ok()?;
            Some((self.bom.current(&number)?, chance.probability))
        });
        known.filter(|(part, _)| part.fits(model)).collect()
    }

    fn taken(
        &self,
        candidates: &[(&Part, f64)],
        limit: Option<&KitLimit>,
        failed_visit: Yuan,
    ) -> Result<PartsTaken, DiagnoseError> {
        let faults = candidates.iter().enumerate().map(|(at, (_, chance))| FaultParts {
            weight: *chance,
            parts: vec![at],
        });
        let sets = |price: &dyn Fn(&Part) -> f64| {
            let prices = candidates.iter().map(|(part, _)| price(part));
            PartSets::new(prices.collect(), faults.clone().collect())
        };
        let by_price = sets(&|part| part.price.as_f64())?;
        Ok(match limit {
            Some(KitLimit {
                max_cost: Some(most), ..
            }) => by_price.within_budget(most.as_f64(), EVALUATIONS),
            Some(KitLimit {
                max_parts: Some(most),
                ..
            }) => sets(&|_| 1.0)?.within_budget(f64::from(*most), EVALUATIONS),
            Some(KitLimit {
                target_first_time_fix: Some(target),
                ..
            }) => by_price.reaching(target.value(), EVALUATIONS),
            _ => by_price.least_expected_cost(failed_visit.as_f64()),
        })
    }

    fn prediction(
        &self,
        request: &PredictionRequest,
        chances: &[PartChance],
        candidates: &[(&Part, f64)],
        taken: &PartsTaken,
    ) -> Prediction {
        let held = |number: &PartNumber| {
            let stock = request.stock.as_deref()?;
            let lines = stock.iter().filter(|line| line.part_number == *number);
            Some(
                lines
                    .map(|line| u64::from(line.depot) + u64::from(line.van))
                    .sum::<u64>()
                    > 0,
            )
        };
        let mut kit: Vec<KitItem> = taken
            .parts
            .iter()
            .map(|&at| candidates[at])
            .map(|(part, chance)| KitItem {
                part_number: part.part_number.clone(),
                name: part.name.clone(),
                quantity: 1,
                price: part.price,
                probability_needed: Probability::clamped(chance),
                in_stock: held(&part.part_number),
                alternatives: self.bom.alternatives(part, request.model.as_ref()),
            })
            .collect();
        kit.sort_by(|a, b| {
            let chances = b
                .probability_needed
                .value()
                .total_cmp(&a.probability_needed.value());
            chances.then_with(|| a.part_number.cmp(&b.part_number))
        });
        let none = chances.iter().find(|chance| chance.part == NO_PART);
        let none = none.map_or(0.0, |chance| chance.probability);
        let every: f64 = candidates.iter().map(|(_, chance)| chance).sum();
        let similar: BTreeSet<&String> = chances.iter().flat_map(|chance| &chance.similar).collect();
        Prediction {
            causes: self.causes(chances),
            kit_cost: kit.iter().fold(Yuan::ZERO, |cost, item| cost + item.price),
            kit,
            substitutes: Vec::new(),
            certificate: Certificate {
                optimal: taken.certificate.optimal,
                gap: taken.certificate.gap,
            },
            first_time_fix: FirstTimeFix {
                with_kit: Probability::clamped(none + taken.served),
                without_parts: Probability::clamped(none),
                with_every_part: Probability::clamped(none + every),
            },
            uncalibrated_first_time_fix: None,
            next_questions: Vec::new(),
            checks: Vec::new(),
            evidence: Evidence {
                model: request.model.clone(),
                probability: 1.0,
                similar_repairs: similar.len(),
                ..Evidence::default()
            },
            versions: BTreeMap::from([
                ("engine".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                ("bom".to_owned(), self.bom.version.clone()),
                ("repairs".to_owned(), self.past.len().to_string()),
            ]),
            took_ms: 0.0,
        }
    }

    /// "This part is to be replaced" as a cause, with the tickets that say so.
    fn causes(&self, chances: &[PartChance]) -> Vec<Cause> {
        let named = |part: &str| {
            let number = PartNumber::new(part).ok();
            let known = number.as_ref().and_then(|number| self.bom.current(number));
            known.map_or_else(
                || part.to_owned(),
                |part| format!("{}（{}）", part.name, part.part_number),
            )
        };
        let cause = |chance: &PartChance| {
            let (yes, no) = (
                chance.probability * VOTES + 0.5,
                (1.0 - chance.probability) * VOTES + 0.5,
            );
            let because = (!chance.similar.is_empty())
                .then(|| format!("用词相近的过往工单：{}", chance.similar.join("、")));
            Cause {
                event: format!("part:{}", chance.part),
                name: if chance.part == NO_PART {
                    "不用换件".to_owned()
                } else {
                    format!("更换{}", named(&chance.part))
                },
                probability: Probability::clamped(chance.probability),
                interval: [beta::quantile(yes, no, 0.05), beta::quantile(yes, no, 0.95)],
                because: because.into_iter().collect(),
            }
        };
        chances.iter().take(LISTED).map(cause).collect()
    }
}

fn text_of_request(request: &PredictionRequest) -> String {
    let shown = request.symptoms.iter().filter(|symptom| symptom.present);
    let words = request
        .text
        .iter()
        .cloned()
        .chain(shown.map(|symptom| symptom.id.to_string()))
        .chain(request.fault_codes.iter().map(ToString::to_string));
    words.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn text_of_repair(repair: &Repair) -> String {
    let mut request = PredictionRequest::new(repair.product_line.clone());
    request.text.clone_from(&repair.text);
    request.symptoms.clone_from(&repair.symptoms);
    request.fault_codes.clone_from(&repair.fault_codes);
    text_of_request(&request)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOM: &str = "product_line = \"robot\"\n[[part]]\npart_number = \"RB-WHL-1\"\nname = \"行走轮\"\nprice = \"20.00\"\n\
                       [[part]]\npart_number = \"RB-BAT-1\"\nname = \"电池\"\nprice = \"150.00\"\n";

    fn repair(at: usize, text: &str, part: Option<&str>) -> Repair {
        let used: Vec<_> = part
            .map(|part| serde_json::json!({"part_number": part}))
            .into_iter()
            .collect();
        serde_json::from_value(
            serde_json::json!({"ticket_id": format!("T{at}"), "product_line": "robot", "text": text,
            "fixed": true, "parts_used": used}),
        )
        .unwrap()
    }

    fn learnt() -> ColdStart {
        let bom = Bom::from_toml(BOM, "bom.toml").unwrap();
        let mut cold = ColdStart::new(Arc::new(bom));
        for at in 0..30 {
            let (text, part) = match at % 3 {
                0 => ("轮子卡住走不动", Some("RB-WHL-1")),
                1 => ("充不进电，很快没电", Some("RB-BAT-1")),
                _ => ("尘盒满了一直报警", None),
            };
            assert!(cold.learn(&repair(at, text, part)).counted);
        }
        cold.refit();
        cold
    }

    fn asked(text: &str) -> PredictionRequest {
        serde_json::from_value(serde_json::json!({"product_line": "robot", "text": text})).unwrap()
    }

    #[test]
    fn like_tickets_say_which_part_and_when_none_is_needed() {
        let cold = learnt();
        let wheel = cold
            .predict(&asked("轮子卡住了"), Yuan::from_fen(30_000))
            .unwrap();
        assert_eq!(wheel.kit[0].part_number.as_str(), "RB-WHL-1", "{wheel:?}");
        assert!(wheel.causes[0].because[0].contains('T'), "{wheel:?}");
        let dust = cold.predict(&asked("尘盒满了"), Yuan::from_fen(30_000)).unwrap();
        assert_eq!(dust.causes[0].name, "不用换件", "{dust:?}");
        assert!(dust.first_time_fix.without_parts.value() > 0.5, "{dust:?}");
        for found in [&wheel, &dust] {
            let fix = &found.first_time_fix;
            assert!(fix.without_parts.value() <= fix.with_kit.value(), "{found:?}");
            assert!(fix.with_kit.value() <= fix.with_every_part.value(), "{found:?}");
        }
    }

    #[test]
    fn a_limit_holds() {
        let mut request = asked("充不进电");
        request.limit = serde_json::from_value(serde_json::json!({"max_cost": "100.00"})).unwrap();
        let found = learnt().predict(&request, Yuan::from_fen(30_000)).unwrap();
        assert!(
            found
                .kit
                .iter()
                .all(|item| item.part_number.as_str() == "RB-WHL-1"),
            "{found:?}"
        );
    }

    #[test]
    fn a_visit_reported_again_asks_to_be_learnt_anew() {
        let mut cold = learnt();
        let again = cold.learn(&repair(0, "轮子卡住走不动", Some("RB-BAT-1")));
        assert!(again.replaced && !again.counted, "{again:?}");
        assert!(cold.predict(&asked(""), Yuan::ZERO).is_err());
    }
}
