"""The topic of dead letters, and the way back: a record is put again into the topic that it came from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from sessionwatch.errors import KafkaError
from streams.deadletter import Entry
from streams.kafka.connection import Connection
from streams.kafka.topics import CONNECT_MAX_MS, library, refused
from streams.sources.records import RawRecord

READ_MAX_S: Final = 60.0
"""Seconds without a record after which reading the dead letters is given up."""
POLL_MS: Final = 200
SCHEME: Final = "kafka://"
PUT_BACK: Final = ("sessionwatch-retried", b"1")
"""The header of a record that was put back."""


class Place(NamedTuple):
    """Where a record stood."""

    topic: str
    partition: int
    offset: int


class PutBack(NamedTuple):
    """What became of dead letters: put back, still not readable, gone from the topic that they came from."""

    read: int
    unread: int
    gone: int


def place_of(entry: Entry) -> Place | None:
    """Where the record of an entry stood in Kafka; None where it came from elsewhere."""
    topic, _, partition = entry.file.removeprefix(SCHEME).rpartition("/")
    if not entry.file.startswith(SCHEME) or not topic or not partition.isdigit():
        return None
    return Place(topic, int(partition), entry.offset)


class Letters:
    """The dead letters of `topic`; how far they were tried again is kept as the offset of a group of its own.

    Raises:
        KafkaError: the servers do not answer, refuse us, or have no such topic.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        """Connect."""
        self._kafka = library()
        self._connection, self._topic = connection, topic
        self._group = f"{topic}.retry"
        self._clients: list[Any] = []

    def close(self) -> None:
        """Leave."""
        for client in self._clients:
            client.close()

    def entries(self, *, untried: bool = False) -> Iterator[Entry]:
        """All of them as the topic has them now, the oldest first; with `untried` those beyond the last retry."""
        try:
            yield from self._entries(untried=untried)
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error

    def put_back(self, fits: Callable[[Entry, RawRecord], bool], retried_max: int, *, again: bool = False) -> PutBack:
        """Put back the records that `fits`, at most `retried_max` dead letters, the oldest first; each is tried once.

        `again`: begin with the oldest once more. A crash between writing and noting puts a record back twice, with
        the same event id.
        """
        try:
            return self._put_back(fits, retried_max, again=again)
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error

    def _put_back(self, fits: Callable[[Entry, RawRecord], bool], retried_max: int, *, again: bool) -> PutBack:
        read = unread = gone = tried = 0
        producer = self._kafka.KafkaProducer(acks="all", **self._connection.for_kafka_python())
        self._clients.append(producer)
        source = self._consumer(None)
        for entry in self._entries(untried=not again):
            if tried == retried_max:
                break
            tried += 1
            place = place_of(entry)
            found = None if place is None else self._record(source, place)
            if place is None or found is None:
                gone += 1
            elif fits(entry, RawRecord(found.value or b"", 0, found.offset)):
                # Its own headers may say which record it was made from, and that one is known to those who judge.
                sent = producer.send(place.topic, found.value, found.key, [PUT_BACK], place.partition)
                sent.get(timeout=READ_MAX_S)
                read += 1
            else:
                unread += 1
        self._note(tried, again=again)
        return PutBack(read, unread, gone)

    def _consumer(self, group: str | None) -> Any:
        made = self._kafka.KafkaConsumer(
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            bootstrap_timeout_ms=CONNECT_MAX_MS,
            **self._connection.for_kafka_python(),
        )
        self._clients.append(made)
        return made

    def _entries(self, *, untried: bool) -> Iterator[Entry]:
        client, tp = self._letters()
        begin, end = client.beginning_offsets([tp])[tp], client.end_offsets([tp])[tp]
        if untried:
            begin = max(begin, client.committed(tp) or 0)
        client.seek(tp, begin)
        limit_s = time.monotonic() + READ_MAX_S
        while client.position(tp) < end:
            if time.monotonic() > limit_s:
                raise KafkaError(f"{self._topic}: no dead letter for {READ_MAX_S:.0f} s before the end; try again")
            for record in client.poll(timeout_ms=POLL_MS).get(tp, ()):
                limit_s = time.monotonic() + READ_MAX_S
                if record.offset < end:
                    yield msgspec.json.decode(record.value, type=Entry)

    def _letters(self) -> tuple[Any, Any]:
        """A consumer of the only partition of dead letters, in the group that notes how far they were tried."""
        client = self._consumer(self._group)
        tp = self._kafka.TopicPartition(self._topic, 0)
        if 0 not in (client.partitions_for_topic(self._topic) or ()):
            raise KafkaError(f"{self._topic}: there is no such topic; make it with: sessionwatch topics create")
        client.assign([tp])
        return client, tp

    def _note(self, tried: int, *, again: bool) -> None:
        client, tp = self._letters()
        begin = client.beginning_offsets([tp])[tp]
        known = 0 if again else client.committed(tp) or 0
        offset = self._kafka.structs.OffsetAndMetadata(max(begin, known) + tried, "", -1)
        client.commit({tp: offset})

    def _record(self, client: Any, place: Place) -> Any:
        """The record that stood there; None where retention has deleted it."""
        tp = self._kafka.TopicPartition(place.topic, place.partition)
        if place.partition not in (client.partitions_for_topic(place.topic) or ()):
            return None
        client.assign([tp])
        if not client.beginning_offsets([tp])[tp] <= place.offset < client.end_offsets([tp])[tp]:
            return None
        client.seek(tp, place.offset)
        limit_s = time.monotonic() + READ_MAX_S
        while time.monotonic() < limit_s:
            for record in client.poll(timeout_ms=POLL_MS, max_records=1).get(tp, ()):
                return record if record.offset == place.offset else None
        raise KafkaError(f"{place.topic} partition {place.partition}: offset {place.offset} is not given; try again")
