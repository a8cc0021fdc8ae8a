//! What the simulated world is like, in numbers. Shares and chances are 0..=1.

use serde::{Deserialize, Serialize};

/// Every number of the world that is not drawn. The bundled trees give the names; what is true of them is drawn from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldParameters {
    /// Tickets of the year, over all product lines.
    pub tickets: usize,
    /// Share of the true causes that the expert's tree does not have.
    pub causes_missing: f64,
    /// Share of the expert's links whose true strength is another: odds times or divided by `strength_factor`.
    pub links_of_wrong_strength: f64,
    /// Share of the expert's links that do not exist.
    pub links_spurious: f64,
    /// True links that the expert does not have, as a share of those he has.
    pub links_missing: f64,
    /// Least and greatest factor by which the odds of a wrong strength are off.
    pub strength_factor: (f64, f64),
    /// Greatest factor between an expert's prior or leak and the true one, either way.
    pub prior_factor: f64,
    /// Share of the causes that one model has more or less often, and by which factor at most.
    pub model_lift: (f64, f64),
    /// Share of the causes that depend on the region, and by which factor at most.
    pub region_lift: (f64, f64),
    /// Share of the causes that have a season, and by which factor at most in it.
    pub season_lift: (f64, f64),
    /// Range of the Weibull shape by which causes wear: the weight is (age / 4 years)^(shape − 1).
    pub wear_shape: (f64, f64),
    /// Causes of a product line of which a bad batch of one model fails from some month on, and how much more often.
    pub bad_batches: (usize, f64),
    /// Mean age of an appliance in years; ages are exponential, at most 12.
    pub mean_age_years: f64,
    /// Share of the tickets that have no cause at all: misuse, or a fault that cannot be found.
    pub no_fault: f64,
    /// Share of the others that have a second, independent cause.
    pub second_cause: f64,
    /// Share of the tickets about an appliance repaired before in the year.
    pub comes_back: f64,
    /// Share of those where the first cause is back.
    pub same_again: f64,
    /// Chance that a symptom which shows is recorded without being asked for.
    pub symptom_recorded: f64,
    /// Wrong symptoms recorded per ticket.
    pub wrong_symptoms: f64,
    /// Chance that the agent asks about a symptom that was not told.
    pub asked: f64,
    /// Chance that a symptom which shows is denied when asked for.
    pub denied_wrongly: f64,
    /// Chance that a fault code which shows is recorded.
    pub code_recorded: f64,
    /// Wrong fault codes recorded per ticket.
    pub wrong_codes: f64,
    /// Share of the recorded symptoms that stand in the text only.
    pub in_text_only: f64,
    /// Chance that the technician puts in a wrong part first, where parts are needed.
    pub wrong_part_first: f64,
    /// Share of those visits that fail for it, whatever the kit.
    pub wrong_part_fails: f64,
    /// Share of the repairs whose report states the cause.
    pub cause_stated: f64,
    /// Share of the stated causes that are wrong: another cause with a symptom in common.
    pub cause_stated_wrongly: f64,
    /// Share of the stated causes missing in the tree that are written in the technician's own words; the others are given as
    /// the cause of the tree that looks most alike.
    pub own_words: f64,
    /// Least and greatest number of days between a failed visit and the second.
    pub second_visit_days: (i32, i32),
    /// What the rule's first-time fix over the year is set to.
    pub rule_first_time_fix: f64,
}

impl Default for WorldParameters {
    fn default() -> Self {
        Self {
            tickets: 6_000,
            causes_missing: 0.18,
            links_of_wrong_strength: 0.15,
            links_spurious: 0.06,
            links_missing: 0.10,
            strength_factor: (2.5, 6.0),
            prior_factor: 3.0,
            model_lift: (0.3, 3.0),
            region_lift: (0.4, 2.5),
            season_lift: (0.4, 3.0),
            wear_shape: (0.6, 2.5),
            bad_batches: (2, 5.0),
            mean_age_years: 4.0,
            no_fault: 0.04,
            second_cause: 0.05,
            comes_back: 0.06,
            same_again: 0.3,
            symptom_recorded: 0.8,
            wrong_symptoms: 0.04,
            asked: 0.03,
            denied_wrongly: 0.1,
            code_recorded: 0.75,
            wrong_codes: 0.005,
            in_text_only: 0.25,
            wrong_part_first: 0.08,
            wrong_part_fails: 0.4,
            cause_stated: 0.65,
            cause_stated_wrongly: 0.03,
            own_words: 0.6,
            second_visit_days: (2, 7),
            rule_first_time_fix: 0.77,
        }
    }
}
