//! One file a subject; each turns arguments into one call of a verb and its result into [`Output`].

mod backup;
mod demo;
mod diagnosis;
mod eval;
mod fault_tree;
mod inspection;
mod keys;
mod knowledge;
mod models;
mod serve;
mod tickets;

use shifu_domain::{ModelNumber, ProductLine};
use shifu_knowledge::Question;

use crate::args::{Arguments, Bom, Command, FaultTree, Repairs, Standards};
use crate::output::{Failure, Output};
use crate::settings;

/// Runs one command. Commands that serve print as they go and give no output.
pub(crate) fn run(arguments: Arguments) -> Result<Option<Output>, Failure> {
    let config = settings::config(&arguments.global)?;
    let output = match arguments.command {
        Command::Demo { port, once } => return demo::run(port, once, arguments.global.format, config),
        Command::Serve { listen } => return serve::run(listen, config).map(|()| None),
        Command::Models(command) => models::run(&command, &config.models_directory()),
        Command::Knowledge(command) => knowledge::run(command, config),
        Command::Ask {
            question,
            model,
            product_line,
            conversation,
        } => {
            let question = Question {
                question,
                model: knowledge::parsed(model.as_deref(), ModelNumber::new)?,
                product_line: knowledge::parsed(product_line.as_deref(), ProductLine::new)?,
                conversation_id: conversation,
                ..Question::default()
            };
            knowledge::ask(question, config)
        }
        Command::Bom(Bom::Load { file }) => diagnosis::load_bom(&file, config),
        Command::Standards(Standards::Enrol { category, dir }) => inspection::enrol(&category, &dir, config),
        Command::Inspect {
            category,
            ticket,
            photos_meta,
            photo,
        } => inspection::inspect(
            &category,
            ticket.as_deref(),
            photos_meta.as_deref(),
            &photo,
            config,
        ),
        Command::FaultTree(FaultTree::Check { file }) => fault_tree::check(&file),
        Command::FaultTree(FaultTree::Analyze { file, top }) => fault_tree::analyze(&file, top.as_deref()),
        Command::FaultTree(FaultTree::Load { file, product_line }) => {
            diagnosis::load_tree(&file, product_line.as_deref(), config)
        }
        Command::PredictParts(arguments) => diagnosis::predict(&arguments, config),
        Command::Repairs(Repairs::Import { file }) => diagnosis::import_repairs(&file, config),
        Command::Summarize { file, form } => tickets::summarize(&file, &form, config),
        Command::Intake { text, date } => tickets::intake(text, date.as_deref(), config),
        Command::Eval(task) => eval::run(&task, &config),
        Command::Keys(command) => keys::run(command, &config),
        Command::Backup { dir } => backup::write(&dir, &config),
        Command::Restore { dir } => backup::read(&dir, &config),
    };
    output.map(Some)
}
