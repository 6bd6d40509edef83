"""The end of input, as a record in every partition: what is judged before it is what a replay would end with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from models.events import SessionEvent
from models.instants import NEVER_US, to_us
from sessionwatch.engine.in_order import CLOCK_SKEW_MAX_US
from sessionwatch.errors import InputError, KafkaError
from streams.accounting import Accounting
from streams.deadletter import DeadLetter
from streams.kafka.connection import Connection
from streams.kafka.history import SCHEME, topic_blocks
from streams.kafka.marks import ended, marked
from streams.kafka.topics import CONNECT_MAX_MS, library, refused
from streams.reading import ReadSettings

WRITE_MAX_S: Final = 60.0
"""Seconds for the acknowledgement of a mark."""


def counts(event: SessionEvent) -> bool:
    """Whether the time of an event counts for the time of its input: not where it is dated after its own receipt."""
    received = event.received_at
    return received is None or to_us(event.at) - to_us(received) <= CLOCK_SKEW_MAX_US


def newest_us(broker: Connection, topics: Sequence[str]) -> int:
    """The newest event time in `topics`, all of which is read; -NEVER_US where there is none."""
    found, settings = -NEVER_US, ReadSettings(format="native")
    for topic in topics:
        try:
            for block in topic_blocks(f"{SCHEME}{topic}", broker, settings, Accounting(), DeadLetter()):
                found = max((found, *(to_us(event.at) for event in block if counts(event))))
        except InputError:
            # Empty: its events would be in another one.
            continue
    return found


def end_input(broker: Connection, topics: Mapping[str, int], until_us: int, followers: Mapping[str, int]) -> int:
    """Write the end of input into all partitions of topics of events that nobody normalises; returns how many.

    `topics` and `followers` with their numbers of partitions. `until_us`: what is due by then is fired. `followers` are
    those topics whose lanes make events for the others; what they still say is waited for.

    Raises: KafkaError where it cannot be written.
    """
    value = msgspec.json.encode(ended(until_us, int(time.time() * 1_000), followers))
    own = msgspec.json.encode(ended(until_us, int(time.time() * 1_000), {}))
    return write_marks(
        broker,
        [
            (topic, number, "progress", own if topic in followers else value)
            for topic, count in topics.items()
            for number in range(count)
        ],
    )


def end_raw(broker: Connection, topics: Mapping[str, int]) -> int:
    """Write the end of input into all partitions of raw topics; returns how many. Who normalises them hands it on.

    Raises: KafkaError where it cannot be written.
    """
    return write_marks(
        broker, [(topic, number, "end", b"") for topic, count in topics.items() for number in range(count)]
    )


def write_marks(broker: Connection, marks: Sequence[tuple[str, int, Any, bytes]]) -> int:
    """Write marks: topic, partition, kind, value; all acknowledged.

    Raises: KafkaError where one cannot be written.
    """
    kafka = library()
    producer = None
    try:
        producer = kafka.KafkaProducer(acks="all", bootstrap_timeout_ms=CONNECT_MAX_MS, **broker.for_kafka_python())
        written = [
            producer.send(topic, partition=number, value=value, headers=[marked(kind)])
            for topic, number, kind, value in marks
        ]
        for one in written:
            one.get(timeout=WRITE_MAX_S)
    except kafka.errors.KafkaError as error:
        raise refused(broker, error) from error
    finally:
        if producer is not None:
            producer.close()
    return len(marks)


def partitions_of(broker: Connection, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each of `topics` has; those that there are not are left out.

    Raises: KafkaError where there is none of them.
    """
    from streams.kafka.topics import admin, find

    with admin(broker) as client:
        found = {name: one.partitions for name, one in find(client, topics).items()}
    if not found:
        raise KafkaError(f"there is none of the topics {', '.join(topics)}; make them with: sessionwatch topics create")
    return found
