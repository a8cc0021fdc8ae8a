//! The command line as types. Names and meanings follow the contract; everything is checked here, before anything runs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// 师傅：家电售后服务智能引擎（本地部署）。An on-premise service intelligence engine for home-appliance after-sales service.
#[derive(Debug, Parser)]
#[command(name = "shifu", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// `json`: one document on stdout and nothing else; logs go to stderr.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Data directory: records, index, photos and models [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where models are kept, where not in the data directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// More log lines; twice for all.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Loads the bundled appliance, runs the five flows, prints what they found, then serves the console.
    Demo {
        /// Port of the console on 127.0.0.1.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Exit instead of serving.
        #[arg(long)]
        once: bool,
    },
    /// Serves the HTTP API and the console.
    Serve {
        /// Address and port to listen on.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Models: list, install, verify.
    #[command(subcommand)]
    Models(Models),
    /// Manuals: add, list, retire, remove, search.
    #[command(subcommand)]
    Knowledge(Knowledge),
    /// Asks the manuals.
    Ask {
        question: String,
        #[arg(long)]
        model: Option<String>,
        #[arg(long)]
        product_line: Option<String>,
        /// Carries model and code on to the next question of the same conversation.
        #[arg(long, value_name = "ID")]
        conversation: Option<String>,
    },
    /// Bills of materials.
    #[command(subcommand)]
    Bom(Bom),
    /// Installation standards.
    #[command(subcommand)]
    Standards(Standards),
    /// Inspects the photos of one installation.
    Inspect {
        #[arg(long)]
        category: String,
        /// The ticket as JSON, as in POST /v1/inspections.
        #[arg(long, value_name = "FILE")]
        ticket: Option<PathBuf>,
        /// What is known of each photo as JSON: [{file, checkpoint?, captured_at?, location?, source}].
        #[arg(long, value_name = "FILE")]
        photos_meta: Option<PathBuf>,
        #[arg(required = true)]
        photo: Vec<PathBuf>,
    },
    /// Fault trees: check, analyse.
    #[command(subcommand)]
    FaultTree(FaultTree),
    /// Predicts causes and the parts to send.
    PredictParts(PredictParts),
    /// Repairs, from which predictions learn.
    #[command(subcommand)]
    Repairs(Repairs),
    /// Summarises a dialogue.
    Summarize {
        /// A dialogue as JSON.
        file: PathBuf,
        /// overall, ticket or fault.
        #[arg(long, default_value = "overall")]
        form: String,
    },
    /// Turns free text into a structured ticket.
    Intake {
        text: String,
        /// When it was received: an RFC 3339 time or a date; "tomorrow" is counted from here.
        #[arg(long)]
        date: Option<String>,
    },
    /// Measures quality and latency on a data set.
    #[command(subcommand)]
    Eval(Eval),
    /// API keys: create, list, revoke.
    #[command(subcommand)]
    Keys(Keys),
    /// Writes everything of a data directory into a new folder; the server may run meanwhile.
    Backup { dir: PathBuf },
    /// Puts a backup into an empty data directory (--data), and the database of the configuration where it names one.
    Restore { dir: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Lists the models of the manifest and which are installed.
    List,
    /// Installs models (all the default ones where none is named).
    Install {
        name: Vec<String>,
        /// Take wheels or files from this folder instead of the network.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Checks the checksums of installed models.
    Verify,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Knowledge {
    /// Adds manuals: PDF, DOCX, XLSX, HTML, Markdown, TXT; a folder adds every manual in it.
    Add {
        #[arg(required = true)]
        path: Vec<PathBuf>,
        #[arg(long)]
        product_line: Option<String>,
        #[arg(long, value_delimiter = ',', value_name = "A,B")]
        models: Vec<String>,
        #[arg(long)]
        brand: Option<String>,
        /// Title as cited (default: the file's name).
        #[arg(long)]
        title: Option<String>,
        #[arg(long)]
        revision: Option<String>,
        #[arg(long, value_name = "DATE")]
        effective: Option<String>,
        /// The document that this one replaces.
        #[arg(long, value_name = "ID")]
        supersedes: Option<String>,
    },
    /// Lists documents.
    List,
    /// Keeps a document but no longer answers from it.
    Retire { id: String },
    /// Removes a document.
    Remove { id: String },
    /// Searches passages.
    Search {
        query: String,
        #[arg(long)]
        model: Option<String>,
        #[arg(long)]
        product_line: Option<String>,
        #[arg(long, default_value_t = 5, value_name = "N")]
        top_k: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bom {
    /// Loads a bill of materials.
    Load { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Standards {
    /// Enrols `DIR/CHECKPOINT/good/*.jpg` and `DIR/CHECKPOINT/VIOLATION/*.jpg`, with `DIR/standard.toml`.
    Enrol { category: String, dir: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FaultTree {
    /// Checks files: TOML or Open-PSA MEF XML; files joined by + are one model.
    Check {
        #[arg(required = true)]
        file: Vec<String>,
    },
    /// Probability, minimal cut sets, importance.
    Analyze {
        #[arg(required = true)]
        file: Vec<String>,
        /// The gate to analyse (default: the tree's own top).
        #[arg(long, value_name = "GATE")]
        top: Option<String>,
    },
    /// Loads a tree for its product line (TOML, or XML with --product-line).
    Load {
        file: PathBuf,
        #[arg(long)]
        product_line: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PredictParts {
    #[arg(long)]
    pub(crate) product_line: String,
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// A symptom that is present (repeat).
    #[arg(long, value_name = "ID")]
    pub(crate) symptom: Vec<String>,
    /// A symptom that is absent (repeat).
    #[arg(long, value_name = "ID")]
    pub(crate) absent: Vec<String>,
    #[arg(long, value_name = "C")]
    pub(crate) fault_code: Vec<String>,
    /// The ticket in the customer's words.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// GB/T 2260 code.
    #[arg(long)]
    pub(crate) region: Option<String>,
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Most that the kit may cost, yuan.
    #[arg(long, value_name = "N")]
    pub(crate) max_cost: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Repairs {
    /// Imports repairs, JSON lines or CSV; a bad row is reported beside the good ones.
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Creates a key and shows it once.
    Create {
        #[arg(long)]
        role: String,
        #[arg(long)]
        name: Option<String>,
    },
    /// Lists keys, without the secret.
    List,
    /// Revokes a key.
    Revoke { id: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Leg {
    /// Words and bigrams.
    Lexical,
    /// Vectors of an installed encoder.
    Dense,
    /// Both.
    Hybrid,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Ranking over a BEIR folder: corpus.jsonl, queries.jsonl, qrels.tsv.
    Retrieval {
        dir: PathBuf,
        #[arg(long, value_enum, default_value_t = Leg::Lexical)]
        leg: Leg,
    },
    /// Whether one quoted sentence holds the answer, over a SQuAD file.
    Quotes { file: PathBuf },
    /// Answers and refusals over {question, documents, answers, answerable} rows.
    Answers { file: PathBuf },
    /// Bundled-style questions over the manuals of an appliance folder: documents.toml and questions files.
    Questions {
        dir: PathBuf,
        /// Which questions file: dev or test.
        #[arg(long, default_value = "test")]
        split: String,
        /// Another appliance folder whose manuals the library holds too; may be repeated.
        #[arg(long, value_name = "DIR")]
        beside: Vec<PathBuf>,
        /// Where to write a line of JSON for every question: its candidates, and which of them are right.
        #[arg(long, value_name = "FILE")]
        rows: Option<PathBuf>,
    },
    /// Difference from good photos over an MVTec-style folder.
    Inspection {
        dir: PathBuf,
        /// Good photos to enrol (default: all of train/good).
        #[arg(long)]
        shots: Option<usize>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Recognising which class a photo shows from N enrolled photos a class.
    Shots {
        dir: PathBuf,
        #[arg(long, default_value_t = 5)]
        shots: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Text read in photos over {image, expect, hint?} rows.
    Ocr { file: PathBuf },
    /// Near copies found among photos, by edit.
    Duplicates { dir: PathBuf },
    /// Probability and minimal cut sets of fault trees; A+B is one model.
    FaultTrees {
        #[arg(required = true)]
        file: Vec<String>,
    },
    /// Spare parts from past repairs over {id, text, parts} rows: learnt from one file, measured on another.
    Parts {
        train: PathBuf,
        test: PathBuf,
        /// Also list the likeliest parts of every row.
        #[arg(long)]
        rows: bool,
    },
    /// Kits for generated instances of 200 parts and 500 faults: gap, proof and time.
    Kits {
        seed: u64,
        /// Instances, one a seed from SEED on.
        #[arg(long, value_name = "N", default_value_t = 100)]
        count: u64,
        /// Also give the instances and the kits.
        #[arg(long)]
        rows: bool,
    },
    /// A year of tickets in a generated world: first-time fix of a rule, ours and an oracle, calibration, learning curve.
    Simulate {
        seed: u64,
        /// Years, one a seed from SEED on.
        #[arg(long, value_name = "N", default_value_t = 1)]
        years: u64,
        /// Appliances that the world is drawn from [default: the bundled ones].
        #[arg(long, value_name = "DIR")]
        datasets: Option<PathBuf>,
        /// Where to write the learning curve and the reliability diagram.
        #[arg(long, value_name = "DIR")]
        pictures: Option<PathBuf>,
    },
    /// ROUGE of summaries over {dialogue, reference, reference_by_role?} rows.
    Summaries { file: PathBuf },
    /// Precision, recall and F1 of the fields of summaries.
    Fields { file: PathBuf },
    /// Precision, recall and F1 of structured tickets.
    Intake { file: PathBuf },
    /// The mixed load of a working day on a running server: latencies, errors, memory.
    Load(Load),
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The server, such as http://127.0.0.1:8080.
    pub(crate) url: String,
    /// Folder of photos, subfolders included; every photo sent is a variation of one of them.
    #[arg(long, value_name = "DIR")]
    pub(crate) photo_dir: PathBuf,
    /// Photos to send, six an inspection.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) photos: usize,
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) predictions: usize,
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) summaries: usize,
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) questions: usize,
    /// An admin key of the server [default: the environment's SHIFU_KEY].
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<String>,
    /// Clients at once.
    #[arg(long, value_name = "C", default_value_t = 4)]
    pub(crate) concurrency: usize,
    /// Calls a second to offer, accepted or not; without it each client sends its next call when the last was answered.
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<f64>,
    /// Begin no call after so many seconds.
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// Sample the resident memory of this process: the server, when it runs here.
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// The standard that photos are inspected by.
    #[arg(long, value_name = "C", default_value = "split_air_conditioner_install")]
    pub(crate) category: String,
    /// Data sets that tickets, dialogues and questions are drawn from [default: the bundled ones].
    #[arg(long, value_name = "DIR")]
    pub(crate) datasets: Option<PathBuf>,
    /// Prepare at most so many photos and send them again beyond [default: all different].
    #[arg(long, value_name = "N")]
    pub(crate) distinct_photos: Option<usize>,
    /// Decides order, photos and ticket numbers [default: the clock].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Also send to an address that is not of this machine.
    #[arg(long)]
    pub(crate) anywhere: bool,
}
