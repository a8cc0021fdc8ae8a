//! Why a dialogue or a note is not taken.

/// A refused dialogue or note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No line, or only blank ones.
    #[error("the dialogue has no text: send at least one line that is not blank")]
    EmptyDialogue,
    /// More lines than are taken.
    #[error("the dialogue has {actual} lines, at most {max} are taken: split it")]
    TooManyLines {
        /// Lines sent.
        actual: usize,
        /// Lines taken.
        max: usize,
    },
    /// One line is too long.
    #[error("line {line} has {actual} characters, at most {max} are taken: split it")]
    LineTooLong {
        /// Its position from 1.
        line: usize,
        /// Its characters.
        actual: usize,
        /// Characters taken.
        max: usize,
    },
    /// All lines together are too long.
    #[error("the dialogue has {actual} characters, at most {max} are taken: split it")]
    DialogueTooLong {
        /// Characters sent.
        actual: usize,
        /// Characters taken.
        max: usize,
    },
    /// A blank note.
    #[error("the text is blank: send what the customer said")]
    EmptyNote,
    /// A note that is too long.
    #[error("the text has {actual} characters, at most {max} are taken: send one ticket at a time")]
    NoteTooLong {
        /// Characters sent.
        actual: usize,
        /// Characters taken.
        max: usize,
    },
}
