//! Common-cause groups: each member becomes the OR of one event per subset of the group that contains it.
//!
//! Chance of the event of one subset of k of n members, Q being the members' total chance (Open-PSA MEF 2.0d, 4.5.2):
//! beta factor: (1 − β)Q for k = 1, βQ for k = n; multiple Greek letters: Q · Πρ_i (i ≤ k) · (1 − ρ_{k+1}) / C(n−1, k−1);
//! alpha factor: k α_k Q / (Σ j α_j · C(n−1, k−1)); phi factor: φ_k Q.

use std::collections::{BTreeSet, HashMap};

use super::{Item, Reader};
use crate::error::DiagnoseError;
use crate::tree::{Connective, Event, Gate, Input, MAX_NODES};

/// 2^12 subsets at most.
const MAX_MEMBERS: usize = 12;
/// Bytes that the members' names may take in the name of a subset: there are thousands of subsets.
const MAX_NAME_BYTES: usize = 400;

struct Group {
    name: String,
    members: Vec<u32>,
    /// Chance of the event of one subset of k members at position k − 1; zero: no such event.
    by_size: Vec<f64>,
}

/// Replaces the members of every group in the draft.
pub(super) fn expand(reader: &mut Reader<'_>) -> Result<(), DiagnoseError> {
    let before = reader.draft.tree.gates.len();
    let mut taken = BTreeSet::new();
    let mut gate_of = HashMap::new();
    for item in reader.groups.clone() {
        let group = read(reader, item, &mut taken)?;
        replace(reader, item, &group, &mut gate_of)?;
    }
    // Once for all groups: there may be as many of them as there are gates.
    let gates = &mut reader.draft.tree.gates[..before];
    for input in gates.iter_mut().flat_map(|gate| &mut gate.inputs) {
        if let Input::Event(at) = *input
            && let Some(gate) = gate_of.get(&at)
        {
            *input = *gate;
        }
    }
    Ok(())
}

fn read<'a>(
    reader: &mut Reader<'a>,
    item: Item<'a>,
    taken: &mut BTreeSet<u32>,
) -> Result<Group, DiagnoseError> {
    let name = reader.name_of(item)?.to_owned();
    let child = |tag: &str| {
        item.xml
            .children()
            .find(|c| c.has_tag_name(tag))
            .map(|xml| Item { xml, ..item })
    };
    let Some(members) = child("members") else {
        return Err(reader.invalid(item, "members", "a group needs members"));
    };
    let given = reader.body(members);
    let n = given.len();
    if !(2..=MAX_MEMBERS).contains(&n) {
        return Err(reader.invalid(
            members,
            "members",
            format!("a group has 2 to {MAX_MEMBERS} members, {n} given"),
        ));
    }
    let mut positions = Vec::new();
    for member in given {
        match reader.reference(member, "basic-event")? {
            Input::Event(at) if taken.insert(at) => positions.push(at),
            _ => {
                return Err(reader.invalid(
                    member,
                    "members",
                    "use distinct basic events, each in one group only",
                ));
            }
        }
    }
    let expression = child("distribution").and_then(|d| reader.body(d).first().copied());
    let Some(expression) = expression else {
        return Err(reader.invalid(
            item,
            "distribution",
            "a group needs the distribution of its members",
        ));
    };
    let total = reader.evaluate(expression, 0)?;
    let factors = factors(reader, item)?;
    let by_size = match chances(
        item.xml.attribute("model").unwrap_or_default(),
        n,
        total,
        &factors,
    ) {
        Ok(by_size) => by_size,
        Err(reason) => return Err(reader.invalid(item, "model", reason)),
    };
    if let Some(&value) = by_size.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        return Err(DiagnoseError::ProbabilityOutOfRange {
            place: reader.place(item),
            name,
            value,
        });
    }
    Ok(Group {
        name,
        members: positions,
        by_size,
    })
}

/// (level, value) in the order of the file; a missing level counts on from the last one.
fn factors<'a>(reader: &mut Reader<'a>, item: Item<'a>) -> Result<Vec<(Option<usize>, f64)>, DiagnoseError> {
    let mut elements = Vec::new();
    for child in reader.body(item) {
        match child.xml.tag_name().name() {
            "factor" => elements.push(child),
            "factors" => elements.extend(reader.body(child)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for element in elements {
        let level = element.xml.attribute("level").and_then(|l| l.trim().parse().ok());
        let Some(expression) = reader.body(element).first().copied() else {
            return Err(reader.invalid(element, "factor", "a factor needs an expression"));
        };
        found.push((level, reader.evaluate(expression, 0)?));
    }
    Ok(found)
}

fn choose(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64)
}

fn chances(model: &str, n: usize, total: f64, factors: &[(Option<usize>, f64)]) -> Result<Vec<f64>, String> {
    let first = if model == "MGL" || model == "beta-factor" {
        2
    } else {
        1
    };
    let mut by_level = vec![0.0; n + 2];
    let mut next = first;
    for &(level, value) in factors {
        // A beta factor is often written without level or with level n.
        let at = if model == "beta-factor" {
            2
        } else {
            level.unwrap_or(next)
        };
        if !(first..=n).contains(&at) {
            return Err(format!("factor level {at} is outside {first} to {n}"));
        }
        by_level[at] = value;
        next = at + 1;
    }
    let mut by_size = vec![0.0; n];
    match model {
        "beta-factor" => {
            by_size[0] = (1.0 - by_level[2]) * total;
            by_size[n - 1] = by_level[2] * total;
        }
        "MGL" => {
            let mut passed = 1.0;
            for k in 1..=n {
                passed *= if k == 1 { 1.0 } else { by_level[k] };
                let stops = if k == n { 1.0 } else { 1.0 - by_level[k + 1] };
                by_size[k - 1] = total * passed * stops / choose(n - 1, k - 1);
            }
        }
        "alpha-factor" => {
            let weighted: f64 = (1..=n).map(|k| k as f64 * by_level[k]).sum();
            for k in 1..=n {
                by_size[k - 1] = total * k as f64 * by_level[k] / (weighted * choose(n - 1, k - 1));
            }
        }
        "phi-factor" => (1..=n).for_each(|k| by_size[k - 1] = by_level[k] * total),
        other => {
            return Err(format!(
                "model {other:?} is unknown; use beta-factor, MGL, alpha-factor or phi-factor"
            ));
        }
    }
    Ok(by_size)
}

/// The name of the event of one subset: its members' names while they are short, their positions in the group otherwise.
fn subset_name(group: &Group, inside: &[usize], events: &[Event]) -> String {
    let names: Vec<&str> = inside
        .iter()
        .map(|&i| events[group.members[i] as usize].id.as_str())
        .collect();
    if names.iter().map(|name| name.len() + 1).sum::<usize>() <= MAX_NAME_BYTES {
        return format!("{}[{}]", group.name, names.join(" "));
    }
    let positions: Vec<String> = inside.iter().map(|i| (i + 1).to_string()).collect();
    format!("{}[{}]", group.name, positions.join(" "))
}

/// Adds the events of a group's subsets and notes for each member the gate that takes its place.
fn replace<'a>(
    reader: &mut Reader<'a>,
    item: Item<'a>,
    group: &Group,
    gate_of: &mut HashMap<u32, Input>,
) -> Result<(), DiagnoseError> {
    let place = reader.place(item);
    let n = group.members.len();
    let mut inputs_of: Vec<Vec<Input>> = vec![Vec::new(); n];
    for subset in 1_u32..1 << n {
        let size = subset.count_ones() as usize;
        if group.by_size[size - 1] == 0.0 && size != 1 {
            continue;
        }
        let inside: Vec<usize> = (0..n).filter(|i| subset >> i & 1 == 1).collect();
        let tree = &mut reader.draft.tree;
        let at = tree.events.len() as u32;
        let id = subset_name(group, &inside, &tree.events);
        tree.events.push(Event {
            name: id.clone(),
            id,
            probability: group.by_size[size - 1],
            repaired_by: Vec::new(),
            place: place.clone(),
        });
        inside
            .into_iter()
            .for_each(|i| inputs_of[i].push(Input::Event(at)));
    }
    if reader.draft.tree.events.len() > MAX_NODES {
        let count = reader.draft.tree.events.len();
        return Err(reader.sources[item.file].too_large("the number of events", count, MAX_NODES));
    }
    let tree = &mut reader.draft.tree;
    for (&member, inputs) in group.members.iter().zip(inputs_of) {
        let event = &mut tree.events[member as usize];
        // The member itself no longer occurs; it keeps its total chance for the record.
        event.probability = (1..=n)
            .map(|k| group.by_size[k - 1] * choose(n - 1, k - 1))
            .sum::<f64>()
            .clamp(0.0, 1.0);
        gate_of.insert(member, Input::Gate(tree.gates.len() as u32));
        let id = format!("{}:{}", group.name, event.id);
        let name = event.name.clone();
        let gate = Gate {
            id,
            name,
            connective: Connective::Or,
            inputs,
            anonymous: true,
            place: place.clone(),
        };
        tree.gates.push(gate);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_chances_are_those_of_the_standard() {
        let check = |model: &str, n: usize, factors: &[(Option<usize>, f64)], expected: &[f64]| {
            let found = chances(model, n, 0.1, factors).unwrap();
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15),
                "{model}: {found:?}"
            );
        };
        // beta = 0.2: 0.8 * 0.1 alone, 0.2 * 0.1 all three together.
        check("beta-factor", 3, &[(None, 0.2)], &[0.08, 0.0, 0.02]);
        // rho2 = 0.2, rho3 = 0.5: (1-0.2)*0.1; 0.2*(1-0.5)*0.1/2; 0.2*0.5*0.1/1.
        check("MGL", 3, &[(Some(2), 0.2), (Some(3), 0.5)], &[0.08, 0.005, 0.01]);
        // alpha = 0.7, 0.2, 0.1: weight 0.7 + 0.4 + 0.3 = 1.4.
        check(
            "alpha-factor",
            3,
            &[(Some(1), 0.7), (Some(2), 0.2), (Some(3), 0.1)],
            &[0.05, 0.1 * 0.4 / 2.8, 0.1 * 0.3 / 1.4],
        );
        check("phi-factor", 2, &[(Some(1), 0.9), (Some(2), 0.1)], &[0.09, 0.01]);
        assert!(chances("gamma", 2, 0.1, &[]).is_err());
    }
}
