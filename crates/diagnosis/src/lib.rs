//! Fault trees: symptoms to causes, kit and next question; learning from repairs.
//!
//! Comes in: a fault tree (`fault-tree.toml` or Open-PSA XML), a parts list (`bom.toml`), what is observed of one appliance,
//! and reported repairs. Goes out: exact posteriors over causes, the parts to send with their chance of a first-time fix,
//! what to ask next and why; for trees alone, probability, minimal cut sets, importance and a picture.
//!
//! Everything is exact inference on binary decision diagrams made here; there is no sampling, no clock and no file access.

mod analyze;
mod bdd;
mod beta;
mod bom;
mod bounds;
mod circuit;
mod cold_start;
mod compile;
mod contract;
mod cut_sets;
mod error;
mod explained;
mod explanation;
mod fussell_vesely;
mod kit;
mod learn;
mod likelihood;
mod link;
mod mef;
mod modules;
mod node_index;
mod observe;
mod order;
mod part;
mod past_repairs;
mod pick_list;
mod picture;
mod predict;
mod quickscore;
mod race;
mod reorder;
mod text_place;
mod tree;
mod tree_toml;

pub use analyze::{Analysis, AnalysisLimits, CutSet, Importance, ProbabilityBounds, ProbableState};
pub use bom::{Bom, Part};
pub use cold_start::ColdStart;
pub use contract::{
    Cause, Certificate, CodeEvidence, DepotPicks, Evidence, EvidenceSource, FirstTimeFix, Ignored, KitLimit,
    Learnt, NextQuestion, PartUsed, PickLine, PlannedVisit, Prediction, PredictionRequest, Repair, SiteCheck,
    Stock, Substitute, SymptomEvidence, SymptomReport, ValueUnit, VanPicks,
};
pub use error::{DiagnoseError, Place};
pub use kit::{FaultParts, PartSets, PartsTaken};
pub use learn::{Drift, Shrinkage};
pub use mef::MefOptions;
pub use past_repairs::{PartChance, PastRepair, PastRepairs};
pub use pick_list::pick_list;
pub use picture::{TreeEdge, TreeGraph, TreeNode};
pub use predict::{
    Change, Diagnosis, DiagnosisConfig, Edit, FirstVisits, FixRate, Grounds, Sign, SuggestedLink, Suggestion,
    lexicon_entries,
};
pub use quickscore::{CausePosteriors, MAX_PRESENT, NoisyOr, NoisySymptom};
pub use tree::{
    CheckCost, Code, Connective, Event, FaultTree, Gate, Housing, Input, Link, MAX_CHECK_MINUTES,
    MAX_FILE_BYTES, MAX_LINKS, MAX_NODES, MAX_OBSERVABLES, Replacement, Symptom, TreeCheck,
};
