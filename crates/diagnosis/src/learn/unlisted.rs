//! Causes that the tree lacks: named in the technician's own words, or known only by parts that no event of the tree takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Memory, Stated};

/// Reports that make an unlisted cause.
const REPORTS: usize = 2;

/// How an unlisted cause is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// By words that reports name as the cause.
    Words(String),
    /// By the parts (positions) that its repair takes, on one model.
    Parts(BTreeSet<usize>),
}

/// A cause that the tree lacks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unlisted {
    pub(crate) mark: Mark,
    /// Parts that its repair takes, on every model together.
    pub(crate) parts: BTreeSet<usize>,
    /// Reports that made it, as ticket and visit.
    pub(crate) reports: Vec<(Arc<str>, u32)>,
}

/// A report with its ticket and visit.
type Report<'a> = (&'a (Arc<str>, u32), &'a super::Remembered);

/// The unlisted causes of all reports. `explained` says whether an event of the tree takes exactly the parts of a report.
pub(super) fn find(memory: &Memory, explained: &dyn Fn(&super::Remembered) -> bool) -> Vec<Unlisted> {
    let mut found: BTreeMap<Mark, Vec<Report<'_>>> = BTreeMap::new();
    for (key, report) in &memory.reports {
        let Some(report) = report else { continue };
        let mark = match &report.stated {
            Stated::Words(words) => Mark::Words(words.clone()),
            _ if !report.parts.is_empty() && !explained(report) => Mark::Parts(report.parts.clone()),
            _ => continue,
        };
        found.entry(mark).or_default().push((key, report));
    }
    let enough = found.into_iter().filter(|(_, reports)| reports.len() >= REPORTS);
    enough
        .map(|(mark, reports)| Unlisted {
            parts: usual_parts(&reports.iter().map(|(_, report)| *report).collect::<Vec<_>>()),
            reports: reports.iter().map(|(key, _)| (*key).clone()).collect(),
            mark,
        })
        .collect()
}

/// Parts that at least half of a model's reports used, over all models.
fn usual_parts(reports: &[&super::Remembered]) -> BTreeSet<usize> {
    let mut by_model: BTreeMap<Option<&str>, Vec<&BTreeSet<usize>>> = BTreeMap::new();
    for report in reports {
        by_model
            .entry(report.model.as_ref().map(|m| m.as_str()))
            .or_default()
            .push(&report.parts);
    }
    let mut usual = BTreeSet::new();
    for parts in by_model.values() {
        let uses = |part: &&usize| 2 * parts.iter().filter(|set| set.contains(part)).count() > parts.len();
        let all: BTreeSet<usize> = parts.iter().flat_map(|set| set.iter().copied()).collect();
        usual.extend(all.iter().filter(uses));
    }
    usual
}
