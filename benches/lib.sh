# Sourced by the flows' scripts: builds the release binary, finds the data, opens a section of RESULTS.md.
# Usage of every script: bash benches/<flow>.sh DATA_DIR   (DATA_DIR holds the public data sets: text/ images/ fault_trees/)
set -euo pipefail
BENCHES="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(dirname "$BENCHES")"
[ $# -ge 1 ] || { echo "usage: bash $0 DATA_DIR" >&2; exit 2; }
DATA="$(cd "$1" && pwd)"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/shifu-target}"
export SHIFU_MODELS_DIR="${SHIFU_MODELS_DIR:-$HOME/.cache/shifu/models}"
(cd "$ROOT" && cargo build --release --locked --bin shifu >&2)
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
# A copy, so that a build in the meantime does not change what is measured.
SHIFU="$WORK/shifu"
cp "$CARGO_TARGET_DIR/release/shifu" "$SHIFU"
BODY="$WORK/section.md"

say() { printf '%s\n' "$*" | tee -a "$BODY"; }
# Names in the place of this machine's paths.
shown() { sed "s#$SHIFU#shifu#g; s#$DATA#DATA_DIR#g; s#$WORK#WORK#g; s#$SHIFU_MODELS_DIR#MODELS_DIR#g; s#$ROOT/##g"; }
# measure TITLE COMMAND...: runs it, shows the command (with placeholders for this machine's paths) and what it printed
measure() {
    local title="$1"
    shift
    say "### $title"
    say ''
    say '```text'
    say "\$ $(printf '%s ' "$@" | shown)"
    local status=0
    "$@" > "$WORK/out" 2> "$WORK/err" || status=$?
    shown < "$WORK/out" | tee -a "$BODY"
    if [ $status -ne 0 ]; then
        say "exit status $status"
        tail -3 "$WORK/err" | tee -a "$BODY"
    fi
    say '```'
    say ''
}
machine() {
    say "Machine: $(nproc) cores, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), $(date +%F), commit $(git -C "$ROOT" rev-parse --short HEAD)."
    say ''
}
finish() { python3 "$BENCHES/section.py" "$1" < "$BODY"; }
