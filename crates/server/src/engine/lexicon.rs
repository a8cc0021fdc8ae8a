//! The words of everything that is loaded: product lines, models, parts, codes, symptoms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use shifu_domain::recognise::{Lexicon, LexiconEntries, common_product_lines};
use shifu_domain::{ModelNumber, ProductLine};

use super::Engine;

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
        // An operator's own lines have no everyday names; they are recognised by their documents.
        let mut lines: BTreeMap<ProductLine, Vec<String>> = common_product_lines().into_iter().collect();
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
