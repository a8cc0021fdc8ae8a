//! What a command gives back, and how it ends.

use std::io::Write;

use serde_json::Value;

use crate::args::Format;

/// What a command found, for people and for programs.
#[derive(Debug)]
pub(crate) struct Output {
    /// For `--format text`; ends without a line break.
    pub(crate) text: String,
    /// For `--format json`.
    pub(crate) json: Value,
}

/// How a command failed; decides the exit status.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the person gave was bad: exit 1.
    BadInput(anyhow::Error),
    /// Something of ours broke: exit 3.
    Internal(anyhow::Error),
}

impl Failure {
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::BadInput(_) => 1,
            Self::Internal(_) => 3,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::BadInput(error) | Self::Internal(error) => format!("{error:#}"),
        }
    }
}

/// Most errors of a command come from its arguments and files; internal ones are made with [`Failure::Internal`].
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::BadInput(error)
    }
}

impl Output {
    /// Prints to stdout in the wanted format. A closed pipe ends the output quietly.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        let written = match format {
            Format::Text => writeln!(stdout, "{}", self.text.trim_end()),
            Format::Json => serde_json::to_writer_pretty(&mut stdout, &self.json)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(stdout)),
        };
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::Internal(error.into()))
            }
            _ => Ok(()),
        }
    }
}
