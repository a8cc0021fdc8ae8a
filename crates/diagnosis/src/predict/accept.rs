//! An accepted change, written into the engineer's own file: what stands there, comments and order stay as they are.

use shifu_domain::{FaultCode, PartNumber, SymptomId};
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value, value,
};

use super::suggestions::{Change, Sign, SuggestedLink};
use crate::error::{DiagnoseError, Place};
use crate::tree::FaultTree;

/// Characters that a name given by an engineer may have.
const MAX_NAME_CHARS: usize = 200;
/// Parts of one cause that an engineer may name.
const MAX_PARTS: usize = 50;

/// What an engineer puts in another way before accepting. `None` leaves it as suggested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Identifier of the new event.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Parts of its repair.
    pub parts: Option<Vec<PartNumber>>,
}

impl Change {
    /// The change as the engineer wants it.
    ///
    /// # Errors
    /// `BadRequest` for a link, which has nothing of its own to name, and for a name or list of parts outside its limits.
    pub fn edited(self, edit: &Edit) -> Result<Self, DiagnoseError> {
        if *edit == Edit::default() {
            return Ok(self);
        }
        let Self::NewCause {
            mut event,
            mut name,
            words,
            probability,
            mut parts,
            shows,
        } = self
        else {
            let field = match edit {
                Edit { id: Some(_), .. } => "id",
                Edit { name: Some(_), .. } => "name",
                _ => "parts",
            };
            return Err(bad(field, "only a new cause can be given another"));
        };
        if let Some(id) = &edit.id {
            event = checked("id", id, 128)?;
        }
        if let Some(other) = &edit.name {
            name = checked("name", other, MAX_NAME_CHARS)?;
        }
        if let Some(other) = &edit.parts {
            if other.len() > MAX_PARTS {
                return Err(bad("parts", format!("use at most {MAX_PARTS}")));
            }
            parts.clone_from(other);
        }
        Ok(Self::NewCause {
            event,
            name,
            words,
            probability,
            parts,
            shows,
        })
    }

    /// What is added to `fault-tree.toml`: an event as it will stand there, links as comments that say where they go.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let (event, links) = self.links();
        let mut text = String::new();
        if let Some(table) = self.event() {
            let mut document = DocumentMut::new();
            document.insert("event", Item::ArrayOfTables([table].into_iter().collect()));
            text = document.to_string().trim_start().to_owned();
        }
        for SuggestedLink { sign, probability } in links {
            let place = match sign {
                Sign::Symptom(id) => format!("[[symptom]] id = \"{id}\""),
                Sign::FaultCode(code) => format!("[[fault_code]] code = \"{code}\""),
            };
            let link = Value::InlineTable(link(event, *probability)).decorated("", "");
            text.push_str(&format!("# {place}: causes += {link}\n"));
        }
        text
    }

    fn links(&self) -> (&str, &[SuggestedLink]) {
        match self {
            Self::NewCause { event, shows, .. } => (event, shows),
            Self::NewLink { event, link } => (event, std::slice::from_ref(link)),
        }
    }

    /// The event to add, where the change has one.
    fn event(&self) -> Option<Table> {
        let Self::NewCause {
            event,
            name,
            words,
            probability,
            parts,
            ..
        } = self
        else {
            return None;
        };
        let mut table = Table::new();
        table.insert("id", value(event));
        table.insert("name", value(name));
        if let Some(words) = words.as_ref().filter(|words| *words != name && *words != event) {
            table.insert("also_called", value(Array::from_iter([words.as_str()])));
        }
        table.insert("probability", value(*probability));
        let part = |number: &PartNumber| {
            InlineTable::from_iter([
                ("part_number", Value::from(number.as_str())),
                ("quantity", Value::from(1)),
            ])
        };
        table.insert("repaired_by", value(parts.iter().map(part).collect::<Array>()));
        Some(table)
    }
}

impl FaultTree {
    /// The text of a `fault-tree.toml` with an accepted change, under the next version, and the tree that it holds now.
    ///
    /// The version counts on: `3` becomes `4`, `2025-03` becomes `2025-03+1` and then `2025-03+2`.
    ///
    /// # Errors
    /// As [`FaultTree::from_toml`] for the text, as [`FaultTree::with_change`] for the change.
    pub fn accept_in_toml(text: &str, file: &str, change: &Change) -> Result<(String, Self), DiagnoseError> {
        let before = Self::from_toml(text, file)?;
        let version = next_version(&before.version);
        before.with_change(change, &version)?;
        let mut document: DocumentMut =
            text.parse()
                .map_err(|error: toml_edit::TomlError| DiagnoseError::Syntax {
                    place: Place {
                        file: file.to_owned(),
                        line: 0,
                    },
                    reason: error.message().to_owned(),
                })?;
        set_version(&mut document, &version);
        if let Some(event) = change.event() {
            push_event(&mut document, event);
        }
        let (event, links) = change.links();
        for link in links {
            push_link(&mut document, event, link);
        }
        let text = document.to_string();
        let after = Self::from_toml(&text, file)?;
        Ok((text, after))
    }
}

fn next_version(version: &str) -> String {
    let (stem, number) = match version.rsplit_once('+') {
        Some((stem, number)) => (format!("{stem}+"), number),
        None => (String::new(), version),
    };
    match number.parse::<u64>() {
        Ok(number) if number.to_string().len() == version.len() - stem.len() => {
            format!("{stem}{}", number.saturating_add(1))
        }
        _ if version.is_empty() => "1".to_owned(),
        _ => format!("{version}+1"),
    }
}

fn set_version(document: &mut DocumentMut, version: &str) {
    match document.get_mut("version").and_then(Item::as_value_mut) {
        Some(there) => {
            let decor = there.decor().clone();
            *there = Value::from(version);
            *there.decor_mut() = decor;
        }
        None => _ = document.insert("version", value(version)),
    }
}

fn push_event(document: &mut DocumentMut, event: Table) {
    let events = document
        .entry("event")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match events {
        Item::ArrayOfTables(list) => list.push(event),
        Item::Value(Value::Array(list)) => push_like_the_last(list, event.into_inline_table()),
        Item::None | Item::Table(_) | Item::Value(_) => {}
    }
}

/// Adds the link to every entry of its sign: a code may have several.
fn push_link(document: &mut DocumentMut, event: &str, suggested: &SuggestedLink) {
    let (list, key) = match &suggested.sign {
        Sign::Symptom(_) => ("symptom", "id"),
        Sign::FaultCode(_) => ("fault_code", "code"),
    };
    let is_meant = |table: &dyn TableLike| {
        let name = table.get(key).and_then(Item::as_str).unwrap_or_default();
        match &suggested.sign {
            Sign::Symptom(id) => SymptomId::new(name).is_ok_and(|name| name == *id),
            Sign::FaultCode(code) => FaultCode::new(name).is_ok_and(|name| name == *code),
        }
    };
    let link = || link(event, suggested.probability);
    match document.get_mut(list) {
        Some(Item::ArrayOfTables(entries)) => entries
            .iter_mut()
            .filter(|entry| is_meant(*entry))
            .for_each(|entry| push_cause(entry, link())),
        Some(Item::Value(Value::Array(entries))) => entries
            .iter_mut()
            .filter_map(Value::as_inline_table_mut)
            .filter(|entry| is_meant(*entry))
            .for_each(|entry| push_cause(entry, link())),
        _ => {}
    }
}

fn push_cause(entry: &mut dyn TableLike, link: InlineTable) {
    match entry.get_mut("causes") {
        Some(Item::ArrayOfTables(causes)) => causes.push(link.into_table()),
        Some(Item::Value(Value::Array(causes))) => push_like_the_last(causes, link),
        _ => _ = entry.insert("causes", value(Array::from_iter([link]))),
    }
}

fn link(event: &str, probability: f64) -> InlineTable {
    InlineTable::from_iter([
        ("input", Value::from(event)),
        ("probability", Value::from(probability)),
    ])
}

/// Adds an element on a line of its own where the others have one; a comment behind the last one stays behind it.
fn push_like_the_last(array: &mut Array, table: InlineTable) {
    let with_comma = array.trailing_comma();
    let behind_comma = array.trailing().as_str().unwrap_or_default().to_owned();
    let Some(last) = array.len().checked_sub(1).and_then(|at| array.get_mut(at)) else {
        array.push(table);
        return;
    };
    let raw = |text: Option<&RawString>| text.and_then(RawString::as_str).unwrap_or_default().to_owned();
    let before = raw(last.decor().prefix());
    let after = if with_comma {
        behind_comma
    } else {
        raw(last.decor().suffix())
    };
    let (comment, end) = after.split_at(after.rfind('\n').unwrap_or(0));
    let prefix = match before.rsplit_once('\n') {
        Some((_, indent)) => format!("{comment}\n{indent}"),
        None if comment.trim().is_empty() => " ".to_owned(),
        None => format!("{comment}\n    "),
    };
    let new = Value::InlineTable(table);
    if with_comma {
        array.push_formatted(new.decorated(prefix, ""));
        array.set_trailing(end);
    } else {
        last.decor_mut().set_suffix("");
        array.push_formatted(new.decorated(prefix, end));
    }
}

fn checked(field: &'static str, text: &str, most: usize) -> Result<String, DiagnoseError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(bad(field, format!("use 1 to {most} printable characters")));
    }
    Ok(text.to_owned())
}

fn bad(field: &'static str, reason: impl Into<String>) -> DiagnoseError {
    DiagnoseError::BadRequest {
        field,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"# 烤箱
product_line = "oven"   # 产品线
version = "2025-03"  # 版本

# 原因
[[event]]
id = "fan"
probability = 0.2 # 经验值

# ---- 门 ----
[[gate]]
id = "no_heat"
type = "or"
inputs = ["fan"]

# ---- 现象 ----
[[symptom]]
id = "cold"
leak = 0.01
causes = [
    # 最常见
    { input = "no_heat", probability = 0.8 }, # 实测
]
[[symptom]]
id = "dark"
leak = 0.01
[[symptom]]
id = "loud"
leak = 0.01
causes = [{ input = "fan", probability = 0.7 }]
[[fault_code]]
code = "E1"
models = ["O1*"]
leak = 0.001
[[fault_code.causes]]
input = "fan"
probability = 0.5
[[fault_code]]
code = "E1"
models = ["O2*"]
leak = 0.001
causes = [
    { input = "fan", probability = 0.4 } # 估计
]
# 完
"#;

    fn shows(sign: Sign, probability: f64) -> SuggestedLink {
        SuggestedLink { sign, probability }
    }

    fn symptom(id: &str) -> Sign {
        Sign::Symptom(SymptomId::new(id).unwrap())
    }

    fn lamp() -> Change {
        Change::NewCause {
            event: "learnt_1".to_owned(),
            name: "灯座烧蚀".to_owned(),
            words: Some("灯座烧蚀".to_owned()),
            probability: 0.05,
            parts: vec![PartNumber::new("LAMP").unwrap()],
            shows: vec![
                shows(symptom("dark"), 0.9),
                shows(symptom("cold"), 0.1),
                shows(symptom("loud"), 0.2),
                shows(Sign::FaultCode(FaultCode::new("E1").unwrap()), 0.3),
            ],
        }
    }

    /// The tree without the lines on which its parts stand.
    fn placeless(mut tree: FaultTree) -> FaultTree {
        tree.events
            .iter_mut()
            .for_each(|one| one.place = Place::default());
        tree.gates.iter_mut().for_each(|one| one.place = Place::default());
        tree.symptoms
            .iter_mut()
            .for_each(|one| one.place = Place::default());
        tree.codes.iter_mut().for_each(|one| one.place = Place::default());
        tree
    }

    fn check(text: &str, change: &Change) -> String {
        let (edited, tree) = FaultTree::accept_in_toml(text, "t", change).unwrap();
        let before = FaultTree::from_toml(text, "t").unwrap();
        let expected = before.with_change(change, &tree.version).unwrap();
        assert_eq!(placeless(tree), placeless(expected), "{edited}");
        edited
    }

    #[test]
    fn every_line_of_the_engineers_file_stays_and_the_new_ones_stand_where_they_belong() {
        let edited = check(TREE, &lamp());
        let changed = [
            "version =",
            "causes = [{ input = \"fan\"",
            "    { input = \"fan\", probability = 0.4 }",
        ];
        for line in TREE
            .lines()
            .filter(|line| !changed.iter().any(|start| line.starts_with(start)))
        {
            assert!(edited.lines().any(|one| one == line), "{line:?} in {edited}");
        }
        let expected = r#"[[event]]
id = "fan"
probability = 0.2 # 经验值

[[event]]
id = "learnt_1"
name = "灯座烧蚀"
probability = 0.05
repaired_by = [{ part_number = "LAMP", quantity = 1 }]

# ---- 门 ----
"#;
        assert!(edited.contains(expected), "{edited}");
        for expected in [
            "version = \"2025-03+1\"  # 版本",
            "    { input = \"no_heat\", probability = 0.8 }, # 实测\n    { input = \"learnt_1\", probability = 0.1 },\n]",
            "causes = [{ input = \"fan\", probability = 0.7 }, { input = \"learnt_1\", probability = 0.2 }]",
            "    { input = \"fan\", probability = 0.4 }, # 估计\n    { input = \"learnt_1\", probability = 0.3 }\n]",
        ] {
            assert!(edited.contains(expected), "{expected} in {edited}");
        }
        assert!(edited.ends_with("# 完\n"));
    }

    #[test]
    fn a_link_is_added_to_a_tree_written_in_one_line() {
        let text = "product_line = \"oven\"\nevent = [{ id = \"fan\", probability = 0.2 }]\n\
                    symptom = [{ id = \"dark\", leak = 0.01, causes = [] }, { id = \"cold\", leak = 0.01 }]\n";
        let link = Change::NewLink {
            event: "fan".to_owned(),
            link: shows(symptom("dark"), 0.5),
        };
        let edited = check(text, &link);
        assert!(
            edited.contains("causes = [{ input = \"fan\", probability = 0.5 }]"),
            "{edited}"
        );
        assert!(edited.contains("version = \"1\""), "{edited}");
        let cause = Change::NewCause {
            event: "lamp".to_owned(),
            name: "灯坏".to_owned(),
            words: None,
            probability: 0.1,
            parts: Vec::new(),
            shows: vec![shows(symptom("cold"), 0.5)],
        };
        check(&edited, &cause);
    }

    #[test]
    fn another_name_keeps_the_words_of_the_reports() {
        let edit = Edit {
            id: Some("lamp_socket".to_owned()),
            name: Some("灯座接触不良".to_owned()),
            parts: Some(Vec::new()),
        };
        let edited = check(TREE, &lamp().edited(&edit).unwrap());
        assert!(edited.contains("also_called = [\"灯座烧蚀\"]"), "{edited}");
        let tree = FaultTree::from_toml(&edited, "t").unwrap();
        assert_eq!(tree.event_called("灯座烧蚀"), tree.event("lamp_socket"));
        assert!(tree.events[1].repaired_by.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let link = Change::NewLink {
            event: "fan".to_owned(),
            link: shows(symptom("dark"), 0.5),
        };
        let edit = |name: &str| Edit {
            name: Some(name.to_owned()),
            ..Edit::default()
        };
        assert!(link.clone().edited(&edit("灯")).is_err());
        assert!(link.edited(&Edit::default()).is_ok());
        assert!(lamp().edited(&edit(" ")).is_err());
        let taken = Edit {
            id: Some("fan".to_owned()),
            ..Edit::default()
        };
        let taken = lamp().edited(&taken).unwrap();
        let error = FaultTree::accept_in_toml(TREE, "t", &taken)
            .unwrap_err()
            .to_string();
        assert!(error.contains("already"), "{error}");
    }

    #[test]
    fn versions_count_on() {
        for (before, after) in [
            ("1", "2"),
            ("9", "10"),
            ("", "1"),
            ("2025-03", "2025-03+1"),
            ("2025-03+1", "2025-03+2"),
            ("2025-03+09", "2025-03+09+1"),
            ("v2", "v2+1"),
            ("007", "007+1"),
        ] {
            assert_eq!(next_version(before), after, "{before}");
        }
    }

    #[test]
    fn the_proposal_is_toml_that_says_where_its_links_go() {
        let text = lamp().to_toml();
        assert!(text.starts_with("[[event]]\nid = \"learnt_1\"\n"), "{text}");
        assert!(text.contains(
            "# [[symptom]] id = \"dark\": causes += { input = \"learnt_1\", probability = 0.9 }\n"
        ));
        assert!(text.parse::<DocumentMut>().is_ok(), "{text}");
    }
}
