//! A year of tickets in the true world: what was wrong, what was recorded, and how the visits go.

use serde::{Deserialize, Serialize};
use shifu_diagnosis::{EvidenceSource, PartUsed, Prediction, PredictionRequest, Repair, SymptomReport};
use shifu_domain::{Region, TicketId};

use super::dice::Dice;
use super::parameters::WorldParameters;
use super::world::{Line, REGIONS, Sign, Situation, TrueCause};

/// Days before each month of a year that is no leap year.
const MONTH_STARTS: [i32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// What was recorded of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    Silent,
    Present,
    Denied,
}

/// A ticket with everything that the world has decided about it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) number: usize,
    pub(crate) line: usize,
    /// Day of the year, 0 to 364.
    pub(crate) day: i32,
    pub(crate) situation: Situation,
    pub(crate) serial: usize,
    /// First cause of an earlier ticket about the same appliance.
    pub(crate) earlier: Option<usize>,
    /// True causes, none or up to two; the first is the main one.
    pub(crate) causes: Vec<usize>,
    pub(crate) records: Vec<Record>,
    /// Signs that stand in the text only.
    pub(crate) in_text: Vec<bool>,
    /// Positions of the parts that the repair takes.
    pub(crate) needed: Vec<usize>,
    /// A wrong part that the technician puts in first.
    pub(crate) wrong_part: Option<usize>,
    /// Whether the first visit fails whatever the kit.
    pub(crate) botched: bool,
    /// What the technician writes as the cause.
    pub(crate) stated: Option<String>,
    pub(crate) second_visit_after: i32,
    /// A uniform number for whoever decides by lot.
    pub(crate) lot: f64,
}

/// Month (0 to 11) of a day of the year.
pub(crate) fn month(day: i32) -> u8 {
    MONTH_STARTS.iter().rposition(|&start| start <= day).unwrap_or(0) as u8
}

/// `YYYY-MM-DD` of a day counted from 1 January 2025; days of other years are counted with 365 days each.
pub(crate) fn date(day: i32) -> String {
    let (year, day) = (2025 + day.div_euclid(365), day.rem_euclid(365));
    let at = usize::from(month(day));
    format!("{year:04}-{:02}-{:02}", at + 1, day - MONTH_STARTS[at] + 1)
}

/// Draws the year's tickets in order of their dates.
pub(crate) fn draw(lines: &[Line], parameters: &WorldParameters, dice: &mut Dice) -> Vec<Ticket> {
    let mut tickets: Vec<Ticket> = Vec::with_capacity(parameters.tickets);
    for number in 0..parameters.tickets {
        let day = (number * 365 / parameters.tickets) as i32;
        let ticket = draw_ticket(lines, &tickets, number, day, parameters, dice);
        tickets.push(ticket);
    }
    tickets
}

fn draw_ticket(
    lines: &[Line],
    before: &[Ticket],
    number: usize,
    day: i32,
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Ticket {
    let comes_back = number > 0 && dice.happens(parameters.comes_back);
    let earlier = comes_back
        .then(|| &before[dice.below(number)])
        .filter(|ticket| !ticket.causes.is_empty());
    let line = earlier.map_or_else(|| dice.below(lines.len()), |ticket| ticket.line);
    let world = &lines[line];
    let situation = draw_situation(world, earlier, day, parameters, dice);
    let same = earlier
        .filter(|_| dice.happens(parameters.same_again))
        .map(|ticket| ticket.causes[0]);
    let causes = draw_causes(world, &situation, same, parameters, dice);
    let records = draw_records(world, situation.model, &causes, parameters, dice);
    let parts = |&cause: &usize| &world.causes[cause].parts[situation.model];
    let mut needed: Vec<usize> = causes.iter().flat_map(parts).copied().collect();
    needed.sort_unstable();
    needed.dedup();
    let wrong_part = draw_wrong_part(world, situation.model, &causes, &needed, parameters, dice);
    let (least, most) = parameters.second_visit_days;
    Ticket {
        number,
        line,
        day,
        situation,
        serial: earlier.map_or(number, |ticket| ticket.serial),
        earlier: earlier.map(|ticket| ticket.causes[0]),
        in_text: records
            .iter()
            .map(|_| dice.happens(parameters.in_text_only))
            .collect(),
        botched: wrong_part.is_some() && dice.happens(parameters.wrong_part_fails),
        stated: draw_stated(world, &causes, parameters, dice),
        second_visit_after: least + dice.below((most - least + 1) as usize) as i32,
        lot: dice.between(0.0, 1.0),
        causes,
        records,
        needed,
        wrong_part,
    }
}

fn draw_situation(
    world: &Line,
    earlier: Option<&Ticket>,
    day: i32,
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Situation {
    let month = month(day);
    if let Some(ticket) = earlier {
        let age_years = ticket.situation.age_years + f64::from(day - ticket.day) / 365.0;
        return Situation {
            month,
            age_years,
            ..ticket.situation
        };
    }
    let sold: Vec<f64> = (0..world.models.len())
        .map(|model| 0.75_f64.powi(model as i32))
        .collect();
    Situation {
        model: dice.weighted(&sold),
        region: dice.below(REGIONS.len()),
        month,
        age_years: (-parameters.mean_age_years * dice.between(1e-9, 1.0).ln()).min(12.0),
    }
}

fn draw_causes(
    world: &Line,
    situation: &Situation,
    same: Option<usize>,
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Vec<usize> {
    if dice.happens(parameters.no_fault) {
        return Vec::new();
    }
    let mut weights = world.weights(situation);
    let drawn = dice.weighted(&weights);
    let first = same.unwrap_or(drawn);
    weights[first] = 0.0;
    let second = dice.weighted(&weights);
    if dice.happens(parameters.second_cause) {
        vec![first, second]
    } else {
        vec![first]
    }
}

/// Chances that a sign is recorded as present or denied, given whether it shows.
pub(crate) fn recorded(
    sign: &Sign,
    signs: (usize, usize),
    shows: bool,
    parameters: &WorldParameters,
) -> (f64, f64) {
    let (symptoms, codes) = signs;
    match (sign, shows) {
        (Sign::Symptom(..), true) => {
            let asked = (1.0 - parameters.symptom_recorded) * parameters.asked;
            let denied = asked * parameters.denied_wrongly;
            (parameters.symptom_recorded + asked - denied, denied)
        }
        (Sign::Symptom(..), false) => {
            let wrong = parameters.wrong_symptoms / symptoms as f64;
            (wrong, (1.0 - wrong) * parameters.asked)
        }
        (Sign::Code(_), true) => (parameters.code_recorded, 0.0),
        (Sign::Code(_), false) => (parameters.wrong_codes / codes as f64, 0.0),
    }
}

/// Symptoms and codes of a line.
pub(crate) fn counts(world: &Line) -> (usize, usize) {
    let symptoms = world
        .signs
        .iter()
        .filter(|sign| matches!(sign, Sign::Symptom(..)))
        .count();
    (symptoms, world.signs.len() - symptoms)
}

/// Whether a code may show on a model at all.
pub(crate) fn applies(world: &Line, sign: usize, model: usize) -> bool {
    match &world.signs[sign] {
        Sign::Symptom(..) => true,
        Sign::Code(code) => {
            let mut entries = world.expert.codes.iter().filter(|entry| entry.code == *code);
            entries.any(|entry| entry.applies_to(Some(&world.models[model])))
        }
    }
}

/// What the agent writes down; a call in which nothing is told is no ticket, so it is drawn again.
fn draw_records(
    world: &Line,
    model: usize,
    causes: &[usize],
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Vec<Record> {
    let signs = counts(world);
    let applies: Vec<bool> = (0..world.signs.len())
        .map(|sign| applies(world, sign, model))
        .collect();
    loop {
        let mut record = |sign: usize| {
            if !applies[sign] {
                return Record::Silent;
            }
            let shows = dice.happens(world.shows(sign, causes));
            let (present, denied) = recorded(&world.signs[sign], signs, shows, parameters);
            let lot = dice.between(0.0, 1.0);
            match lot {
                lot if lot < present => Record::Present,
                lot if lot < present + denied => Record::Denied,
                _ => Record::Silent,
            }
        };
        let records: Vec<Record> = (0..world.signs.len()).map(&mut record).collect();
        if records.contains(&Record::Present) {
            return records;
        }
    }
}

/// A cause that could be taken for `of`: one that the expert knows and that shares its strongest sign.
fn alike<'a>(world: &'a Line, of: usize, dice: &mut Dice) -> Option<&'a TrueCause> {
    let shows = &world.causes[of].shows;
    let strongest = (0..shows.len()).max_by(|&a, &b| shows[a].total_cmp(&shows[b]))?;
    let like = |(at, cause): &(usize, &TrueCause)| *at != of && cause.known && cause.shows[strongest] > 0.1;
    let found: Vec<&TrueCause> = world
        .causes
        .iter()
        .enumerate()
        .filter(like)
        .map(|(_, cause)| cause)
        .collect();
    (!found.is_empty()).then(|| found[dice.below(found.len())])
}

fn draw_wrong_part(
    world: &Line,
    model: usize,
    causes: &[usize],
    needed: &[usize],
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Option<usize> {
    if needed.is_empty() || !dice.happens(parameters.wrong_part_first) {
        return None;
    }
    let taken_for = alike(world, *causes.first()?, dice)?;
    taken_for.parts[model]
        .iter()
        .copied()
        .find(|part| !needed.contains(part))
}

fn draw_stated(
    world: &Line,
    causes: &[usize],
    parameters: &WorldParameters,
    dice: &mut Dice,
) -> Option<String> {
    let &first = causes.first()?;
    let (stated, wrong, own) = (
        dice.happens(parameters.cause_stated),
        dice.happens(parameters.cause_stated_wrongly),
        dice.happens(parameters.own_words),
    );
    let like = alike(world, first, dice);
    let cause = &world.causes[first];
    match (stated, cause.known) {
        (false, _) => None,
        (true, true) if wrong => like.map(|cause| cause.id.clone()),
        (true, true) => Some(cause.id.clone()),
        (true, false) if own => Some(cause.name.clone()),
        (true, false) => like.map(|cause| cause.id.clone()),
    }
}

impl Ticket {
    fn id(&self) -> anyhow::Result<TicketId> {
        Ok(TicketId::new(&format!("S{:06}", self.number))?)
    }

    /// What the dispatcher asks the engine.
    pub(crate) fn request(&self, world: &Line, dice: &mut Dice) -> anyhow::Result<PredictionRequest> {
        let mut request = PredictionRequest::new(world.bom.product_line.clone());
        request.ticket_id = Some(self.id()?);
        request.model = Some(world.models[self.situation.model].clone());
        request.serial = Some(format!("SN{:08}", self.serial));
        request.region = Some(Region::new(REGIONS[self.situation.region])?);
        request.date = Some(date(self.day));
        request.installed_on = Some(date(self.day - (self.situation.age_years * 365.0) as i32));
        let mut said = Vec::new();
        for (sign, record) in self
            .records
            .iter()
            .enumerate()
            .filter(|(_, record)| **record != Record::Silent)
        {
            let present = *record == Record::Present;
            match &world.signs[sign] {
                Sign::Symptom(_, phrases) if self.in_text[sign] && present && !phrases.is_empty() => {
                    said.push(phrases[dice.below(phrases.len())].clone());
                }
                Sign::Symptom(id, _) => request.symptoms.push(SymptomReport {
                    id: id.clone(),
                    present,
                }),
                Sign::Code(code) => request.fault_codes.push(code.clone()),
            }
        }
        request.text = (!said.is_empty()).then(|| format!("用户反映{}。", said.join("，")));
        Ok(request)
    }

    /// Whether the first visit is enough with these parts.
    pub(crate) fn fixed_by(&self, kit: &[usize]) -> bool {
        !self.botched && self.needed.iter().all(|part| kit.contains(part))
    }

    /// The report of a visit. The dispatcher hands on what the prediction understood.
    pub(crate) fn report(
        &self,
        world: &Line,
        prediction: &Prediction,
        request: &PredictionRequest,
        visit: u32,
        fixed: bool,
    ) -> anyhow::Result<Repair> {
        let used = |parts: &[usize]| -> Vec<PartUsed> {
            let part = |&at: &usize| PartUsed {
                part_number: world.bom.parts[at].part_number.clone(),
                quantity: 1,
            };
            parts.iter().map(part).collect()
        };
        let mut parts = if fixed { self.needed.clone() } else { Vec::new() };
        // A wrong part put in first is still listed where the same visit set it right.
        parts.extend(self.wrong_part.filter(|_| visit == 1));
        Ok(Repair {
            ticket_id: self.id()?,
            visit,
            product_line: request.product_line.clone(),
            model: request.model.clone(),
            serial: request.serial.clone(),
            symptoms: prediction
                .evidence
                .symptoms
                .iter()
                .filter(|s| s.source != EvidenceSource::Linked)
                .map(|s| SymptomReport {
                    id: s.id.clone(),
                    present: s.present,
                })
                .collect(),
            fault_codes: request.fault_codes.clone(),
            parts_used: used(&parts),
            cause: self.stated.clone().filter(|_| fixed),
            text: None,
            fixed,
            region: request.region.clone(),
            date: Some(date(if visit == 1 {
                self.day
            } else {
                self.day + self.second_visit_after
            })),
            installed_on: request.installed_on.clone(),
            predicted_first_time_fix: prediction.uncalibrated_first_time_fix.filter(|_| visit == 1),
        })
    }
}
