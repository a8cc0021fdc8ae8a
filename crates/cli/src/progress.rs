//! Progress of long work: a bar when stderr is a terminal, nothing otherwise.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `length` steps with a message at its end.
pub(crate) fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length); // draws to stderr, and only to a terminal
    let style = ProgressStyle::with_template("{prefix:>14} [{bar:32}] {pos}/{len} {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("█░ "));
    }
    bar.set_prefix(what.to_owned());
    bar
}
