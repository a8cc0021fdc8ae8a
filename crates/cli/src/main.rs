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

fn main() -> ExitCode {
    bound_arenas();
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

/// One heap a core instead of glibc's eight: photos pass through whichever thread is free and leave holes in every heap, by which a
/// server's memory grows (`benches/durability.py day`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn bound_arenas() {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // SAFETY: changes a setting of the allocator; no other thread runs yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, cores.max(2) as libc::c_int) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn bound_arenas() {}

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
