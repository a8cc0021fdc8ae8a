//! The database of a test: SQLite in the test's directory, or, where `SHIFU_TEST_POSTGRES_URL` names a PostgreSQL server, a schema
//! of its own there (`bash tests/postgres.sh cargo test …` starts such a server).

use std::path::Path;
use std::process::Command;

/// The URL of the database that belongs to `directory`; none for SQLite. The same directory has the same database.
pub(crate) fn url_of(directory: &Path) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "a test's own setting")]
    let server = std::env::var("SHIFU_TEST_POSTGRES_URL").ok()?;
    let name = directory.as_os_str().as_encoded_bytes();
    // FNV-1a: a name that PostgreSQL takes, whatever stands in the path.
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let schema = format!("t_{hash:016x}");
    let made = Command::new("psql")
        .args([
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            &server,
            "--command",
        ])
        .arg(format!(
            "SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS {schema}"
        ))
        .status()
        .expect("psql is needed where SHIFU_TEST_POSTGRES_URL is set");
    assert!(made.success(), "cannot make a schema on {server}");
    let joint = if server.contains('?') { '&' } else { '?' };
    Some(format!("{server}{joint}options=-c%20search_path%3D{schema}"))
}
