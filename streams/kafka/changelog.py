"""State of partitions and the compacted topic behind it: read at a start, checked for foreign records, mended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiokafka

from streams.kafka.batches import Ranker, Record
from streams.kafka.fence import FencedError, ForeignRecordsError
from streams.kafka.outputs import Appended, stop_quietly

STALL_MAX_S: Final = 60.0
"""Seconds without any progress after which reading the changelog is given up and begun again."""
TELL_EVERY_S: Final = 5.0
FETCH_BYTES: Final = 8 << 20

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PartitionState:
    """The changelog of one partition up to the offset `next`, exclusive. Both go together, or state would be lost.

    `stale` has the keys whose best entry is not their last one in the log: compaction would keep the wrong one.
    """

    data: dict[bytes, bytes] = field(default_factory=dict)
    next: int = 0
    stale: set[bytes] = field(default_factory=set)
    fresh: bool = True

    def read(self, records: list[Record], rank: Ranker) -> None:
        """Take records in, in order. Per key the entry of the highest rank stays, whoever wrote later."""
        data = self.data
        for record in records:
            key, value = record.key or b"", record.value
            old = data.get(key)
            if value is None:
                data.pop(key, None)
                self.stale.discard(key)
            elif old is None or rank(value) >= rank(old):
                data[key] = value
                self.stale.discard(key)
            else:
                self.stale.add(key)
        self.next = records[-1].offset + 1
        self.fresh = True

    def expect(self, topic: str, partition: int, appended: Iterable[Appended]) -> int:
        """The next offset after what was written, if nobody else has written in between.

        Raises:
            ForeignRecordsError: somebody has.
        """
        next_offset = self.next
        for part in appended:
            if part.offset != next_offset:
                raise ForeignRecordsError(
                    f"{topic} partition {partition}: written at offset {part.offset}, expected {next_offset}: "
                    f"somebody else writes there"
                )
            next_offset += part.records
        return next_offset

    def adopt(self, entries: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """Take over entries that are written and acknowledged."""
        self.next = next_offset
        for key, value in entries.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value

    def mending(self) -> dict[bytes, bytes | None]:
        """The entries to write again, so that the best of each key is also its last."""
        return {key: self.data[key] for key in self.stale if key in self.data}


class Changelog:
    """Reads a compacted topic into the state of partitions, with a consumer of its own that belongs to no group."""

    def __init__(self, topic: str, rank: Ranker, settings: Mapping[str, Any]) -> None:
        """Hold the topic, how entries rank, and how to reach the broker."""
        self.topic = topic
        self._rank = rank
        self._settings = settings

    async def recover(self, states: Mapping[int, PartitionState], ours: Callable[[], bool]) -> int:
        """Read what each partition still lacks, up to the end as it is now; returns how many records that were.

        Raises:
            FencedError: `ours` says that partitions have changed hands.
            TimeoutError: no progress for STALL_MAX_S.
        """
        consumer = aiokafka.AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=8 * FETCH_BYTES,
            fetch_max_wait_ms=100,
            **self._settings,
        )
        await consumer.start()
        try:
            return await self._read(consumer, states, ours)
        finally:
            await stop_quietly(consumer)

    async def _read(self, consumer: Any, states: Mapping[int, PartitionState], ours: Callable[[], bool]) -> int:
        partitions = {aiokafka.TopicPartition(self.topic, number): state for number, state in states.items()}
        consumer.assign(list(partitions))
        ends, firsts = await consumer.end_offsets(list(partitions)), await consumer.beginning_offsets(list(partitions))
        waiting = {}
        for partition, state in partitions.items():
            if state.next > ends[partition]:
                # The topic was made anew.
                state.data.clear()
                state.stale.clear()
                state.next, state.fresh = 0, True
            if state.next < ends[partition]:
                consumer.seek(partition, max(state.next, firsts[partition]))
                waiting[partition] = state
            else:
                consumer.pause(partition)
        total = sum(ends[partition] - max(state.next, firsts[partition]) for partition, state in waiting.items())
        progress = _Progress(self.topic, total)
        while waiting:
            if not ours():
                raise FencedError("partitions changed hands during recovery")
            fetched = await consumer.getmany(*waiting, timeout_ms=200)
            for partition, records in fetched.items():
                waiting[partition].read(records, self._rank)
                await asyncio.sleep(0)
            moved = bool(fetched)
            for partition in list(waiting):
                # By position: what compaction and transactions leave behind are offsets without a record.
                position = await consumer.position(partition)
                if position >= ends[partition]:
                    waiting.pop(partition).next = position
                    consumer.pause(partition)
                    moved = True
            progress.add(sum(map(len, fetched.values())), moved=moved)
        return progress.done


class _Progress:
    """Tells now and then how far reading has come, and gives up where it does not move."""

    def __init__(self, topic: str, total: int) -> None:
        self.done = 0
        self._topic = topic
        self._total = total
        self._moved_s = self._told_s = time.monotonic()

    def add(self, count: int, *, moved: bool) -> None:
        """Note a round."""
        now_s = time.monotonic()
        self.done += count
        if moved:
            self._moved_s = now_s
        elif now_s - self._moved_s > STALL_MAX_S:
            raise TimeoutError(f"{self._topic}: no progress for {STALL_MAX_S:.0f} s at {self.done:,} records")
        if now_s - self._told_s > TELL_EVERY_S:
            self._told_s = now_s
            logger.info("%s: %s records of at most %s read", self._topic, f"{self.done:,}", f"{self._total:,}")
