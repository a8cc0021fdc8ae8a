//! An oracle that knows the world: the true causes, strengths and weights, and how agents record. It sees of a ticket what
//! everyone sees, and takes the best kit that the same yuan buy.

use std::collections::BTreeMap;

use super::parameters::WorldParameters;
use super::world::Line;
use super::year::{Record, Ticket, applies, counts, recorded};

/// Branches of the search for a kit; then the best one found counts.
const MAX_BRANCHES: usize = 20_000;
/// Repairs less likely than this are left out of the search.
const NEGLIGIBLE: f64 = 2e-4;

/// Chance of every set of parts being exactly what the repair takes, given what was recorded.
pub(crate) fn needs(line: &Line, ticket: &Ticket, parameters: &WorldParameters) -> Vec<(u128, f64)> {
    let signs = Signs::of(line, ticket, parameters);
    let prior = prior(line, ticket, parameters);
    let model = ticket.situation.model;
    let mask = |cause: usize| {
        line.causes[cause].parts[model]
            .iter()
            .fold(0_u128, |mask, part| mask | 1 << part)
    };
    let mut by_parts: BTreeMap<u128, f64> = BTreeMap::new();
    let mut add = |parts: u128, chance: f64| *by_parts.entry(parts).or_default() += chance;
    add(0, parameters.no_fault * signs.likelihood(&[]));
    let total: f64 = prior.iter().sum();
    for first in 0..prior.len() {
        let one = (1.0 - parameters.no_fault) * prior[first] / total;
        add(
            mask(first),
            (1.0 - parameters.second_cause) * one * signs.likelihood(&[first]),
        );
        for second in first + 1..prior.len() {
            let in_order = |a: usize, b: usize| prior[a] / total * prior[b] / (total - prior[a]);
            let both = (1.0 - parameters.no_fault) * (in_order(first, second) + in_order(second, first));
            add(
                mask(first) | mask(second),
                parameters.second_cause * both * signs.likelihood(&[first, second]),
            );
        }
    }
    let sum: f64 = by_parts.values().sum();
    by_parts
        .into_iter()
        .map(|(parts, chance)| (parts, chance / sum))
        .collect()
}

/// Weights of first causes: those of the situation, and for an appliance repaired before the same cause again.
fn prior(line: &Line, ticket: &Ticket, parameters: &WorldParameters) -> Vec<f64> {
    let mut weights = line.weights(&ticket.situation);
    if let Some(earlier) = ticket.earlier {
        let total: f64 = weights.iter().sum();
        weights
            .iter_mut()
            .for_each(|weight| *weight *= (1.0 - parameters.same_again) / total);
        weights[earlier] += parameters.same_again;
    }
    weights
}

/// What was recorded, as chances given that a sign shows and that it does not.
struct Signs<'a> {
    line: &'a Line,
    /// Position of the sign; chance of the record when it shows, and when not; chance of no record of presence, likewise.
    seen: Vec<(usize, [f64; 2], [f64; 2])>,
}

impl<'a> Signs<'a> {
    fn of(line: &'a Line, ticket: &Ticket, parameters: &WorldParameters) -> Self {
        let counts = counts(line);
        let seen = |sign: usize| {
            let chances = |shows| {
                let (present, denied) = recorded(&line.signs[sign], counts, shows, parameters);
                let record = match ticket.records[sign] {
                    Record::Present => present,
                    Record::Denied => denied,
                    Record::Silent => 1.0 - present - denied,
                };
                (record, 1.0 - present)
            };
            let (shown, hidden) = (chances(true), chances(false));
            (sign, [shown.0, hidden.0], [shown.1, hidden.1])
        };
        let applying = (0..line.signs.len()).filter(|&sign| applies(line, sign, ticket.situation.model));
        Self {
            line,
            seen: applying.map(seen).collect(),
        }
    }

    /// Chance of the whole record under `causes`, given that something was told at all.
    fn likelihood(&self, causes: &[usize]) -> f64 {
        let (mut record, mut nothing) = (1.0, 1.0);
        for (sign, chances, untold) in &self.seen {
            let shows = self.line.shows(*sign, causes);
            record *= shows * chances[0] + (1.0 - shows) * chances[1];
            nothing *= shows * untold[0] + (1.0 - shows) * untold[1];
        }
        record / (1.0 - nothing).max(1e-12)
    }
}

/// The best kit for at most `budget_fen`, as a mask of parts, and the chance that it is enough.
///
/// Branch and bound over the sets of parts. A set left out is taken not to be served (a kit that serves it is met where it
/// is in), so a branch gains at most the fractional knapsack of the sets after it, each part's price shared between the
/// sets that hold it.
pub(crate) fn best_kit(line: &Line, needs: &[(u128, f64)], budget_fen: u64) -> (u128, f64) {
    let prices: Vec<u64> = line.bom.parts.iter().map(|part| part.price.fen()).collect();
    let likely = || {
        needs
            .iter()
            .filter(|(parts, chance)| *parts != 0 && *chance > NEGLIGIBLE)
    };
    let shared_price = |parts: u128| -> f64 {
        let holds = |part: usize| parts & (1 << part) != 0;
        let sharing = |part: usize| {
            likely()
                .filter(|(other, _)| other & (1 << part) != 0)
                .count()
                .max(1)
        };
        (0..prices.len())
            .filter(|&part| holds(part))
            .map(|part| prices[part] as f64 / sharing(part) as f64)
            .sum()
    };
    let mut sets: Vec<Set> = likely()
        .map(|&(parts, chance)| Set {
            parts,
            chance,
            shared_price: shared_price(parts),
        })
        .collect();
    let worth = |set: &Set| set.chance / set.shared_price.max(1.0);
    sets.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.parts.cmp(&b.parts)));
    let mut search = Search {
        prices: &prices,
        sets: &sets,
        budget_fen,
        best: (0, -1.0),
        left: MAX_BRANCHES,
    };
    search.branch(0, 0);
    let kit = search.best.0;
    (
        kit,
        needs
            .iter()
            .filter(|(parts, _)| parts & !kit == 0)
            .map(|set| set.1)
            .sum(),
    )
}

struct Set {
    parts: u128,
    chance: f64,
    /// Fen; summed over sets never more than what their union costs.
    shared_price: f64,
}

struct Search<'a> {
    prices: &'a [u64],
    sets: &'a [Set],
    budget_fen: u64,
    best: (u128, f64),
    left: usize,
}

impl Search<'_> {
    fn price(&self, mut parts: u128) -> u64 {
        let mut sum = 0;
        while parts != 0 {
            sum += self.prices[parts.trailing_zeros() as usize];
            parts &= parts - 1;
        }
        sum
    }

    fn branch(&mut self, at: usize, kit: u128) {
        let served = |set: &&Set| set.parts & !kit == 0;
        let fix: f64 = self.sets.iter().filter(served).map(|set| set.chance).sum();
        if fix > self.best.1 {
            self.best = (kit, fix);
        }
        let room = self.budget_fen.saturating_sub(self.price(kit));
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || fix + self.gain_after(at, kit, room) <= self.best.1 + 1e-9 {
            return;
        }
        let fits = |set: &Set| set.parts & !kit != 0 && self.price(set.parts & !kit) <= room;
        if let Some(next) = (at..self.sets.len()).find(|&i| fits(&self.sets[i])) {
            self.branch(next + 1, kit | self.sets[next].parts);
            self.branch(next + 1, kit);
        }
    }

    fn gain_after(&self, at: usize, kit: u128, room: u64) -> f64 {
        // What the kit holds already is paid, so the room grows by the whole kit; its sets' shares are in their prices.
        let mut room = (room + self.price(kit)) as f64;
        let served = self.sets.iter().filter(|set| set.parts & !kit == 0);
        room -= served.map(|set| set.shared_price).sum::<f64>();
        let mut gain = 0.0;
        for set in self.sets[at..].iter().filter(|set| set.parts & !kit != 0) {
            if set.shared_price <= room {
                gain += set.chance;
                room -= set.shared_price;
            } else {
                return gain + set.chance * (room / set.shared_price).max(0.0);
            }
        }
        gain
    }
}
