//! The parts list of a product line: numbers, names, prices, what replaces what and which models a part fits.

use std::collections::BTreeMap;

use serde::Deserialize;
use shifu_domain::{ModelNumber, ModelPattern, PartNumber, ProductLine, Yuan};
use toml::Spanned;

use crate::error::{DiagnoseError, Place};
use crate::text_place::TextFile;
use crate::tree::MAX_NODES;

/// A part that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub part_number: PartNumber,
    /// Its name.
    pub name: String,
    /// Price of one.
    pub price: Yuan,
    /// Older numbers that it replaces.
    pub supersedes: Vec<PartNumber>,
    /// Models that it fits; empty: every model of the product line.
    pub fits: Vec<ModelPattern>,
    /// Where it is defined.
    pub place: Place,
}

impl Part {
    /// Whether the part fits `model`; an unknown model may be any.
    #[must_use]
    pub fn fits(&self, model: Option<&ModelNumber>) -> bool {
        self.fits.is_empty() || model.is_none_or(|m| self.fits.iter().any(|pattern| pattern.matches(m)))
    }
}

/// A parts list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bom {
    /// The appliance it is for.
    pub product_line: ProductLine,
    /// Its version, empty where none is given.
    pub version: String,
    /// Parts in the order of the file.
    pub parts: Vec<Part>,
    by_number: BTreeMap<PartNumber, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BomFile {
    product_line: Spanned<String>,
    #[serde(default, rename = "brand")]
    _brand: Option<String>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    part: Vec<Spanned<PartFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    part_number: Spanned<String>,
    name: String,
    price: Spanned<String>,
    #[serde(default)]
    supersedes: Vec<Spanned<String>>,
    #[serde(default)]
    fits: Vec<Spanned<String>>,
}

impl Bom {
    /// Reads `bom.toml`; `file` is how errors name it.
    ///
    /// # Errors
    /// `Syntax`, `InvalidValue`, `Duplicate` (also for a number superseded twice), `Cycle` (parts superseding each
    /// other) and `TooLarge`, each with file and line.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, DiagnoseError> {
        let source = TextFile::new(file, text)?;
        let read: BomFile = source.toml()?;
        if read.part.len() > MAX_NODES {
            return Err(source.too_large("parts", read.part.len(), MAX_NODES));
        }
        let product_line = source.name("product_line", &read.product_line, ProductLine::new)?;
        let mut bom = Self {
            product_line,
            version: read.version,
            parts: Vec::new(),
            by_number: BTreeMap::new(),
        };
        for entry in read.part {
            bom.add(&source, entry.into_inner())?;
        }
        bom.resolve_supersession()?;
        Ok(bom)
    }

    fn add(&mut self, source: &TextFile<'_>, entry: PartFile) -> Result<(), DiagnoseError> {
        let part_number = source.name("part_number", &entry.part_number, PartNumber::new)?;
        let place = source.place(entry.part_number.span().start);
        if let Some(&first) = self.by_number.get(&part_number) {
            return Err(DiagnoseError::Duplicate {
                place,
                kind: "part",
                name: part_number.to_string(),
                first: self.parts[first].place.clone(),
            });
        }
        let price = source.name("price", &entry.price, str::parse::<Yuan>)?;
        let names = |field, list: &[Spanned<String>]| -> Result<Vec<PartNumber>, DiagnoseError> {
            list.iter()
                .map(|n| source.name(field, n, PartNumber::new))
                .collect()
        };
        let supersedes = names("supersedes", &entry.supersedes)?;
        let fits = entry
            .fits
            .iter()
            .map(|f| source.name("fits", f, ModelPattern::new))
            .collect::<Result<_, _>>()?;
        self.by_number.insert(part_number.clone(), self.parts.len());
        self.parts.push(Part {
            part_number,
            name: entry.name,
            price,
            supersedes,
            fits,
            place,
        });
        Ok(())
    }

    /// Points superseded numbers at their last successor.
    fn resolve_supersession(&mut self) -> Result<(), DiagnoseError> {
        let mut successor: BTreeMap<PartNumber, usize> = BTreeMap::new();
        for (at, part) in self.parts.iter().enumerate() {
            for old in &part.supersedes {
                if let Some(first) = successor.insert(old.clone(), at) {
                    return Err(DiagnoseError::Duplicate {
                        place: part.place.clone(),
                        kind: "superseded part",
                        name: old.to_string(),
                        first: self.parts[first].place.clone(),
                    });
                }
            }
        }
        // Each part's last successor is found once: a chain of n parts costs n steps, not n².
        let mut last: Vec<Option<usize>> = vec![None; self.parts.len()];
        for start in 0..self.parts.len() {
            let mut chain = Vec::new();
            let mut at = start;
            let end = loop {
                if let Some(known) = last[at] {
                    break known;
                }
                chain.push(at);
                match successor.get(&self.parts[at].part_number) {
                    Some(_) if chain.len() > self.parts.len() => return Err(self.cycle(&chain)),
                    Some(&next) => at = next,
                    None => break at,
                }
            };
            chain.into_iter().for_each(|at| last[at] = Some(end));
        }
        for (old, at) in successor {
            self.by_number.insert(old, last[at].unwrap_or(at));
        }
        Ok(())
    }

    /// Parts that supersede each other; the chain is longer than there are parts, so its last one stands in it before.
    fn cycle(&self, chain: &[usize]) -> DiagnoseError {
        let last = chain[chain.len() - 1];
        let first = chain.iter().position(|&at| at == last).unwrap_or(0);
        let number = |at: &usize| self.parts[*at].part_number.to_string();
        let mut path: Vec<String> = chain[first..].iter().take(20).map(number).collect();
        if chain.len() - first > 20 {
            path.extend(["…".to_owned(), number(&last)]);
        }
        DiagnoseError::Cycle {
            place: self.parts[last].place.clone(),
            path,
        }
    }

    /// The part to order for `number`: itself, or its last successor where it is superseded.
    #[must_use]
    pub fn current(&self, number: &PartNumber) -> Option<&Part> {
        self.by_number.get(number).map(|&at| &self.parts[at])
    }

    /// Other numbers that serve instead of `part` on `model`: those that it replaces, directly or through another, then parts of
    /// the same name that fit, cheapest first; of an unknown model it is not known what else fits.
    #[must_use]
    pub fn alternatives(&self, part: &Part, model: Option<&ModelNumber>) -> Vec<PartNumber> {
        let listed = |number: &PartNumber| self.parts.iter().find(|other| other.part_number == *number);
        let is_this = |at: usize| self.parts[at].part_number == part.part_number;
        let mut found = part.supersedes.clone();
        let earlier = self.by_number.iter().filter(|(_, at)| is_this(**at));
        for (number, _) in earlier.filter(|(number, _)| **number != part.part_number) {
            if !found.contains(number) {
                found.push(number.clone());
            }
        }
        found.retain(|number| listed(number).is_none_or(|older| older.fits(model)));
        let mut siblings: Vec<&Part> = self
            .parts
            .iter()
            .filter(|other| other.name == part.name && other.part_number != part.part_number)
            .filter(|other| model.is_some() && other.fits(model) && !found.contains(&other.part_number))
            .collect();
        siblings.sort_by_key(|other| other.price);
        found.extend(siblings.into_iter().map(|other| other.part_number.clone()));
        found
    }

    /// Price of one of `number`; one that is no longer listed costs what its successor does.
    #[must_use]
    pub fn price(&self, number: &PartNumber) -> Option<Yuan> {
        let listed = self.parts.iter().find(|part| part.part_number == *number);
        listed.or_else(|| self.current(number)).map(|part| part.price)
    }
}
