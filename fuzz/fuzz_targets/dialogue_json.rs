//! Dialogues as JSON: counted, read, summarised; and their first line as a note.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use shifu_domain::recognise::{Lexicon, LexiconEntries};
use shifu_domain::{Dialogue, FormKind};
use shifu_tickets::{IntakeReader, Summarizer};

#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/server/src/json_values.rs"]
mod json_values;

fn lexicon() -> Arc<Lexicon> {
    static LEXICON: OnceLock<Arc<Lexicon>> = OnceLock::new();
    LEXICON
        .get_or_init(|| Arc::new(Lexicon::new(LexiconEntries::default())))
        .clone()
}

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    if json_values::count(bytes) > json_values::MOST_VALUES {
        return;
    }
    let Ok(dialogue) = serde_json::from_slice::<Dialogue>(bytes) else {
        return;
    };
    let lines = dialogue.lines.len();
    if let Ok(summary) = Summarizer::new(lexicon()).summarize(&dialogue, FormKind::Overall) {
        let supported = |places: &[usize]| places.iter().all(|place| (1..=lines).contains(place));
        assert!(summary.summary.iter().all(|line| supported(&line.lines)));
    }
    if let Some(line) = dialogue.line(1) {
        let _ = IntakeReader::new(lexicon()).read(&line.text, Some(jiff::Timestamp::UNIX_EPOCH));
    }
});
