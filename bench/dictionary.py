"""Makes the dictionary that stored subjects are packed with, from subjects of the invented hospital at many times.

    python -m bench.dictionary [-o FILE]

Of the hospital, and not of the stream by which packing is measured: a dictionary that has seen what it packs would
flatter. One that was released is never changed, or what was packed with it is lost: a better one gets the next number
(`sessionwatch.live.packing.PACKING`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import zstandard

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.quality.scoring import NETWORKS, staged_month  # noqa: E402 - a script finds the packages once the path is set
from sessionwatch.engine.disorder import DisorderEngine  # noqa: E402 - as above
from sessionwatch.engine.lateness import Lateness  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan  # noqa: E402 - as above
from sessionwatch.live.packing import PACKING  # noqa: E402 - as above

SHIPPED: Final = ROOT / "sessionwatch" / "live" / "dictionaries" / f"subjects-{PACKING}.zdict"
DICTIONARY_BYTES: Final = 32 * 1024
"""Half of it costs a twenty-fifth more bytes, twice as much saves none."""
PEOPLE: Final = 120
DAYS: Final = 10
BATCH_EVENTS: Final = 25
BLOBS: Final = 4000
"""Blobs that the dictionary is made from."""


def blobs(seed: str) -> Iterator[bytes]:
    """Every subject, of every kind, as it stood after some batch that changed it."""
    plan = EnginePlan((ROOT / "rules",), networks=(NETWORKS,), bundled=False)
    engine = DisorderEngine(plan.ruleset(), plan.locator(), Lateness())
    events = sorted(staged_month(seed, size=PEOPLE, days=DAYS, every=12).events, key=lambda event: event.order)
    for start in range(0, len(events), BATCH_EVENTS):
        engine.feed(events[start : start + BATCH_EVENTS], start)
        engine.advance(start + BATCH_EVENTS)
        for lane in engine.lanes:
            yield from (lane.blob(subject) for subject in sorted(lane.touched) if subject in lane.subjects)
            lane.touched.clear()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write it."""
    parser = argparse.ArgumentParser(description="Make the dictionary that stored subjects are packed with.")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED)
    asked = parser.parse_args(arguments)
    found = list(blobs("A"))
    chosen = Random(1).sample(found, min(BLOBS, len(found)))
    trained = zstandard.train_dictionary(DICTIONARY_BYTES, chosen)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(trained.as_bytes())
    print(f"{len(trained.as_bytes()):,} bytes from {len(chosen):,} of {len(found):,} blobs to {asked.output}")


if __name__ == "__main__":
    main()
