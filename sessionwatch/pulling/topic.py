"""A topic of raw records that pulled events go to, for `sessionwatch normalise` to read."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sessionwatch.errors import KafkaError
from sessionwatch.pulling.output import spared
from streams.kafka.connection import Connection
from streams.kafka.topics import CONNECT_MAX_MS, admin, find, library, refused

WRITE_MAX_S: Final = 60.0
"""Seconds for the topic to take what one look has found; then that is an error, and comes again with the next start."""


class EventTopic:
    """Events as records of a topic, keyed by user; after a crash the last ones may come twice, with the same id.

    Raises:
        KafkaError: the servers do not answer, refuse us, or have no such topic.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        """Connect."""
        self.path = f"kafka://{topic}"
        self._connection, self._topic = connection, topic
        self._kafka = library()
        with admin(connection) as client:
            if topic not in find(client, [topic]):
                raise KafkaError(f"there is no topic {topic}; make it: sessionwatch topics create --raw keycloak")
        made = {"acks": "all", "bootstrap_timeout_ms": CONNECT_MAX_MS, **connection.for_kafka_python()}
        try:
            self._producer = self._kafka.KafkaProducer(**made)
        except self._kafka.errors.KafkaError as error:
            raise refused(connection, error) from error

    def append(self, events: list[dict[str, Any]]) -> None:
        """Write them, all acknowledged.

        Raises:
            KafkaError: they cannot be written.
        """
        try:
            sent = [
                self._producer.send(self._topic, msgspec.json.encode(spared(one)), str(one.get("userId", "")).encode())
                for one in events
            ]
            for one in sent:
                one.get(timeout=WRITE_MAX_S)
        except self._kafka.errors.KafkaError as error:
            raise refused(self._connection, error) from error

    def close(self) -> None:
        """Leave."""
        self._producer.close()
