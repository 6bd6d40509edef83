"""What a lane does with a batch that cannot be written or judged, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaTimeoutError

from streams.kafka import lane as lane_module
from streams.kafka.batches import Batch, Outcome, Output, Record
from streams.kafka.changelog import Changelog
from streams.kafka.lane import Lane
from streams.kafka.outputs import Appended, Outputs
from streams.kafka.settings import LaneSettings


class Member:
    """Is in a group and has partition 0."""

    flowing = True

    def assigned(self) -> frozenset[int]:
        """Partition 0."""
        return frozenset({0})

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Take all."""
        return True

    async def committed(self) -> Mapping[int, int]:
        """Nothing yet."""
        return {}

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Do nothing."""

    async def first_offsets(self) -> Mapping[int, int]:
        """From the start."""
        return {0: 0}

    async def end_offsets(self, topic: str, partitions: frozenset[int]) -> Mapping[int, int]:
        """Nothing there."""
        return dict.fromkeys(partitions, 0)


class Silent:
    """Outputs of which the first `times` writes are never answered."""

    def __init__(self, times: int) -> None:
        self.times, self.written = times, 0

    async def write(self, outputs: Iterable[Output]) -> None:
        """Write, or wait in vain."""
        if self.times:
            self.times -= 1
            raise KafkaTimeoutError
        self.written += len(list(outputs))

    async def append(self, topic: str, partition: int, entries: Mapping[bytes, bytes | None]) -> list[Appended]:
        """Write from offset 0 on."""
        return [Appended(0, len(entries))]


class Nothing:
    """A changelog that is empty."""

    topic = "state"

    async def recover(self, *_: Any) -> int:
        """Read nothing."""
        return 0


class Made:
    """A record."""

    offset, timestamp, key, value, headers = 0, 0, b"k", b"v", ()


async def worked(outputs: Silent, judge: Any) -> Lane:
    """A lane that has taken one batch."""
    settings = LaneSettings("g", "t", "state", 1, tries_max=2)
    lane = Lane(settings, judge, cast(Changelog, Nothing()), cast(Outputs, outputs))
    lane.bind(Member())
    lane.assigned(frozenset({0}))
    await lane.open()
    await lane.take({0: [cast(Record, Made())]})
    return lane


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "BACK_OFF_MAX_S", 0.0)
    monkeypatch.setattr(lane_module, "BACK_OFF_S", 0.0)


def test_a_broker_that_is_away_is_waited_for() -> None:
    """However often it does not answer: a batch that cannot be written now is no batch that cannot be judged."""

    def judge(batch: Batch) -> Outcome:
        return Outcome([Output("notices", b"k", b"v")], {b"k": b"v"})

    outputs = Silent(7)
    lane = asyncio.run(worked(outputs, judge))
    assert (outputs.written, lane.counts.tries_failed, dict(lane.advanced)) == (1, 0, {0: 1})


def test_a_batch_that_cannot_be_judged_is_given_up() -> None:
    """After as many tries as the settings allow, with nothing advanced."""
    tried = []

    def judge(batch: Batch) -> Outcome:
        tried.append(batch.fresh)
        raise ValueError("poison")

    with pytest.raises(ValueError, match="poison"):
        asyncio.run(worked(Silent(0), judge))
    assert tried == [True, True]
