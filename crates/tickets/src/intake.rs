//! Free text → structured ticket: every field with the spans of the text that it was read from, and what to ask for next.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use shifu_domain::recognise::{Lexicon, Mention, MentionKind};
use shifu_domain::{FaultCode, ModelNumber, ProductLine, Span, SymptomId};
use utoipa::ToSchema;

use crate::error::TicketError;
use crate::limits::check_note;
use crate::{address, appointment, contact, urgency};

/// A value with the stretches of the text it was read from, in characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidenced<T> {
    /// The value.
    pub value: T,
    /// Where, at least one.
    pub spans: Vec<Span>,
}

/// A symptom that the text claims or denies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntakeSymptom {
    /// Of the fault tree.
    pub id: SymptomId,
    /// `false` when denied ("不漏水").
    pub present: bool,
    /// `true` when supposed or asked ("好像漏水").
    pub uncertain: bool,
    /// Where.
    pub spans: Vec<Span>,
}

/// An address by its pieces; a piece that follows from another ("厦门" → 福建省) carries the other's span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct IntakeAddress {
    /// 省、自治区、直辖市, in full.
    pub province: Option<Evidenced<String>>,
    /// 市
    pub city: Option<Evidenced<String>>,
    /// 区、县
    pub district: Option<Evidenced<String>>,
    /// 路、街道 with the number.
    pub street: Option<Evidenced<String>>,
    /// 小区、栋、单元、室
    pub detail: Option<Evidenced<String>>,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct IntakeContact {
    /// As written ("刘女士").
    pub name: Option<Evidenced<String>>,
    /// Digits only.
    pub phone: Option<Evidenced<String>>,
}

/// When the customer wants the visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntakeAppointment {
    /// As written ("明天下午两点到四点").
    pub text: String,
    /// RFC 3339, in Asia/Shanghai.
    pub start: String,
    /// RFC 3339; `null` for an hour alone or "七点以后".
    pub end: Option<String>,
    /// Where.
    pub spans: Vec<Span>,
}

/// How soon somebody must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// A question, a comfort.
    Low,
    /// The usual case.
    Normal,
    /// Old people, infants, work standing still, a repeated failure, a complaint.
    High,
    /// Danger to people.
    Emergency,
}

/// A field that the text does not give, with what to ask the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingField {
    /// Name of the field.
    pub field: String,
    /// To ask the customer.
    pub question: String,
}

/// What a note says, field by field; absent where it says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StructuredTicket {
    /// Named, or the only one whose words occur.
    pub product_line: Option<Evidenced<ProductLine>>,
    /// A known model when it can be told; else as written.
    pub model: Option<Evidenced<ModelNumber>>,
    /// Codes in the order of the text.
    pub fault_codes: Vec<Evidenced<FaultCode>>,
    /// Symptoms in the order of the text.
    pub symptoms: Vec<IntakeSymptom>,
    /// Where the appliance is.
    pub address: IntakeAddress,
    /// Whom to call.
    pub contact: IntakeContact,
    /// When to come.
    pub appointment: Option<IntakeAppointment>,
    /// How soon; no spans when nothing raises or lowers it.
    pub urgency: Evidenced<Urgency>,
    /// Labels such as 安全, 投诉, 重复报修.
    pub tags: Vec<Evidenced<String>>,
    /// What to ask for.
    pub missing: Vec<MissingField>,
}

/// Reads notes; cheap to clone, safe to share.
#[derive(Clone)]
pub struct IntakeReader {
    lexicon: Arc<Lexicon>,
}

impl IntakeReader {
    /// A reader that knows the operator's words.
    #[must_use]
    pub fn new(lexicon: Arc<Lexicon>) -> Self {
        Self { lexicon }
    }

    /// Reads a note. Times of visit are resolved against `received_at` in Asia/Shanghai; without it no appointment is given,
    /// because this crate reads no clock. Deterministic.
    ///
    /// # Errors
    /// `TicketError` when the note is blank or longer than [`crate::limits::MOST_NOTE_CHARS`].
    pub fn read(&self, text: &str, received_at: Option<Timestamp>) -> Result<StructuredTicket, TicketError> {
        check_note(text)?;
        let mentions = self.lexicon.recognise(text);
        let words = urgency::words(text);
        let received = received_at.map(|at| at.to_zoned(appointment::zone()));
        let mut ticket = StructuredTicket {
            product_line: self.product_line(&mentions),
            model: model(&mentions),
            fault_codes: fault_codes(&mentions),
            symptoms: symptoms(&mentions),
            address: read_address(text),
            contact: read_contact(text),
            appointment: received.and_then(|received| read_appointment(text, &received)),
            urgency: urgency_of(&words),
            tags: words
                .tags
                .into_iter()
                .map(|(tag, spans)| Evidenced {
                    value: tag.to_owned(),
                    spans,
                })
                .collect(),
            missing: Vec::new(),
        };
        ticket.missing = missing(&ticket);
        Ok(ticket)
    }

    /// The product line named first; else the lexicon's only one when any of its own words occurs.
    fn product_line(&self, mentions: &[Mention]) -> Option<Evidenced<ProductLine>> {
        let named = mentions.iter().find_map(|m| match &m.kind {
            MentionKind::ProductLine { product_line } => Some(Evidenced {
                value: product_line.clone(),
                spans: vec![m.span],
            }),
            _ => None,
        });
        named.or_else(|| {
            let mut lines: Vec<&ProductLine> = self
                .lexicon
                .entries()
                .product_lines
                .iter()
                .map(|(line, _)| line)
                .collect();
            lines.dedup();
            let [only] = lines.as_slice() else { return None };
            let own = mentions.iter().find(|m| match &m.kind {
                MentionKind::Symptom { .. } | MentionKind::PartName { .. } => true,
                MentionKind::FaultCode { known, .. } | MentionKind::Part { known, .. } => *known,
                MentionKind::Model { candidates, .. } => !candidates.is_empty(),
                _ => false,
            })?;
            Some(Evidenced {
                value: (*only).clone(),
                spans: vec![own.span],
            })
        })
    }
}

/// The model with the fewest candidates; the single known one stands for what was written.
fn model(mentions: &[Mention]) -> Option<Evidenced<ModelNumber>> {
    mentions
        .iter()
        .filter_map(|m| match &m.kind {
            MentionKind::Model { model, candidates } => {
                let value = if let [only] = candidates.as_slice() {
                    only.clone()
                } else {
                    model.clone()
                };
                let vagueness = if candidates.is_empty() {
                    usize::MAX
                } else {
                    candidates.len()
                };
                Some((
                    vagueness,
                    Evidenced {
                        value,
                        spans: vec![m.span],
                    },
                ))
            }
            _ => None,
        })
        .min_by_key(|(vagueness, _)| *vagueness)
        .map(|(_, model)| model)
}

fn fault_codes(mentions: &[Mention]) -> Vec<Evidenced<FaultCode>> {
    let mut found: Vec<Evidenced<FaultCode>> = Vec::new();
    for mention in mentions {
        if let MentionKind::FaultCode { code, .. } = &mention.kind {
            match found.iter_mut().find(|known| known.value == *code) {
                Some(known) => known.spans.push(mention.span),
                None => found.push(Evidenced {
                    value: code.clone(),
                    spans: vec![mention.span],
                }),
            }
        }
    }
    found
}

/// One entry a symptom: a plain claim or denial outweighs a supposition, the later of two plain ones the earlier.
fn symptoms(mentions: &[Mention]) -> Vec<IntakeSymptom> {
    let mut order = Vec::new();
    let mut found = BTreeMap::<SymptomId, IntakeSymptom>::new();
    for mention in mentions {
        let MentionKind::Symptom {
            id,
            present,
            uncertain,
        } = &mention.kind
        else {
            continue;
        };
        let new = IntakeSymptom {
            id: id.clone(),
            present: *present,
            uncertain: *uncertain,
            spans: vec![mention.span],
        };
        match found.get_mut(id) {
            None => {
                order.push(id.clone());
                found.insert(id.clone(), new);
            }
            Some(known) if known.present == *present && known.uncertain == *uncertain => {
                known.spans.push(mention.span)
            }
            Some(known) if known.uncertain || !uncertain => *known = new,
            Some(_) => {}
        }
    }
    order.iter().filter_map(|id| found.remove(id)).collect()
}

fn read_address(text: &str) -> IntakeAddress {
    let address = address::parse(text).unwrap_or_default();
    let evidenced = |piece: Option<(String, Span)>| {
        piece.map(|(value, span)| Evidenced {
            value,
            spans: vec![span],
        })
    };
    IntakeAddress {
        province: evidenced(address.province),
        city: evidenced(address.city),
        district: evidenced(address.district),
        street: evidenced(address.street),
        detail: evidenced(address.detail),
    }
}

fn read_contact(text: &str) -> IntakeContact {
    let phone = contact::phone(text);
    let name = contact::name(text, phone.as_ref().map(|(_, span)| *span));
    let evidenced = |piece: Option<(String, Span)>| {
        piece.map(|(value, span)| Evidenced {
            value,
            spans: vec![span],
        })
    };
    IntakeContact {
        name: evidenced(name),
        phone: evidenced(phone),
    }
}

fn read_appointment(text: &str, received: &Zoned) -> Option<IntakeAppointment> {
    let (named, start, end) = appointment::of_note(text, received)?;
    let shown = |time: &Zoned| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Some(IntakeAppointment {
        text: named.text,
        start: shown(&start),
        end: end.as_ref().map(shown),
        spans: vec![named.span],
    })
}

fn urgency_of(words: &urgency::Words) -> Evidenced<Urgency> {
    let (value, spans) = if !words.danger.is_empty() {
        (Urgency::Emergency, words.danger.clone())
    } else if !words.pressing.is_empty() {
        (Urgency::High, words.pressing.clone())
    } else if !words.can_wait.is_empty() {
        (Urgency::Low, words.can_wait.clone())
    } else {
        (Urgency::Normal, Vec::new())
    };
    Evidenced { value, spans }
}

fn missing(ticket: &StructuredTicket) -> Vec<MissingField> {
    let wanted: [(bool, &str, &str); 6] = [
        (
            ticket.product_line.is_none(),
            "product_line",
            "请问是哪种电器出了问题？",
        ),
        (ticket.model.is_none(), "model", "请问机身铭牌上的型号是什么？"),
        (
            ticket.symptoms.is_empty() && ticket.fault_codes.is_empty(),
            "symptoms",
            "请问机器有什么现象，屏幕上有没有代码？",
        ),
        (
            ticket.address.street.is_none() && ticket.address.detail.is_none(),
            "address",
            "请问上门的详细地址是哪里？",
        ),
        (ticket.contact.phone.is_none(), "contact", "请问联系电话是多少？"),
        (
            ticket.appointment.is_none(),
            "appointment",
            "请问什么时候方便上门？",
        ),
    ];
    wanted
        .into_iter()
        .filter(|(absent, ..)| *absent)
        .map(|(_, field, question)| MissingField {
            field: field.to_owned(),
            question: question.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shifu_domain::recognise::LexiconEntries;

    use super::*;

    fn reader() -> IntakeReader {
        IntakeReader::new(Arc::new(Lexicon::new(LexiconEntries::default())))
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let ticket = reader().read("你好", None).unwrap();
        let fields: Vec<&str> = ticket.missing.iter().map(|m| m.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "product_line",
                "model",
                "symptoms",
                "address",
                "contact",
                "appointment"
            ]
        );
        assert_eq!(
            ticket.urgency,
            Evidenced {
                value: Urgency::Normal,
                spans: vec![]
            }
        );
    }

    #[test]
    fn times_are_given_in_shanghai() {
        let received: Timestamp = "2025-07-10T20:00:00Z".parse().unwrap(); // already the 11th there
        let ticket = reader().read("明天下午三点", Some(received)).unwrap();
        assert_eq!(
            ticket.appointment.map(|a| a.start).as_deref(),
            Some("2025-07-12T15:00:00+08:00")
        );
        assert_eq!(reader().read("明天下午三点", None).unwrap().appointment, None);
    }

    #[test]
    fn danger_is_an_emergency_and_its_denial_is_not() {
        let urgency = |text: &str| reader().read(text, None).unwrap().urgency.value;
        assert_eq!(urgency("洗衣机漏电，手麻"), Urgency::Emergency);
        assert_eq!(urgency("没有漏电，就是不转"), Urgency::Normal);
        assert_eq!(urgency("家里有婴儿，没热水"), Urgency::High);
        assert_eq!(urgency("咨询一下怎么用"), Urgency::Low);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_note_gives_spans_inside_the_text(text in any::<String>(), at in 0_i64..4_000_000_000) {
            if let Ok(ticket) = reader().read(&text, Timestamp::from_second(at).ok()) {
                let length = text.chars().count();
                let spans = ticket.appointment.iter().flat_map(|a| &a.spans).chain(ticket.contact.phone.iter().flat_map(|p| &p.spans));
                for span in spans {
                    prop_assert!(span.start < span.end && span.end <= length);
                }
            }
        }
    }
}
