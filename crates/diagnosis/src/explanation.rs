//! The most probable explanation: the likeliest single state of all events in which a gate is true.
//!
//! On a diagram this is the longest path: every node takes the better of its two branches, every skipped variable its own
//! likelier value. Weights are logarithms relative to the likelier value, so that skipping costs nothing.

use crate::bdd::{Edge, FALSE, TRUE};
use crate::compile::{Compiled, Module, Top, Variable};

/// Logarithms of the best weight with which a variable is true, and false.
#[derive(Debug, Clone, Copy)]
struct Weight {
    yes: f64,
    no: f64,
}

impl Weight {
    fn likelier(self) -> bool {
        self.yes > self.no
    }

    fn relative(self) -> Self {
        let best = self.yes.max(self.no);
        Self {
            yes: self.yes - best,
            no: self.no - best,
        }
    }
}

impl Compiled {
    /// The likeliest state in which the function is true: its probability over the events the function rests on, and which
    /// of those happened, by number. None where the function is never true.
    pub(crate) fn likeliest_state(&self, p: &[f64]) -> Option<(f64, Vec<u32>)> {
        let mut state = match self.top {
            Top::Constant(yes) => return yes.then(|| (1.0, Vec::new())),
            Top::Event { event, negated } => vec![(event, !negated)],
            Top::Module => self.best_path(p)?,
        };
        state.sort_unstable();
        let chance = |&(event, happened): &(u32, bool)| {
            let p = p[event as usize];
            if happened { p } else { 1.0 - p }
        };
        let probability: f64 = state.iter().map(chance).product();
        let happened = state.iter().filter(|s| s.1).map(|s| s.0).collect();
        (probability > 0.0).then_some((probability, happened))
    }

    fn best_path(&self, p: &[f64]) -> Option<Vec<(u32, bool)>> {
        let mut weights: Vec<Weight> = Vec::with_capacity(self.modules.len());
        let mut best: Vec<Vec<f64>> = Vec::with_capacity(self.modules.len());
        for module in &self.modules {
            let of_edge = module.best_of_edges(p, &weights);
            weights.push(Weight {
                yes: of_edge[module.root as usize],
                no: of_edge[(module.root ^ 1) as usize],
            });
            best.push(of_edge);
        }
        if weights.last()?.yes == f64::NEG_INFINITY {
            return None;
        }
        let mut state = Vec::new();
        let mut wanted = vec![(self.modules.len() - 1, true)];
        while let Some((at, value)) = wanted.pop() {
            let module = &self.modules[at];
            let root = module.root ^ u32::from(!value);
            for (variable, value) in module
                .variables
                .iter()
                .zip(module.path(root, &best[at], p, &weights))
            {
                match *variable {
                    Variable::Event(event) => state.push((event, value)),
                    Variable::Module(inner) => wanted.push((inner as usize, value)),
                }
            }
        }
        Some(state)
    }
}

impl Module {
    fn weight(&self, level: u32, p: &[f64], of_module: &[Weight]) -> Weight {
        match self.variables[level as usize] {
            Variable::Event(event) => Weight {
                yes: p[event as usize].ln(),
                no: (1.0 - p[event as usize]).ln(),
            },
            Variable::Module(inner) => of_module[inner as usize],
        }
        .relative()
    }

    /// Best weight with which each edge's function is true, an edge being twice its node plus one when complemented.
    fn best_of_edges(&self, p: &[f64], of_module: &[Weight]) -> Vec<f64> {
        let mut best = vec![0.0, f64::NEG_INFINITY];
        for node in &self.nodes[1..] {
            let weight = self.weight(node.level, p, of_module);
            for flip in [0, 1] {
                let (hi, lo) = (best[(node.hi ^ flip) as usize], best[(node.lo ^ flip) as usize]);
                best.push((weight.yes + hi).max(weight.no + lo));
            }
        }
        best
    }

    /// Values of all variables on the best way through the function of `edge`.
    fn path(&self, mut edge: Edge, best: &[f64], p: &[f64], of_module: &[Weight]) -> Vec<bool> {
        let mut values: Vec<bool> = (0..self.variables.len() as u32)
            .map(|level| self.weight(level, p, of_module).likelier())
            .collect();
        while edge != TRUE && edge != FALSE {
            let node = self.nodes[(edge >> 1) as usize];
            let (hi, lo) = (node.hi ^ (edge & 1), node.lo ^ (edge & 1));
            let weight = self.weight(node.level, p, of_module);
            let yes = weight.yes + best[hi as usize] > weight.no + best[lo as usize];
            values[node.level as usize] = yes;
            edge = if yes { hi } else { lo };
        }
        values
    }
}
