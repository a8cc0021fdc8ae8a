//! How likely the observed signs are, as a function of the chances of the causes, without a diagram of the signs.
//!
//! Heckerman (1989) sums over the subsets of the signs that are present with alternating signs. Here the same subsets are walked
//! cause by cause: how likely is it that the causes so far explain exactly this subset and no absent sign? All terms are
//! positive, so nothing cancels, and a pass from each end gives every cause's importance. Causes that signs are linked to through
//! gates are walked together, along the diagrams of those gates (`gates.rs`). Time: causes × present × 2^present.

mod gates;

use std::collections::BTreeMap;

pub(crate) use gates::SharedGates;

use crate::tree::{Input, Link};

/// Present signs beyond which a decision diagram is the better way: 2^12 subsets.
pub const MAX_PRESENT: usize = 12;
/// Numbers that one pass may keep: 2 MB.
const MOST_STATES: usize = 1 << 18;

/// What is known of one sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObservedSign<'a> {
    /// Chance that it shows, by the report of it alone: 1 present, 0 absent, between them hedged.
    pub(crate) certainty: f64,
    /// Chance that it shows without a cause, 0..=1.
    pub(crate) leak: f64,
    pub(crate) links: &'a [Link],
}

/// What a cause means for the signs observed, where it is there.
#[derive(Debug, Clone, PartialEq)]
struct Effect {
    /// Chance that it shows none of the absent signs.
    silent: f64,
    /// Present signs, by position, and the chance that it shows each.
    shows: Vec<(usize, f64)>,
}

impl Effect {
    const NONE: Self = Self {
        silent: 1.0,
        shows: Vec::new(),
    };

    fn show(&mut self, at: usize, chance: f64) {
        match self.shows.iter_mut().find(|shown| shown.0 == at) {
            Some(shown) => shown.1 = 1.0 - (1.0 - shown.1) * (1.0 - chance),
            None => self.shows.push((at, chance)),
        }
    }

    /// The chances of all subsets once the cause is there.
    fn apply(&self, subsets: &mut [f64]) {
        if self.silent != 1.0 {
            subsets.iter_mut().for_each(|chance| *chance *= self.silent);
        }
        self.shows
            .iter()
            .for_each(|&(at, chance)| show(subsets, at, chance));
    }

    /// The transpose of [`Effect::apply`].
    fn apply_back(&self, subsets: &mut [f64]) {
        self.shows
            .iter()
            .for_each(|&(at, chance)| show_back(subsets, at, chance));
        if self.silent != 1.0 {
            subsets.iter_mut().for_each(|chance| *chance *= self.silent);
        }
    }
}

/// Adds the chance that something shows sign `at` to the chances of all subsets.
fn show(subsets: &mut [f64], at: usize, chance: f64) {
    for both in subsets.chunks_exact_mut(2 << at) {
        let (without, with) = both.split_at_mut(1 << at);
        for (without, with) in without.iter_mut().zip(with) {
            *with += chance * *without;
            *without *= 1.0 - chance;
        }
    }
}

/// The transpose of [`show`]: from the chances that the rest completes each subset to those before the sign could show.
fn show_back(subsets: &mut [f64], at: usize, chance: f64) {
    for both in subsets.chunks_exact_mut(2 << at) {
        let (without, with) = both.split_at_mut(1 << at);
        for (without, with) in without.iter_mut().zip(with) {
            *without = chance * *with + (1.0 - chance) * *without;
        }
    }
}

/// One step of the walk: from the states before it to those after it, each with its own chances of all subsets.
#[derive(Debug, Clone)]
enum Step {
    /// An event happens or not; for every state those that follow then, without and with it.
    Event {
        event: usize,
        effect: Effect,
        next: Vec<[usize; 2]>,
        states: usize,
    },
    /// What gates show whose events are all decided; every state has its own, and they meet in one.
    Gates(Vec<Effect>),
}

impl Step {
    fn states(&self) -> usize {
        match self {
            Self::Event { states, .. } => *states,
            Self::Gates(_) => 1,
        }
    }
}

/// What evaluations use again and again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    before: Vec<f64>,
    pub(crate) after: Vec<f64>,
    there: Vec<f64>,
}

/// The chance of what was observed: P(signs, and some event happened or the ticket has no cause).
#[derive(Debug, Clone)]
pub(crate) struct Explained {
    events: usize,
    /// Subsets of the present signs.
    subsets: usize,
    /// By subset: chance that it is what shows without a cause, and no absent sign does.
    leaks: Vec<f64>,
    /// By subset: chance that signs were reported as they were when exactly these show.
    reported: Vec<f64>,
    steps: Vec<Step>,
    /// Chance of the signs when no event happened, and the ticket is taken to have a cause; zero where it need not.
    needs_event: f64,
}

impl Explained {
    /// What `signs` say of a tree with so many events, whose gates are `gates`; `without_cause`: with the ticket itself as evidence,
    /// some event happened, or none with this chance.
    ///
    /// None where that would take longer than a diagram.
    pub(crate) fn new(
        events: usize,
        gates: Option<&SharedGates>,
        signs: &[ObservedSign<'_>],
        without_cause: Option<f64>,
    ) -> Option<Self> {
        let present = signs.iter().filter(|sign| sign.certainty > 0.0).count();
        if present > MAX_PRESENT {
            return None;
        }
        let mut made = Self {
            events,
            subsets: 1 << present,
            leaks: vec![0.0; 1 << present],
            reported: reported(signs, present),
            steps: Vec::new(),
            needs_event: 0.0,
        };
        made.leaks[0] = 1.0;
        let (mut of_event, of_gate) = made.effects(signs)?;
        if !of_gate.is_empty() {
            made.steps = gates?.steps(&of_gate, &mut of_event)?;
        }
        let alone = |(event, effect)| Step::Event {
            event,
            effect,
            next: vec![[0, 0]],
            states: 1,
        };
        made.steps.extend(of_event.into_iter().map(alone));
        let states: usize = made.steps.iter().map(Step::states).sum();
        if states.saturating_mul(made.subsets) > MOST_STATES {
            return None;
        }
        if let Some(without_cause) = without_cause {
            made.needs_event = (1.0 - without_cause) * made.without_events();
        }
        Some(made)
    }

    /// Leaks go into `self`; what remains are the effects of events and gates, by number. None for an unknown event.
    fn effects(
        &mut self,
        signs: &[ObservedSign<'_>],
    ) -> Option<(BTreeMap<usize, Effect>, BTreeMap<usize, Effect>)> {
        let (mut of_event, mut of_gate) = (BTreeMap::new(), BTreeMap::new());
        let mut position = 0;
        for sign in signs {
            let at = (sign.certainty > 0.0).then_some(position);
            position += usize::from(at.is_some());
            self.leak(at, sign.leak);
            for link in sign.links.iter().filter(|link| link.probability > 0.0) {
                let effect = match link.input {
                    Input::Event(event) if event as usize >= self.events => return None,
                    Input::Event(event) => of_event.entry(event as usize),
                    Input::Gate(gate) => of_gate.entry(gate as usize),
                    Input::Constant(true) => {
                        self.leak(at, link.probability);
                        continue;
                    }
                    Input::Constant(false) => continue,
                };
                let effect = effect.or_insert(Effect::NONE);
                match at {
                    Some(at) => effect.show(at, link.probability),
                    None => effect.silent *= 1.0 - link.probability,
                }
            }
        }
        Some((of_event, of_gate))
    }

    fn leak(&mut self, at: Option<usize>, chance: f64) {
        match at {
            Some(at) => show(&mut self.leaks, at, chance),
            None => self.leaks.iter_mut().for_each(|leak| *leak *= 1.0 - chance),
        }
    }

    /// Chance of the signs when no event happened.
    fn without_events(&self) -> f64 {
        let (mut subsets, mut state) = (self.leaks.clone(), 0);
        for step in &self.steps {
            match step {
                Step::Event { next, .. } => state = next[state][0],
                Step::Gates(effects) => {
                    effects[state].apply(&mut subsets);
                    state = 0;
                }
            }
        }
        self.as_reported(&subsets)
    }

    fn as_reported(&self, subsets: &[f64]) -> f64 {
        subsets
            .iter()
            .zip(&self.reported)
            .map(|(chance, reported)| chance * reported)
            .sum()
    }

    /// Chance of what was observed when event `e` happens with chance `p[e]`; `scratch` is reused between many evaluations.
    pub(crate) fn probability_with(&self, p: &[f64], scratch: &mut Scratch) -> f64 {
        let Scratch { before, after, there } = scratch;
        before.clear();
        before.extend_from_slice(&self.leaks);
        for step in &self.steps {
            self.forward(step, p, before, after, there);
            std::mem::swap(before, after);
        }
        let all = self.as_reported(before);
        if self.needs_event > 0.0 {
            let none: f64 = p[..self.events].iter().map(|chance| 1.0 - chance).product();
            return (all - self.needs_event * none).max(0.0);
        }
        all
    }

    fn forward(&self, step: &Step, p: &[f64], before: &[f64], after: &mut Vec<f64>, there: &mut Vec<f64>) {
        after.clear();
        if let Step::Event {
            event, effect, next, ..
        } = step
            && next.as_slice() == [[0, 0]]
        {
            let chance = p[*event];
            there.clear();
            there.extend_from_slice(before);
            effect.apply(there);
            let mixed = before.iter().zip(there.iter());
            after.extend(mixed.map(|(absent, there)| (1.0 - chance) * absent + chance * there));
            return;
        }
        after.resize(step.states() * self.subsets, 0.0);
        let of = |state: usize| state * self.subsets..(state + 1) * self.subsets;
        for (state, subsets) in before.chunks_exact(self.subsets).enumerate() {
            match step {
                Step::Event {
                    event, effect, next, ..
                } => {
                    let (chance, [without, with]) = (p[*event], next[state]);
                    add(&mut after[of(without)], subsets, 1.0 - chance);
                    if chance > 0.0 {
                        there.clear();
                        there.extend_from_slice(subsets);
                        effect.apply(there);
                        add(&mut after[of(with)], there, chance);
                    }
                }
                Step::Gates(effects) => {
                    there.clear();
                    there.extend_from_slice(subsets);
                    effects[state].apply(there);
                    add(after, there, 1.0);
                }
            }
        }
    }

    /// The chance and every event's marginal importance factor P(signs | e) − P(signs | not e), one for each of `p`.
    pub(crate) fn importance(&self, p: &[f64]) -> (f64, Vec<f64>) {
        let mut mif = vec![0.0; p.len()];
        let mut before = Vec::with_capacity(self.steps.len() + 1);
        before.push(self.leaks.clone());
        let mut there = Vec::new();
        for step in &self.steps {
            let mut after = Vec::new();
            self.forward(step, p, &before[before.len() - 1], &mut after, &mut there);
            before.push(after);
        }
        let all = self.as_reported(&before[self.steps.len()]);
        let mut completes = self.reported.clone();
        for (step, before) in self.steps.iter().zip(&before).rev() {
            completes = self.backward(step, p, before, &completes, &mut mif);
        }
        (all - self.importance_of_any(p, &mut mif), mif)
    }

    /// From the chances that the steps after `step` complete each subset to those that it and they do.
    fn backward(&self, step: &Step, p: &[f64], before: &[f64], after: &[f64], mif: &mut [f64]) -> Vec<f64> {
        let of = |state: usize| &after[state * self.subsets..(state + 1) * self.subsets];
        let mut completes = Vec::with_capacity(before.len());
        for (state, subsets) in before.chunks_exact(self.subsets).enumerate() {
            match step {
                Step::Event {
                    event, effect, next, ..
                } => {
                    let (chance, [without, with]) = (p[*event], next[state]);
                    let (absent, mut there) = (of(without), of(with).to_vec());
                    effect.apply_back(&mut there);
                    let gain = there.iter().zip(absent).map(|(there, absent)| there - absent);
                    mif[*event] += subsets.iter().zip(gain).map(|(a, b)| a * b).sum::<f64>();
                    let mixed = there.iter().zip(absent);
                    completes.extend(mixed.map(|(there, absent)| chance * there + (1.0 - chance) * absent));
                }
                Step::Gates(effects) => {
                    let mut there = after.to_vec();
                    effects[state].apply_back(&mut there);
                    completes.extend(there);
                }
            }
        }
        completes
    }

    /// What is taken off because some event happened, and its part in every event's importance.
    fn importance_of_any(&self, p: &[f64], mif: &mut [f64]) -> f64 {
        if self.needs_event == 0.0 {
            return 0.0;
        }
        // Chance that none of the later events happened, by event.
        let mut later = vec![1.0; self.events + 1];
        for event in (0..self.events).rev() {
            later[event] = later[event + 1] * (1.0 - p[event]);
        }
        let mut earlier = self.needs_event;
        for event in 0..self.events {
            mif[event] += earlier * later[event + 1];
            earlier *= 1.0 - p[event];
        }
        earlier
    }
}

/// By subset of those signs that may show: chance of the reports when exactly these do.
fn reported(signs: &[ObservedSign<'_>], present: usize) -> Vec<f64> {
    let mut reported = vec![1.0; 1 << present];
    let shown = signs
        .iter()
        .map(|sign| sign.certainty)
        .filter(|certainty| *certainty > 0.0);
    for (at, certainty) in shown.enumerate() {
        for (subset, chance) in reported.iter_mut().enumerate() {
            *chance *= if subset >> at & 1 == 1 {
                certainty
            } else {
                1.0 - certainty
            };
        }
    }
    reported
}

fn add(sum: &mut [f64], terms: &[f64], weight: f64) {
    for (sum, term) in sum.iter_mut().zip(terms) {
        *sum += weight * term;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scratch;
    use crate::likelihood::Likelihood;
    use crate::observe::{Observable, Seen};
    use crate::tree::FaultTree;

    /// Chance and importance of the walk and of the diagram.
    fn both_ways(observable: &Observable, seen: &[Seen], priors: &[f64]) -> [(f64, Vec<f64>); 2] {
        let p = observable.probabilities(priors, seen);
        let Likelihood::Explained(walk) = observable.likelihood(seen, 1_000_000).unwrap() else {
            panic!("{} signs are walked", seen.len())
        };
        let diagram = observable.diagram(seen, 1_000_000).unwrap();
        let mut found = [walk.importance(&p), diagram.importance(&p)];
        found.iter_mut().for_each(|(_, mif)| mif.truncate(priors.len()));
        let alone = walk.probability_with(&p, &mut Scratch::default());
        assert!((alone - found[0].0).abs() < 1e-15, "{alone} {}", found[0].0);
        found
    }

    #[test]
    fn a_sign_behind_an_and_gate_needs_both_of_its_events() {
        let text = r#"
            product_line = "washer"
            event = [{ id = "a", probability = 0.1 }, { id = "b", probability = 0.2 }]
            gate = [{ id = "g", type = "and", inputs = ["a", "b"] }]
            symptom = [{ id = "s", phrases = ["现象"], leak = 0.05, causes = [{ input = "g", probability = 0.5 }] }]
        "#;
        let tree = FaultTree::from_toml(text, "tree.toml").unwrap();
        let observable = Observable::new(&tree);
        // 1 − .95 · (1 − .02 · .5) = .0595; with a .95 · .1 = .095 more than .05, without it .05.
        let [(chance, mif), _] = both_ways(&observable, &[Seen::certain(0, true)], &[0.1, 0.2]);
        assert!((chance - 0.0595).abs() < 1e-15 && (mif[0] - 0.095).abs() < 1e-15);
        // Someone complains, which one ticket in a hundred does without a cause: .0595 − .99 · .9 · .8 · .05.
        let complaint = observable.with_complaint(0.01);
        let [(chance, mif), _] = both_ways(&complaint, &[Seen::certain(0, true)], &[0.1, 0.2]);
        assert!((chance - 0.02386).abs() < 1e-15, "{chance}");
        assert!((mif[0] - (0.095 + 0.99 * 0.8 * 0.05)).abs() < 1e-15);
    }

    #[test]
    fn a_hedged_report_takes_the_odds_times_four() {
        let text = r#"
            product_line = "washer"
            event = [{ id = "a", probability = 0.5 }]
            symptom = [{ id = "s", phrases = ["现象"], leak = 0.0, causes = [{ input = "a", probability = 1.0 }] }]
        "#;
        let observable = Observable::new(&FaultTree::from_toml(text, "tree.toml").unwrap());
        for (present, with, without) in [(true, 0.8, 0.2), (false, 0.2, 0.8)] {
            let told = Seen {
                doubt: 0.2,
                ..Seen::certain(0, present)
            };
            let [(chance, mif), _] = both_ways(&observable, &[told], &[0.5]);
            assert!((chance - 0.5).abs() < 1e-15 && (mif[0] - (with - without)).abs() < 1e-15);
        }
    }

    type RawSign = (f64, Vec<(usize, f64)>, Option<(bool, f64)>);

    fn raw_sign() -> impl Strategy<Value = RawSign> {
        let link = (0_usize..12, prop_oneof![Just(0.0), Just(1.0), 0.01..0.99_f64]);
        (
            0.0..0.3_f64,
            prop::collection::vec(link, 1..5),
            prop::option::of((any::<bool>(), prop_oneof![Just(0.0), 0.01..0.5_f64])),
        )
    }

    fn tree(gates: &[(usize, Vec<usize>)], signs: &[RawSign]) -> FaultTree {
        let mut text = String::from("product_line = \"washer\"\n");
        (0..8).for_each(|event| text += &format!("[[event]]\nid = \"n{event}\"\nprobability = 0.5\n"));
        for (at, (kind, inputs)) in gates.iter().enumerate() {
            // Gates are numbered after the events and take what comes before them.
            let inputs: Vec<String> = inputs
                .iter()
                .map(|input| format!("\"n{}\"", input % (8 + at)))
                .collect();
            let kind = [
                "type = \"and\"",
                "type = \"or\"",
                "type = \"xor\"",
                "type = \"atleast\"\nmin = 2",
            ][*kind];
            text += &format!(
                "[[gate]]\nid = \"n{}\"\n{kind}\ninputs = [{}]\n",
                8 + at,
                inputs.join(", ")
            );
        }
        for (at, (leak, links, _)) in signs.iter().enumerate() {
            let link = |(input, p): &(usize, f64)| format!("{{ input = \"n{input}\", probability = {p:?} }}");
            let causes: Vec<String> = links.iter().map(link).collect();
            let causes = causes.join(", ");
            text += &format!(
                "[[symptom]]\nid = \"s{at}\"\nphrases = [\"现象{at}号\"]\nleak = {leak:?}\ncauses = [{causes}]\n"
            );
        }
        FaultTree::from_toml(&text, "tree.toml").unwrap()
    }

    proptest! {
        #[test]
        fn the_walk_equals_the_diagram(
            priors in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.001..0.9_f64], 8),
            gates in prop::collection::vec((0_usize..4, prop::collection::vec(0_usize..11, 2..5)), 4),
            signs in prop::collection::vec(raw_sign(), 1..7),
            without_cause in prop::option::of(0.0..0.2_f64),
        ) {
            let mut observable = Observable::new(&tree(&gates, &signs));
            if let Some(chance) = without_cause {
                observable = observable.with_complaint(chance);
            }
            let seen: Vec<Seen> = signs.iter().enumerate()
                .filter_map(|(sign, raw)| raw.2.map(|(present, doubt)| Seen { sign, present, doubt })).collect();
            let [(walked, ours), (compiled, theirs)] = both_ways(&observable, &seen, &priors);
            prop_assert!((walked - compiled).abs() < 1e-14, "{walked} {compiled}");
            for (event, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                prop_assert!((ours - theirs).abs() < 1e-13, "event {event}: {ours} {theirs}");
            }
        }
    }
}
