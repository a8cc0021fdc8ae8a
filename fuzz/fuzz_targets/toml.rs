//! Fault trees, parts lists and standards, by the first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shifu_diagnosis::{Bom, FaultTree};
use shifu_inspection::Standard;

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |text: &str| {
    let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
    match kind {
        "B" => {
            if let Ok(bom) = Bom::from_toml(rest, "b.toml") {
                assert!(bom.parts.iter().all(|part| bom.current(&part.part_number).is_some()));
            }
        }
        "S" => {
            if let Ok(standard) = Standard::from_toml(rest, "s.toml") {
                assert_eq!(standard.check(), Ok(()));
            }
        }
        _ => {
            if let Ok(tree) = FaultTree::from_toml(rest, "t.toml") {
                let _ = tree.check();
            }
        }
    }
});
