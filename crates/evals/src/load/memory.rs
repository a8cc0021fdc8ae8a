//! Resident memory of the server while the load runs.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::metrics;

/// Pause between samples.
const PAUSE: Duration = Duration::from_millis(100);

/// Samples of resident memory, each with how many calls were done by then.
#[derive(Debug, Default)]
pub(super) struct Memory {
    calls: usize,
    samples: Vec<(usize, f64)>,
}

impl Memory {
    /// Samples `/proc/PID/status` until the load is over.
    pub(super) fn sample(pid: u32, calls: usize, done: &AtomicUsize, over: &AtomicBool) -> Self {
        let mut samples = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let at = done.load(Ordering::Relaxed);
            if let Some(mb) = resident_mb(pid) {
                samples.push((at, mb));
            }
            std::thread::sleep(PAUSE);
        }
        Self { calls, samples }
    }

    /// Mean of each tenth of the calls (MiB; null where no sample fell into it), and the last tenth over the second.
    pub(super) fn fields(&self) -> Value {
        let tenths: Vec<Option<f64>> = (0..10).map(|tenth| self.tenth(tenth)).collect();
        let growth = match (tenths[1], tenths[9]) {
            (Some(second), Some(last)) => json!(last / second - 1.0),
            _ => Value::Null,
        };
        let peak = self.samples.iter().map(|(_, mb)| *mb).fold(0.0, f64::max);
        json!({"by_tenth_mb": tenths, "last_over_second_tenth": growth, "peak_mb": peak, "samples": self.samples.len()})
    }

    fn tenth(&self, tenth: usize) -> Option<f64> {
        let of_tenth = |(at, _): &&(usize, f64)| (at * 10 / self.calls.max(1)).min(9) == tenth;
        let values: Vec<f64> = self.samples.iter().filter(of_tenth).map(|(_, mb)| *mb).collect();
        (!values.is_empty()).then(|| metrics::mean(&values))
    }
}

/// `VmRSS` of a process in MiB; none where there is no such process or no such file.
fn resident_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tenth_is_compared_with_the_second() {
        // 20 calls; tenths of two calls each: 100 MiB throughout, 104 in the last.
        let samples = (0..20)
            .map(|at| (at, if at >= 18 { 104.0 } else { 100.0 }))
            .collect();
        let memory = Memory { calls: 20, samples };
        let fields = memory.fields();
        assert!((fields["last_over_second_tenth"].as_f64().unwrap() - 0.04).abs() < 1e-9);
        assert_eq!(fields["peak_mb"], 104.0);
        assert_eq!(fields["by_tenth_mb"][0], 100.0);
    }

    #[test]
    fn this_process_has_resident_memory_and_a_made_up_one_has_none() {
        if !std::path::Path::new("/proc/self/status").exists() {
            eprintln!("skipped: no /proc on this system");
            return;
        }
        assert!(resident_mb(std::process::id()).unwrap() > 1.0);
        assert_eq!(resident_mb(u32::MAX), None);
    }
}
