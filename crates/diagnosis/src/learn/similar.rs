//! Past repairs that looked like the one at hand: looked up by sign, so that a prediction does not read all reports.

use std::collections::HashMap;
use std::sync::Arc;

use super::Remembered;

/// Tickets named for a cause.
const NAMED: usize = 3;
/// Share of a repair from which its ticket stands for the cause.
const STANDS_FOR: f64 = 0.5;

/// Reports that count, by what they showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Similar {
    repairs: Vec<Past>,
    by_symptom: HashMap<usize, Vec<u32>>,
    by_code: HashMap<String, Vec<u32>>,
    by_model: HashMap<String, Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Past {
    ticket: Arc<str>,
    day: Option<i32>,
    /// Causes and their shares.
    shares: Vec<(u32, f64)>,
}

/// A ticket after its day, in days from 1 January 1970.
type Ticket = (Option<i32>, Arc<str>);

/// What was similar, and what it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Similar repairs.
    pub(crate) repairs: usize,
    /// Shares added up, and the latest tickets.
    by_cause: HashMap<u32, (f64, Vec<Ticket>)>,
}

impl Found {
    /// How many of them had this cause, shares added up, and the latest tickets.
    pub(crate) fn of_cause(&self, cause: usize) -> (f64, impl Iterator<Item = &str>) {
        let found = self.by_cause.get(&(cause as u32));
        let tickets = found.into_iter().flat_map(|(_, tickets)| tickets);
        (
            found.map_or(0.0, |found| found.0),
            tickets.map(|(_, ticket)| &**ticket),
        )
    }
}

impl Similar {
    /// Adds a report with the shares of its causes.
    pub(crate) fn add(&mut self, ticket: &Arc<str>, report: &Remembered, shares: &[(u32, f64)]) {
        let at = self.repairs.len() as u32;
        for &symptom in &report.symptoms {
            self.by_symptom.entry(symptom).or_default().push(at);
        }
        for code in &report.codes {
            self.by_code.entry(code.clone()).or_default().push(at);
        }
        if let Some(model) = &report.model {
            self.by_model.entry(model.to_string()).or_default().push(at);
        }
        self.repairs.push(Past {
            ticket: ticket.clone(),
            day: report.day,
            shares: shares.to_vec(),
        });
    }

    /// Repairs that show one of these symptoms or codes; where none is given, those of the model.
    pub(crate) fn find<'a>(
        &self,
        symptoms: &[usize],
        codes: impl Iterator<Item = &'a str>,
        model: Option<&str>,
    ) -> Found {
        let mut lists: Vec<&Vec<u32>> = symptoms.iter().filter_map(|at| self.by_symptom.get(at)).collect();
        let mut asked = !symptoms.is_empty();
        for code in codes {
            asked = true;
            lists.extend(self.by_code.get(code));
        }
        if !asked {
            lists.extend(model.and_then(|model| self.by_model.get(model)));
        }
        let mut is_similar = vec![false; self.repairs.len()];
        lists
            .into_iter()
            .flatten()
            .for_each(|&at| is_similar[at as usize] = true);
        let mut found = Found::default();
        for (past, _) in self
            .repairs
            .iter()
            .zip(is_similar)
            .filter(|(_, similar)| *similar)
        {
            found.repairs += 1;
            for &(cause, share) in &past.shares {
                let (sum, tickets) = found.by_cause.entry(cause).or_default();
                *sum += share;
                if share >= STANDS_FOR {
                    keep_latest(tickets, past);
                }
            }
        }
        found
    }
}

/// Keeps the latest tickets, the latest first; of one day the one that comes first.
fn keep_latest(tickets: &mut Vec<Ticket>, past: &Past) {
    let at = tickets.partition_point(|kept| kept.0 >= past.day);
    if at < NAMED {
        tickets.insert(at, (past.day, past.ticket.clone()));
        tickets.truncate(NAMED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{Cells, Stated};

    fn report(symptoms: &[usize], code: Option<&str>, day: i32) -> Remembered {
        Remembered {
            cells: Cells::default(),
            model: shifu_domain::ModelNumber::new("W-1").ok(),
            serial: None,
            day: Some(day),
            stated: Stated::Nothing,
            parts: Default::default(),
            symptoms: symptoms.to_vec(),
            denied: Vec::new(),
            codes: code.map(str::to_owned).into_iter().collect(),
            code_entries: Vec::new(),
            said: None,
        }
    }

    #[test]
    fn a_repair_counts_once_however_many_signs_it_shares_and_the_latest_are_named() {
        let mut past = Similar::default();
        for (ticket, symptoms, code, day, cause) in [
            ("T1", &[0, 1][..], Some("E1"), 10, 4),
            ("T2", &[1], None, 20, 4),
            ("T3", &[2], Some("E1"), 30, 5),
            ("T4", &[2], None, 40, 4),
            ("T5", &[0], None, 5, 4),
            ("T6", &[0], None, 1, 4),
        ] {
            past.add(
                &ticket.into(),
                &report(symptoms, code, day),
                &[(cause, 0.9), (7, 0.1)],
            );
        }
        let found = past.find(&[0, 1], ["E1"].into_iter(), None);
        assert_eq!(found.repairs, 5, "all but T4");
        let (share, tickets) = found.of_cause(4);
        assert!((share - 3.6).abs() < 1e-12);
        assert_eq!(tickets.collect::<Vec<_>>(), ["T2", "T1", "T5"]);
        assert_eq!(
            found.of_cause(7).1.count(),
            0,
            "a tenth of a repair names no ticket"
        );
        assert_eq!(past.find(&[], std::iter::empty(), Some("W-1")).repairs, 6);
        assert_eq!(past.find(&[9], std::iter::empty(), Some("W-1")).repairs, 0);
    }
}
