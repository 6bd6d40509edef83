"""Measures the rule pack on invented months: false alerts, recall and precision.

python -m bench.quality [--seed NAME ...] [--rules PATH ...] [--page docs/quality.md] [--false]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench.quality.page import kept, reached, text
from bench.quality.scoring import Score, score, staged_month

SEEDS = ("A", "AA", "AB", "AC", "AD", "AE", "AF", "AG")
"""The first is the month that rules may be tuned by; the others only measure. B to W were looked at meanwhile."""
BEGIN, END = "<!-- figures: make quality -->", "<!-- end of figures -->"


def told(scores: list[Score]) -> None:
    """Print each false alert, for whoever mends a rule."""
    for one in scores:
        for alert in one.alerts:
            if alert.truth == "false":
                print(f"{one.seed} {alert.first_at:%m-%d %H:%M} {alert.rule} {alert.severity}: {alert.summary}")


def main() -> int:
    """Measure, print, and keep; 1 where the floor is not reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description="Measure the rule pack.")
    parser.add_argument("--seed", action="append", help="a month by its seed; the first is the one to tune by")
    parser.add_argument("--rules", action="append", type=Path, help="rule files or folders; default: rules")
    parser.add_argument("--page", type=Path, help="keep the figures in this page")
    parser.add_argument("--false", action="store_true", help="also print every false alert")
    said = parser.parse_args()
    scores = []
    for seed in said.seed or SEEDS:
        began = time.process_time()
        scores.append(score(staged_month(seed), said.rules or [Path("rules")]))
        print(f"{seed}: {time.process_time() - began:.0f} s of one processor", file=sys.stderr)
    figures = text(scores)
    print(figures)
    if said.false:
        told(scores)
    if said.page:
        kept(said.page, (BEGIN, END), figures)
    short = reached(scores)
    print("\n".join(("", *short)) if short else "\nThe floor is reached.")
    return bool(short)


if __name__ == "__main__":
    sys.exit(main())
