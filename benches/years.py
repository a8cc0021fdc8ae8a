"""Simulated years as a table: years.py YEARS.json, what `shifu eval simulate SEED --years N --format json` gives."""

import json
import pathlib
import sys


def main(path: str) -> None:
    found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    print(f"{'seed':>6} {'tickets':>8} {'rule':>7} {'ours':>7} {'oracle':>7} {'gap closed':>11} {'2nd half':>9} {'calibration':>12} {'cells':>7} {'ms mean':>8} {'ms p99':>7}")
    for year in found["years"]:
        cells = year["cell_loss"]
        print(
            f"{year['seed']:>6} {year['tickets']:>8} {year['rule']:>7.4f} {year['ours']:>7.4f} {year['oracle']:>7.4f} {year['gap_closed']:>11.3f} "
            f"{year['gap_closed_second_half']:>9.3f} {year['calibration_error']:>12.4f} {cells['ours'] / cells['counts']:>7.3f} "
            f"{year['prediction_ms'][0]:>8.2f} {year['prediction_ms'][1]:>7.2f}"
        )
    for name, value in found.items():
        if isinstance(value, dict) and "mean" in value:
            low, high = value["interval"]
            print(f"{name:<28} {value['mean']:.4f}  95 % interval {low:.4f} to {high:.4f}, least {value['least']:.4f}, greatest {value['greatest']:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
