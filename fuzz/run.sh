#!/usr/bin/env bash
# Fuzzes every target for so many seconds: bash fuzz/run.sh [SECONDS] [TARGET…]. A run that takes more than 5 s for an input or
# more than 1 GB of memory is a finding, as is a panic; findings are left in fuzz/artifacts.
# Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz --locked).
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-600}"
shift || true
targets=("${@:-}")
[ -n "${targets[0]}" ] || targets=(photo pdf docx_xlsx html mef_xml toml dialogue_json multipart)

export CARGO_TARGET_DIR="${FUZZ_TARGET_DIR:-$HOME/.cache/shifu-fuzz-target}"
corpus="$CARGO_TARGET_DIR/corpus"
seeds="$(mktemp -d)"
trap 'rm -rf "$seeds"' EXIT
python3 fuzz/seeds.py "$seeds"

# Our readers have no `unsafe`, so the address sanitizer would find little and take twice the time and memory.
cargo +nightly fuzz build --sanitizer none
status=0
for target in "${targets[@]}"; do
    mkdir -p "$corpus/$target" "fuzz/artifacts/$target"
    printf '=== %s, %s s\n' "$target" "$seconds"
    cargo +nightly fuzz run --sanitizer none "$target" "$corpus/$target" "$seeds/$target" -- \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 2>&1 |
        grep -E 'ERROR|SUMMARY|panicked|Test unit written|stat::|^Done' || true
    if [ -n "$(ls -A "fuzz/artifacts/$target")" ]; then status=1; fi
done
exit "$status"
