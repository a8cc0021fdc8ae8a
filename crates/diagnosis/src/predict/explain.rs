//! Causes with their intervals, and why each is as likely as it is.

use std::collections::BTreeMap;

use shifu_domain::{ModelNumber, Probability};

use super::chances::Chances;
use super::{Case, Diagnosis, Observation};
use crate::analyze::posterior;
use crate::beta;
use crate::contract::{Cause, SymptomEvidence};
use crate::error::DiagnoseError;
use crate::kit::World;
use crate::learn::Found;
use crate::tree::Input;

impl Diagnosis {
    pub(super) fn causes(
        &self,
        case: &Case,
        chances: &Chances,
        world: &World<'_>,
        similar: &Found,
    ) -> Result<Vec<Cause>, DiagnoseError> {
        let (p, total, mif) = (world.p(), world.total(), world.mif());
        let posteriors = world.posteriors().iter().copied().enumerate();
        let mut ranked: Vec<(usize, f64)> = posteriors
            .take(self.tree.events.len())
            .filter(|c| c.1 > 1e-9)
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(self.config.max_causes);
        if ranked.is_empty() {
            return Ok(Vec::new());
        }
        let without = self.without_each(case, p)?;
        let cause = |(event, chance): (usize, f64)| {
            // As a function of this event's frequency x alone the posterior is xA / (xA + (1 − x)B), with A = P(f | e) and
            // B = P(f | not e): monotone, so quantiles go through it.
            let (a, b) = (
                total + (1.0 - p[event]) * mif[event],
                total - p[event] * mif[event],
            );
            let carry = |frequency: f64| {
                let x = chances.at(event, frequency);
                if x * a + (1.0 - x) * b > 0.0 {
                    x * a / (x * a + (1.0 - x) * b)
                } else {
                    0.0
                }
            };
            let (alpha, beta) = chances.shapes[event];
            let bounds = [
                carry(beta::quantile(alpha, beta, 0.05)),
                carry(beta::quantile(alpha, beta, 0.95)),
            ];
            Cause {
                event: self.tree.events[event].id.clone(),
                name: self.tree.events[event].name.clone(),
                probability: Probability::clamped(chance),
                interval: [bounds[0].clamp(0.0, chance), bounds[1].clamp(chance, 1.0)],
                because: self.because(case, event, chance, chances.mean(event), &without, similar),
            }
        };
        Ok(ranked.into_iter().map(cause).collect())
    }

    /// Every event's posterior when one piece of evidence is left out, in the order of the evidence.
    fn without_each(&self, case: &Case, p: &[f64]) -> Result<Vec<Vec<f64>>, DiagnoseError> {
        // With a dozen pieces no single one explains much; the first dozen are enough for the words.
        let mut found = Vec::new();
        for left_out in 0..case.observations.len().min(12) {
            let mut rest = case.seen();
            rest.remove(left_out);
            let (total, mif) = self.likelihood(&rest)?.importance(p);
            found.push(
                (0..self.tree.events.len())
                    .map(|e| posterior(p[e], total, mif[e]))
                    .collect(),
            );
        }
        Ok(found)
    }

    fn because(
        &self,
        case: &Case,
        event: usize,
        chance: f64,
        prior: f64,
        without: &[Vec<f64>],
        similar: &Found,
    ) -> Vec<String> {
        let mut words = vec![format!("未看现象时，此原因约占 {}", percent(prior))];
        for (observation, rest) in case.observations.iter().zip(without) {
            let (before, kind) = (
                rest[event],
                if observation.code {
                    "故障代码"
                } else {
                    "现象"
                },
            );
            if !worth_telling(before, chance) {
                continue;
            }
            let state = match (observation.seen.present, observation.seen.doubt > 0.0) {
                (true, false) => "出现",
                (false, false) => "未出现",
                (true, true) => "可能出现",
                (false, true) => "可能未出现",
            };
            let change = if chance > before { "提高" } else { "降低" };
            let route = self
                .route(event, observation)
                .filter(|_| observation.seen.present)
                .map_or(String::new(), |(route, link)| {
                    format!("（{route}，此时出现率 {}）", percent(link))
                });
            let title = &observation.title;
            words.push(format!(
                "{kind}「{title}」{state}，可能性由 {} {change}到 {}{route}",
                percent(before),
                percent(chance)
            ));
        }
        let earlier: f64 = case
            .earlier
            .iter()
            .filter(|cause| cause.0 as usize == event)
            .map(|cause| cause.1)
            .sum();
        if earlier >= 0.5 {
            words.push("同一台设备上次维修就是此原因".to_owned());
        }
        if similar.repairs > 0 {
            let (same, tickets) = similar.of_cause(event);
            let tickets: Vec<&str> = tickets.collect();
            let such_as = if tickets.is_empty() {
                String::new()
            } else {
                format!("（如 {}）", tickets.join("、"))
            };
            words.push(format!(
                "相似维修 {} 单，其中约 {same:.0} 单为此原因{such_as}",
                similar.repairs
            ));
        }
        words
    }

    /// The way from an event up to an observation, as names, with the link's chance.
    fn route(&self, event: usize, observation: &Observation) -> Option<(String, f64)> {
        let goal = Input::Event(event as u32);
        // Of an event's own link the last is the learnt one.
        let own = observation
            .causes
            .iter()
            .rfind(|cause| cause.0 == goal)
            .map(|cause| cause.1);
        observation.causes.iter().find_map(|&(input, link)| {
            let link = own.unwrap_or(link);
            let mut came_from: BTreeMap<usize, Option<usize>> = BTreeMap::new();
            let mut queue = std::collections::VecDeque::new();
            if input == goal {
                return Some((self.tree.name_of(goal).to_owned(), link));
            }
            if let Input::Gate(gate) = input {
                came_from.insert(gate as usize, None);
                queue.push_back(gate as usize);
            }
            while let Some(gate) = queue.pop_front() {
                for &next in &self.tree.gates[gate].inputs {
                    if next == goal {
                        return Some((self.way_up(event, gate, &came_from), link));
                    }
                    if let Input::Gate(inner) = next {
                        came_from.entry(inner as usize).or_insert_with(|| {
                            queue.push_back(inner as usize);
                            Some(gate)
                        });
                    }
                }
            }
            None
        })
    }

    fn way_up(&self, event: usize, gate: usize, came_from: &BTreeMap<usize, Option<usize>>) -> String {
        let mut names = vec![self.tree.events[event].name.clone()];
        let mut at = Some(gate);
        while let Some(gate) = at {
            names.push(self.tree.gates[gate].name.clone());
            at = came_from.get(&gate).copied().flatten();
        }
        names.join(" → ")
    }

    /// Repairs that show one of the case's present symptoms or codes; without any, those of the model.
    pub(super) fn similar(&self, case: &Case) -> Found {
        let Some(fit) = &self.fit else {
            return Found::default();
        };
        let evidence = &case.evidence;
        let shows =
            |told: &&SymptomEvidence| told.present && told.certainty.is_none_or(|chance| chance >= 0.5);
        let present = evidence.symptoms.iter().filter(shows);
        let present: Vec<usize> = present.filter_map(|s| self.tree.symptom(&s.id)).collect();
        let codes = evidence.fault_codes.iter().map(|c| c.code.as_str());
        fit.similar
            .find(&present, codes, evidence.model.as_ref().map(ModelNumber::as_str))
    }
}

/// A chance as a technician reads it.
fn percent(chance: f64) -> String {
    if chance >= 0.0995 {
        format!("{:.0}%", chance * 100.0)
    } else {
        format!("{:.1}%", chance * 100.0)
    }
}

/// Whether a change is one a technician would act on: a whole point, or half as much again, and visible as written.
fn worth_telling(before: f64, after: f64) -> bool {
    let (low, high) = (before.min(after), before.max(after));
    (high - low >= 0.01 || high > 1.5 * low) && percent(before) != percent(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_nobody_would_act_on_are_left_out() {
        for (before, after, told) in [
            (0.131, 0.129, false),
            (0.131, 0.122, false),
            (0.13, 0.145, true),
            (0.002, 0.009, true),
            (0.0002, 0.0004, false),
            (0.6, 0.1, true),
            (0.0, 0.0, false),
        ] {
            assert_eq!(worth_telling(before, after), told, "{before} -> {after}");
        }
    }
}
