"""A watch that is killed at any point goes on as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.watch.checks import counted, day, late, told, watched

KILLS = 20


def test_kills_at_every_step_lose_and_double_nothing(
    root: Path, example_day: Path, day_alerts: bytes, tmp_path: Path
) -> None:
    """Twenty kills, within steps and between them: alerts, notices and sums are those of an unbroken run."""
    lines = late(day(example_day), 7)
    (tmp_path / "input.jsonl").write_bytes(b"".join(lines))
    command = [sys.executable, "-m", "tests.integration.watch.killing", tmp_path, str(KILLS), "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log.jsonl").read_bytes() == b"".join(lines)
    assert watched(tmp_path / "watch.db") == day_alerts
    alerts = {alert["id"]: alert for alert in map(json.loads, day_alerts.splitlines())}
    assert {name: notice["alert"] for name, notice in told(tmp_path / "notices.jsonl").items()} == alerts
    sums, stream = counted(tmp_path / "watch.db")
    whole_sums, whole_stream = counted(tmp_path / "whole.db")
    assert sums.records_read == len(lines)
    assert sums == whole_sums
    for by, tally in whole_stream.tallies.items():
        assert (stream.tallies[by].events, stream.tallies[by].duplicates) == (tally.events, tally.duplicates), by
