//! A year of tickets in a world that is not the expert's: predict → take the kit → visit → report → learn.
//!
//! The world is drawn from the bundled trees ([`WorldParameters`], `world.rs`): causes the expert does not know, links that are wrong,
//! priors that are off, wear, seasons, regions, models and bad batches; agents who miss and mistake symptoms, technicians who put in a wrong part first
//! and do not always state the cause (`year.rs`). Three choose the parts of the same tickets: the rule "most frequent parts", set in
//! hindsight to a first-time fix of 77 %; the engine, which starts with the expert's tree and learns from every report; and an
//! oracle that knows the world. For every ticket the engine and the oracle may spend what the rule's kit costs.

mod cells;
mod dice;
mod oracle;
mod parameters;
mod picture;
mod report;
mod rule;
mod world;
mod year;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use shifu_diagnosis::{Bom, Diagnosis, DiagnosisConfig, FaultTree, KitLimit, Prediction, Repair};
use shifu_domain::Yuan;

use crate::report::Report;
use dice::Dice;
use report::Outcome;
use world::Line;
use year::Ticket;

pub use parameters::WorldParameters;
pub use picture::{learning_curve, reliability_diagram};
pub use report::{CellLoss, Month, ReliabilityBin, Simulated, SimulatedYears, Spread};
pub use world::{Appliance, Distance};

/// Tickets that a cell has seen when its log-loss is measured, and no longer is.
const CELL_TICKETS: std::ops::Range<usize> = 20..40;
/// Evaluations a search for a kit may take. The year of seed 1 has the same first-time fix with ten times as many.
const KIT_EVALUATIONS: usize = 300;

/// Reads `fault-tree.toml` and `bom.toml` of every appliance of a folder such as `datasets`, in the order of their names.
///
/// # Errors
/// A folder or file that cannot be read, or no appliance at all.
pub fn appliances(datasets: &Path) -> Result<Vec<Appliance>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let listed =
        std::fs::read_dir(datasets).with_context(|| format!("cannot list {}", datasets.display()))?;
    let mut folders = listed
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    folders.retain(|folder| folder.join("fault-tree.toml").is_file() && folder.join("bom.toml").is_file());
    folders.sort();
    ensure!(!folders.is_empty(), "no appliance in {}", datasets.display());
    let appliance = |folder: &std::path::PathBuf| {
        let (tree, bom) = (folder.join("fault-tree.toml"), folder.join("bom.toml"));
        Ok(Appliance {
            tree: FaultTree::from_toml(&read(&tree)?, &tree.to_string_lossy())?,
            bom: Bom::from_toml(&read(&bom)?, &bom.to_string_lossy())?,
        })
    };
    folders.iter().map(appliance).collect()
}

/// Runs the task: `years` years, one a seed from `seed` on, of the appliances in a folder. The learning curve and the reliability
/// diagram are written into `pictures` as SVG.
///
/// # Errors
/// As [`appliances`] and [`simulate`]; a picture that cannot be written.
pub fn run(datasets: &Path, seed: u64, years: u64, pictures: Option<&Path>) -> Result<Report> {
    ensure!(
        (1..=1_000).contains(&years),
        "{years} years: 1 to 1000 can be simulated"
    );
    let appliances = appliances(datasets)?;
    let seeds: Vec<u64> = (seed..seed.saturating_add(years)).collect();
    let measured = simulate_years(&appliances, &WorldParameters::default(), &seeds)?;
    if let Some(folder) = pictures {
        let drawn = [
            ("learning-curve.svg", learning_curve(&measured)),
            ("reliability.svg", reliability_diagram(&measured)),
        ];
        for (name, svg) in drawn {
            let path = folder.join(name);
            std::fs::write(&path, svg).with_context(|| path.display().to_string())?;
        }
    }
    Ok(Report::new("simulate", serde_json::to_value(measured)?))
}

/// One year per seed, as many at a time as there are cores; the result does not depend on how many.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_years(
    appliances: &[Appliance],
    parameters: &WorldParameters,
    seeds: &[u64],
) -> Result<SimulatedYears> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let each = seeds.len().div_ceil(cores).max(1);
    let years: Vec<Result<Simulated>> = std::thread::scope(|scope| {
        let run = |seeds: &[u64]| -> Vec<Result<Simulated>> {
            let year = |&seed| simulate(appliances, parameters, seed);
            seeds.iter().map(year).collect()
        };
        let workers: Vec<_> = seeds
            .chunks(each)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        let done = workers.into_iter().map(|worker| worker.join());
        done.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    Ok(SimulatedYears::of(years.into_iter().collect::<Result<_>>()?))
}

/// One year of the world of `seed`.
///
/// # Errors
/// A parts list of more than 128 parts or without models, and whatever the engine refuses.
pub fn simulate(appliances: &[Appliance], parameters: &WorldParameters, seed: u64) -> Result<Simulated> {
    let mut dice = Dice::new(seed, 0);
    let lines = appliances
        .iter()
        .map(|a| Line::draw(a, parameters, &mut dice))
        .collect::<Result<Vec<_>>>()?;
    for line in &lines {
        ensure!(
            line.bom.parts.len() <= 128,
            "{} has more than 128 parts",
            line.bom.product_line
        );
    }
    let tickets = year::draw(&lines, parameters, &mut Dice::new(seed, 1));
    let kits = rule_kits(&lines, &tickets, parameters.rule_first_time_fix);
    let mut engines = Engines::new(&lines, seed)?;
    let mut outcomes = Vec::with_capacity(tickets.len());
    let mut cost = [0.0; 3];
    for (ticket, kit) in tickets.iter().zip(&kits) {
        let line = &lines[ticket.line];
        engines.learn_until(ticket.day)?;
        engines.measure_cell(line, ticket)?;
        let budget: Yuan = kit.iter().map(|&part| line.bom.parts[part].price).sum();
        let (prediction, ours) = engines.visit(line, ticket, budget)?;
        let needs = oracle::needs(line, ticket, parameters);
        let (mask, chance) = oracle::best_kit(line, &needs, budget.fen());
        let oracle: Vec<usize> = (0..line.bom.parts.len())
            .filter(|part| mask & (1 << part) != 0)
            .collect();
        for (sum, kit) in cost.iter_mut().zip([kit, &ours, &oracle]) {
            *sum += kit
                .iter()
                .map(|&part| line.bom.parts[part].price.as_f64())
                .sum::<f64>();
        }
        outcomes.push(Outcome {
            month: year::month(ticket.day),
            rule: ticket.fixed_by(kit),
            ours: ticket.fixed_by(&ours),
            oracle: ticket.fixed_by(&oracle),
            predicted: prediction.first_time_fix.with_kit.value(),
            oracle_predicted: chance,
        });
    }
    Ok(simulated(seed, &lines, &outcomes, cost, engines))
}

fn simulated(
    seed: u64,
    lines: &[Line],
    outcomes: &[Outcome],
    cost: [f64; 3],
    mut engines: Engines,
) -> Simulated {
    let bins = |predicted: &dyn Fn(&Outcome) -> (f64, bool)| {
        report::reliability(&outcomes.iter().map(predicted).collect::<Vec<_>>())
    };
    let reliability = bins(&|o| (o.predicted, o.ours));
    let second_half: Vec<Outcome> = outcomes.iter().copied().filter(|o| o.month >= 6).collect();
    let n = outcomes.len().max(1) as f64;
    engines.took_ms.sort_by(f64::total_cmp);
    let took = &engines.took_ms;
    Simulated {
        seed,
        tickets: outcomes.len(),
        distance: lines
            .iter()
            .map(|line| (line.bom.product_line.to_string(), line.distance))
            .collect(),
        kit_cost: cost.map(|sum| sum / n),
        rule: report::share(outcomes, |o| o.rule),
        ours: report::share(outcomes, |o| o.ours),
        oracle: report::share(outcomes, |o| o.oracle),
        gap_closed: report::gap_closed(outcomes),
        gap_closed_second_half: report::gap_closed(&second_half),
        calibration_error: report::calibration_error(&reliability),
        oracle_calibration_error: report::calibration_error(&bins(&|o| (o.oracle_predicted, o.oracle))),
        reliability,
        months: report::months(outcomes),
        cell_loss: engines.cells.loss(),
        prediction_ms: [
            took.iter().sum::<f64>() / took.len().max(1) as f64,
            took.get(took.len() * 99 / 100).copied().unwrap_or(0.0),
        ],
    }
}

/// The rule's kit for every ticket, each line set to the target by itself.
fn rule_kits(lines: &[Line], tickets: &[Ticket], target: f64) -> Vec<Vec<usize>> {
    let mut kits = vec![Vec::new(); tickets.len()];
    for (at, line) in lines.iter().enumerate() {
        let of_line: Vec<&Ticket> = tickets.iter().filter(|ticket| ticket.line == at).collect();
        let allowance = rule::set_to(line, &of_line, target);
        for (ticket, kit) in of_line.iter().zip(rule::kits(line, &of_line, allowance)) {
            kits[ticket.number] = kit;
        }
    }
    kits
}

/// The engine at work, one per product line, and the reports still to come.
struct Engines {
    diagnoses: Vec<Diagnosis>,
    dice: Dice,
    /// Reports by the day on which they arrive, and the line they are of.
    due: BTreeMap<(i32, usize), (usize, Repair)>,
    cells: cells::Cells,
    took_ms: Vec<f64>,
}

impl Engines {
    fn new(lines: &[Line], seed: u64) -> Result<Self> {
        let config = DiagnosisConfig {
            max_causes: 0,
            max_questions: 0,
            kit_evaluations: KIT_EVALUATIONS,
            ..DiagnosisConfig::default()
        };
        let diagnosis = |line: &Line| Ok(Diagnosis::new(line.expert.clone(), line.bom.clone(), config)?);
        Ok(Self {
            diagnoses: lines.iter().map(diagnosis).collect::<Result<_>>()?,
            dice: Dice::new(seed, 2),
            due: BTreeMap::new(),
            cells: cells::Cells::default(),
            took_ms: Vec::new(),
        })
    }

    /// Takes in the reports that arrive up to `day`.
    fn learn_until(&mut self, day: i32) -> Result<()> {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= day) {
            let (line, repair) = entry.remove();
            self.diagnoses[line].learn(&repair)?;
        }
        Ok(())
    }

    /// Predicts, lets the visit happen, and takes its report in at once; a second visit reports on its day. Returns
    /// the prediction and the positions of the parts taken.
    fn visit(&mut self, line: &Line, ticket: &Ticket, budget: Yuan) -> Result<(Prediction, Vec<usize>)> {
        let mut request = ticket.request(line, &mut self.dice)?;
        request.limit = Some(KitLimit {
            max_cost: Some(budget),
            ..KitLimit::default()
        });
        let diagnosis = &mut self.diagnoses[ticket.line];
        let prediction = diagnosis.predict(&request)?;
        self.took_ms.push(prediction.took_ms);
        let at = |item: &shifu_domain::KitItem| {
            line.bom
                .parts
                .iter()
                .position(|part| part.part_number == item.part_number)
        };
        let kit: Vec<usize> = prediction.kit.iter().filter_map(at).collect();
        let fixed = ticket.fixed_by(&kit);
        let report = |visit, fixed| ticket.report(line, &prediction, &request, visit, fixed);
        diagnosis.learn(&report(1, fixed)?)?;
        if !fixed {
            self.due.insert(
                (ticket.day + ticket.second_visit_after, ticket.number),
                (ticket.line, report(2, true)?),
            );
        }
        Ok((prediction, kit))
    }

    /// Notes the log-loss of the ticket's true cause where its cell has seen enough tickets.
    fn measure_cell(&mut self, line: &Line, ticket: &Ticket) -> Result<()> {
        let cell = cells::Cell::of(ticket);
        if CELL_TICKETS.contains(&self.cells.seen(&cell)) {
            let mut asked = ticket.request(line, &mut Dice::new(0, 0))?;
            asked.serial = None;
            let learnt = self.diagnoses[ticket.line].cause_frequencies(&asked);
            self.cells.measure(line, &cell, ticket, &learnt);
        }
        self.cells.count(cell, line, ticket);
        Ok(())
    }
}
