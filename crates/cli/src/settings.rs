//! What a command works on: the server's configuration with the command line's own values on top.

use std::path::{Path, PathBuf};

use shifu_server::Config;

use crate::args::Global;
use crate::output::Failure;

/// Defaults, the configuration file, the environment, then `--data` and `--models-dir`.
pub(crate) fn config(global: &Global) -> Result<Config, Failure> {
    let mut config = Config::load(global.config.as_deref()).map_err(anyhow::Error::from)?;
    if let Some(data) = &global.data {
        config.data.clone_from(data);
    }
    if let Some(models) = &global.models_dir {
        config.models_dir = Some(models.clone());
    }
    Ok(config)
}

/// The bundled data sets: beside the working directory, beside the binary, or in the checkout it was built from.
pub(crate) fn datasets_dir() -> Option<PathBuf> {
    let beside_binary = std::env::current_exe().ok();
    let ancestors = beside_binary
        .iter()
        .flat_map(|exe| exe.ancestors().skip(1).map(Path::to_path_buf));
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut places = std::iter::once(PathBuf::from("."))
        .chain(ancestors)
        .chain(std::iter::once(checkout));
    places.find_map(|place| {
        let datasets = place.join("datasets");
        datasets
            .join("split_air_conditioner")
            .is_dir()
            .then_some(datasets)
    })
}
