//! Everything that follows from the remembered repairs: expectation maximisation between how often causes occur and how they show.
//!
//! A repair whose stated cause agrees with its parts counts wholly for that cause. Any other is shared between the causes that
//! its parts allow, in proportion to their frequency times the chance of what was recorded (Dempster, Laird & Rubin 1977); one cause
//! per repair is taken, which nearly all have. [`ROUNDS`] rounds from the expert's tree are enough for shares to settle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shifu_domain::ModelNumber;

use super::cells::{Counts, Factors};
use super::links::{Believed, Links, Recorded};
use super::unlisted::{self, Unlisted};
use super::{Calibration, Cells, Memory, Remembered, Shrinkage, Similar, Stated, forget};

const ROUNDS: usize = 3;
/// Repairs that say too little about links, about what silence means and about how seldom causes meet.
const FIRST_REPAIRS: f64 = 30.0;
/// Repairs after those at which silence counts by half.
const SILENCE_REPAIRS: f64 = 40.0;
/// Weight in repairs of the belief that every second repair has a second cause, as independent causes of the expert's would.
const SECOND_CAUSE_REPAIRS: f64 = 20.0;
/// Chances of the parts used given the cause: exactly those of its repair; more; others though it needs none; fewer.
const PARTS: [f64; 4] = [1.0, 0.06, 0.004, 1e-6];
/// Chance that a stated cause which disagrees with the parts is right, and that a certain other one was written down as it.
pub(crate) const STATED: (f64, f64) = (0.3, 0.02);
/// An appliance that comes back with its earlier cause: so many of so many, before any is seen.
const COMES_BACK: (f64, f64) = (1.0, 8.0);

/// What the fit must know of the tree and parts list.
pub(crate) struct Known<'a> {
    /// The expert's probabilities.
    pub(crate) expert: &'a [f64],
    pub(crate) prior_size: f64,
    pub(crate) shrinkage: Shrinkage,
    pub(crate) believed: &'a Believed,
    /// Symptoms come first among the signs.
    pub(crate) symptoms: usize,
    /// Whether each sign may show on a model.
    pub(crate) applies: &'a dyn Fn(usize, Option<&ModelNumber>) -> bool,
    /// Positions of the parts that each event's repair takes on a model.
    pub(crate) needs: &'a dyn Fn(Option<&ModelNumber>) -> Vec<BTreeSet<usize>>,
    /// Whether a part (by position) fits a model.
    pub(crate) fits: &'a dyn Fn(usize, Option<&ModelNumber>) -> bool,
}

/// What repairs have taught.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// Causes that the tree lacks; they are numbered after its events.
    pub(crate) unlisted: Vec<Unlisted>,
    /// Strengths of links and leaks; none with too few repairs.
    pub(crate) links: Option<Links>,
    /// How much silence about a sign counts, 0..=1.
    pub(crate) silence: f64,
    /// The odds of every cause are its frequency's times this: causes meet more seldom than independent ones would. At most 1.
    pub(crate) rarity: f64,
    /// Share of the repairs that had no cause.
    pub(crate) no_cause: f64,
    /// Days after which a repair weighs half; none: repairs do not fade.
    pub(crate) half_life_days: Option<f64>,
    /// Chance that an appliance repaired before has its earlier cause again.
    pub(crate) comes_back: f64,
    /// The likeliest cause of every repair that counts, in the order of tickets and visits.
    pub(crate) likeliest: Vec<u32>,
    /// How foretold chances of a first-time fix compare with what came of them; none with too few outcomes.
    pub(crate) calibration: Option<Calibration>,
    /// Repairs that count, by what they showed.
    pub(crate) similar: Similar,
    /// How many there are.
    pub(crate) repairs: u64,
    frequency: Vec<f64>,
    size: f64,
    factors: Factors,
    by_serial: BTreeMap<String, Vec<(u32, f64)>>,
}

/// One repair while shares are sought.
struct Case<'a> {
    ticket: &'a Arc<str>,
    report: &'a Remembered,
    present: Vec<usize>,
    denied: Vec<usize>,
    /// Causes that are possible, with the chance of parts and statement.
    possible: Vec<(u32, f64)>,
    shares: Vec<(u32, f64)>,
    model: usize,
}

impl Fit {
    /// Learns from everything remembered. Linear in the repairs: about 1 µs each and round, and as long for the links.
    pub(crate) fn new(memory: &Memory, known: &Known<'_>) -> Self {
        let mut models = Models::of(memory, known);
        let unlisted = unlisted::find(memory, &|report| {
            models.needs[models.at(report)].contains(&report.parts)
        });
        models.add(&unlisted, known);
        let causes = known.expert.len() + unlisted.len();
        let mut cases: Vec<Case<'_>> = memory
            .reports
            .iter()
            .filter_map(|((ticket, _), report)| Some((ticket, report.as_ref()?)))
            .map(|(ticket, report)| case(ticket, report, known, &unlisted, &models))
            .collect();
        // "No cause" is numbered last.
        let no_cause = causes as u32;
        let signs = known.believed.leaks.len();
        let mut expert = known.expert.to_vec();
        expert.resize(causes + 1, 0.0);
        let n = cases.len() as f64;
        let (mut links, mut counts) = (
            Links::believed(known.believed, causes + 1),
            Counts::new(causes + 1),
        );
        // What nobody has believed in yet would never get a share.
        counts.repairs = n;
        for (at, cause) in unlisted.iter().enumerate() {
            counts.by_cause[known.expert.len() + at] = cause.reports.len() as f64;
        }
        for round in 0..ROUNDS {
            let frequency = frequency(&counts, &expert, known.prior_size);
            let told = Told::of(&links, models.silent(&links, known));
            for case in &mut cases {
                case.share(&frequency, &told, no_cause);
            }
            counts = Counts::new(causes + 1);
            let mut seen = Recorded::new(causes + 1, signs);
            for case in &cases {
                counts.add(&Cells::default(), 1.0, &case.shares);
                seen.add(&case.shares, &case.present);
            }
            if n > FIRST_REPAIRS || round + 1 < ROUNDS {
                links = Links::learnt(known.believed, &seen);
            }
        }
        let calibration = Calibration::learnt(&memory.outcomes());
        Self {
            calibration,
            ..Self::settled(&cases, known, &models, unlisted, links, &expert)
        }
    }

    fn settled(
        cases: &[Case<'_>],
        known: &Known<'_>,
        models: &Models<'_>,
        unlisted: Vec<Unlisted>,
        mut links: Links,
        expert: &[f64],
    ) -> Self {
        let causes = expert.len() - 1;
        let dated: Vec<(i32, &[(u32, f64)])> = cases
            .iter()
            .filter_map(|case| Some((case.report.day?, case.shares.as_slice())))
            .collect();
        let half_life_days = forget::half_life(&dated, expert, known.prior_size);
        let newest = dated.iter().map(|repair| repair.0).max().unwrap_or(0);
        let mut counts = Counts::new(causes + 1);
        for case in cases {
            counts.add(
                &case.report.cells,
                forget::weight(half_life_days, case.report.day, newest),
                &case.shares,
            );
        }
        let n = cases.len() as f64;
        let more = (n - FIRST_REPAIRS).max(0.0);
        let with_more = cases.iter().filter(|case| case.has_more_parts(models)).count() as f64;
        let second =
            (with_more * more / n.max(1.0) + 0.5 * SECOND_CAUSE_REPAIRS) / (more + SECOND_CAUSE_REPAIRS);
        let mut frequency = frequency(&counts, expert, known.prior_size);
        let no_cause = frequency.pop().unwrap_or(0.0);
        links.shows.truncate(causes);
        let (by_serial, comes_back) = serials(cases);
        let mut similar = Similar::default();
        cases
            .iter()
            .for_each(|case| similar.add(case.ticket, case.report, &case.shares));
        Self {
            similar,
            repairs: cases.len() as u64,
            unlisted,
            links: (more > 0.0).then_some(links),
            silence: more / (more + SILENCE_REPAIRS),
            rarity: (2.0 * second).min(1.0),
            no_cause,
            half_life_days,
            comes_back,
            likeliest: cases.iter().map(Case::likeliest).collect(),
            calibration: None,
            frequency,
            size: known.prior_size,
            factors: counts.factors(known.shrinkage),
            by_serial,
        }
    }

    /// Causes of the last repair of an appliance, with their shares.
    pub(crate) fn earlier(&self, serial: &str) -> &[(u32, f64)] {
        self.by_serial.get(serial).map_or(&[], Vec::as_slice)
    }

    /// A cause's share of all repairs.
    pub(crate) fn share(&self, cause: usize) -> f64 {
        self.frequency[cause]
    }

    /// Beta parameters of every cause's frequency in a situation.
    pub(crate) fn frequencies(&self, cells: &Cells, serial: Option<&str>) -> Vec<(f64, f64)> {
        // The last cause counted is "no cause".
        let (factors, repairs) = self.factors.at(cells, self.frequency.len() + 1);
        let total: f64 = self.frequency.iter().sum();
        let moved: Vec<f64> = self
            .frequency
            .iter()
            .zip(&factors)
            .map(|(f, factor)| f * factor)
            .collect();
        let scale = total / moved.iter().sum::<f64>().max(1e-12);
        let earlier = serial.and_then(|serial| self.by_serial.get(serial));
        let size = self.size + repairs;
        let shape = |(cause, f): (usize, &f64)| {
            let mut mean = (f * scale).min(0.999);
            if let Some(shares) = earlier {
                let same: f64 = shares
                    .iter()
                    .filter(|share| share.0 as usize == cause)
                    .map(|share| share.1)
                    .sum();
                mean = (1.0 - self.comes_back) * mean + self.comes_back * same.min(0.999);
            }
            (mean * size, (1.0 - mean) * size)
        };
        moved.iter().enumerate().map(shape).collect()
    }
}

/// Causes' shares of all repairs, shrunk to the expert's probabilities.
fn frequency(counts: &Counts, expert: &[f64], prior_size: f64) -> Vec<f64> {
    let share = |(k, expert): (&f64, &f64)| (k + prior_size * expert) / (counts.repairs + prior_size);
    counts.by_cause.iter().zip(expert).map(share).collect()
}

/// What is the same for all repairs of a model, computed once.
struct Models<'a> {
    names: Vec<Option<&'a ModelNumber>>,
    /// Parts of every cause's repair, by model.
    needs: Vec<Vec<BTreeSet<usize>>>,
}

impl<'a> Models<'a> {
    fn of(memory: &'a Memory, known: &Known<'_>) -> Self {
        let names: BTreeSet<_> = memory
            .reports
            .values()
            .flatten()
            .map(|report| report.model.as_ref())
            .collect();
        let needs = names.iter().map(|model| (known.needs)(*model)).collect();
        Self {
            names: names.into_iter().collect(),
            needs,
        }
    }

    fn add(&mut self, unlisted: &[Unlisted], known: &Known<'_>) {
        for (model, needs) in self.names.iter().zip(&mut self.needs) {
            let fitting = |cause: &Unlisted| {
                cause
                    .parts
                    .iter()
                    .copied()
                    .filter(|&part| (known.fits)(part, *model))
                    .collect()
            };
            needs.extend(unlisted.iter().map(fitting));
        }
    }

    fn at(&self, report: &Remembered) -> usize {
        self.names.binary_search(&report.model.as_ref()).unwrap_or(0)
    }

    /// For every model and cause ln of the chance that no sign at all is told.
    fn silent(&self, links: &Links, known: &Known<'_>) -> Vec<Vec<f64>> {
        let of = |model: &Option<&ModelNumber>| {
            let applying: Vec<usize> = (0..links.leaks.len())
                .filter(|&sign| (known.applies)(sign, *model))
                .collect();
            let sum = |cause: usize| {
                let told = applying.iter().filter(|&&sign| links.shows[cause][sign] > 0.0);
                told.map(|&sign| links.ln_silent(cause, sign, 1.0)).sum()
            };
            (0..links.shows.len()).map(sum).collect()
        };
        self.names.iter().map(of).collect()
    }
}

/// Logarithms of what each record says of each cause.
struct Told {
    /// Chance that no sign at all is told, by model and cause.
    silent: Vec<Vec<f64>>,
    /// What a sign that is told adds to that, by cause and sign.
    present: Vec<Vec<f64>>,
    /// What a sign that is denied adds, by cause and sign.
    denied: Vec<Vec<f64>>,
    /// Chance of a sign that is told without a cause.
    background: Vec<f64>,
}

impl Told {
    fn of(links: &Links, silent: Vec<Vec<f64>>) -> Self {
        let background: Vec<f64> = links
            .leaks
            .iter()
            .map(|leak| (leak * links.recorded).ln())
            .collect();
        let causes = links.shows.len();
        let (mut present, mut denied) = (
            vec![background.clone(); causes],
            vec![vec![0.0; background.len()]; causes],
        );
        for (cause, shows) in links.shows.iter().enumerate() {
            for (sign, &shown) in shows.iter().enumerate().filter(|(_, shown)| **shown > 0.0) {
                let chance = links.recorded * (shown + (1.0 - shown) * links.leaks[sign]);
                present[cause][sign] = chance.ln() - links.ln_silent(cause, sign, 1.0);
                denied[cause][sign] = (-shown).ln_1p();
            }
        }
        Self {
            silent,
            present,
            denied,
            background,
        }
    }
}

fn case<'a>(
    ticket: &'a Arc<str>,
    report: &'a Remembered,
    known: &Known<'_>,
    unlisted: &[Unlisted],
    models: &Models<'_>,
) -> Case<'a> {
    let model = models.at(report);
    let mut possible = Vec::new();
    for (cause, needs) in models.needs[model].iter().enumerate() {
        let chance = parts_chance(needs, &report.parts) * stated_chance(cause as u32, report);
        if chance > 0.0 {
            possible.push((cause as u32, chance));
        }
    }
    let agrees =
        |event: u32| report.parts.is_empty() || models.needs[model][event as usize].is_subset(&report.parts);
    match &report.stated {
        Stated::Event(event) if agrees(*event) => possible = vec![(*event, 1.0)],
        Stated::Words(words) => {
            let own =
                |cause: &Unlisted| matches!(&cause.mark, super::unlisted::Mark::Words(mark) if mark == words);
            if let Some(at) = unlisted.iter().position(own) {
                possible = vec![((known.expert.len() + at) as u32, 1.0)];
            }
        }
        _ => {}
    }
    let codes = report.code_entries.iter().map(|entry| known.symptoms + entry);
    Case {
        present: report.symptoms.iter().copied().chain(codes).collect(),
        denied: report.denied.clone(),
        possible,
        shares: Vec::new(),
        model,
        ticket,
        report,
    }
}

/// Chance that a repair of a cause that needs these parts uses those.
pub(crate) fn parts_chance(needs: &BTreeSet<usize>, used: &BTreeSet<usize>) -> f64 {
    let [exact, more, others, fewer] = PARTS;
    match (needs == used, needs.is_subset(used), needs.is_empty()) {
        (true, ..) => exact,
        (_, true, false) => more,
        (_, true, true) => others,
        (_, false, _) if used.is_empty() => 0.0,
        _ => fewer,
    }
}

fn stated_chance(cause: u32, report: &Remembered) -> f64 {
    let (right, taken_for) = STATED;
    match &report.stated {
        Stated::Event(event) if *event == cause => right,
        Stated::Event(_) => taken_for,
        Stated::Nothing | Stated::Words(_) => 1.0,
    }
}

impl Case<'_> {
    /// Shares the repair between its possible causes.
    fn share(&mut self, frequency: &[f64], told: &Told, no_cause: u32) {
        if let [(only, _)] = self.possible[..] {
            self.shares = vec![(only, 1.0)];
            return;
        }
        let weight = |&(cause, chance): &(u32, f64)| {
            let c = cause as usize;
            let present: f64 = self.present.iter().map(|&sign| told.present[c][sign]).sum();
            let denied: f64 = self.denied.iter().map(|&sign| told.denied[c][sign]).sum();
            (chance * frequency[c].max(1e-9)).ln() + told.silent[self.model][c] + present + denied
        };
        let mut ln: Vec<(u32, f64)> = self.possible.iter().map(|p| (p.0, weight(p))).collect();
        if self.report.parts.is_empty() && self.report.stated == Stated::Nothing {
            let background: f64 = self.present.iter().map(|&sign| told.background[sign]).sum();
            ln.push((no_cause, (frequency[no_cause as usize] + 0.01).ln() + background));
        }
        let most = ln.iter().map(|l| l.1).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = ln.iter().map(|l| (l.1 - most).exp()).sum();
        let shares = ln.into_iter().map(|(cause, l)| (cause, (l - most).exp() / total));
        self.shares = shares.filter(|share| share.1 > 1e-4).collect();
    }

    /// The cause with the largest share.
    fn likeliest(&self) -> u32 {
        self.shares
            .iter()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(u32::MAX, |share| share.0)
    }

    /// Whether the repair took more than its likeliest cause needs: a second cause, or a wrong part put in first.
    fn has_more_parts(&self, models: &Models<'_>) -> bool {
        let needs = models.needs[self.model].get(self.likeliest() as usize);
        needs.is_some_and(|needs| needs.len() < self.report.parts.len())
    }
}

/// A repair's day and its shares.
type Dated<'a> = (Option<i32>, &'a [(u32, f64)]);

/// The last shares of every appliance, and the chance that an earlier cause is back.
fn serials(cases: &[Case<'_>]) -> (BTreeMap<String, Vec<(u32, f64)>>, f64) {
    let mut by_serial: BTreeMap<&str, Vec<Dated<'_>>> = BTreeMap::new();
    for case in cases {
        if let Some(serial) = &case.report.serial {
            by_serial
                .entry(serial)
                .or_default()
                .push((case.report.day, &case.shares));
        }
    }
    let (mut same, mut pairs) = COMES_BACK;
    let mut last = BTreeMap::new();
    for (serial, mut repairs) in by_serial {
        repairs.sort_by_key(|repair| repair.0);
        for pair in repairs.windows(2) {
            let alike = |a: &(u32, f64)| {
                pair[1]
                    .1
                    .iter()
                    .filter(|b| b.0 == a.0)
                    .map(|b| a.1 * b.1)
                    .sum::<f64>()
            };
            same += pair[0].1.iter().map(alike).sum::<f64>();
            pairs += 1.0;
        }
        if let Some((_, shares)) = repairs.last() {
            last.insert(serial.to_owned(), shares.to_vec());
        }
    }
    (last, same / pairs)
}
