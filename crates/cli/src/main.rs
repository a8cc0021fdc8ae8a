//! The `shifu` binary.
fn main() {}
