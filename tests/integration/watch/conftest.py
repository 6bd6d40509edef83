"""What a replay of the example's last day finds: computed once, since late and doubled lines change nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replay.command import sessionwatch


@pytest.fixture(scope="session")
def day_alerts(example_day: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The alerts of a replay of the day alone."""
    alerts = tmp_path_factory.mktemp("replayed") / "alerts.jsonl"
    done = sessionwatch("replay", example_day / "day.jsonl.gz", "--alerts", alerts, "--json")
    assert done.code == 3, done.err
    assert len(alerts.read_bytes().splitlines()) > 10
    return alerts.read_bytes()
