"""Pulled events as records of a real Kafka topic."""

from __future__ import annotations

import json

import pytest

from sessionwatch.errors import KafkaError
from sessionwatch.pulling.topic import EventTopic
from streams.kafka.connection import connection
from tests.integration.live.clients import create, read_all
from tests.unit.pulling.keycloak_store import event


def test_events_are_in_the_topic_when_they_are_taken(kafka: str, unique: str) -> None:
    """Each as a record, those of a user in one partition in their order; a topic that there is not is told."""
    broker = connection({"SESSIONWATCH_KAFKA": kafka})
    topic = f"{unique}.raw.keycloak"
    with pytest.raises(KafkaError, match=f"there is no topic {topic}; make it"):
        EventTopic(broker, topic)
    create(kafka, {topic: 3})
    written = [event(n, n) for n in range(50)]
    taker = EventTopic(broker, topic)
    taker.append(written)
    found = read_all(kafka, topic)
    taker.close()
    assert [json.loads(one.value) for one in found] == written
    assert len({one.partition for one in found}) == 1
