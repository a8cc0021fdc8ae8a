//! Static variable orders of one module. The order decides whether a diagram has a hundred nodes or a hundred million, so
//! several are tried, those first that promise a narrow diagram.

use crate::part::Part;

/// How to order the variables of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Depth first, left to right: the author's order.
    DepthFirst,
    /// Depth first, the smaller subtree first.
    SmallFirst,
    /// Depth first, inputs shared by most parents first.
    SharedFirst,
    /// Weight one at the root, divided among inputs; the heaviest variable first (Minato, Ishiura & Yajima 1990).
    Weight,
    /// The author's order, then moved towards the centre of gravity of each gate (FORCE; Aloul, Markov & Sakallah 2003).
    Force,
}

/// All of them, the author's first.
pub(crate) const ORDERS: [Order; 5] = [
    Order::DepthFirst,
    Order::SharedFirst,
    Order::Force,
    Order::SmallFirst,
    Order::Weight,
];

/// The variables of `part`, the first of the diagram first.
pub(crate) fn variables(part: &Part, order: Order) -> Vec<usize> {
    match order {
        Order::DepthFirst => (0..part.variables.len()).collect(),
        Order::SmallFirst => {
            let size = subtree_sizes(part);
            depth_first(part, &|inputs| inputs.sort_by_key(|&c| size[c]))
        }
        Order::SharedFirst => {
            let parents = parent_counts(part);
            let is_variable = |c: usize| c < part.variables.len();
            depth_first(part, &|inputs| {
                inputs.sort_by_key(|&c| (is_variable(c), std::cmp::Reverse(parents[c])))
            })
        }
        Order::Weight => by_weight(part),
        Order::Force => force(part),
    }
}

/// How wide a diagram under this order promises to be; less is better, and only comparisons mean anything.
///
/// A node of the diagram distinguishes what was read and is still needed: variables and gates whose last use is yet to come.
/// Their average over the levels predicts the size best among what is linear to compute; the distance between the variables
/// of a gate refines it. FORCE shortens distances whatever it costs, which flatters it, and the author's order keeps together
/// what belongs together in ways not counted here: hence the factors, fitted to the Aralia trees.
pub(crate) fn promise(part: &Part, variables: &[usize], order: Order) -> f64 {
    let trust = match order {
        Order::DepthFirst => 0.94,
        Order::Force => 1.15,
        Order::SmallFirst | Order::SharedFirst | Order::Weight => 1.0,
    };
    let mut ready = vec![0_usize; part.len()];
    for (level, &variable) in variables.iter().enumerate() {
        ready[variable] = level;
    }
    let mut spread = 1;
    for (number, gate) in part.numbered_gates() {
        ready[number] = gate.inputs.iter().map(|c| ready[c.node()]).max().unwrap_or(0);
        let own = gate
            .inputs
            .iter()
            .map(|c| c.node())
            .filter(|&c| c < part.variables.len());
        let (least, most) = own.fold((usize::MAX, 0), |(least, most), c| {
            (least.min(ready[c]), most.max(ready[c]))
        });
        spread += most.saturating_sub(least);
    }
    let mut last_use = ready.clone();
    for (number, gate) in part.numbered_gates() {
        for input in &gate.inputs {
            last_use[input.node()] = last_use[input.node()].max(ready[number]);
        }
    }
    let open: usize = ready.iter().zip(&last_use).map(|(from, to)| to - from).sum();
    trust * open as f64 * (spread as f64).powf(0.25)
}

type Arrange<'a> = &'a dyn Fn(&mut Vec<usize>);

fn depth_first(part: &Part, arrange: Arrange<'_>) -> Vec<usize> {
    let mut seen = vec![false; part.len()];
    let mut found = Vec::with_capacity(part.variables.len());
    let mut stack = vec![part.root()];
    while let Some(number) = stack.pop() {
        if std::mem::replace(&mut seen[number], true) {
            continue;
        }
        if number < part.variables.len() {
            found.push(number);
            continue;
        }
        let mut inputs: Vec<usize> = part.inputs(number).iter().map(|l| l.node()).collect();
        arrange(&mut inputs);
        stack.extend(inputs.into_iter().rev());
    }
    found
}

fn subtree_sizes(part: &Part) -> Vec<u64> {
    let mut size = vec![1_u64; part.len()];
    for (number, gate) in part.numbered_gates() {
        size[number] = gate
            .inputs
            .iter()
            .fold(1, |sum, c| size[c.node()].saturating_add(sum));
    }
    size
}

fn parent_counts(part: &Part) -> Vec<u32> {
    let mut parents = vec![0_u32; part.len()];
    for (_, gate) in part.numbered_gates() {
        for input in &gate.inputs {
            parents[input.node()] += 1;
        }
    }
    parents
}

fn by_weight(part: &Part) -> Vec<usize> {
    let mut weight = vec![0.0_f64; part.len()];
    weight[part.root()] = 1.0;
    for (number, gate) in part.numbered_gates().rev() {
        let share = weight[number] / gate.inputs.len() as f64;
        for input in &gate.inputs {
            weight[input.node()] += share;
        }
    }
    let mut found: Vec<usize> = (0..part.variables.len()).collect();
    found.sort_by(|&a, &b| weight[b].total_cmp(&weight[a]));
    found
}

/// Rounds of FORCE; the best arrangement met is kept.
const ROUNDS: usize = 40;

fn force(part: &Part) -> Vec<usize> {
    let mut order: Vec<usize> = (0..part.variables.len()).collect();
    let mut place = vec![0.0_f64; part.len()];
    let parents: Vec<f64> = parent_counts(part).into_iter().map(f64::from).collect();
    let (mut sum, mut target) = (vec![0.0_f64; part.len()], vec![0.0_f64; order.len()]);
    let mut best = (f64::INFINITY, order.clone());
    for _ in 0..ROUNDS {
        for (at, &variable) in order.iter().enumerate() {
            place[variable] = at as f64;
        }
        let mut span = 0.0;
        sum.fill(0.0);
        for (number, gate) in part.numbered_gates() {
            let places = gate.inputs.iter().map(|c| place[c.node()]);
            let (least, most) = places
                .clone()
                .fold((f64::MAX, f64::MIN), |(l, m), p| (l.min(p), m.max(p)));
            span += most - least;
            place[number] = places.sum::<f64>() / gate.inputs.len() as f64;
            for input in &gate.inputs {
                sum[input.node()] += place[number];
            }
        }
        if span < best.0 {
            best.0 = span;
            best.1.copy_from_slice(&order);
        }
        // A gate is drawn to its parents as well, through which its variables feel the whole module.
        for (number, gate) in part.numbered_gates().rev().skip(1) {
            let pulled = (place[number] + sum[number]) / (1.0 + parents[number]);
            for input in &gate.inputs {
                sum[input.node()] += pulled - place[number];
            }
        }
        for (variable, target) in target.iter_mut().enumerate() {
            *target = sum[variable] / parents[variable].max(1.0);
        }
        if order.is_sorted_by(|&a, &b| target[a] <= target[b]) {
            break;
        }
        order.sort_by(|&a, &b| target[a].total_cmp(&target[b]));
    }
    best.1
}
