//! Learning from reported repairs.
//!
//! What is remembered of each report is kept as it came ([`Memory`]); what follows from all of them ([`Fit`]) is computed anew
//! when it is next needed, in the order of ticket numbers. So a report that is replaced leaves no trace, and the order in which
//! reports arrive does not matter: only their dates do.
//!
//! - `cells.rs`: how often each cause occurs, by model, province, season and age, shrunk to what is known more widely;
//! - `links.rs`: how strongly each cause shows as each symptom and code, and what shows without a cause;
//! - `fit.rs`: expectation maximisation between the two for repairs that do not state their cause;
//! - `forget.rs`: how fast old repairs fade;
//! - `similar.rs`: past repairs that looked alike;
//! - `crate::link`: which symptoms a customer's own words mean, from the texts of the reports;
//! - `unlisted.rs`: causes that the tree lacks;
//! - `outcomes.rs`: calibration by what came of predictions, and the alarm when too many visits fail.

mod cells;
mod fit;
mod forget;
mod links;
mod outcomes;
mod similar;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shifu_domain::{ModelNumber, Region};

use crate::link::Said;

pub(crate) use fit::{Fit, Known, STATED, parts_chance};
pub(crate) use links::{Believed, WEAKEST};
pub use outcomes::Drift;
pub(crate) use outcomes::{Calibration, Outcome};
pub(crate) use similar::{Found, Similar};
pub(crate) use unlisted::{Mark, Unlisted};

/// How strongly cells are shrunk to what is known more widely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shrinkage {
    /// Maximum likelihood over the cells of each dimension; the weight of 50 repairs with fewer than 30.
    MaximumLikelihood,
    /// This equivalent sample size, in repairs.
    Fixed(f64),
}

/// The cell names of one appliance: model, province, season, age band; `None` where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cells(pub(crate) [Option<String>; 4]);

impl Cells {
    /// The cells of a model, region, `YYYY-MM-DD` date and date of installation.
    pub(crate) fn of(
        model: Option<&ModelNumber>,
        region: Option<&Region>,
        date: Option<&str>,
        installed_on: Option<&str>,
    ) -> Self {
        let age = || age_band(day(installed_on?)?, day(date?)?);
        Self([
            model.map(ToString::to_string),
            region.map(|region| region.as_str()[..2].to_owned()),
            date.and_then(season).map(str::to_owned),
            age().map(str::to_owned),
        ])
    }
}

/// The meteorological season of a date, on the northern half.
pub(crate) fn season(date: &str) -> Option<&'static str> {
    let date: jiff::civil::Date = date.get(..10)?.parse().ok()?;
    Some(match date.month() {
        3..=5 => "spring",
        6..=8 => "summer",
        9..=11 => "autumn",
        _ => "winter",
    })
}

/// Days from 1 January 1970 of a date `YYYY-MM-DD`; a time after it is ignored.
pub(crate) fn day(date: &str) -> Option<i32> {
    let date: jiff::civil::Date = date.get(..10)?.parse().ok()?;
    Some(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days())
}

/// The age of an appliance as a cell; none for one that is installed after the date.
fn age_band(installed: i32, today: i32) -> Option<&'static str> {
    match (today - installed) / 365 {
        _ if today < installed => None,
        0 => Some("first year"),
        1..=2 => Some("1 to 2 years"),
        3..=5 => Some("3 to 5 years"),
        _ => Some("6 years or more"),
    }
}

/// Who or what a report names as the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stated {
    /// Nothing.
    Nothing,
    /// An event of the tree.
    Event(u32),
    /// Words that name no event.
    Words(String),
}

/// One remembered repair that solved the problem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) cells: Cells,
    pub(crate) model: Option<ModelNumber>,
    pub(crate) serial: Option<String>,
    /// Days from 1 January 1970.
    pub(crate) day: Option<i32>,
    pub(crate) stated: Stated,
    /// Positions in the parts list.
    pub(crate) parts: BTreeSet<usize>,
    /// Positions of symptoms that were present.
    pub(crate) symptoms: Vec<usize>,
    /// Positions of symptoms that were not.
    pub(crate) denied: Vec<usize>,
    /// Fault codes shown.
    pub(crate) codes: Vec<String>,
    /// Their positions among the tree's codes.
    pub(crate) code_entries: Vec<usize>,
    /// What its text teaches about words; none without a text or without recorded symptoms.
    pub(crate) said: Option<Said>,
}

/// Every report that counts, by ticket and visit; `None`: remembered as not counting.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    pub(crate) reports: BTreeMap<(Arc<str>, u32), Option<Remembered>>,
    /// What came of first visits, by ticket.
    outcomes: BTreeMap<String, Outcome>,
    counted: u64,
}

impl Memory {
    /// Notes what came of a ticket's first visit, or that it is no longer known.
    pub(crate) fn outcome(&mut self, ticket: &str, outcome: Option<Outcome>) {
        match outcome {
            Some(outcome) => _ = self.outcomes.insert(ticket.to_owned(), outcome),
            None => _ = self.outcomes.remove(ticket),
        }
    }

    /// What came of first visits, in order of days, then tickets.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = self.outcomes.values().copied().collect();
        outcomes.sort_by_key(|outcome| outcome.day);
        outcomes
    }

    /// Takes a report in, replacing an earlier one of the same ticket and visit. Returns whether one was replaced.
    pub(crate) fn report(&mut self, ticket: &str, visit: u32, repair: Option<Remembered>) -> bool {
        self.counted += u64::from(repair.is_some());
        let old = self.reports.insert((ticket.into(), visit), repair);
        self.counted -= u64::from(matches!(old, Some(Some(_))));
        old.is_some()
    }

    /// What the texts of the repairs that count teach about words.
    pub(crate) fn said(&self) -> impl Iterator<Item = &Said> + Clone {
        self.reports
            .values()
            .flatten()
            .filter_map(|report| report.said.as_ref())
    }

    /// Repairs that count.
    pub(crate) fn repairs(&self) -> u64 {
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_follow_the_month() {
        assert_eq!(season("2025-07-01T08:00:00+08:00"), Some("summer"));
        assert_eq!(season("2025-12-31"), Some("winter"));
        assert_eq!(season("2025-13-31"), None);
        assert_eq!(season("去年"), None);
    }

    #[test]
    fn ages_are_counted_in_whole_years_from_the_installation() {
        let band = |installed: &str| age_band(day(installed).unwrap(), day("2025-06-30").unwrap());
        assert_eq!(band("2024-07-15"), Some("first year"));
        assert_eq!(band("2023-06-30"), Some("1 to 2 years"));
        assert_eq!(band("2021-01-01"), Some("3 to 5 years"));
        assert_eq!(band("2012-01-01"), Some("6 years or more"));
        assert_eq!(band("2025-07-01"), None);
    }
}
