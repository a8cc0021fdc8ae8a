//! Dialogues between customer, agent and technician, and the summary made of one.

use serde::{Deserialize, Serialize};

use crate::names::PartNumber;

/// Who speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// 客户
    Customer,
    /// 客服
    Agent,
    /// 师傅
    Technician,
}

/// One utterance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// Who speaks.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
    /// When, RFC 3339, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A dialogue; lines are counted from 1 everywhere outside this type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Dialogue {
    /// Lines in order.
    pub lines: Vec<Line>,
}

impl Dialogue {
    /// The line at `position`, counted from 1.
    #[must_use]
    pub fn line(&self, position: usize) -> Option<&Line> {
        position.checked_sub(1).and_then(|at| self.lines.get(at))
    }
}

/// Which form a summary takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
    /// What was wanted, done and left open.
    #[default]
    Overall,
    /// 工单摘要
    Ticket,
    /// 故障总结
    Fault,
}

/// A sentence of the summary with the lines that support it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SummaryLine {
    /// The sentence.
    pub text: String,
    /// Positions of the supporting lines, from 1, ascending, at least one.
    pub lines: Vec<usize>,
}

/// A field's value with the lines it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Positions of the supporting lines, from 1, ascending, at least one.
    pub lines: Vec<usize>,
    /// 0..=1.
    pub confidence: f64,
}

/// A part named in a dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartMention {
    /// Its number, where said or known for the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_number: Option<PartNumber>,
    /// Its name as said.
    pub name: String,
    /// How many.
    pub quantity: u32,
}

/// The fields of a summary; absent where the dialogue says nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SummaryFields {
    /// 故障现象
    pub phenomenon: Option<Field<String>>,
    /// 部位
    pub location: Option<Field<String>>,
    /// 原因
    pub cause: Option<Field<String>>,
    /// 处理措施
    pub action: Option<Field<String>>,
    /// 更换配件
    pub parts: Option<Field<Vec<PartMention>>>,
    /// 结果
    pub result: Option<Field<String>>,
    /// 遗留问题
    pub pending: Option<Field<String>>,
    /// 客户诉求
    pub request: Option<Field<String>>,
    /// 保修
    pub warranty: Option<Field<String>>,
    /// 费用
    pub fee: Option<Field<String>>,
    /// 预约
    pub appointment: Option<Field<String>>,
}

/// What one speaker contributed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SummaryByRole {
    /// 客户
    pub customer: Vec<SummaryLine>,
    /// 客服
    pub agent: Vec<SummaryLine>,
    /// 师傅
    pub technician: Vec<SummaryLine>,
}

/// A faithful summary: every sentence and field points at its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    /// Sentences in the order of the dialogue.
    pub summary: Vec<SummaryLine>,
    /// The same by speaker.
    pub by_role: SummaryByRole,
    /// Fields.
    pub fields: SummaryFields,
}
