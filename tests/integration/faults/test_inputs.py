"""Input as it should not be: written twice, out of order, broken; and starts from what was kept."""

from __future__ import annotations

import json
import random
import shutil
from datetime import datetime
from pathlib import Path

from sessionwatch.ruleset.loading import bundled_rules
from tests.integration.faults.stage import Stage
from tests.integration.live.clients import feed, read_all


def test_a_backlog_written_twice_and_out_of_order(stage: Stage, lines: list[bytes]) -> None:
    """Three that join a fresh group share a backlog in which copies, disorder and broken records stand."""
    draw = random.Random(6)
    again = [line for line in lines if draw.random() < 0.1]
    # The bound is two minutes.
    arriving = sorted(lines, key=lambda line: _at_s(line) + draw.uniform(0, 100))
    mixed = [line for line in arriving for _ in range(2 if line in again else 1)]
    stage.feed(mixed)
    stage.duplicates = len(again)
    feed(stage.servers, stage.events, [(0, b"", b"{broken"), (1, b"", b"")])
    for _ in range(3):
        stage.start()
    stage.finish()
    assert len({one.value for one in read_all(stage.servers, f"{stage.prefix}.dead-letter")}) == 2


def _at_s(line: bytes) -> float:
    return datetime.fromisoformat(json.loads(line)["at"]).timestamp()


def test_a_cold_start_from_a_compacted_changelog(stage: Stage, lines: list[bytes]) -> None:
    """Of each entry only the last is left, and with it all that the process knew."""
    half = len(lines) // 2
    stage.start()
    stage.feed(lines[:half])
    stage.until_judged()
    stage.halt()
    before = len(read_all(stage.servers, stage.changelog))
    stage.compact()
    assert len(read_all(stage.servers, stage.changelog)) < before
    stage.start()
    stage.feed(lines[half:])
    stage.finish()


def test_a_start_under_other_rules(stage: Stage, lines: list[bytes], tmp_path: Path) -> None:
    """A rule that came with the second start tells what a replay finds; state of the others is gone on from."""
    fewer = tmp_path / "rules"
    shutil.copytree(bundled_rules(), fewer)
    (fewer / "brute_force.yaml").unlink()
    half = len(lines) // 2
    stage.feed(lines[:half])
    stage.start(more=["--rules", str(fewer)])
    stage.until_judged()
    stage.halt()
    stage.feed(lines[half:])
    stage.start()
    stage.finish()
