//! The rule "most frequent parts": every visit takes the parts that past repairs of the model used most often.

use super::world::Line;
use super::year::Ticket;

/// How many parts the rule takes for a product line: `parts`, and one more on a `share` of the tickets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    pub(crate) parts: usize,
    pub(crate) share: f64,
}

/// The rule's kit for every ticket of one line, in order of the tickets.
pub(crate) fn kits(line: &Line, tickets: &[&Ticket], allowance: Allowance) -> Vec<Vec<usize>> {
    let mut uses = vec![vec![0_u32; line.bom.parts.len()]; line.models.len()];
    let kit = |ticket: &&Ticket| {
        let uses = &mut uses[ticket.situation.model];
        let mut ranked: Vec<usize> = (0..uses.len()).filter(|&part| uses[part] > 0).collect();
        ranked.sort_by_key(|&part| (std::cmp::Reverse(uses[part]), part));
        ranked.truncate(allowance.parts + usize::from(ticket.lot < allowance.share));
        ticket.needed.iter().for_each(|&part| uses[part] += 1);
        ranked
    };
    tickets.iter().map(kit).collect()
}

/// The share of first-time fixes with these kits.
pub(crate) fn first_time_fix(tickets: &[&Ticket], kits: &[Vec<usize>]) -> f64 {
    let fixed = tickets
        .iter()
        .zip(kits)
        .filter(|(ticket, kit)| ticket.fixed_by(kit))
        .count();
    fixed as f64 / tickets.len().max(1) as f64
}

/// The allowance that brings the rule's first-time fix over the year to `target`, known in hindsight: the parts by
/// counting up, the share by bisection. Without any part where even that is more than `target`.
pub(crate) fn set_to(line: &Line, tickets: &[&Ticket], target: f64) -> Allowance {
    let reached = |allowance| first_time_fix(tickets, &kits(line, tickets, allowance));
    let enough = |parts: &usize| {
        reached(Allowance {
            parts: *parts,
            share: 0.0,
        }) >= target
    };
    let parts = (0..line.bom.parts.len())
        .find(enough)
        .unwrap_or(line.bom.parts.len())
        .saturating_sub(1);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..20 {
        let share = 0.5 * (low + high);
        if reached(Allowance { parts, share }) < target {
            low = share;
        } else {
            high = share;
        }
    }
    Allowance { parts, share: low }
}
