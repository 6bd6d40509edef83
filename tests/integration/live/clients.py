"""What tests ask of Kafka: make topics, write, read all, see what is committed. Every wait has a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

WAIT_MAX_S = 180.0
"""Generous: the machine may be busy with other things."""


class Read(NamedTuple):
    """A record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0


def create(servers: str, topics: Mapping[str, int], **settings: str) -> None:
    """Make topics with these numbers of partitions."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        admin.create_topics(
            {
                name: {"num_partitions": count, "replication_factor": 1, "configs": settings}
                for name, count in topics.items()
            }
        )
    finally:
        admin.close()


def feed(servers: str, topic: str, records: Iterable[tuple[int, bytes, bytes | None]]) -> None:
    """Write (partition, key, value), all acknowledged."""
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=5)
    try:
        written = [producer.send(topic, partition=partition, key=key, value=value) for partition, key, value in records]
        producer.flush(timeout=WAIT_MAX_S)
        for one in written:
            one.get(timeout=WAIT_MAX_S)
    finally:
        producer.close()


def read_all(servers: str, topic: str) -> list[Read]:
    """Everything that a topic has now, by partition and offset."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends, firsts = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, firsts[partition])
        found: list[Read] = []
        until = time.monotonic() + WAIT_MAX_S
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            assert time.monotonic() < until, f"{topic} cannot be read to its end"
            for partition, records in consumer.poll(timeout_ms=100).items():
                found += [
                    Read(partition.partition, one.offset, one.key, one.value, tuple(one.headers), one.timestamp)
                    for one in records
                ]
        return sorted(found)
    finally:
        consumer.close(autocommit=False)


class Watcher:
    """Looks at what a group has committed."""

    def __init__(self, servers: str) -> None:
        """Look there."""
        self._admin = KafkaAdminClient(bootstrap_servers=servers)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition; nothing where the broker has not made the topic of offsets yet."""
        try:
            found: Any = self._admin.list_group_offsets(group)
        except (CoordinatorNotAvailableError, NotCoordinatorError, CoordinatorLoadInProgressError):
            return {}
        offsets = found.get(group, found)
        return {tp.partition: one.offset for tp, one in offsets.items() if tp.topic == topic and one.offset >= 0}

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something to come true."""
        limit = time.monotonic() + WAIT_MAX_S
        while not done():
            assert time.monotonic() < limit, f"not within {WAIT_MAX_S:.0f} s: {what}"
            time.sleep(0.1)

    def close(self) -> None:
        """Done."""
        self._admin.close()
