"""Raw records of one format to native events, each in the topics of the subjects that rules judge it for.

The place, and the build of the database that said it, are written into the event, and when it was received: so that
whoever reads it, now or in a year, judges the same. Of a partition only its newest event time is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import MINUTE_US, NEVER_US, SECOND_US, instant
from sessionwatch.errors import BadRecordError, StateError
from sessionwatch.live.ending import counts
from sessionwatch.live.partition_store import RANK
from sessionwatch.live.partitions import raw
from sessionwatch.live.routing import Router
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import entry_of
from streams.decoding import Decoding
from streams.kafka.batches import Batch, Look, Outcome, Output, Record
from streams.kafka.marks import Origin, Progress, Told, mark_of, source_name
from streams.sources.records import RECORD_BYTES_MAX, RawRecord

SCHEMA: Final = 1
"""The schema of what is kept of a partition. Newer ones are refused rather than guessed at."""
KEY: Final = b"progress"
JUMP_US: Final = MINUTE_US
"""Event time that may pass in a partition beyond what the clock shows, before that is taken for a backlog."""
GATE_MAX_S: Final = 30.0
"""Seconds after the start in which no record is taken before all topics are open."""
TELL_EVERY_S: Final = 1.0
"""Seconds between two marks of progress while there is some."""
TELL_IDLE_S: Final = 5.0
"""Seconds between two while there is none: who is not heard for long is taken to have a backlog."""


class Kept(msgspec.Struct, array_like=True):
    """What is kept of one partition of raw records."""

    schema: int = SCHEMA
    newest_us: int = -NEVER_US
    ended: bool = False


@dataclass(slots=True)
class _Partition:
    kept: Kept
    offset: int
    sequence: int
    caught_up: bool = False
    announced: bool = False
    told: Told | None = None
    told_s: float = 0.0
    judged_s: float = 0.0


@dataclass(slots=True)
class Normaliser:
    """The function that a lane over one raw topic feeds; see `streams.kafka.batches.Judge` and `Ticker`.

    `topics`: all topics that make events for the same ones, with their numbers of partitions. `dead_letter` is a topic.
    """

    adapter: Adapter
    locator: Locator
    router: Router
    topics: Mapping[str, int]
    dead_letter: str
    tenant: str = "default"
    redact: bool = False
    now_s: Callable[[], float] = time.time
    accounting: Accounting = field(default_factory=Accounting)
    announced: bool = False
    """Whether all has been told once of the partitions that this process has."""
    _partitions: dict[int, _Partition] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> Outcome:
        """The events of a batch, between marks of how far it is."""
        partition = self._partition(batch)
        records = [record for record in batch.records if record.offset > partition.offset]
        if not records:
            return Outcome()
        before_us, now_s = partition.kept.newest_us, self.now_s()
        outputs: list[Output] = []
        ended = self._events(batch, records, partition.kept, outputs)
        if partition.kept.newest_us - before_us > (now_s - partition.judged_s) * SECOND_US + JUMP_US:
            # Event time runs faster than the clock: a backlog, whatever was said before.
            if partition.caught_up or not partition.announced:
                partition.caught_up = False
                outputs = [*self._tell(batch, partition, before_us), *outputs]
        elif not partition.announced:
            outputs = [*self._tell(batch, partition, before_us), *outputs]
        partition.judged_s = now_s
        if ended:
            partition.kept.ended = True
            outputs += self._tell(batch, partition)
        elif self.now_s() - partition.told_s > TELL_EVERY_S:
            outputs += self._tell(batch, partition)
        partition.offset, partition.sequence = records[-1].offset, 0
        return Outcome(outputs, {KEY: _packed(partition)})

    def tick(self, looks: Mapping[int, Look]) -> dict[int, Outcome]:
        """Marks of progress where there is something to say, or nothing was said for long."""
        outcomes = {}
        for number, look in looks.items():
            partition = self._partition(look.batch)
            partition.caught_up = look.caught_up
            since_s = self.now_s() - partition.told_s
            if since_s > TELL_IDLE_S or (since_s > TELL_EVERY_S and partition.told != self._told(partition)):
                outcomes[number] = Outcome(self._tell(look.batch, partition))
        self.announced = self.announced or not outcomes
        return outcomes

    def _partition(self, batch: Batch) -> _Partition:
        partition = self._partitions.get(batch.partition)
        if partition is None or batch.fresh:
            partition = self._partitions[batch.partition] = _unpacked(batch.state.get(KEY))
        return partition

    def _tell(self, batch: Batch, partition: _Partition, newest_us: int | None = None) -> list[Output]:
        """Marks of progress; `newest_us`: where they stand before events that are newer."""
        told = self._told(partition)
        if newest_us is not None:
            told = msgspec.structs.replace(told, newest_us=newest_us if newest_us > -NEVER_US else None, ended=False)
        partition.told, partition.told_s, partition.announced = told, self.now_s(), True
        source = source_name(batch.topic, batch.partition)
        return self.router.progress(Progress(int(partition.told_s * 1_000), {source: told}, dict(self.topics)))

    def _told(self, partition: _Partition) -> Told:
        kept = partition.kept
        newest_us = kept.newest_us if kept.newest_us > -NEVER_US else None
        return Told(newest_us=newest_us, caught_up=partition.caught_up, ended=kept.ended)

    def _events(self, batch: Batch, records: list[Record], kept: Kept, outputs: list[Output]) -> bool:
        """Take in records, and whether the input ends with them."""

        def bury(where: str, record: RawRecord, adapter: str, fault: BadRecordError) -> None:
            entry = entry_of(where, record, adapter, fault, redact=self.redact)
            outputs.append(Output(self.dead_letter, None, msgspec.json.encode(entry)))

        decoding = Decoding(Canonical(self.tenant, {}, self.accounting), RECORD_BYTES_MAX, self.accounting, bury)
        source = source_name(batch.topic, batch.partition)
        where = f"kafka://{source}"
        ended = False
        for record in records:
            try:
                mark = mark_of(record)
            except BadRecordError as fault:
                bury(where, raw(record), self.adapter.name, fault)
                continue
            if mark is not None:
                ended = ended or mark == "end"
                continue
            ended = kept.ended = False
            for n, event in enumerate(decoding.events(where, self.adapter, raw(record))):
                value = self._event(event, record, kept, Origin(source, record.offset, n))
                outputs += value
        return ended

    def _event(self, event: SessionEvent, record: Record, kept: Kept, origin: Origin) -> list[Output]:
        """The records of one event, which gets its place and when it was received."""
        if event.received_at is None and (received := _stamped(record)) is not None:
            force_setattr(event, "received_at", received)
        placed = self.locator.locate(event)
        if placed.place is not None and placed.place.build:
            force_setattr(event, "place", placed.place)
        if counts(event):
            kept.newest_us = max(kept.newest_us, placed.at_us)
        return self.router.records(placed, msgspec.json.encode(event), origin)


def all_announced(normalisers: Sequence[Normaliser]) -> Callable[[], bool]:
    """Whether all of a process have told of their partitions; after GATE_MAX_S it is not waited for any more.

    Until then nobody takes a record: of a topic of which nothing is known everything may still come, and one that is
    read to its end before another is opened would fill the memory of those who judge.
    """
    begun_s = time.monotonic()
    return lambda: all(one.announced for one in normalisers) or time.monotonic() - begun_s > GATE_MAX_S


def _stamped(record: Record) -> datetime | None:
    return instant(record.timestamp * 1_000) if record.timestamp > 0 else None


def _packed(partition: _Partition) -> bytes:
    return RANK.pack(partition.offset, partition.sequence) + msgspec.msgpack.encode(partition.kept)


def _unpacked(value: bytes | None) -> _Partition:
    if value is None:
        return _Partition(Kept(), -1, 0)
    try:
        kept = msgspec.msgpack.decode(value[RANK.size :], type=Kept)
    except msgspec.DecodeError as error:
        raise StateError(f"what is kept of a raw partition cannot be read: {error}; restore an older one") from error
    if kept.schema > SCHEMA:
        raise StateError(f"what is kept of a raw partition has schema {kept.schema}, not {SCHEMA}; upgrade first")
    return _Partition(kept, *RANK.unpack_from(value))
