//! Branch and bound within a budget, or up to a served weight.
//!
//! For a price of money λ (weight per yuan) the closure of greatest served − λ·cost bounds what any budget can serve; the λ at
//! which the best closures turn from affordable to too dear gives the tightest such bound, that of the linear programme. It is
//! found by intersecting the two closures' lines until no third lies above them. What remains is decided part by part, the
//! most promising half first; flows show of most parts that deciding them otherwise cannot pay.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::closure::Flow;
use super::fill::{Filler, Limits};
use super::part_sets::{PartSets, PartsTaken, ROUNDING, relative_gap};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// The greatest served weight at this price at most.
    Budget(f64),
    /// The least price that serves at least this weight.
    Reach(f64),
}

/// Times the price of money is corrected in one node.
const CORRECTIONS: usize = 12;

/// A set of parts with what it costs and serves.
#[derive(Debug, Clone)]
struct Taken {
    parts: Vec<bool>,
    cost: f64,
    served: f64,
}

/// Parts decided so far, a bound of all kits that follow them, and the closures on both sides of the limit.
struct Node {
    score: f64,
    number: usize,
    decided: Vec<Option<bool>>,
    low: Taken,
    high: Taken,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Node {}
impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Node {
    /// The least bound first, of equals the later one: it lies deeper.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then(self.number.cmp(&other.number))
    }
}

/// A search; scores are minimised: the served weight negated, or the price.
pub(super) struct Search<'a> {
    sets: &'a PartSets,
    form: Form,
    flow: Flow,
    filler: Filler<'a>,
    best: Option<(f64, Taken)>,
    left: usize,
    numbered: usize,
    /// Yuan per weight at the limit, before anything is decided.
    penalty: f64,
}

/// What became of a node.
enum Bounded {
    /// No better kit follows.
    Closed,
    /// Bounded from below, to be divided.
    Open(Node),
}

impl<'a> Search<'a> {
    pub(super) fn new(sets: &'a PartSets, form: Form, evaluations: usize) -> Self {
        Self {
            sets,
            form,
            flow: Flow::new(&sets.graph),
            filler: Filler::new(sets),
            best: None,
            left: evaluations.max(1),
            numbered: 0,
            penalty: sets.prices.iter().sum::<f64>() / sets.total.max(f64::MIN_POSITIVE),
        }
    }

    /// The best parts, and what a weight not served costs at the limit.
    pub(super) fn run(mut self) -> (PartsTaken, f64) {
        let parts = self.sets.prices.len();
        // A part that no fault needs is never taken, one that is needed and free always.
        let mut decided = vec![Some(false); parts];
        let needed = self.sets.faults.iter().filter(|fault| fault.weight > 0.0);
        for &part in needed.flat_map(|fault| &fault.parts) {
            decided[part] = (self.sets.prices[part] <= 0.0).then_some(true);
        }
        let low = self.measure(decided.iter().map(|d| *d == Some(true)).collect());
        let high = self.measure(decided.iter().map(|d| *d != Some(false)).collect());
        for taken in [low.clone(), high.clone()] {
            self.offer(&taken);
        }
        // The greedy kit is where the search starts from, so it never falls behind it.
        self.offer_filled(&low.parts, &high.parts);
        let mut open = BinaryHeap::new();
        if self.over(&high) && !(self.over(&low) && matches!(self.form, Form::Reach(_))) {
            let root = Node {
                score: f64::NEG_INFINITY,
                number: 0,
                decided,
                low,
                high,
            };
            if let Bounded::Open(root) = self.bound(root) {
                open.push(root);
            }
        }
        while let Some(node) = open.pop() {
            if node.score >= self.best_score() - self.tolerance() {
                break;
            }
            if self.left == 0 {
                open.push(node);
                break;
            }
            for child in self.divide(&node) {
                if let Bounded::Open(child) = self.bound(child) {
                    open.push(child);
                }
            }
        }
        let least = open.peek().map_or(f64::INFINITY, |node| node.score);
        let penalty = self.penalty;
        (self.result(least), penalty)
    }

    /// Beyond the limit: too dear, or enough.
    fn over(&self, taken: &Taken) -> bool {
        match self.form {
            Form::Budget(budget) => taken.cost > budget * (1.0 + ROUNDING),
            Form::Reach(weight) => taken.served >= weight * (1.0 - ROUNDING),
        }
    }

    fn allowed(&self, taken: &Taken) -> bool {
        self.over(taken) == matches!(self.form, Form::Reach(_))
    }

    fn measure(&self, parts: Vec<bool>) -> Taken {
        Taken {
            cost: self.sets.cost(&parts),
            served: self.sets.served(&parts),
            parts,
        }
    }

    fn score(&self, taken: &Taken) -> f64 {
        match self.form {
            Form::Budget(_) => -taken.served,
            Form::Reach(_) => taken.cost,
        }
    }

    fn best_score(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.0)
    }

    /// Size of the sums that scores are made of.
    fn scale(&self) -> f64 {
        match self.form {
            Form::Budget(_) => self.sets.total,
            Form::Reach(_) => self.best.as_ref().map_or(0.0, |best| best.0),
        }
    }

    /// Improvements below this are rounding.
    fn tolerance(&self) -> f64 {
        0.5 * ROUNDING * self.scale()
    }

    fn offer(&mut self, taken: &Taken) {
        if !self.allowed(taken) {
            return;
        }
        let score = self.score(taken);
        // Of equal kits the cheaper one.
        let better = self.best.as_ref().is_none_or(|(best, kit)| {
            score < best - best.abs() * ROUNDING || (score <= *best && taken.cost < kit.cost)
        });
        if better {
            self.best = Some((score, taken.clone()));
        }
    }

    /// Offers `from` filled up to the limit with parts of `may`.
    fn offer_filled(&mut self, from: &[bool], may: &[bool]) {
        let limits = match self.form {
            Form::Budget(budget) => Limits {
                budget,
                enough: f64::INFINITY,
            },
            Form::Reach(enough) => Limits {
                budget: f64::INFINITY,
                enough,
            },
        };
        let kit = self.filler.fill(from, may, limits);
        self.offer(&self.measure(kit));
    }

    /// Finds the best price of money for the parts left free, offers what it meets, and decides what cannot pay.
    fn bound(&mut self, mut node: Node) -> Bounded {
        for _ in 0..CORRECTIONS {
            if self.ends(&node) {
                return Bounded::Closed;
            }
            if self.left == 0 {
                break;
            }
            let rise = node.high.served - node.low.served;
            let run = node.high.cost - node.low.cost;
            if rise <= 0.0 || run <= 0.0 {
                break;
            }
            self.left -= 1;
            let lambda = rise / run;
            let (parts, expected) = self.sets.closure(lambda.recip(), &node.decided, &mut self.flow);
            let worth = self.sets.total - expected * lambda;
            let score = match self.form {
                Form::Budget(budget) => -(worth + lambda * budget),
                Form::Reach(weight) => (weight - worth) / lambda,
            };
            if score > node.score {
                node.score = score;
                if node.number == 0 {
                    self.penalty = lambda.recip();
                }
            }
            let gap = self.best_score() - node.score;
            if gap <= self.tolerance() {
                return Bounded::Closed;
            }
            let found = self.measure(parts);
            self.offer(&found);
            let line = node.low.served - lambda * node.low.cost;
            let higher = found.served - lambda * found.cost > line + self.sets.total * 1e-12;
            if higher && self.over(&found) {
                node.high = found;
            } else if higher {
                node.low = found;
            }
            self.settle(&mut node, lambda, self.best_score() - score);
            self.follow(&mut node);
            if !higher {
                break;
            }
        }
        if self.ends(&node) {
            return Bounded::Closed;
        }
        let may: Vec<bool> = node.decided.iter().map(|d| *d != Some(false)).collect();
        self.offer_filled(&node.low.parts, &may);
        if node.score >= self.best_score() - self.tolerance() {
            return Bounded::Closed;
        }
        Bounded::Open(node)
    }

    /// Decides the parts of which the flow proves that deciding them otherwise loses more than `gap` (in the score's unit).
    fn settle(&self, node: &mut Node, lambda: f64, gap: f64) {
        let lost = match self.form {
            Form::Budget(_) => gap,
            Form::Reach(_) => gap * lambda,
        };
        let most = lost + self.sets.total * 1e-12;
        for part in 0..node.decided.len() {
            if node.decided[part].is_some() {
                continue;
            }
            if !self.flow.taken[part] && self.flow.room[part] > most {
                node.decided[part] = Some(false);
            } else if self.flow.taken[part] && self.flow.waiting_for(&self.sets.graph, part) > most {
                node.decided[part] = Some(true);
            }
        }
    }

    /// Two nodes: with and without the dearest part on which the two closures differ.
    fn divide(&mut self, node: &Node) -> Vec<Node> {
        let differs =
            |part: &usize| node.decided[*part].is_none() && node.low.parts[*part] != node.high.parts[*part];
        let price = |part: &usize| self.sets.prices[*part];
        let Some(part) = (0..node.decided.len())
            .filter(differs)
            .max_by(|a, b| price(a).total_cmp(&price(b)).then(b.cmp(a)))
        else {
            return Vec::new();
        };
        [true, false]
            .into_iter()
            .map(|take| {
                let mut decided = node.decided.clone();
                decided[part] = Some(take);
                self.numbered += 1;
                let mut child = Node {
                    score: node.score,
                    number: self.numbered,
                    decided,
                    low: node.low.clone(),
                    high: node.high.clone(),
                };
                self.follow(&mut child);
                child
            })
            .collect()
    }

    /// Whether a node has one best kit: everything left is allowed, or nothing more is.
    fn ends(&mut self, node: &Node) -> bool {
        // Everything that is not left out is affordable, or does not reach the weight.
        if !self.over(&node.high) {
            self.offer(&node.high);
            return true;
        }
        // What is taken already reaches the weight, or is too dear.
        if self.over(&node.low) {
            self.offer(&node.low);
            return true;
        }
        false
    }

    /// Makes the closures on both sides keep to what is decided; where they then lie on the wrong side, the extremes take their
    /// place: a low one that is over is the least that is left, a high one that is not is the most.
    fn follow(&self, node: &mut Node) {
        let decided = &node.decided;
        let keep = |parts: &[bool]| -> Vec<bool> {
            let both = parts.iter().zip(decided);
            both.map(|(taken, decided)| decided.unwrap_or(*taken)).collect()
        };
        let mut low = self.measure(keep(&node.low.parts));
        if self.over(&low) {
            low = self.measure(decided.iter().map(|d| *d == Some(true)).collect());
        }
        let mut high = self.measure(keep(&node.high.parts));
        if !self.over(&high) {
            high = self.measure(decided.iter().map(|d| *d != Some(false)).collect());
        }
        (node.low, node.high) = (low, high);
    }

    fn result(self, least: f64) -> PartsTaken {
        let Some((score, kit)) = &self.best else {
            let needed = self.sets.faults.iter().filter(|fault| fault.weight > 0.0);
            let mut every = vec![false; self.sets.prices.len()];
            needed
                .flat_map(|fault| &fault.parts)
                .for_each(|&part| every[part] = true);
            return self.sets.result(&every, f64::INFINITY, 1.0);
        };
        let bound = least.min(*score);
        let shown = match self.form {
            Form::Budget(_) => -bound,
            Form::Reach(_) => bound,
        };
        let gap = relative_gap(score - bound, *score, self.scale());
        self.sets.result(&kit.parts, shown, gap)
    }
}
