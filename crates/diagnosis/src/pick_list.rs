//! A day's pick list: how many of each part the kits of a depot's and a van's visits will need.
//!
//! Each visit needs the quantity of its kit's line with that line's chance, visits being independent given their predictions;
//! the number needed is a sum of such numbers, and its distribution is their exact convolution.

use std::collections::BTreeMap;

use shifu_domain::{KitItem, PartNumber};

use crate::contract::{DepotPicks, PickLine, PlannedVisit, VanPicks};
use crate::error::DiagnoseError;

/// Visits that one list may hold.
const MAX_VISITS: usize = 10_000;
/// Pieces of one part that the kits of one depot may hold together.
const MAX_PIECES: u64 = 50_000;
/// Chance with which the quantity is enough.
const ENOUGH: f64 = 0.9;

/// The parts to have in every depot and van for a day's visits; depots, vans and parts in the order of their names.
///
/// # Errors
/// `BadRequest` for more than 10,000 visits, and for more than 50,000 pieces of one part in a depot.
pub fn pick_list(visits: &[PlannedVisit]) -> Result<Vec<DepotPicks>, DiagnoseError> {
    if visits.len() > MAX_VISITS {
        return Err(DiagnoseError::BadRequest {
            field: "visits",
            reason: format!("{} visits, at most {MAX_VISITS}", visits.len()),
        });
    }
    let mut depots: BTreeMap<&str, BTreeMap<&str, Vec<&PlannedVisit>>> = BTreeMap::new();
    for visit in visits {
        let vans = depots.entry(&visit.depot).or_default();
        vans.entry(&visit.van).or_default().push(visit);
    }
    depots
        .into_iter()
        .map(|(depot, vans)| {
            let all: Vec<&PlannedVisit> = vans.values().flatten().copied().collect();
            Ok(DepotPicks {
                depot: depot.to_owned(),
                lines: lines(&all)?,
                vans: vans
                    .into_iter()
                    .map(|(van, visits)| {
                        Ok(VanPicks {
                            van: van.to_owned(),
                            lines: lines(&visits)?,
                        })
                    })
                    .collect::<Result<_, DiagnoseError>>()?,
            })
        })
        .collect()
}

fn lines(visits: &[&PlannedVisit]) -> Result<Vec<PickLine>, DiagnoseError> {
    let mut items: BTreeMap<&PartNumber, Vec<&KitItem>> = BTreeMap::new();
    for item in visits.iter().flat_map(|visit| &visit.kit) {
        items.entry(&item.part_number).or_default().push(item);
    }
    items.into_values().map(|items| line(&items)).collect()
}

fn line(items: &[&KitItem]) -> Result<PickLine, DiagnoseError> {
    let in_kits: u64 = items.iter().map(|item| u64::from(item.quantity)).sum();
    let part_number = items[0].part_number.clone();
    if in_kits > MAX_PIECES {
        return Err(DiagnoseError::BadRequest {
            field: "quantity",
            reason: format!("{in_kits} pieces of {part_number}, at most {MAX_PIECES}"),
        });
    }
    let needs = items
        .iter()
        .map(|item| (item.quantity as usize, item.probability_needed.value()));
    Ok(PickLine {
        part_number,
        name: items[0].name.clone(),
        visits: items.len() as u32,
        in_kits,
        expected: needs
            .clone()
            .map(|(quantity, chance)| quantity as f64 * chance)
            .sum(),
        quantity_90: enough(&distribution(needs)) as u64,
    })
}

/// Chance of needing 0, 1, 2 … pieces.
fn distribution(needs: impl Iterator<Item = (usize, f64)>) -> Vec<f64> {
    let mut chances = vec![1.0];
    for (quantity, needed) in needs {
        let mut next = vec![0.0; chances.len() + quantity];
        for (pieces, chance) in chances.iter().enumerate() {
            next[pieces] += chance * (1.0 - needed);
            next[pieces + quantity] += chance * needed;
        }
        chances = next;
    }
    chances
}

/// The least number of pieces that is enough with the wanted chance; 1e-9 is rounding.
fn enough(chances: &[f64]) -> usize {
    let mut sum = 0.0;
    let reached = |chance: &f64| {
        sum += chance;
        sum >= ENOUGH - 1e-9
    };
    chances.iter().position(reached).unwrap_or(chances.len() - 1)
}

#[cfg(test)]
mod tests {
    use shifu_domain::{Probability, Yuan};

    use super::*;

    fn visit(depot: &str, van: &str, kit: &[(&str, u32, f64)]) -> PlannedVisit {
        let item = |&(number, quantity, chance): &(&str, u32, f64)| KitItem {
            part_number: PartNumber::new(number).unwrap(),
            name: format!("件 {number}"),
            quantity,
            price: Yuan::from_fen(100),
            probability_needed: Probability::new(chance).unwrap(),
            in_stock: None,
            alternatives: Vec::new(),
        };
        PlannedVisit {
            ticket_id: None,
            depot: depot.to_owned(),
            van: van.to_owned(),
            kit: kit.iter().map(item).collect(),
        }
    }

    #[test]
    fn expected_and_likely_quantities_are_those_computed_by_hand() {
        let day = [
            visit("west", "van 2", &[("PUMP", 1, 0.5)]),
            visit("west", "van 1", &[("PUMP", 1, 0.5), ("SEAL", 2, 0.25)]),
            visit("west", "van 1", &[("PUMP", 1, 0.5), ("SEAL", 2, 0.5)]),
            visit("east", "van 9", &[]),
        ];
        let found = pick_list(&day).unwrap();
        let depots: Vec<&str> = found.iter().map(|d| d.depot.as_str()).collect();
        assert_eq!(depots, ["east", "west"]);
        assert!(found[0].lines.is_empty());
        let west = &found[1];
        // Three pumps at 1/2 each: 0 to 3 of them with 1/8, 3/8, 3/8, 1/8; two are enough with 7/8 < .9, so three.
        let pump = &west.lines[0];
        assert_eq!((pump.visits, pump.in_kits, pump.quantity_90), (3, 3, 3));
        assert!((pump.expected - 1.5).abs() < 1e-12);
        // Seals: 2 × 1/4 + 2 × 1/2 = 1.5; none with 3/8, two with 1/2 (7/8 so far), four with 1/8.
        let seal = &west.lines[1];
        assert_eq!((seal.visits, seal.in_kits, seal.quantity_90), (2, 4, 4));
        assert!((seal.expected - 1.5).abs() < 1e-12);
        let vans: Vec<(&str, u64)> = west
            .vans
            .iter()
            .map(|v| (v.van.as_str(), v.lines[0].quantity_90))
            .collect();
        // Van 1: two pumps with 1/4, one or none with 3/4; van 2: one with 1/2.
        assert_eq!(vans, [("van 1", 2), ("van 2", 1)]);
    }

    #[test]
    fn rare_needs_are_shared_by_the_depot() {
        // Ten visits that need a board with 5 % each: one is enough with .95^10 + 10 × .05 × .95^9 = .914.
        let day: Vec<PlannedVisit> = (0..10)
            .map(|i| visit("d", &format!("van {i}"), &[("BOARD", 1, 0.05)]))
            .collect();
        let found = pick_list(&day).unwrap();
        assert_eq!(
            (found[0].lines[0].quantity_90, found[0].lines[0].in_kits),
            (1, 10)
        );
        // For a van alone none is enough with .95.
        assert!(found[0].vans.iter().all(|van| van.lines[0].quantity_90 == 0));
        // .9 exactly is enough.
        let found = pick_list(&[visit("d", "v", &[("BOARD", 1, 0.1)])]).unwrap();
        assert_eq!(found[0].lines[0].quantity_90, 0);
    }

    #[test]
    fn lists_beyond_their_limits_are_refused() {
        let many = vec![visit("d", "v", &[]); MAX_VISITS + 1];
        assert!(pick_list(&many).is_err());
        let error = pick_list(&[visit("d", "v", &[("BOARD", u32::MAX, 0.5)])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "quantity: 4294967295 pieces of BOARD, at most 50000"
        );
    }
}
