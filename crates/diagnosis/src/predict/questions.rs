//! What to ask next: the questions whose answer is worth most for the kit.

use std::collections::BTreeMap;

use super::{Case, Diagnosis};
use crate::analyze::posterior;
use crate::circuit::Lit;
use crate::compile::Compiled;
use crate::contract::{NextQuestion, ValueUnit};
use crate::error::DiagnoseError;
use crate::kit::{self, Objective, Repairs, Solution, World};

/// Questions whose value is computed in full, after screening.
const SCREENED: usize = 8;
/// Evaluations a kit inside a question may take.
const QUESTION_EVALUATIONS: usize = 150;

impl Diagnosis {
    pub(super) fn questions(
        &self,
        case: &Case,
        f: &Compiled,
        world: &World<'_>,
        repairs: &Repairs,
        objective: Objective,
        now: &Solution,
    ) -> Result<Vec<NextQuestion>, DiagnoseError> {
        let mut screened = Vec::new();
        for at in (0..self.tree.symptoms.len()).filter(|at| !case.known.contains(at)) {
            let literals: Vec<Lit> = case
                .observations
                .iter()
                .map(|o| o.literal)
                .chain([self.base.symptoms[at]])
                .collect();
            let with = self.compile(&literals)?;
            let (joint, mif) = with.importance(world.p);
            if joint <= 0.0 || joint >= world.total {
                continue;
            }
            screened.push((self.moved(world, f, joint, &mif), at, with, joint));
        }
        screened.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        screened.truncate(SCREENED);
        let mut found: Vec<NextQuestion> = screened
            .iter()
            .filter_map(|(_, at, with, joint)| {
                let yes = World {
                    terms: vec![(1.0, with)],
                    p: world.p,
                    total: *joint,
                };
                let no = World {
                    terms: vec![(1.0, f), (-1.0, with)],
                    p: world.p,
                    total: world.total - joint,
                };
                let share = joint / world.total;
                let (value, unit) =
                    self.value_of([(share, &yes), (1.0 - share, &no)], repairs, objective, now);
                let symptom = &self.tree.symptoms[*at];
                let text = format!("请问有没有「{}」的情况？", symptom.title());
                (value > 1e-6).then(|| NextQuestion {
                    symptom: symptom.id.clone(),
                    text,
                    value,
                    unit,
                })
            })
            .collect();
        found.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.symptom.cmp(&b.symptom)));
        found.truncate(self.config.max_questions);
        Ok(found)
    }

    /// How much a "yes" moves the posteriors, weighted by its chance: what questions are screened by.
    fn moved(&self, world: &World<'_>, f: &Compiled, joint: f64, mif: &[f64]) -> f64 {
        let (total, before) = f.importance(world.p);
        let shift = |e: usize| {
            (posterior(world.p[e], joint, mif[e]) - posterior(world.p[e], total, before[e])).abs() * joint
                / total
        };
        (0..self.tree.events.len()).map(shift).sum()
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
