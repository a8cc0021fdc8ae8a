//! How much speaks for a suggestion: in numbers, and in a sentence for the engineer who decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shifu_domain::ModelNumber;

use super::Diagnosis;
use super::suggestions::{Change, Sign, SuggestedLink, Suggestion};
use crate::beta;
use crate::learn::{Fit, Remembered, STATED, Stated, Unlisted, parts_chance};

/// Chances are taken as no smaller.
const SMALLEST: f64 = 1e-9;
/// Links named in a sentence.
const NAMED: usize = 3;

/// How badly the tree as it is explains what repairs show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Grounds {
    /// Repairs that could show it: for a cause all that count, for a link those of its cause.
    pub of_repairs: usize,
    /// Share of them that do, 0..=1.
    pub share: f64,
    /// The share's 90 % interval (Jeffreys).
    pub interval: [f64; 2],
    /// The share that the tree expects: nothing of a cause that it lacks, the leak of a sign that it does not link.
    pub tree_expects: f64,
    /// Nats by which the change explains these repairs better than the tree without it.
    pub log_likelihood_ratio: f64,
}

impl Grounds {
    fn new(repairs: usize, of_repairs: usize, tree_expects: f64, log_likelihood_ratio: f64) -> Self {
        let (k, n) = (repairs as f64, of_repairs.max(repairs) as f64);
        let bound = |level| beta::quantile(k + 0.5, n - k + 0.5, level);
        Self {
            of_repairs: of_repairs.max(repairs),
            share: if n > 0.0 { k / n } else { 0.0 },
            interval: [bound(0.05), bound(0.95)],
            tree_expects,
            log_likelihood_ratio,
        }
    }
}

impl Diagnosis {
    /// Each repair has some explanation by the tree's own causes (another name, a part too many); the new cause is one more.
    pub(super) fn grounds_of_cause(&self, fit: &Fit, cause: usize, unlisted: &Unlisted) -> Grounds {
        let mut needs: BTreeMap<Option<&ModelNumber>, Vec<BTreeSet<usize>>> = BTreeMap::new();
        let mut ratio = 0.0;
        for key in &unlisted.reports {
            let Some(Some(report)) = self.memory.reports.get(key) else {
                continue;
            };
            let model = report.model.as_ref();
            let needs = needs.entry(model).or_insert_with(|| self.needs(model));
            let own = unlisted.parts.iter().copied();
            let own: BTreeSet<usize> = own.filter(|&part| self.bom.parts[part].fits(model)).collect();
            let with = fit.share(cause) * parts_chance(&own, &report.parts);
            ratio += (with / self.explained(report, needs).max(SMALLEST)).ln_1p();
        }
        let all = usize::try_from(self.memory.repairs()).unwrap_or(usize::MAX);
        Grounds::new(unlisted.reports.len(), all, 0.0, ratio)
    }

    fn needs(&self, model: Option<&ModelNumber>) -> Vec<BTreeSet<usize>> {
        let repairs = self.repairs(model);
        let parts = |needs: &Vec<usize>| needs.iter().map(|&at| repairs.choices[at].part).collect();
        repairs.needs.iter().map(parts).collect()
    }

    /// Chance that a cause of the tree is behind the parts and words of a report.
    fn explained(&self, report: &Remembered, needs: &[BTreeSet<usize>]) -> f64 {
        let taken_for = match report.stated {
            Stated::Words(_) => STATED.1,
            Stated::Nothing | Stated::Event(_) => 1.0,
        };
        let by = self.tree.events.iter().zip(needs);
        let chance: f64 = by
            .map(|(event, needs)| event.probability * parts_chance(needs, &report.parts))
            .sum();
        taken_for * chance
    }

    /// `shown` repairs of the event told of the sign; the others count as far as a sign that shows is told of at all.
    pub(super) fn grounds_of_link(&self, fit: &Fit, event: usize, signs: &[usize], shown: usize) -> Grounds {
        let of_event = fit
            .likeliest
            .iter()
            .filter(|cause| **cause == event as u32)
            .count();
        let leak = |&sign: &usize| self.believed.leaks[sign];
        let leak = signs.iter().map(leak).fold(0.0, f64::max);
        let Some(links) = &fit.links else {
            return Grounds::new(shown, of_event, leak, 0.0);
        };
        let strength = |&sign: &usize| links.shows[event][sign];
        let strength = signs.iter().map(strength).fold(0.0, f64::max);
        let (without, with) = (leak.max(SMALLEST), strength + (1.0 - strength) * leak);
        let silent = of_event.saturating_sub(shown) as f64;
        let untold = |chance: f64| (-links.recorded * chance).ln_1p();
        let ratio = shown as f64 * (with / without).ln() + silent * (untold(with) - untold(without));
        Grounds::new(shown, of_event, leak, ratio)
    }

    /// What a fault is called of which only the parts of its repair are known.
    pub(super) fn fault_of_parts(&self, cause: &Unlisted) -> String {
        let mut names: Vec<&str> = Vec::new();
        for &part in &cause.parts {
            let name = self.bom.parts[part].name.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        format!("{}故障", names.join("、"))
    }

    /// What a suggestion says and why, in a sentence.
    #[must_use]
    pub fn wording(&self, suggestion: &Suggestion) -> String {
        let (repairs, grounds) = (suggestion.repairs, &suggestion.grounds);
        match &suggestion.change {
            Change::NewCause {
                name,
                words,
                parts,
                shows,
                ..
            } => {
                let numbers: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
                let known = match words {
                    Some(words) => format!("写明的原因“{words}”不在故障树中"),
                    None => format!("更换的备件 {} 不是任何一个原因的备件", numbers.join("、")),
                };
                let parts = match (words, numbers.is_empty()) {
                    (Some(_), false) => format!("，维修用到备件 {}", numbers.join("、")),
                    _ => String::new(),
                };
                let signs: Vec<String> = strongest(shows)
                    .map(|link| format!("“{}”（{}）", self.title(&link.sign), percent(link.probability)))
                    .collect();
                let signs = if signs.is_empty() {
                    String::new()
                } else {
                    format!("，表现为{}", signs.join("、"))
                };
                format!(
                    "{} 次维修中有 {repairs} 次（{}）{known}{parts}{signs}；建议新增原因“{name}”。",
                    grounds.of_repairs,
                    percent(grounds.share)
                )
            }
            Change::NewLink { event, link } => {
                let cause = self
                    .tree
                    .event(event)
                    .map_or(event.as_str(), |at| &self.tree.events[at].name);
                let sign = self.title(&link.sign);
                format!(
                    "原因是“{cause}”的 {} 次维修中有 {repairs} 次（{}）出现“{sign}”，故障树里两者没有联系，只有 {} 的可能偶然出现；\
                     建议把“{cause}”列入“{sign}”的原因，概率 {}。",
                    grounds.of_repairs,
                    percent(grounds.share),
                    percent(grounds.tree_expects),
                    link.probability
                )
            }
        }
    }

    fn title<'a>(&'a self, sign: &'a Sign) -> &'a str {
        match sign {
            Sign::Symptom(id) => self
                .tree
                .symptom(id)
                .map_or(id.as_str(), |at| self.tree.symptoms[at].title()),
            Sign::FaultCode(code) => code.as_str(),
        }
    }
}

fn strongest(links: &[SuggestedLink]) -> impl Iterator<Item = &SuggestedLink> {
    let mut links: Vec<_> = links.iter().collect();
    links.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    links.into_iter().take(NAMED)
}

/// A chance as people read it: whole percents, one decimal below ten.
fn percent(chance: f64) -> String {
    let percent = 100.0 * chance;
    if percent < 9.95 {
        format!("{percent:.1}%")
    } else {
        format!("{percent:.0}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_with_the_interval_of_its_repairs() {
        let grounds = Grounds::new(5, 10, 0.01, 3.0);
        assert_eq!((grounds.of_repairs, grounds.share), (10, 0.5));
        // Beta(5.5, 5.5) is symmetric about a half.
        let [low, high] = grounds.interval;
        assert!(
            (low + high - 1.0).abs() < 1e-9 && (0.25..0.3).contains(&low),
            "{low} {high}"
        );
    }

    #[test]
    fn chances_are_read_as_percents() {
        let read: Vec<String> = [0.004, 0.0994, 0.0999, 0.5, 1.0].map(percent).to_vec();
        assert_eq!(read, ["0.4%", "9.9%", "10%", "50%", "100%"]);
    }
}
