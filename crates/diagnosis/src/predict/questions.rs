//! What to ask next: the questions whose answer is worth most for the kit.

use std::collections::BTreeMap;

use super::{Case, Diagnosis};
use crate::analyze::posterior;
use crate::contract::{NextQuestion, ValueUnit};
use crate::error::DiagnoseError;
use crate::kit::{self, Objective, Repairs, Solution, World};
use crate::likelihood::Likelihood;

/// Questions whose value is computed in full, after screening.
const SCREENED: usize = 8;
/// Evaluations a kit inside a question may take.
const QUESTION_EVALUATIONS: usize = 150;

/// What "yes" to a question would mean.
struct Yes {
    symptom: usize,
    /// Chance of a doubtful report of the symptom if the answer is "yes".
    weight: f64,
    likelihood: Likelihood,
    chance: f64,
    mif: Vec<f64>,
}

impl Diagnosis {
    pub(super) fn questions(
        &self,
        case: &Case,
        world: &World<'_>,
        repairs: &Repairs,
        objective: Objective,
        now: &Solution,
    ) -> Result<Vec<NextQuestion>, DiagnoseError> {
        let mut screened = Vec::new();
        for symptom in 0..self.tree.symptoms.len() {
            let Some((seen, weight)) = case.if_asked(symptom) else {
                continue;
            };
            let likelihood = self.likelihood(&seen)?;
            let (chance, mut mif) = likelihood.importance(world.p());
            let chance = weight * chance;
            mif.iter_mut().for_each(|mif| *mif *= weight);
            if chance > 0.0 && chance < world.total() {
                let yes = Yes {
                    symptom,
                    weight,
                    likelihood,
                    chance,
                    mif,
                };
                screened.push((self.moved(world, &yes), yes));
            }
        }
        screened.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.symptom.cmp(&b.1.symptom)));
        screened.truncate(SCREENED);
        let mut found = Vec::new();
        for (_, yes) in &screened {
            let told = World::new(
                vec![(yes.weight, &yes.likelihood)],
                world.p(),
                yes.chance,
                yes.mif.clone(),
            );
            let denied = world.less(&told);
            let share = yes.chance / world.total();
            let answers = [(share, &told), (1.0 - share, &denied)];
            let (value, unit) = self.value_of(answers, repairs, objective, now);
            let symptom = &self.tree.symptoms[yes.symptom];
            if value > 1e-6 {
                found.push(NextQuestion {
                    symptom: symptom.id.clone(),
                    text: format!("请问有没有「{}」的情况？", symptom.title()),
                    value,
                    unit,
                });
            }
        }
        found.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.symptom.cmp(&b.symptom)));
        found.truncate(self.config.max_questions);
        Ok(found)
    }

    /// How much a "yes" moves the posteriors, weighted by its chance: what questions are screened by.
    fn moved(&self, world: &World<'_>, yes: &Yes) -> f64 {
        let events = world.posteriors().iter().zip(world.p()).zip(&yes.mif);
        let shift =
            |((before, &p), &mif): ((&f64, &f64), &f64)| (posterior(p, yes.chance, mif) - before).abs();
        let shifts: f64 = events.take(self.tree.events.len()).map(shift).sum();
        shifts * yes.chance / world.total()
    }

    /// Expected gain of knowing which world is the case before the kit is chosen, against the kit of now in both.
    fn value_of(
        &self,
        answers: [(f64, &World<'_>); 2],
        repairs: &Repairs,
        objective: Objective,
        now: &Solution,
    ) -> (f64, ValueUnit) {
        let failed_visit = self.config.failed_visit.as_f64();
        let gain = |world: &World<'_>| {
            let blind = world.fix(repairs, &now.chosen);
            let told = kit::best(world, repairs, objective, Some(&now.chosen), QUESTION_EVALUATIONS);
            match objective {
                Objective::ExpectedCost { .. } => {
                    let spent = |chosen: &[bool]| self.cost(repairs, chosen);
                    (spent(&now.chosen) + failed_visit * (1.0 - blind))
                        - (spent(&told.chosen) + failed_visit * (1.0 - told.fix))
                }
                // A target says how sure to be; what a question then saves is kit cost.
                Objective::Target(_) => told.fix - blind,
                Objective::MaxCost(_) | Objective::MaxParts(_) => told.fix - blind,
            }
        };
        let value = answers
            .into_iter()
            .map(|(share, world)| share * gain(world))
            .sum::<f64>()
            .max(0.0);
        let unit = if matches!(objective, Objective::ExpectedCost { .. }) {
            ValueUnit::Yuan
        } else {
            ValueUnit::Visits
        };
        (value, unit)
    }

    fn cost(&self, repairs: &Repairs, chosen: &[bool]) -> f64 {
        let mut quantity: BTreeMap<usize, u32> = BTreeMap::new();
        for choice in repairs
            .choices
            .iter()
            .zip(chosen)
            .filter(|(_, taken)| **taken)
            .map(|(choice, _)| choice)
        {
            let most = quantity.entry(choice.part).or_insert(0);
            *most = (*most).max(choice.quantity);
        }
        quantity
            .into_iter()
            .map(|(part, quantity)| (self.bom.parts[part].price * quantity).as_f64())
            .sum()
    }
}
