//! Where tests find installed models. Without them a test skips and says so.

use std::path::PathBuf;

/// The folder with the named models installed and intact, or `None` after saying that the test was skipped.
///
/// Looked for in `SHIFU_MODELS_DIR`, then `data/models` of the workspace (where `shifu models install` puts them), then
/// `~/.cache/shifu/models`.
pub(crate) fn folder(names: &[&str]) -> Option<PathBuf> {
    let found = candidates().into_iter().find(|dir| {
        let statuses = crate::install::list(dir);
        names
            .iter()
            .all(|name| statuses.iter().any(|s| s.name == *name && s.state.is_installed()))
    });
    if found.is_none() {
        eprintln!(
            "skipped: {} not installed; run `shifu models install`",
            names.join(", ")
        );
    }
    found
}

fn candidates() -> Vec<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests take no configuration; this one place finds their models"
    )]
    let (given, home) = (std::env::var_os("SHIFU_MODELS_DIR"), std::env::var_os("HOME"));
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/models");
    let cache = home.map(|h| PathBuf::from(h).join(".cache/shifu/models"));
    given
        .map(PathBuf::from)
        .into_iter()
        .chain([workspace])
        .chain(cache)
        .collect()
}
