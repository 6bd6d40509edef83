"""A partition's batches, cut anywhere, written in part, begun again: the alerts are those of the run in order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import pytest

from geo.locator import Locator
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.live.judging import LiveJudge
from sessionwatch.live.partition_store import PartitionStore
from sessionwatch.live.partitions import OutputTopics, PartitionJudges
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.canonical import Canonical
from streams.kafka.batches import Batch, Outcome
from tests.property.sketch_rules import ruleset
from tests.property.test_disorder import GAPS_S, in_order
from tests.property.worlds import arrivals, lateness, world

SEEDS = 12


class One(NamedTuple):
    """A record."""

    offset: int
    value: bytes
    key: bytes = b""
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Run:
    """A partition whose process may die at each write."""

    def __init__(self, fold_us: int, seed: int, records: list[One]) -> None:
        """Nothing is judged yet."""
        loaded = ruleset(fold_us)
        self.ruleset = replace(loaded, rules=tuple(rule for rule in loaded.rules if rule.by == "user"))
        self.random = random.Random(seed)
        self.records = records
        self.state: dict[bytes, bytes] = {}
        self.notices: list[NoticeRecord] = []
        self.deaths = 0

    def begun(self) -> PartitionJudges:
        """A process."""
        topics = OutputTopics("notices", "dead-letter")
        return PartitionJudges(self.ruleset, Locator(), lateness(slow=True), adapters(())["native"], topics)

    def run(self) -> None:
        """Judge all, some of it more than once."""
        judges, fresh, at, committed = self.begun(), True, 0, 0
        while at < len(self.records):
            batch = self.records[at : at + self.random.randrange(1, 12)]
            outcome = judges(Batch("t", 0, batch, self.state, fresh))
            died = self.random.random() < 0.4
            self._write(outcome, died=died)
            if died:
                self.deaths += 1
                judges, fresh, at = self.begun(), True, committed
                continue
            fresh, at = False, at + len(batch)
            if self.random.random() < 0.5:
                committed = at

    def _write(self, outcome: Outcome, *, died: bool) -> None:
        """Outputs, then entries; a process that dies leaves part of the first, or part of the second."""
        told = [msgspec.json.decode(one.value, type=NoticeRecord) for one in outcome.outputs]
        entries = list(outcome.state.items())
        if died and self.random.random() < 0.3:
            told, entries = told[: self.random.randrange(len(told) + 1)], []
        elif died:
            entries = entries[: self.random.randrange(len(entries) + 1)]
        self.notices += told
        for key, value in entries:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value

    def finish(self) -> None:
        """The input has ended."""
        judge = LiveJudge(self.ruleset, Locator(), lateness(slow=True), PartitionStore(self.state), kinds=("user",))
        self.notices += judge.finish().notices


def standing(notices: list[NoticeRecord]) -> dict[str, bytes]:
    """The alerts of a consumer that may hear a notice twice: the highest revision of each id, less those withdrawn."""
    kept: dict[str, NoticeRecord] = {}
    for notice in notices:
        alert_id = msgspec.json.decode(notice.alert)["id"]
        before = kept.get(alert_id)
        if before is None or notice.revision >= before.revision:
            kept[alert_id] = notice
    return {key: bytes(one.alert) for key, one in kept.items() if one.change != "withdrawn"}


@pytest.mark.parametrize("fold_us", [0, 5 * 60_000_000])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_partition_that_dies_at_each_write_tells_the_alerts_of_the_run_in_order(fold_us: int, seed: int) -> None:
    """Outputs written in part, entries written in part, records handed over again from an older offset."""
    arriving = [event for event in arrivals(world(seed, GAPS_S[1], slow=True), seed, slow=True) if event.user]
    canonical = Canonical("default", {}, Accounting())
    for event in arriving:
        canonical.make(event, "native")
    run = Run(fold_us, seed, [One(3 * n, msgspec.json.encode(event)) for n, event in enumerate(arriving)])
    run.run()
    run.finish()
    wanted = {key: alert for key, alert in in_order(arriving, fold_us).items() if b'"by":"user"' in alert}
    assert run.deaths
    assert wanted
    assert standing(run.notices) == wanted
