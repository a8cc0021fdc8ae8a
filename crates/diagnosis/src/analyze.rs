//! What `shifu fault-tree analyze` reports: probability, minimal cut sets, importance.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::circuit::Lit;
use crate::compile::{Compiled, OverBudget};
use crate::error::DiagnoseError;
use crate::tree::FaultTree;

/// Bounds of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalysisLimits {
    /// Nodes of any one decision diagram while it is made; about 30 bytes each. Default 2,000,000 (some 70 MB): the
    /// largest Aralia tree that finishes takes 812,000, and a refusal under all orders takes some 20 s.
    pub max_nodes: usize,
    /// Nodes of the diagram of minimal cut sets. Default 8,000,000.
    pub max_cut_set_nodes: usize,
}

impl Default for AnalysisLimits {
    fn default() -> Self {
        Self {
            max_nodes: 2_000_000,
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
    /// Marginal importance factor P(gate | event) − P(gate | not event).
    pub mif: f64,
    /// Critical importance factor p·MIF / P(gate).
    pub cif: f64,
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
    /// Its probability.
    pub probability: f64,
    /// How many minimal cut sets it has; absent when they were not asked for or `cut_sets_refused` says why.
    pub minimal_cut_sets: Option<u64>,
    /// Why there are no cut sets.
    pub cut_sets_refused: Option<String>,
    /// Whether the gate is coherent (no negation). If not, cut sets are the minimal sets of events that, nothing else
    /// happening, make the gate true.
    pub coherent: bool,
    /// The 20 likeliest cut sets.
    pub cut_sets: Vec<CutSet>,
    /// Events by falling critical importance.
    pub importance: Vec<Importance>,
    /// Nodes of the decision diagrams.
    pub bdd_nodes: usize,
    /// Bytes of the largest diagram while it was made, computed from its nodes.
    pub peak_bytes: u64,
    /// Time for the probability, milliseconds.
    pub probability_ms: f64,
    /// Time for all of it, milliseconds.
    pub ms: f64,
}

/// Bytes a node costs while a diagram is made: 12 for itself, up to 16 for the table, 12 for half a cache entry.
const BYTES_A_NODE: u64 = 34;
/// Cut sets listed.
const LISTED: usize = 20;

impl FaultTree {
    /// Analyses `top`, or the OR of all root gates when it is absent.
    ///
    /// # Errors
    /// `UnknownGate` when `top` is no gate (or the tree has none), `NodeLimit` when the probability's diagram is too large.
    /// Cut sets that are too large are reported inside the result.
    pub fn analyze(&self, top: Option<&str>, limits: AnalysisLimits) -> Result<Analysis, DiagnoseError> {
        let start = Instant::now();
        let (names, circuit, root) = self.top(top)?;
        let priors = self.priors();
        let compiled = Compiled::new(&circuit, root, limits.max_nodes).map_err(|o| over(&names, o))?;
        let (probability, mif) = compiled.importance(&priors);
        let probability_ms = start.elapsed().as_secs_f64() * 1e3;
        let mut analysis = Analysis {
            top: names,
            probability,
            minimal_cut_sets: None,
            cut_sets_refused: None,
            coherent: circuit.is_monotone(root),
            cut_sets: Vec::new(),
            importance: self.importance_table(probability, &mif),
            bdd_nodes: compiled.node_count,
            peak_bytes: compiled.peak_nodes as u64 * BYTES_A_NODE,
            probability_ms,
            ms: 0.0,
        };
        let sets = if analysis.coherent {
            self.add_cut_sets(&mut analysis, &compiled, &priors, limits)
        } else {
            Compiled::flat(&circuit, root, limits.max_nodes)
                .and_then(|flat| self.add_cut_sets(&mut analysis, &flat, &priors, limits))
        };
        if let Err(OverBudget { limit, .. }) = sets {
            analysis.cut_sets_refused = Some(format!("the minimal cut sets need more than {limit} nodes"));
        }
        analysis.ms = start.elapsed().as_secs_f64() * 1e3;
        Ok(analysis)
    }

    fn top(&self, top: Option<&str>) -> Result<(Vec<String>, crate::circuit::Circuit, Lit), DiagnoseError> {
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

    fn importance_table(&self, probability: f64, mif: &[f64]) -> Vec<Importance> {
        let mut table: Vec<Importance> = self
            .events
            .iter()
            .zip(mif)
            .map(|(event, &mif)| Importance {
                event: event.id.clone(),
                name: event.name.clone(),
                probability: event.probability,
                posterior: posterior(event.probability, probability, mif),
                mif,
                cif: if probability > 0.0 {
                    event.probability * mif / probability
                } else {
                    0.0
                },
            })
            .collect();
        table.sort_by(|a, b| b.cif.total_cmp(&a.cif));
        table
    }

    fn add_cut_sets(
        &self,
        analysis: &mut Analysis,
        compiled: &Compiled,
        priors: &[f64],
        limits: AnalysisLimits,
    ) -> Result<(), OverBudget> {
        let families = compiled.cut_sets(limits.max_cut_set_nodes)?;
        analysis.minimal_cut_sets = Some(u64::try_from(families.count()).unwrap_or(u64::MAX));
        let named = |(probability, events): (f64, Vec<u32>)| CutSet {
            events: events
                .iter()
                .map(|&e| self.events[e as usize].id.clone())
                .collect(),
            probability,
        };
        analysis.cut_sets = families
            .likeliest(priors, LISTED)
            .into_iter()
            .map(named)
            .collect();
        Ok(())
    }
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
