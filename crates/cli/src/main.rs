//! The `shifu` binary: arguments in, text or one JSON document out, an exit status that says whose fault a failure is
//! (0 done, 1 bad input, 2 usage, 3 internal).

mod args;
mod commands;
mod output;
mod progress;
mod session;
mod settings;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::Arguments;

/// A query makes and drops some ten thousand small strings, and photos leave holes in the heap of whichever thread was free; glibc's
/// allocator is slow at the one and grows by the other (`benches/document_to_index.sh`, `benches/durability.py day`). Without huge pages,
/// which would make a server half as large again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging(arguments.global.verbose);
    let format = arguments.global.format;
    match commands::run(arguments).and_then(|output| output.map_or(Ok(()), |output| output.print(format))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("shifu: {}", failure.message());
            ExitCode::from(failure.exit_status())
        }
    }
}

/// Logs go to stderr: warnings by default, `-v` for what happens, `-vv` for everything.
fn start_logging(verbose: u8) {
    let filter = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug,sqlx=info,hyper=info,tantivy=info",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .init();
}
