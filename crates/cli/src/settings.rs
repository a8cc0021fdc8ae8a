//! The environment, read once; the only other place that reads any is the server's configuration.

use std::path::{Path, PathBuf};

use crate::args::Global;

/// Where models are kept: `--models-dir`, else `SHIFU_MODELS_DIR`, else `models` in the data directory.
pub(crate) fn models_dir(global: &Global) -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "the command line is one of the two places that read the environment")]
    let from_environment = std::env::var_os("SHIFU_MODELS_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    global.models_dir.clone().or(from_environment).unwrap_or_else(|| global.data.join("models"))
}

/// The bundled data sets: beside the working directory, beside the binary, or in the checkout it was built from.
pub(crate) fn datasets_dir() -> Option<PathBuf> {
    let beside_binary = std::env::current_exe().ok();
    let ancestors = beside_binary.iter().flat_map(|exe| exe.ancestors().skip(1).map(Path::to_path_buf));
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut places = std::iter::once(PathBuf::from(".")).chain(ancestors).chain(std::iter::once(checkout));
    places.find_map(|place| {
        let datasets = place.join("datasets");
        datasets.join("split_air_conditioner").is_dir().then_some(datasets)
    })
}
