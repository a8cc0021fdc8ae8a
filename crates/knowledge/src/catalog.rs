//! Which documents may be cited: retired, replaced and not yet valid ones never, others within the scope asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use shifu_domain::{DocumentId, ModelNumber, ModelPattern, ProductLine};

use crate::api::{DocumentRecord, DocumentState, Scope};
use crate::terms;

/// All documents of the library at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    records: BTreeMap<DocumentId, DocumentRecord>,
}

impl Catalog {
    pub(crate) fn new(records: Vec<DocumentRecord>) -> Self {
        Self {
            records: records
                .into_iter()
                .map(|record| (record.document_id.clone(), record))
                .collect(),
        }
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &DocumentRecord> {
        self.records.values()
    }

    pub(crate) fn get(&self, id: &DocumentId) -> Option<&DocumentRecord> {
        self.records.get(id)
    }

    /// Everything that a document replacing `direct` replaces: `direct` and what that one replaced. Kept with the new record, so
    /// that removing the one in the middle does not bring the oldest back.
    pub(crate) fn replaced_through(&self, direct: Option<&DocumentId>) -> Vec<DocumentId> {
        let mut all = BTreeSet::new();
        let mut next: Vec<DocumentId> = direct.into_iter().cloned().collect();
        while let Some(id) = next.pop() {
            if let Some(record) = self.records.get(&id) {
                next.extend(
                    record
                        .replaces
                        .iter()
                        .filter(|other| !all.contains(*other))
                        .cloned(),
                );
            }
            all.insert(id);
        }
        all.into_iter().collect()
    }

    /// Documents in force on a day: indexed, begun, and not replaced by another one in force.
    fn in_force(&self, on: Date) -> Vec<&DocumentRecord> {
        let begun = |record: &&DocumentRecord| {
            record.state == DocumentState::Indexed
                && record.metadata.effective_date.is_none_or(|date| date <= on)
        };
        let replaced: BTreeSet<&DocumentId> = self
            .records
            .values()
            .filter(begun)
            .flat_map(|record| {
                record
                    .replaces
                    .iter()
                    .filter(move |other| **other != record.document_id)
            })
            .collect();
        self.records
            .values()
            .filter(begun)
            .filter(|record| !replaced.contains(&record.document_id))
            .collect()
    }

    /// Ids that may be cited within `scope`, ascending.
    pub(crate) fn allowed(&self, scope: &Scope, on: Date) -> Vec<DocumentId> {
        self.in_force(on)
            .into_iter()
            .filter(|record| in_scope(record, scope))
            .map(|record| record.document_id.clone())
            .collect()
    }

    /// Whether any document in force lists models, and whether one of them is meant by `canonical`.
    pub(crate) fn names_model(&self, canonical: &str, allowed: &[DocumentId]) -> Vec<ModelNumber> {
        let mut found: BTreeSet<ModelNumber> = BTreeSet::new();
        for record in allowed.iter().filter_map(|id| self.records.get(id)) {
            for model in &record.metadata.models {
                if !model.as_str().contains('*') && terms::canonical(model.as_str()).contains(canonical) {
                    found.insert(model.clone());
                }
            }
        }
        found.into_iter().collect()
    }

    /// Product lines of the given documents.
    pub(crate) fn product_lines(&self, ids: &[DocumentId]) -> BTreeSet<ProductLine> {
        ids.iter()
            .filter_map(|id| self.records.get(id))
            .map(|record| record.metadata.product_line.clone())
            .collect()
    }
}

fn in_scope(record: &DocumentRecord, scope: &Scope) -> bool {
    let metadata = &record.metadata;
    let brand_of = |wanted: &shifu_domain::Brand| metadata.brand.as_ref().is_none_or(|brand| brand == wanted);
    scope
        .product_line
        .as_ref()
        .is_none_or(|line| *line == metadata.product_line)
        && scope.brand.as_ref().is_none_or(brand_of)
        && (scope.visible_brands.is_empty()
            || metadata
                .brand
                .as_ref()
                .is_none_or(|brand| scope.visible_brands.contains(brand)))
        && scope
            .model
            .as_ref()
            .is_none_or(|model| applies_to(&metadata.models, model))
}

/// Whether a document that lists `models` applies to `model`: it lists none, one that matches as a pattern, or one of which
/// `model` is the beginning that people say (`KFR-35`).
pub(crate) fn applies_to(models: &[ModelNumber], model: &ModelNumber) -> bool {
    if models.is_empty() {
        return true;
    }
    let wanted = terms::canonical(model.as_str());
    models.iter().any(|listed| {
        let pattern = ModelPattern::new(listed.as_str()).is_ok_and(|pattern| pattern.matches(model));
        let spelled = terms::canonical(listed.as_str());
        pattern
            || (!spelled.is_empty() && spelled == wanted)
            || (wanted.len() >= 4 && !listed.as_str().contains('*') && begins(&spelled, &wanted))
    })
}

/// `KFR35GWQH1` begins with `KFR35` but not with `KFR3`: a number is never cut.
fn begins(full: &str, start: &str) -> bool {
    full.strip_prefix(start).is_some_and(|rest| {
        !(rest.starts_with(|c: char| c.is_ascii_digit()) && start.ends_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use shifu_domain::DocumentMetadata;

    use super::*;

    fn record(id: &str, supersedes: Option<&str>) -> DocumentRecord {
        DocumentRecord {
            document_id: DocumentId(id.into()),
            metadata: DocumentMetadata {
                title: id.into(),
                product_line: ProductLine::new("split_air_conditioner").unwrap(),
                brand: None,
                models: Vec::new(),
                revision: String::new(),
                effective_date: None,
                supersedes: supersedes.map(|id| DocumentId(id.into())),
            },
            state: DocumentState::Indexed,
            pages: 1,
            passages: 1,
            skipped: Vec::new(),
            ocr_pages: Vec::new(),
            file_name: String::new(),
            sha256: String::new(),
            replaces: supersedes.map(|id| DocumentId(id.into())).into_iter().collect(),
        }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn ids(catalog: &Catalog, on: &str) -> Vec<String> {
        catalog
            .allowed(&Scope::default(), day(on))
            .into_iter()
            .map(|id| id.0)
            .collect()
    }

    #[test]
    fn the_newer_one_takes_over_on_its_day() {
        let mut new = record("new", Some("old"));
        new.metadata.effective_date = Some(day("2025-03-01"));
        let catalog = Catalog::new(vec![record("old", None), new]);
        assert_eq!(ids(&catalog, "2025-02-28"), ["old"]);
        assert_eq!(ids(&catalog, "2025-03-01"), ["new"]);
    }

    #[test]
    fn retiring_the_newer_one_brings_the_older_back() {
        let mut new = record("new", Some("old"));
        new.state = DocumentState::Retired;
        assert_eq!(
            ids(&Catalog::new(vec![record("old", None), new]), "2025-03-01"),
            ["old"]
        );
    }

    #[test]
    fn a_chain_replaces_all_before_even_without_its_middle() {
        let catalog = Catalog::new(vec![record("a", None), record("b", Some("a"))]);
        let through = catalog.replaced_through(Some(&DocumentId("b".into())));
        let mut c = record("c", Some("b"));
        c.replaces = through;
        assert_eq!(
            ids(&Catalog::new(vec![record("a", None), c]), "2025-01-01"),
            ["c"]
        );
    }

    #[test]
    fn models_match_by_pattern_spelling_and_beginning() {
        let model = |text: &str| ModelNumber::new(text).unwrap();
        let check = |listed: &str, asked: &str, expected: bool| {
            assert_eq!(
                applies_to(&[model(listed)], &model(asked)),
                expected,
                "{listed} {asked}"
            )
        };
        check("KFR-35GW/QH1", "kfr-35gw/qh1", true);
        check("KFR-35GW/QH1", "KFR 35GW QH1", true);
        check("KFR-35GW/QH1", "KFR-35", true);
        check("KFR-35*", "KFR-35GW/QH1", true);
        check("KFR-35GW/QH1", "KFR-3", false);
        check("KFR-350GW", "KFR-35", false);
        check("KFR-26GW/QH1", "KFR-35GW/QH1", false);
        assert!(applies_to(&[], &model("ANY-1")));
    }
}
