//! Every fault code, part number and model of a library as a bare query: what is typed exactly must come first, from a document that
//! is in force and is about the model.
//!
//! A query is right when its first hit holds the name itself. Names that stand in no document a query may use are counted apart: there
//! is nothing to find.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use shifu_domain::recognise::LexiconEntries;
use shifu_domain::text::fold_width;
use shifu_domain::{ModelNumber, ProductLine};
use shifu_knowledge::{DocumentRecord, Library, SearchHit, SearchRequest, document_applies_to};

use crate::metrics;

/// How people write a name, each made from the one in the lists.
const SPELLINGS: [fn(&str) -> String; 4] = [
    str::to_owned,
    str::to_lowercase,
    |name| name.chars().map(full_width).collect(),
    |name| format!("报{name}"),
];
/// Part numbers and models are not "reported" by a display: they come in the first three spellings.
const WRITTEN: usize = 3;

/// What the queries of one library came to.
#[derive(Default)]
pub(crate) struct Exact {
    queries: usize,
    first: usize,
    absent: usize,
    other_model: usize,
    superseded: usize,
    misses: Vec<String>,
}

impl Exact {
    /// Asks for every name of `entries` about one product line; a code for each of the line's models that it applies to.
    pub(crate) fn ask(
        &mut self,
        library: &Library,
        line: &ProductLine,
        models: &[ModelNumber],
        entries: &LexiconEntries,
    ) -> Result<()> {
        for model in models {
            for (code, patterns) in &entries.fault_codes {
                if patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(model)) {
                    self.spell(library, line, Some(model), code.as_str(), SPELLINGS.len())?;
                }
            }
            self.spell(library, line, None, model.as_str(), WRITTEN)?;
        }
        for (part, _) in &entries.parts {
            self.spell(library, line, None, part.as_str(), WRITTEN)?;
        }
        Ok(())
    }

    fn spell(
        &mut self,
        library: &Library,
        line: &ProductLine,
        model: Option<&ModelNumber>,
        name: &str,
        spellings: usize,
    ) -> Result<()> {
        if !stands_somewhere(library, line, model, name)? {
            self.absent += 1;
            return Ok(());
        }
        for spelling in &SPELLINGS[..spellings] {
            let request = SearchRequest {
                query: spelling(name),
                model: model.cloned(),
                product_line: Some(line.clone()),
                top_k: Some(5),
                ..SearchRequest::default()
            };
            let hits = library.search(&request)?.hits;
            self.queries += 1;
            let right = hits.first().is_some_and(|hit| holds(&hit.text, name));
            self.first += usize::from(right);
            if !right {
                let found = hits.first().map_or("nothing", |hit| hit.text.as_str());
                let found: String = found.chars().take(60).collect();
                self.misses.push(format!("{}: {found}", request.query));
            }
            self.other_model += usize::from(hits.iter().any(|hit| about_another(library, hit, line, model)));
            self.superseded += usize::from(hits.iter().any(|hit| is_superseded(library, hit)));
        }
        Ok(())
    }

    /// The fields of the report.
    pub(crate) fn fields(self) -> Value {
        json!({
            "queries": self.queries,
            "hit_at_1": metrics::share(self.first, self.queries),
            "names_in_no_document": self.absent,
            "with_another_model_in_five": self.other_model,
            "with_a_superseded_page_in_five": self.superseded,
            "misses": self.misses.into_iter().map(|miss| json!({ "miss": miss })).collect::<Vec<_>>(),
        })
    }
}

/// Whether another document of the library says that it supersedes `record`.
pub(crate) fn superseded(library: &Library) -> BTreeSet<String> {
    let newer = library.list().into_iter();
    newer
        .filter_map(|record| record.metadata.supersedes.map(|id| id.0))
        .collect()
}

/// Whether a document is about another model or product line than the one asked about.
pub(crate) fn is_about_another(
    record: &DocumentRecord,
    line: Option<&ProductLine>,
    model: Option<&ModelNumber>,
) -> bool {
    line.is_some_and(|line| record.metadata.product_line != *line)
        || model.is_some_and(|model| !document_applies_to(&record.metadata, model))
}

fn is_superseded(library: &Library, hit: &SearchHit) -> bool {
    superseded(library).contains(&hit.document_id.0)
}

fn about_another(
    library: &Library,
    hit: &SearchHit,
    line: &ProductLine,
    model: Option<&ModelNumber>,
) -> bool {
    let record = library.get(&hit.document_id);
    record.is_some_and(|record| is_about_another(&record, Some(line), model))
}

fn stands_somewhere(
    library: &Library,
    line: &ProductLine,
    model: Option<&ModelNumber>,
    name: &str,
) -> Result<bool> {
    let old = superseded(library);
    for record in library.list() {
        if old.contains(&record.document_id.0) || is_about_another(&record, Some(line), model) {
            continue;
        }
        let passages = library.passages(&record.document_id)?;
        if passages.iter().any(|passage| holds(&passage.text, name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `text` holds `name` as a word of its own, whatever its case and width; `E1` does not stand in `E12`.
fn holds(text: &str, name: &str) -> bool {
    let fold = |text: &str| fold_width(text).to_uppercase();
    let (text, name) = (fold(text), fold(name));
    let joins = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(&name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(joins)
            && !text[at + name.len()..].chars().next().is_some_and(joins)
    })
}

fn full_width(c: char) -> char {
    if c.is_ascii_graphic() {
        char::from_u32(c as u32 + 0xfee0).unwrap_or(c)
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_by_itself() {
        assert!(holds("| Ｅ１ | 通讯故障 |", "e1"));
        assert!(holds("更换AC-PCB-201后", "AC-PCB-201"));
        assert!(!holds("E12 排水故障", "E1"));
        assert!(!holds("PE1 过压", "E1"));
    }

    #[test]
    fn full_width_spelling_is_folded_back() {
        let wide: String = "AC-PCB-201".chars().map(full_width).collect();
        assert_eq!(wide, "ＡＣ－ＰＣＢ－２０１");
        assert!(holds(&wide, "AC-PCB-201"));
    }
}
