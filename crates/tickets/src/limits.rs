//! How much text one call takes. Similarity of sentences is quadratic, so sentences are bounded apart.

use shifu_domain::Dialogue;

use crate::error::TicketError;

/// Lines of a dialogue.
pub const MOST_LINES: usize = 2_000;
/// Characters of one line.
pub const MOST_LINE_CHARS: usize = 10_000;
/// Characters of a dialogue.
pub const MOST_DIALOGUE_CHARS: usize = 200_000;
/// Characters of a note that becomes a structured ticket.
pub const MOST_NOTE_CHARS: usize = 20_000;
/// Sentences that are compared with one another; of a longer dialogue the first and last of them are.
pub(crate) const MOST_RANKED: usize = 400;

pub(crate) fn check_dialogue(dialogue: &Dialogue) -> Result<(), TicketError> {
    let count = dialogue.lines.len();
    if count > MOST_LINES {
        return Err(TicketError::TooManyLines {
            actual: count,
            max: MOST_LINES,
        });
    }
    let mut total = 0;
    for (place, line) in dialogue.lines.iter().enumerate() {
        let chars = line.text.chars().count();
        total += chars;
        if chars > MOST_LINE_CHARS {
            return Err(TicketError::LineTooLong {
                line: place + 1,
                actual: chars,
                max: MOST_LINE_CHARS,
            });
        }
    }
    if total > MOST_DIALOGUE_CHARS {
        return Err(TicketError::DialogueTooLong {
            actual: total,
            max: MOST_DIALOGUE_CHARS,
        });
    }
    if dialogue.lines.iter().all(|line| line.text.trim().is_empty()) {
        return Err(TicketError::EmptyDialogue);
    }
    Ok(())
}

pub(crate) fn check_note(text: &str) -> Result<(), TicketError> {
    let chars = text.chars().count();
    if chars > MOST_NOTE_CHARS {
        return Err(TicketError::NoteTooLong {
            actual: chars,
            max: MOST_NOTE_CHARS,
        });
    }
    if text.trim().is_empty() {
        return Err(TicketError::EmptyNote);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shifu_domain::{Line, Speaker};

    use super::*;

    fn dialogue(count: usize, text: &str) -> Dialogue {
        let line = Line {
            speaker: Speaker::Customer,
            text: text.to_owned(),
            at: None,
        };
        Dialogue {
            lines: vec![line; count],
        }
    }

    #[test]
    fn what_is_empty_or_too_long_is_refused_with_the_figure() {
        assert_eq!(check_dialogue(&dialogue(0, "")), Err(TicketError::EmptyDialogue));
        assert_eq!(
            check_dialogue(&dialogue(3, " \n")),
            Err(TicketError::EmptyDialogue)
        );
        assert_eq!(
            check_dialogue(&dialogue(10_000, "好")),
            Err(TicketError::TooManyLines {
                actual: 10_000,
                max: 2_000
            })
        );
        let long = check_dialogue(&dialogue(1, &"水".repeat(1_000_000))).unwrap_err();
        assert_eq!(
            long.to_string(),
            "line 1 has 1000000 characters, at most 10000 are taken: split it"
        );
        assert!(matches!(
            check_dialogue(&dialogue(50, &"水".repeat(9_000))),
            Err(TicketError::DialogueTooLong { .. })
        ));
        assert_eq!(check_dialogue(&dialogue(2, "好")), Ok(()));
        assert_eq!(check_note("  "), Err(TicketError::EmptyNote));
        assert!(check_note(&"a".repeat(20_001)).is_err());
    }
}
