//! The chance of what was observed, as a function of the chances of the causes: a walk over subsets of the signs where few are
//! present and gates are small, else a decision diagram.

use crate::compile::Compiled;
use crate::explained::{Explained, Scratch};

/// P(observed) with events independent.
pub(crate) enum Likelihood {
    /// By the subsets of the signs explained so far.
    Explained(Explained),
    /// By a diagram of the signs, links and leaks being events of their own.
    Diagram(Compiled),
}

impl Likelihood {
    /// The chance when event `e` happens with chance `p[e]`; `scratch` is reused between the many evaluations of a kit.
    pub(crate) fn probability_with(&self, p: &[f64], scratch: &mut Scratch) -> f64 {
        match self {
            Self::Explained(walk) => walk.probability_with(p, scratch),
            Self::Diagram(diagram) => diagram.probability_with(p, &mut scratch.after),
        }
    }

    /// The chance and every event's marginal importance factor, P(observed | e) − P(observed | not e).
    pub(crate) fn importance(&self, p: &[f64]) -> (f64, Vec<f64>) {
        match self {
            Self::Explained(walk) => walk.importance(p),
            Self::Diagram(diagram) => diagram.importance(p),
        }
    }
}
