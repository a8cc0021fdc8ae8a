//! The best kit: which parts to take so that one visit is enough.
//!
//! A kit is sufficient when no event outside its repair set happened. With N the events it cannot repair,
//! P(kit fixes | f) = Π (1 − p_e) over N · P(f | N = 0) / P(f): one evaluation of the diagram, exact with several
//! simultaneous faults. Two faults that need the same part in one visit are taken to share the larger quantity.
//!
//! [`PartSets`] solves the problem where chances of faults add up. `relaxation` turns a conditioned diagram into such problems
//! that prove bounds, and `best` searches the rest.

mod best;
mod closure;
mod fill;
mod part_sets;
mod relaxation;
mod search;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use shifu_domain::Yuan;

use crate::analyze::posterior;
use crate::contract::KitLimit;
use crate::explained::Scratch;
use crate::likelihood::Likelihood;

pub(crate) use best::{Solution, best};
pub use part_sets::{FaultParts, PartSets, PartsTaken};

/// A part at one quantity that some event needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Position in the parts list.
    pub(crate) part: usize,
    pub(crate) quantity: u32,
    pub(crate) price: Yuan,
}

/// For every event, the choices (by position) that its repair needs; empty: none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repairs {
    pub(crate) choices: Vec<Choice>,
    pub(crate) needs: Vec<Vec<usize>>,
}

impl Repairs {
    /// Choice `c` and the smaller quantities of its part.
    fn up_to(&self, c: usize) -> impl Iterator<Item = usize> + '_ {
        let wanted = &self.choices[c];
        let within = move |other: &Choice| other.part == wanted.part && other.quantity <= wanted.quantity;
        (0..self.choices.len()).filter(move |&other| within(&self.choices[other]))
    }

    /// The larger quantities of the part of choice `c`.
    fn above(&self, c: usize) -> impl Iterator<Item = usize> + '_ {
        let wanted = &self.choices[c];
        let beyond = move |other: &Choice| other.part == wanted.part && other.quantity > wanted.quantity;
        (0..self.choices.len()).filter(move |&other| beyond(&self.choices[other]))
    }
}

/// A conditioned world: P(· | f) where f is a signed sum of functions (f, or f minus f-and-symptom).
pub(crate) struct World<'a> {
    terms: Vec<(f64, &'a Likelihood)>,
    p: &'a [f64],
    total: f64,
    mif: Vec<f64>,
    /// Posterior of every event.
    posteriors: Vec<f64>,
    workspace: RefCell<Workspace>,
}

/// What evaluations of one world use again and again.
#[derive(Default)]
struct Workspace {
    p: Vec<f64>,
    walk: Scratch,
}

impl<'a> World<'a> {
    /// The world of `terms`, whose chance is `total` and whose marginal importance factors are `mif` when events have the chances `p`.
    pub(crate) fn new(terms: Vec<(f64, &'a Likelihood)>, p: &'a [f64], total: f64, mif: Vec<f64>) -> Self {
        let each = p.iter().zip(&mif);
        let posteriors = each.map(|(&p, &mif)| posterior(p, total, mif)).collect();
        Self {
            terms,
            p,
            total,
            mif,
            posteriors,
            workspace: RefCell::default(),
        }
    }

    /// The part of this world that is not in `part`.
    pub(crate) fn less(&self, part: &World<'a>) -> Self {
        let taken = part.terms.iter().map(|&(sign, f)| (-sign, f));
        let mif = self.mif.iter().zip(&part.mif).map(|(all, part)| all - part);
        Self::new(
            self.terms.iter().copied().chain(taken).collect(),
            self.p,
            self.total - part.total,
            mif.collect(),
        )
    }

    /// Chance of every event before the evidence.
    pub(crate) fn p(&self) -> &'a [f64] {
        self.p
    }

    /// Chance of the evidence.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// Marginal importance factor of every event.
    pub(crate) fn mif(&self) -> &[f64] {
        &self.mif
    }

    /// Chance of every event given the evidence.
    pub(crate) fn posteriors(&self) -> &[f64] {
        &self.posteriors
    }

    /// Of every choice at least the chance that some event needing its part happened: the sum of their chances.
    fn needed_at_most(&self, repairs: &Repairs) -> Vec<f64> {
        let mut of_part: HashMap<usize, f64> = HashMap::new();
        for (needs, chance) in repairs.needs.iter().zip(&self.posteriors) {
            let parts: BTreeSet<usize> = needs.iter().map(|&c| repairs.choices[c].part).collect();
            parts
                .into_iter()
                .for_each(|part| *of_part.entry(part).or_default() += chance);
        }
        let sum = |choice: &Choice| of_part.get(&choice.part).copied().unwrap_or(0.0);
        repairs.choices.iter().map(sum).collect()
    }

    /// P(none of `events` happened | f).
    pub(crate) fn none_of(&self, excluded: &dyn Fn(usize) -> bool, events: usize) -> f64 {
        let mut workspace = self.workspace.borrow_mut();
        let Workspace { p, walk } = &mut *workspace;
        p.clear();
        p.extend_from_slice(self.p);
        let mut product = 1.0;
        for (event, chance) in p.iter_mut().enumerate().take(events) {
            if excluded(event) {
                product *= 1.0 - *chance;
                *chance = 0.0;
            }
        }
        if product == 0.0 || self.total <= 0.0 {
            return 0.0;
        }
        let chance = |(sign, f): &(f64, &Likelihood)| sign * f.probability_with(p, walk);
        let joint: f64 = self.terms.iter().map(chance).sum();
        (product * joint / self.total).clamp(0.0, 1.0)
    }

    /// Chance that a kit of the chosen parts is enough.
    pub(crate) fn fix(&self, repairs: &Repairs, chosen: &[bool]) -> f64 {
        let served = served(repairs, chosen);
        let missing = |event: usize| repairs.needs[event].iter().any(|&c| !served[c]);
        self.none_of(&missing, repairs.needs.len())
    }

    /// Chance that some event needing the part of choice `c`, at whatever quantity, happened.
    pub(crate) fn needed(&self, repairs: &Repairs, c: usize) -> f64 {
        let part = repairs.choices[c].part;
        let needs = |event: usize| {
            repairs.needs[event]
                .iter()
                .any(|&n| repairs.choices[n].part == part)
        };
        1.0 - self.none_of(&needs, repairs.needs.len())
    }
}

/// Of each choice whether the kit holds it, itself or at a larger quantity.
fn served(repairs: &Repairs, chosen: &[bool]) -> Vec<bool> {
    let mut served = chosen.to_vec();
    for taken in (0..chosen.len()).filter(|&c| chosen[c]) {
        repairs.up_to(taken).for_each(|smaller| served[smaller] = true);
    }
    served
}

/// Chance, yuan or pieces by which a limit may be missed: rounding.
const ROUNDING: f64 = 1e-9;

/// What a kit is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Objective {
    /// Least kit cost plus the cost of a failed visit times its chance.
    ExpectedCost { failed_visit: f64 },
    /// Greatest chance within so many yuan.
    MaxCost(f64),
    /// Greatest chance within so many pieces.
    MaxParts(f64),
    /// Least cost reaching this chance.
    Target(f64),
}

impl Objective {
    pub(crate) fn new(limit: Option<&KitLimit>, failed_visit: f64) -> Self {
        match limit {
            Some(KitLimit {
                max_cost: Some(most), ..
            }) => Self::MaxCost(most.as_f64()),
            Some(KitLimit {
                max_parts: Some(most),
                ..
            }) => Self::MaxParts(f64::from(*most)),
            Some(KitLimit {
                target_first_time_fix: Some(target),
                ..
            }) => Self::Target(target.value()),
            _ => Self::ExpectedCost { failed_visit },
        }
    }

    /// What a choice spends of the objective's resource.
    fn weight(self, choice: &Choice) -> f64 {
        match self {
            Self::MaxParts(_) => f64::from(choice.quantity),
            _ => (choice.price * choice.quantity).as_f64(),
        }
    }

    /// The value to minimise; infinite when not allowed.
    fn value(self, spent: f64, fix: f64) -> f64 {
        match self {
            Self::ExpectedCost { failed_visit } => spent + failed_visit * (1.0 - fix),
            Self::MaxCost(most) | Self::MaxParts(most) if spent <= most + ROUNDING => 1.0 - fix,
            Self::Target(target) if fix + ROUNDING >= target => spent,
            _ => f64::INFINITY,
        }
    }

    /// A lower bound of the value of any kit that spends at least `spent` and fixes with a chance of at most `most`.
    fn at_best(self, spent: f64, most: f64) -> f64 {
        match self {
            Self::ExpectedCost { failed_visit } => spent + failed_visit * (1.0 - most),
            Self::MaxCost(_) | Self::MaxParts(_) => 1.0 - most,
            Self::Target(target) if most + ROUNDING >= target => spent,
            Self::Target(_) => f64::INFINITY,
        }
    }

    /// A lower bound of the value of any kit that adds some of `rest` (weight, gain bound; best ratio first).
    fn bound(self, spent: f64, fix: f64, rest: impl Iterator<Item = (f64, f64)>) -> f64 {
        match self {
            Self::ExpectedCost { failed_visit } => {
                let saved: f64 = rest
                    .map(|(weight, gain)| (failed_visit * gain - weight).max(0.0))
                    .sum();
                (spent + failed_visit * (1.0 - fix) - saved).max(spent)
            }
            Self::MaxCost(most) | Self::MaxParts(most) => {
                let (mut room, mut gain) = (most - spent, 0.0);
                for (weight, most_gain) in rest {
                    let share = if weight <= room {
                        1.0
                    } else {
                        (room / weight).max(0.0)
                    };
                    gain += share * most_gain;
                    room -= weight.min(room.max(0.0));
                }
                (1.0 - fix - gain).max(0.0)
            }
            Self::Target(target) => {
                let (mut lacking, mut cost) = (target - ROUNDING - fix, spent);
                for (weight, gain) in rest {
                    if lacking <= 0.0 {
                        break;
                    }
                    let share = (lacking / gain).min(1.0);
                    cost += share * weight;
                    lacking -= gain;
                }
                if lacking > 0.0 { f64::INFINITY } else { cost }
            }
        }
    }
}
