//! How fast cells are learnt: log-loss of the true cause before anything is observed, the engine's against the cell's own counts.

use std::collections::BTreeMap;

use super::report::CellLoss;
use super::world::Line;
use super::year::Ticket;

/// Pseudo-counts that the cell's counts may choose from in hindsight; 0 stands for one ticket spread over all causes.
const PSEUDO_COUNTS: [f64; 4] = [1.0, 0.5, 0.2, 0.0];
/// The least chance that anybody is taken at.
const FLOOR: f64 = 1e-6;

/// Product line, model, region and season.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell(usize, usize, usize, u8);

impl Cell {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        let situation = ticket.situation;
        Self(
            ticket.line,
            situation.model,
            situation.region,
            (situation.month + 1) % 12 / 3,
        )
    }
}

/// Counts of true causes by cell, and the losses so far. Causes that the expert does not know are one class.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    seen: BTreeMap<Cell, Vec<f64>>,
    /// Causes as reports state them, by cell; position of the cause in the world, or one past the last for other words.
    stated: BTreeMap<Cell, Vec<f64>>,
    tickets: usize,
    ours: f64,
    oracle: f64,
    counts: [f64; PSEUDO_COUNTS.len()],
    reported: [f64; PSEUDO_COUNTS.len()],
}

impl Cells {
    pub(crate) fn seen(&self, cell: &Cell) -> usize {
        self.seen
            .get(cell)
            .map_or(0, |counts| counts.iter().sum::<f64>() as usize)
    }

    pub(crate) fn count(&mut self, cell: Cell, line: &Line, ticket: &Ticket) {
        let Some(&cause) = ticket.causes.first() else {
            return;
        };
        let causes = line.causes.len();
        if let Some(stated) = &ticket.stated {
            let at = line
                .causes
                .iter()
                .position(|cause| cause.known && cause.id == *stated)
                .unwrap_or(causes);
            self.stated
                .entry(cell.clone())
                .or_insert_with(|| vec![0.0; causes + 1])[at] += 1.0;
        }
        self.seen.entry(cell).or_insert_with(|| vec![0.0; causes])[cause] += 1.0;
    }

    /// `learnt` are the engine's frequencies by event; events that the expert does not have are its unlisted causes.
    pub(crate) fn measure(&mut self, line: &Line, cell: &Cell, ticket: &Ticket, learnt: &[(String, f64)]) {
        let Some(&cause) = ticket.causes.first() else {
            return;
        };
        let known = |event: &str| line.causes.iter().any(|cause| cause.known && cause.id == event);
        let sum = |of_expert: bool| -> f64 {
            let events = learnt.iter().filter(|(event, _)| known(event) == of_expert);
            events.map(|(_, frequency)| frequency).sum()
        };
        // What the engine leaves open is left to the causes it does not know.
        let other = (1.0 - sum(true)).max(sum(false)).max(FLOOR);
        let total = sum(true) + other;
        let truth = &line.causes[cause];
        let own = learnt
            .iter()
            .find(|(event, _)| *event == truth.id)
            .map_or(0.0, |(_, frequency)| *frequency);
        let chance = if truth.known { own } else { other };
        self.ours -= (chance / total).max(FLOOR).ln();
        self.tickets += 1;
        let class = |at: usize| line.causes[at].known == truth.known && (!truth.known || at == cause);
        let of_class = |weights: &[f64]| -> f64 {
            weights
                .iter()
                .enumerate()
                .filter(|(at, _)| class(*at))
                .map(|(_, weight)| weight)
                .sum()
        };
        let weights = line.weights(&ticket.situation);
        self.oracle -= (of_class(&weights) / weights.iter().sum::<f64>()).ln();
        let classes = line.causes.iter().filter(|cause| cause.known).count() as f64 + 1.0;
        if let Some(counts) = self.seen.get(cell) {
            add_losses(&mut self.counts, of_class(counts), counts.iter().sum(), classes);
        }
        let (mut count, mut n) = (0.0, 0.0);
        if let Some(stated) = self.stated.get(cell) {
            let other_words = if truth.known {
                0.0
            } else {
                stated[line.causes.len()]
            };
            count = of_class(&stated[..line.causes.len()]) + other_words;
            n = stated.iter().sum();
        }
        add_losses(&mut self.reported, count, n, classes);
    }

    pub(crate) fn loss(&self) -> CellLoss {
        let n = self.tickets.max(1) as f64;
        CellLoss {
            tickets: self.tickets,
            ours: self.ours / n,
            counts: least(&self.reported) / n,
            counts_of_truth: least(&self.counts) / n,
            oracle: self.oracle / n,
        }
    }
}

fn add_losses(losses: &mut [f64; PSEUDO_COUNTS.len()], count: f64, n: f64, classes: f64) {
    for (loss, &pseudo) in losses.iter_mut().zip(&PSEUDO_COUNTS) {
        let pseudo = if pseudo == 0.0 { 1.0 / classes } else { pseudo };
        *loss -= ((count + pseudo) / (n + pseudo * classes)).max(FLOOR).ln();
    }
}

fn least(losses: &[f64]) -> f64 {
    losses.iter().copied().fold(f64::INFINITY, f64::min)
}
