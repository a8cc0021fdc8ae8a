//! Open-PSA models: read, checked, and analysed where they are small.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shifu_diagnosis::{AnalysisLimits, FaultTree, MefOptions};

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |text: &str| {
    let Ok(tree) = FaultTree::from_mef_xml(&[("a.xml", text)], MefOptions::default()) else {
        return;
    };
    let _ = tree.check();
    if tree.gates.is_empty() {
        return;
    }
    let limits = AnalysisLimits {
        max_nodes: 20_000,
        ..AnalysisLimits::default()
    };
    if let Ok(analysis) = tree.analyze(None, limits) {
        assert!((0.0..=1.0).contains(&analysis.probability), "{}", analysis.probability);
    }
});
