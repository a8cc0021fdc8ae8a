//! What `shifu fault-tree analyze` reports: probability, minimal cut sets, importance.

use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::circuit::{Circuit, Lit};
use crate::compile::{Compiled, OverBudget};
use crate::error::DiagnoseError;
use crate::tree::{Event, FaultTree};

/// Bounds of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalysisLimits {
    /// Nodes of any one decision diagram while it is made; about 30 bytes each. Default 40,000,000 (1.2 GB): of the Aralia
    /// trees das9701 takes 33,000,000, the next largest 812,000. Beyond it there are bounds instead of a probability.
    pub max_nodes: usize,
    /// Nodes of a diagram between which and another one a gate is held where `max_nodes` do not do; 0 refuses such a
    /// tree. Default 30,000: some 20 s.
    pub max_bound_nodes: usize,
    /// Nodes of the diagram of minimal cut sets. Default 8,000,000.
    pub max_cut_set_nodes: usize,
}

impl Default for AnalysisLimits {
    fn default() -> Self {
        Self {
            max_nodes: 40_000_000,
            max_bound_nodes: 30_000,
            max_cut_set_nodes: 8_000_000,
        }
    }
}

/// An event's importance for the analysed gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Importance {
    /// The event.
    pub event: String,
    /// Its name.
    pub name: String,
    /// Its prior probability.
    pub probability: f64,
    /// P(event | gate).
    pub posterior: f64,
    /// Marginal importance factor P(gate | event) − P(gate | not event) (Birnbaum 1969).
    pub mif: f64,
    /// Critical importance factor p·MIF / P(gate): the chance that the event happened and decided the gate, given the gate.
    /// Many handbooks call this one Fussell–Vesely, as it equals (P(gate) − P(gate | not event)) / P(gate).
    pub cif: f64,
    /// Fussell–Vesely importance proper: P(some minimal cut set with the event has happened | gate), between `cif` and
    /// `posterior` (Fussell 1975). Absent for gates that are not coherent and where it takes too large a diagram.
    pub fussell_vesely: Option<f64>,
    /// Risk achievement worth P(gate | event) / P(gate) (Vesely et al. 1983, NUREG/CR-3385). Absent where P(gate) is 0.
    pub raw: Option<f64>,
    /// Risk reduction worth P(gate) / P(gate | not event) (ibid.). Absent where the gate is impossible without the event.
    pub rrw: Option<f64>,
}

/// Between which numbers a probability lies, proven up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProbabilityBounds {
    /// It is at least this.
    pub lower: f64,
    /// It is at most this.
    pub upper: f64,
}

/// The likeliest state of all events in which the gate is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProbableState {
    /// Events that happened in it, in the order of the file; all others did not.
    pub events: Vec<String>,
    /// Its probability over the events that the gate rests on.
    pub probability: f64,
    /// The same given the gate.
    pub posterior: f64,
}

/// A minimal cut set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CutSet {
    /// Its events, in the order of the file.
    pub events: Vec<String>,
    /// Product of their probabilities.
    pub probability: f64,
}

/// The analysis of one gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Analysis {
    /// The gate; several roots are joined by OR and listed.
    pub top: Vec<String>,
    /// Its probability; the middle of `bounds` where those are given.
    pub probability: f64,
    /// Given where the exact probability is out of reach. Importance, states and cut sets are then missing.
    pub bounds: Option<ProbabilityBounds>,
    /// How many minimal cut sets it has; absent when they were not asked for or `cut_sets_refused` says why.
    pub minimal_cut_sets: Option<u64>,
    /// How many prime implicants a gate that is not coherent has: minimal sets of events happening and events not happening
    /// that make it true whatever the others do. Absent for coherent gates, whose prime implicants are their minimal cut
    /// sets, and where there are too many to find.
    pub prime_implicants: Option<u64>,
    /// Why there are no cut sets.
    pub cut_sets_refused: Option<String>,
    /// Whether the gate is coherent (no negation). If not, cut sets are the minimal sets of events that, nothing else
    /// happening, make the gate true.
    pub coherent: bool,
    /// The 20 likeliest cut sets.
    pub cut_sets: Vec<CutSet>,
    /// The most probable explanation of the gate; absent where it cannot happen.
    pub likeliest_state: Option<ProbableState>,
    /// Events by falling critical importance.
    pub importance: Vec<Importance>,
    /// Nodes of the decision diagrams.
    pub bdd_nodes: usize,
    /// Bytes of the largest diagram while it was made, computed from its nodes.
    pub peak_bytes: u64,
    /// Time for the probability alone, milliseconds.
    pub probability_ms: f64,
    /// Time for the probability and the posteriors of all events, milliseconds.
    pub posteriors_ms: f64,
    /// Time for counting the minimal cut sets once the diagrams are made, milliseconds.
    pub cut_sets_ms: f64,
    /// Time for all of it, milliseconds.
    pub ms: f64,
}

/// Bytes a node costs while a diagram is made: 12 for itself, up to 16 for the table, 12 for half a cache entry.
const BYTES_A_NODE: u64 = 34;
/// Cut sets listed.
const LISTED: usize = 20;
/// Nodes of one diagram for the sets of a function that is not coherent; its modules cannot be taken apart.
const MAX_FLAT_NODES: usize = 2_000_000;
/// Nodes of the diagrams for prime implicants: some 0.5 s.
const MAX_PRIME_NODES: usize = 500_000;
/// Nodes of all diagrams for Fussell–Vesely importance: some 50 ms.
const FUSSELL_VESELY_NODES: usize = 100_000;
/// Nodes that may be evaluated anew for risk reduction worths: some 50 ms.
const EVALUATED_NODES: usize = 10_000_000;

impl FaultTree {
    /// Analyses `top`, or the OR of all root gates when it is absent.
    ///
    /// # Errors
    /// `UnknownGate` when `top` is no gate (or the tree has none), `NodeLimit` when neither the probability's diagram nor
    /// bounds are within the limits. Cut sets that are too large are reported inside the result.
    pub fn analyze(&self, top: Option<&str>, limits: AnalysisLimits) -> Result<Analysis, DiagnoseError> {
        let start = Instant::now();
        let (names, circuit, root) = self.top(top)?;
        let priors = self.priors();
        let mut analysis = Analysis {
            top: names,
            probability: 0.0,
            bounds: None,
            minimal_cut_sets: None,
            prime_implicants: None,
            cut_sets_refused: None,
            coherent: circuit.is_monotone(root),
            cut_sets: Vec::new(),
            likeliest_state: None,
            importance: Vec::new(),
            bdd_nodes: 0,
            peak_bytes: 0,
            probability_ms: 0.0,
            posteriors_ms: 0.0,
            cut_sets_ms: 0.0,
            ms: 0.0,
        };
        match Compiled::new(&circuit, root, limits.max_nodes) {
            Ok(compiled) => {
                analysis.probability = compiled.probability_with(&priors, &mut Vec::new());
                analysis.probability_ms = milliseconds(start);
                let mif = compiled.importance(&priors).1;
                analysis.posteriors_ms = milliseconds(start);
                analysis.bdd_nodes = compiled.node_count;
                analysis.peak_bytes = compiled.peak_nodes as u64 * BYTES_A_NODE;
                analysis.importance = self.importance_table(&compiled, &priors, analysis.probability, &mif);
                analysis.likeliest_state = self.likeliest_state(&compiled, &priors, analysis.probability);
                self.try_cut_sets(&mut analysis, &circuit, root, &compiled, limits);
            }
            Err(refused) => {
                analysis.peak_bytes = limits.max_nodes as u64 * BYTES_A_NODE;
                let found = Some(limits.max_bound_nodes)
                    .filter(|&size| size > 0)
                    .and_then(|size| bounds::of(&circuit, root, &priors, size))
                    .ok_or_else(|| over(&analysis.top, refused))?;
                analysis.probability = (found.lower + found.upper) / 2.0;
                analysis.bounds = Some(found);
                analysis.cut_sets_refused = Some(beyond(limits.max_nodes));
                analysis.probability_ms = milliseconds(start);
            }
        }
        analysis.ms = milliseconds(start);
        Ok(analysis)
    }

    fn top(&self, top: Option<&str>) -> Result<(Vec<String>, Circuit, Lit), DiagnoseError> {
        let roots = self.root_gates();
        let chosen = match top {
            Some(name) => self.gate(name).map(|at| vec![at]),
            None => Some(roots.clone()).filter(|roots| !roots.is_empty()),
        };
        let Some(chosen) = chosen else {
            return Err(DiagnoseError::UnknownGate {
                name: top.unwrap_or("(root)").chars().take(128).collect(),
                roots: roots
                    .iter()
                    .take(20)
                    .map(|&at| self.gates[at].id.clone())
                    .collect(),
            });
        };
        let (mut circuit, gates) = self.circuit();
        let literals: Vec<Lit> = chosen.iter().map(|&at| gates[at]).collect();
        let root = circuit.or(&literals);
        Ok((
            chosen.iter().map(|&at| self.gates[at].id.clone()).collect(),
            circuit,
            root,
        ))
    }

    fn importance_table(
        &self,
        compiled: &Compiled,
        priors: &[f64],
        probability: f64,
        mif: &[f64],
    ) -> Vec<Importance> {
        let without = without_each(compiled, priors, probability, mif);
        let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        let row = |((event, &mif), without): ((&Event, &f64), f64)| Importance {
            event: event.id.clone(),
            name: event.name.clone(),
            probability: event.probability,
            posterior: posterior(event.probability, probability, mif),
            mif,
            cif: ratio(event.probability * mif, probability).unwrap_or(0.0),
            fussell_vesely: None,
            raw: ratio(probability + (1.0 - event.probability) * mif, probability).map(|raw| raw.max(0.0)),
            rrw: ratio(probability, without),
        };
        let mut table: Vec<Importance> = self.events.iter().zip(mif).zip(without).map(row).collect();
        table.sort_by(|a, b| b.cif.total_cmp(&a.cif));
        table
    }

    fn likeliest_state(
        &self,
        compiled: &Compiled,
        priors: &[f64],
        probability: f64,
    ) -> Option<ProbableState> {
        let (chance, events) = compiled.likeliest_state(priors)?;
        Some(ProbableState {
            events: self.ids(&events),
            probability: chance,
            posterior: (chance / probability).min(1.0),
        })
    }

    fn ids(&self, events: &[u32]) -> Vec<String> {
        events
            .iter()
            .map(|&e| self.events[e as usize].id.clone())
            .collect()
    }

    /// Adds the cut sets, or why there are none.
    fn try_cut_sets(
        &self,
        analysis: &mut Analysis,
        circuit: &Circuit,
        root: Lit,
        compiled: &Compiled,
        limits: AnalysisLimits,
    ) {
        let sets = if analysis.coherent {
            self.add_cut_sets(analysis, compiled, limits)
        } else {
            Compiled::flat(circuit, root, limits.max_nodes.min(MAX_FLAT_NODES)).and_then(|flat| {
                self.add_cut_sets(analysis, &flat, limits)?;
                let primes = flat.prime_implicants(limits.max_cut_set_nodes.min(MAX_PRIME_NODES));
                analysis.prime_implicants = primes.ok().and_then(|count| u64::try_from(count).ok());
                Ok(())
            })
        };
        if let Err(OverBudget { limit, .. }) = sets {
            analysis.cut_sets_refused = Some(beyond(limit));
        }
    }

    fn add_cut_sets(
        &self,
        analysis: &mut Analysis,
        compiled: &Compiled,
        limits: AnalysisLimits,
    ) -> Result<(), OverBudget> {
        let start = Instant::now();
        let families = compiled.cut_sets(limits.max_cut_set_nodes)?;
        analysis.minimal_cut_sets = Some(u64::try_from(families.count()).unwrap_or(u64::MAX));
        analysis.cut_sets_ms = milliseconds(start);
        let priors = self.priors();
        let named = |(probability, events): (f64, Vec<u32>)| CutSet {
            events: self.ids(&events),
            probability,
        };
        analysis.cut_sets = families
            .likeliest(&priors, LISTED)
            .into_iter()
            .map(named)
            .collect();
        if analysis.coherent
            && analysis.probability > 0.0
            && let Some(occurrence) = families.occurrence(compiled, &priors, FUSSELL_VESELY_NODES)
        {
            let of_event: HashMap<&str, f64> = self
                .events
                .iter()
                .map(|e| e.id.as_str())
                .zip(occurrence)
                .collect();
            for row in &mut analysis.importance {
                let chance = of_event.get(row.event.as_str());
                row.fussell_vesely = chance.map(|chance| (chance / analysis.probability).min(1.0));
            }
        }
        Ok(())
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn beyond(limit: usize) -> String {
    format!("the minimal cut sets need more than {limit} nodes")
}

/// P(gate | not event) of every event. Where the event is in nearly every way to the gate, P − p·MIF would be the
/// difference of two almost equal numbers, and the gate is evaluated once more instead.
fn without_each(compiled: &Compiled, priors: &[f64], probability: f64, mif: &[f64]) -> Vec<f64> {
    let mut evaluations = EVALUATED_NODES / (compiled.node_count + 1);
    let (mut changed, mut scratch) = (priors.to_vec(), Vec::new());
    let mut without = |event: usize| {
        let difference = probability - priors[event] * mif[event];
        if difference > probability * 1e-3 || evaluations == 0 {
            return difference.max(0.0);
        }
        evaluations -= 1;
        changed[event] = 0.0;
        let exact = compiled.probability_with(&changed, &mut scratch);
        changed[event] = priors[event];
        exact
    };
    (0..priors.len()).map(&mut without).collect()
}

/// P(e | f) = p·(P + (1 − p)·MIF) / P; the prior where P is zero.
pub(crate) fn posterior(prior: f64, probability: f64, mif: f64) -> f64 {
    if probability > 0.0 {
        (prior * (probability + (1.0 - prior) * mif) / probability).clamp(0.0, 1.0)
    } else {
        prior
    }
}

fn over(names: &[String], over: OverBudget) -> DiagnoseError {
    DiagnoseError::NodeLimit {
        name: names.join(" or ").chars().take(200).collect(),
        limit: over.limit,
        orders: over.orders,
    }
}
