"""What a topic holds, read once to its end as that is at the start: without a group, so that nothing is left behind.

The same records give the same events in the same order, whoever reads and how often. Partitions are read one after
the other: whoever judges sorts by event time anyway.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from models.events import SessionEvent
from models.instants import MINUTE_US
from sessionwatch.errors import InputError, KafkaError
from streams.accounting import Accounting, RecognisedFile, Remark
from streams.adapters import adapter, adapters
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import DeadLetter
from streams.decoding import TOO_LARGE, Decoding
from streams.kafka.connection import Connection
from streams.kafka.marks import is_mark
from streams.kafka.topics import CONNECT_MAX_MS, library, refused
from streams.reading import Progress, ReadSettings
from streams.recognition import recognise
from streams.sources.records import RawRecord

SCHEME: Final = "kafka://"
STALL_MAX_S: Final = 60.0
"""Seconds without a record, and without the end, after which reading is given up."""
ANSWER_MAX_MS: Final = 30_000
"""Milliseconds for an answer about offsets."""
POLL_MS: Final = 50
"""A poll that finds no record comes back only then, also where only markers of transactions were passed."""
LOOKED_AT_MAX: Final = 100
"""Records at the beginning that the format is told from."""
SKEW_MS: Final = 5 * MINUTE_US // 1_000
"""How much earlier than the events in it a record may be stamped."""


class Part(NamedTuple):
    """What is read of one partition: the offset that it has had from the start, and from where to where is read."""

    partition: int
    first: int
    begin: int
    end: int


def is_topic(path: str) -> bool:
    """Whether a PATH names a topic."""
    return path.startswith(SCHEME)


def topic_blocks(
    path: str,
    connection: Connection,
    settings: ReadSettings,
    accounting: Accounting,
    dead_letter: DeadLetter,
    *,
    since: datetime | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[list[SessionEvent]]:
    """The events of the topic that `path` names, in lists; sums are exact whenever a list has been given.

    `since`: events before it are not wanted, so records stamped well before it are not read. `stop` is asked after
    every list.

    Raises:
        InputError: there is no such topic, it is empty, or its records are of no known format.
        KafkaError: no answer, no rights, or the server deleted records while they were read.
    """
    history = _History(path.removeprefix(SCHEME), connection)
    try:
        parts = history.plan(since)
        if all(part.begin >= part.end for part in parts):
            raise InputError(f"{path} is empty: no record was read")
        for part in parts:
            if part.first > 0:
                accounting.remarks.append(Remark(f"{path}/{part.partition}", "begins_late", history.missing(part)))
        read = history.records(parts)
        looked_at = list(itertools.islice(read, LOOKED_AT_MAX))
        chosen, why = _format(path, looked_at, settings)
        ends = " ".join(f"{part.partition}:{part.end}" for part in parts)
        accounting.recognised.append(RecognisedFile(path, chosen.name, why))
        accounting.remarks.append(Remark(path, "frozen", f"read until the offsets {ends}, its ends at the start"))
        canonical = Canonical(settings.tenant, settings.aliases, accounting)
        decoding = Decoding(canonical, settings.record_bytes_max, accounting, dead_letter.add)
        total = sum(part.end - part.begin for part in parts)
        events: list[SessionEvent] = []
        for done, (partition, record) in enumerate(itertools.chain(looked_at, read), start=1):
            events += decoding.events(f"{path}/{partition}", chosen, _raw(record, settings.record_bytes_max))
            if done % LOOKED_AT_MAX == 0:
                yield events
                events = []
                if progress is not None:
                    progress(done, total)
                if stop is not None and stop():
                    return
        yield events
    finally:
        history.close()


def _raw(record: Any, bytes_max: int) -> RawRecord:
    value = record.value or b""
    if len(value) > bytes_max:
        return RawRecord(value[:bytes_max], 0, record.offset, TOO_LARGE)
    return RawRecord(value, 0, record.offset)


def _format(path: str, records: Sequence[tuple[int, Any]], settings: ReadSettings) -> tuple[Adapter, str]:
    formats = adapters(settings.mappings)
    if settings.format != "auto":
        return adapter(settings.format, formats), "told"
    objects: list[Mapping[str, Any]] = []
    for _, record in records:
        try:
            value = msgspec.json.decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(value, dict):
            objects.append(value)
    found = recognise(objects, formats.values(), path) if objects else None
    if found is None:
        raise InputError(f"{path}: of no known format. Known: {', '.join(formats)}")
    return formats[found.format], str(found)


class _History:
    """A consumer for each partition in turn: pausing and resuming one for all has stalled for ever."""

    def __init__(self, topic: str, connection: Connection) -> None:
        self._topic = topic
        self._connection = connection
        self._kafka = library()
        self._client: Any = None

    def _consumer(self) -> Any:
        self.close()
        try:
            self._client = self._kafka.KafkaConsumer(
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                isolation_level="read_committed",
                max_poll_records=5_000,
                max_partition_fetch_bytes=4 << 20,
                bootstrap_timeout_ms=CONNECT_MAX_MS,
                **self._connection.for_kafka_python(),
            )
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error
        return self._client

    def close(self) -> None:
        """Leave nothing open."""
        if self._client is not None:
            self._client.close(autocommit=False)
            self._client = None

    def plan(self, since: datetime | None) -> list[Part]:
        """What to read; the ends are frozen here.

        A record before the first that is stamped late enough is itself stamped too early, so nothing is passed over.
        """
        client = self._consumer()
        try:
            numbers = client.partitions_for_topic(self._topic)
            if not numbers:
                raise InputError(
                    f"{SCHEME}{self._topic}: there is no such topic at {', '.join(self._connection.servers)}"
                )
            tps = [self._kafka.TopicPartition(self._topic, number) for number in sorted(numbers)]
            firsts = client.beginning_offsets(tps, timeout_ms=ANSWER_MAX_MS)
            ends = client.end_offsets(tps, timeout_ms=ANSWER_MAX_MS)
            begins = dict(firsts)
            if since is not None:
                at_ms = max(0, int(since.timestamp() * 1_000) - SKEW_MS)
                found = client.offsets_for_times(dict.fromkeys(tps, at_ms), timeout_ms=ANSWER_MAX_MS)
                # No answer for a partition may also mean that its beginning has just been deleted: then all is read.
                begins |= {tp: max(firsts[tp], one.offset) for tp, one in found.items() if one is not None}
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error
        return [Part(tp.partition, firsts[tp], min(begins[tp], ends[tp]), ends[tp]) for tp in tps]

    def missing(self, part: Part) -> str:
        """What to say of a partition whose beginning has been deleted."""
        said = f"the first {part.first:,} records are deleted by retention"
        if part.first >= part.end:
            return f"{said}, and none is left"
        oldest = next(iter(self.records([part._replace(begin=part.first, end=part.first + 1)])), None)
        if oldest is None:
            return said
        at = datetime.fromtimestamp(oldest[1].timestamp / 1_000, UTC)
        return f"{said}; the oldest one left is of {at:%Y-%m-%d %H:%M:%S} UTC"

    def records(self, parts: Sequence[Part]) -> Iterator[tuple[int, Any]]:
        """The records of all parts with their partitions, each part to its end by position: offsets have holes."""
        for part in parts:
            if part.begin >= part.end:
                continue
            client, tp = self._consumer(), self._kafka.TopicPartition(self._topic, part.partition)
            client.assign([tp])
            client.seek(tp, part.begin)
            moved_s = time.monotonic()
            while True:
                found, position = self._poll(client, tp)
                for record in found:
                    if record.offset < part.end and not is_mark(record.headers):
                        yield part.partition, record
                if position >= part.end:
                    break
                if found:
                    moved_s = time.monotonic()
                elif time.monotonic() - moved_s > STALL_MAX_S:
                    where = f"{SCHEME}{self._topic}/{part.partition}"
                    raise KafkaError(f"{where}: no record for {STALL_MAX_S:.0f} s at offset {position} of {part.end}")

    def _poll(self, client: Any, tp: Any) -> tuple[Sequence[Any], int]:
        try:
            found = client.poll(timeout_ms=POLL_MS).get(tp, ())
            return found, client.position(tp, timeout_ms=ANSWER_MAX_MS)
        except self._kafka.errors.OffsetOutOfRangeError as error:
            where = f"{SCHEME}{self._topic}/{tp.partition}"
            raise KafkaError(f"{where}: retention has deleted records that were to be read; begin again") from error
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error
