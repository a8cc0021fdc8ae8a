//! The figures that cited passages refer to: `见图 3-2` → the page where `图 3-2` stands, as a picture.

use std::sync::OnceLock;

use regex::Regex;
use shifu_domain::{Citation, DocumentId, Passage};

use crate::api::Figure;
use crate::error::KnowledgeError;
use crate::library::Library;

/// Figures of one answer.
const MOST: usize = 10;
/// A document with more passages is not searched for captions: the figure is then on the page that refers to it.
const MOST_PASSAGES: u32 = 5_000;

impl Library {
    /// The figures that the citations refer to, each once, in the order in which they are named.
    pub(super) fn figures(&self, citations: &[Citation]) -> Result<Vec<Figure>, KnowledgeError> {
        let mut found: Vec<Figure> = Vec::new();
        for citation in citations {
            for name in names(&citation.quote) {
                let known = found
                    .iter()
                    .any(|figure| figure.document_id == citation.document_id && same(&figure.figure, &name));
                if !known && found.len() < MOST {
                    found.push(self.figure(name, citation)?);
                }
            }
        }
        Ok(found)
    }

    fn figure(&self, name: String, citation: &Citation) -> Result<Figure, KnowledgeError> {
        let id = &citation.document_id;
        let record = self.get(id);
        let searched = record
            .as_ref()
            .is_some_and(|record| record.passages <= MOST_PASSAGES);
        let passages = if searched { self.passages(id)? } else { Vec::new() };
        let line = passages
            .iter()
            .find_map(|passage| Some((passage, caption(passage, &name)?)));
        let (page, passage_id) = match &line {
            Some((passage, _)) => (passage.page, passage.passage_id.clone()),
            None => (citation.page, citation.passage_id.clone()),
        };
        let drawn = record.is_some_and(|record| record.file_name.to_lowercase().ends_with(".pdf"));
        let DocumentId(document) = id;
        Ok(Figure {
            figure: name,
            caption: line.map(|(_, caption)| caption).unwrap_or_default(),
            document_id: id.clone(),
            page,
            image: drawn.then(|| {
                format!(
                    "/v1/documents/{document}/pages/{page}.png?passage={}",
                    passage_id.0
                )
            }),
        })
    }
}

/// The line of a passage that begins with the figure's name and says more than it.
fn caption(passage: &Passage, name: &str) -> Option<String> {
    let lines = passage.text.lines().map(str::trim);
    lines
        .filter(|line| names(line).first().is_some_and(|first| same(first, name)))
        .find(|line| {
            let rest = squeezed(line);
            let rest = rest.strip_prefix(&squeezed(name));
            rest.is_some_and(|rest| rest.chars().any(char::is_alphabetic))
        })
        .map(str::to_owned)
}

fn same(one: &str, other: &str) -> bool {
    squeezed(one) == squeezed(other)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<String>().to_lowercase()
}

/// Figures that a text refers to: 图 3-2, Figura 4.
fn names(text: &str) -> Vec<String> {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    let regex = REGEX.get_or_init(|| {
        Regex::new(r"图\s?\d+(?:[-–.]\d+)*|[Ff]ig(?:ura|ure|\.)\s?\d+(?:[-.]\d+)*")
            .unwrap_or_else(|_| unreachable!("constant"))
    });
    regex.find_iter(text).map(|hit| hit.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use shifu_domain::{DocumentMetadata, ProductLine};

    use super::*;
    use crate::{DocumentUpload, Question};

    #[test]
    fn a_figure_is_where_its_caption_stands() {
        let library = Library::in_memory().unwrap();
        let text = "# 安装手册\n\n<!-- page 1 -->\n\n## 固定支架\n\n外机支架用四个膨胀螺栓固定，孔位见图 2。\n\n\
                    <!-- page 2 -->\n\n图 2 外机支架孔位\n\n图 21 排水管走向\n";
        let upload = DocumentUpload {
            bytes: text.into(),
            file_name: "install.md".into(),
            metadata: DocumentMetadata {
                title: "安装手册".into(),
                product_line: ProductLine::new("split_air_conditioner").unwrap(),
                brand: None,
                models: Vec::new(),
                revision: String::new(),
                effective_date: None,
                supersedes: None,
            },
            document_id: DocumentId("d1".into()),
        };
        library.add(&upload, &mut |_| {}).unwrap();
        let question = Question {
            question: "外机支架用几个膨胀螺栓固定".into(),
            ..Question::default()
        };
        let reply = library.answer(&question).unwrap().reply;
        let expected = Figure {
            figure: "图 2".into(),
            caption: "图 2 外机支架孔位".into(),
            document_id: DocumentId("d1".into()),
            page: 2,
            image: None,
        };
        assert_eq!(reply.figures, [expected], "{reply:?}");
    }

    #[test]
    fn a_mention_is_no_caption() {
        assert_eq!(names("孔位见图 3-2，接线见 Fig. 4"), ["图 3-2", "Fig. 4"]);
        assert!(same("图3-2", "图 3-2"));
        assert!(!same("图 3", "图 3-2"));
    }
}
