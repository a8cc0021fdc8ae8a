//! The true world of a product line, drawn from its bundled tree, and the expert's tree, which knows only part of it.
//!
//! The bundled tree names every cause. Some of them are taken out of the expert's tree; of the links that stay, some have
//! another strength in truth, some do not exist, and some true ones are unknown to the expert. A true cause shows each symptom
//! or code by itself (noisy-OR); what the tree says by "and" and "at least" is half as strong and needs no second cause.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use shifu_diagnosis::{Bom, Connective, FaultTree, Gate, Input, Link};
use shifu_domain::{FaultCode, ModelNumber, SymptomId};

use super::dice::Dice;
use super::parameters::WorldParameters;

/// Regions with tickets: GB/T 2260 counties of six provinces.
pub(crate) const REGIONS: [&str; 6] = ["110105", "130102", "310115", "440305", "500103", "610113"];
/// Odds by which the expert's "and" and "at least" hold for one cause alone.
const HALF: f64 = 0.5;

/// Where and when a ticket arises, and on what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// Position of the model.
    pub(crate) model: usize,
    /// Position in [`REGIONS`].
    pub(crate) region: usize,
    /// 0 to 11.
    pub(crate) month: u8,
    pub(crate) age_years: f64,
}

/// A product line as bundled: the tree that names what can happen, and the parts.
#[derive(Debug, Clone)]
pub struct Appliance {
    /// The bundled tree.
    pub tree: FaultTree,
    /// The parts list.
    pub bom: Bom,
}

/// Something that can be recorded of an appliance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sign {
    Symptom(SymptomId, Vec<String>),
    Code(FaultCode),
}

/// A cause as it truly is.
#[derive(Debug, Clone)]
pub(crate) struct TrueCause {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whether the expert's tree has it.
    pub(crate) known: bool,
    /// Weight before the situation is considered.
    pub(crate) weight: f64,
    pub(crate) by_model: Vec<f64>,
    pub(crate) by_region: Vec<f64>,
    pub(crate) by_season: [f64; 4],
    pub(crate) wear_shape: f64,
    /// A bad batch: position of the model, first month (0 to 11) and factor.
    pub(crate) batch: Option<(usize, u8, f64)>,
    /// Chance to show each sign.
    pub(crate) shows: Vec<f64>,
    /// Positions in the parts list that its repair takes, by model.
    pub(crate) parts: Vec<Vec<usize>>,
}

/// How far the expert is from the truth, measured after drawing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// Share of the true causes that the expert's tree lacks.
    pub causes_missing: f64,
    /// Share of all links, true or believed, that are missing, spurious or of wrong strength.
    pub links_wrong: f64,
    /// Greatest factor between a believed and a true prior.
    pub prior_factor: f64,
}

/// One product line: the truth, and what the expert believes.
pub(crate) struct Line {
    pub(crate) expert: FaultTree,
    pub(crate) bom: Bom,
    pub(crate) models: Vec<ModelNumber>,
    pub(crate) signs: Vec<Sign>,
    /// Chance of every sign without any cause.
    pub(crate) leaks: Vec<f64>,
    pub(crate) causes: Vec<TrueCause>,
    pub(crate) distance: Distance,
}

impl Line {
    /// Draws the truth about `appliance`.
    pub(crate) fn draw(appliance: &Appliance, parameters: &WorldParameters, dice: &mut Dice) -> Result<Self> {
        let Appliance { tree, bom } = appliance;
        let models = models_of(bom)?;
        let (signs, mut leaks) = signs_of(tree);
        for leak in &mut leaks {
            *leak = (*leak * dice.factor(parameters.prior_factor)).min(0.2);
        }
        let missing = (parameters.causes_missing * tree.events.len() as f64).ceil() as usize;
        let mut order: Vec<usize> = (0..tree.events.len()).collect();
        (0..missing).for_each(|at| {
            let other = at + dice.below(order.len() - at);
            order.swap(at, other);
        });
        let known: Vec<bool> = (0..tree.events.len())
            .map(|event| !order[..missing].contains(&event))
            .collect();
        let believed = believed_links(tree);
        let mut causes = Vec::with_capacity(tree.events.len());
        let (mut wrong, mut links, mut prior_factor) = (0, 0, 1.0_f64);
        for (event, shows) in believed.into_iter().enumerate() {
            let (mut cause, factor) = draw_cause(tree, bom, &models, event, parameters, dice);
            cause.known = known[event];
            let drawn = draw_links(&shows, parameters, dice);
            if known[event] {
                wrong += drawn.wrong;
                links += drawn.links;
                prior_factor = prior_factor.max(factor.max(1.0 / factor));
            }
            cause.shows = drawn.shows;
            causes.push(cause);
        }
        for _ in 0..parameters.bad_batches.0 {
            let (cause, model) = (dice.below(causes.len()), dice.below(models.len()));
            causes[cause].batch = Some((model, dice.between(2.0, 9.0) as u8, parameters.bad_batches.1));
        }
        Ok(Self {
            expert: without(tree, &known),
            bom: bom.clone(),
            models,
            signs,
            leaks,
            distance: Distance {
                causes_missing: missing as f64 / causes.len() as f64,
                links_wrong: f64::from(wrong) / f64::from(links),
                prior_factor,
            },
            causes,
        })
    }

    /// Weight of every cause in a situation.
    pub(crate) fn weights(&self, situation: &Situation) -> Vec<f64> {
        let Situation {
            model,
            region,
            month,
            age_years,
        } = *situation;
        let season = usize::from((month + 1) % 12 / 3);
        let weight = |cause: &TrueCause| {
            let wear = (age_years.max(0.1) / 4.0)
                .powf(cause.wear_shape - 1.0)
                .clamp(0.1, 10.0);
            let batch = match cause.batch {
                Some((of, from, factor)) if of == model && month >= from => factor,
                _ => 1.0,
            };
            cause.weight
                * cause.by_model[model]
                * cause.by_region[region]
                * cause.by_season[season]
                * wear
                * batch
        };
        self.causes.iter().map(weight).collect()
    }

    /// Chance that `sign` shows under `causes` on `model`; a code of other models never does.
    pub(crate) fn shows(&self, sign: usize, causes: &[usize]) -> f64 {
        let dark = causes.iter().fold(1.0 - self.leaks[sign], |dark, &cause| {
            dark * (1.0 - self.causes[cause].shows[sign])
        });
        1.0 - dark
    }
}

/// One model number per pattern of the parts list.
fn models_of(bom: &Bom) -> Result<Vec<ModelNumber>> {
    let mut names: Vec<String> = Vec::new();
    for pattern in bom.parts.iter().flat_map(|part| &part.fits) {
        let name = pattern.as_str().replace('*', "");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.sort();
    ensure!(
        !names.is_empty(),
        "no part of {} names the models that it fits",
        bom.product_line
    );
    names.iter().map(|name| Ok(ModelNumber::new(name)?)).collect()
}

fn signs_of(tree: &FaultTree) -> (Vec<Sign>, Vec<f64>) {
    let mut signs: Vec<(Sign, f64)> = Vec::new();
    for symptom in &tree.symptoms {
        signs.push((
            Sign::Symptom(symptom.id.clone(), symptom.phrases.clone()),
            symptom.leak,
        ));
    }
    for code in &tree.codes {
        if !signs
            .iter()
            .any(|(sign, _)| *sign == Sign::Code(code.code.clone()))
        {
            signs.push((Sign::Code(code.code.clone()), code.leak));
        }
    }
    signs.into_iter().unzip()
}

/// For every event the chance to show each sign, through the gates above it.
fn believed_links(tree: &FaultTree) -> Vec<Vec<f64>> {
    let (signs, _) = signs_of(tree);
    let mut links: Vec<&[Link]> = tree
        .symptoms
        .iter()
        .map(|symptom| symptom.causes.as_slice())
        .collect();
    for sign in &signs[tree.symptoms.len()..] {
        let code = tree
            .codes
            .iter()
            .find(|code| *sign == Sign::Code(code.code.clone()));
        links.push(code.map_or(&[], |code| code.causes.as_slice()));
    }
    (0..tree.events.len())
        .map(|event| {
            let mut reach = vec![0.0_f64; tree.gates.len()];
            for (at, gate) in tree.gates.iter().enumerate() {
                let strongest = gate
                    .inputs
                    .iter()
                    .map(|&input| reached(input, event, &reach))
                    .fold(0.0, f64::max);
                reach[at] = if gate.connective == Connective::Or {
                    strongest
                } else {
                    HALF * strongest
                };
            }
            let shown = |links: &&[Link]| {
                let dark = |dark: f64, link: &Link| {
                    dark * (1.0 - link.probability * reached(link.input, event, &reach))
                };
                1.0 - links.iter().fold(1.0, dark)
            };
            links.iter().map(shown).collect()
        })
        .collect()
}

fn reached(input: Input, event: usize, gates: &[f64]) -> f64 {
    match input {
        Input::Event(at) => f64::from(u8::from(at as usize == event)),
        Input::Gate(at) => gates[at as usize],
        Input::Constant(_) => 0.0,
    }
}

struct DrawnLinks {
    shows: Vec<f64>,
    links: u32,
    wrong: u32,
}

fn draw_links(believed: &[f64], parameters: &WorldParameters, dice: &mut Dice) -> DrawnLinks {
    let mut drawn = DrawnLinks {
        shows: believed.to_vec(),
        links: 0,
        wrong: 0,
    };
    for show in drawn.shows.iter_mut().filter(|show| **show > 0.0) {
        drawn.links += 1;
        if dice.happens(parameters.links_spurious) {
            *show = 0.0;
            drawn.wrong += 1;
        } else if dice.happens(parameters.links_of_wrong_strength) {
            let (least, most) = parameters.strength_factor;
            let factor = dice.between(least, most);
            let odds = *show / (1.0 - show.min(0.98)) * if dice.happens(0.5) { factor } else { 1.0 / factor };
            *show = odds / (1.0 + odds);
            drawn.wrong += 1;
        }
    }
    for _ in 0..drawn.links {
        let sign = dice.below(drawn.shows.len());
        if dice.happens(parameters.links_missing) && believed[sign] == 0.0 {
            drawn.shows[sign] = dice.between(0.2, 0.8);
            drawn.links += 1;
            drawn.wrong += 1;
        }
    }
    // A cause that nothing shows would never become a ticket.
    if drawn.shows.iter().all(|&show| show < 0.3) {
        let sign = dice.below(drawn.shows.len());
        drawn.shows[sign] = 0.7;
        drawn.links += 1;
        drawn.wrong += 1;
    }
    drawn
}

fn draw_cause(
    tree: &FaultTree,
    bom: &Bom,
    models: &[ModelNumber],
    event: usize,
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> (TrueCause, f64) {
    let event = &tree.events[event];
    let factor = dice.factor(parameters.prior_factor);
    let mut lift = |count: usize, (share, most): (f64, f64)| -> Vec<f64> {
        let lifted = dice.happens(share);
        (0..count)
            .map(|_| if lifted { dice.factor(most) } else { 1.0 })
            .collect()
    };
    let by_model = lift(models.len(), parameters.model_lift);
    let by_region = lift(REGIONS.len(), parameters.region_lift);
    let seasons = lift(4, parameters.season_lift);
    let parts = models.iter().map(|model| parts_of(bom, event, model)).collect();
    let (least, most) = parameters.wear_shape;
    let cause = TrueCause {
        id: event.id.clone(),
        name: event.name.clone(),
        known: true,
        weight: event.probability * factor,
        by_model,
        by_region,
        by_season: [seasons[0], seasons[1], seasons[2], seasons[3]],
        wear_shape: dice.between(least, most),
        batch: None,
        shows: Vec::new(),
        parts,
    };
    (cause, factor)
}

fn parts_of(bom: &Bom, event: &shifu_diagnosis::Event, model: &ModelNumber) -> Vec<usize> {
    let mut parts: Vec<usize> = Vec::new();
    for replacement in &event.repaired_by {
        let part = bom
            .current(&replacement.part_number)
            .filter(|part| part.fits(Some(model)));
        parts.extend(part.and_then(|part| bom.parts.iter().position(|p| p.part_number == part.part_number)));
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// The tree without the events that are not `known`; gates left without inputs go as well.
fn without(tree: &FaultTree, known: &[bool]) -> FaultTree {
    let mut moved: HashMap<Input, Input> = HashMap::new();
    let mut kept = FaultTree {
        version: format!("{}-expert", tree.version),
        ..tree.clone()
    };
    kept.events.clear();
    kept.gates.clear();
    for (at, event) in tree.events.iter().enumerate().filter(|(at, _)| known[*at]) {
        moved.insert(Input::Event(at as u32), Input::Event(kept.events.len() as u32));
        kept.events.push(event.clone());
    }
    for (at, gate) in tree.gates.iter().enumerate() {
        let inputs: Vec<Input> = gate
            .inputs
            .iter()
            .filter_map(|input| moved.get(input).copied())
            .collect();
        if inputs.is_empty() {
            continue;
        }
        let connective = match gate.connective {
            Connective::Atleast { min } => Connective::Atleast {
                min: min.min(inputs.len() as u32),
            },
            other => other,
        };
        moved.insert(Input::Gate(at as u32), Input::Gate(kept.gates.len() as u32));
        kept.gates.push(Gate {
            inputs,
            connective,
            ..gate.clone()
        });
    }
    let keep = |links: &mut Vec<Link>| {
        let left = links
            .iter()
            .filter_map(|link| moved.get(&link.input).map(|&input| Link { input, ..*link }));
        *links = left.collect();
    };
    kept.symptoms
        .iter_mut()
        .for_each(|symptom| keep(&mut symptom.causes));
    kept.codes.iter_mut().for_each(|code| keep(&mut code.causes));
    kept
}
