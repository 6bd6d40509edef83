"""Normalising, the lane over sessions and all others, in any order of steps, with deaths: what a replay finds."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.events import SessionEvent
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.ruleset.loading import bundled_rules
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.canonical import Canonical
from streams.decoding import Decoding
from streams.sources.records import RawRecord
from tests.integration.live.equality import replayed
from tests.property.topology_in_memory import Topology

RAW = {"raw.native": 2, "outcomes": 1}
EVENTS = 700
LATE_S = 100


def arriving(day: Path, seed: int) -> list[bytes]:
    """The end of the example day, each event up to LATE_S late; many name only their session."""
    choice = random.Random(seed)
    lines = gzip.decompress((day / "day.jsonl.gz").read_bytes()).splitlines()
    arrived = []
    for event in (json.loads(line) for line in lines[-EVENTS:] if b'"at":"2026' in line):
        if event.get("session") and event["kind"] not in {"login", "logout"} and choice.random() < 0.4:
            event.pop("user", None)
            event.pop("user_label", None)
        event.pop("received_at", None)
        at = datetime.fromisoformat(event["at"]) + timedelta(seconds=choice.uniform(0, LATE_S))
        arrived.append((at, json.dumps(event).encode()))
    return [line for _, line in sorted(arrived)]


def events_of(lines: Sequence[bytes]) -> list[SessionEvent]:
    """The events as a reader of files has them."""
    accounting = Accounting()
    decoding = Decoding(Canonical("default", {}, accounting), 1 << 20, accounting, lambda *_: None)
    return [event for line in lines for event in decoding.events("-", adapters(())["native"], RawRecord(line, 0, 0))]


@pytest.mark.parametrize(("seed", "deadly"), [(1, 0.0), (2, 0.15)])
def test_the_topology_tells_what_a_replay_finds(example_day: Path, seed: int, deadly: float) -> None:
    """Events that name only a session among them; nothing is later than its bound, whatever the order of the steps."""
    plan = EnginePlan((bundled_rules(),))
    lines = arriving(example_day, seed)
    topology = Topology(plan, Lateness.of({"okta": timedelta(minutes=2)}, "all"), seed, raw=RAW)
    topology.deadly = deadly
    for n, line in enumerate(lines):
        topology.put("raw.native", n % RAW["raw.native"], line)
    topology.end(RAW)
    topology.run()
    wanted = replayed(events_of(lines), topology.kinds)
    assert len(wanted) > 5
    assert topology.standing() == wanted
    assert bool(topology.deaths) == bool(deadly)
    assert not topology.topics.get(("late", 0))
