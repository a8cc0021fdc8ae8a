//! The words of everything that is loaded: product lines, models, parts, codes, symptoms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use shifu_domain::recognise::{Lexicon, LexiconEntries};
use shifu_domain::{ModelNumber, ProductLine};

use super::Engine;

/// What people call the four product lines of the contract; an operator's own are recognised by their documents.
const NAMES: [(&str, &[&str]); 4] = [
    (
        "split_air_conditioner",
        &["分体空调", "挂机空调", "壁挂空调", "变频空调", "空调", "挂机"],
    ),
    ("gas_water_heater", &["燃气热水器", "热水器"]),
    ("drum_washing_machine", &["滚筒洗衣机", "洗衣机"]),
    ("smart_toilet", &["智能马桶", "智能坐便器", "马桶", "坐便器"]),
];

impl Engine {
    /// Reads the words again after documents, parts lists or trees changed, and gives them to the index.
    pub(crate) fn refresh_lexicon(&self) {
        let lexicon = Arc::new(Lexicon::new(self.entries()));
        *self.lexicon.write().unwrap_or_else(PoisonError::into_inner) = lexicon.clone();
        self.library.set_lexicon(lexicon);
    }

    fn entries(&self) -> LexiconEntries {
        let mut entries = LexiconEntries::default();
        let mut models: BTreeSet<ModelNumber> = BTreeSet::new();
        let mut lines: BTreeMap<ProductLine, Vec<String>> = BTreeMap::new();
        for (line, names) in NAMES {
            if let Ok(line) = ProductLine::new(line) {
                lines.insert(line, names.iter().map(|name| (*name).to_owned()).collect());
            }
        }
        for document in self.library.list() {
            models.extend(document.metadata.models.iter().cloned());
            lines.entry(document.metadata.product_line).or_default();
        }
        for (line, model) in self.lines.read().unwrap_or_else(PoisonError::into_inner).iter() {
            lines.entry(line.clone()).or_default();
            model.contribute(&mut entries);
        }
        entries.product_lines = lines.into_iter().collect();
        entries.models = models.into_iter().collect();
        entries
    }
}
