"""`sessionwatch topics` on a real broker."""

from __future__ import annotations

import os

import pytest

from sessionwatch.cli import surroundings
from sessionwatch.errors import KafkaError
from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, faults, find, layouts
from tests.integration.live import clients
from tests.replay.command import sessionwatch


def test_topics_are_made_once_and_checked(kafka: str, unique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is made, what is there is left, and what is wrong there is said and ends with 2."""
    monkeypatch.setenv("SESSIONWATCH_KAFKA", kafka)
    clients.create(kafka, {f"{unique}.notices": 2}, **{"cleanup.policy": "compact"})
    words = ("--prefix", unique, "--partitions", "2", "--replicas", "1")
    made = sessionwatch("topics", "create", *words)
    assert made.code == 2
    assert f"{unique}.state.by-user: 2 partitions, made\n" in made.out
    assert f"{unique}.notices: 2 partitions\n" in made.out
    (fault,) = made.err.splitlines()
    assert fault.startswith(f"{unique}.notices: cleanup.policy is compact, it must be delete: otherwise all but")
    with admin(connection(os.environ)) as client:
        wanted = layouts(unique, None)
        assert create(client, wanted, 1) == []
        found = find(client, [layout.name for layout in wanted])
    assert len(faults(wanted, found)) == 1
    (other,) = [line for line in faults(layouts(unique, 3), found) if "events" in line]
    assert other.startswith(f"{unique}.events.by-user: has 2 partitions, 3 are wanted")


def test_what_kafka_refuses_is_one_line(kafka: str, unique: str) -> None:
    """Here: more copies than there are brokers."""
    broker = connection({"SESSIONWATCH_KAFKA": kafka})
    with pytest.raises(KafkaError, match="InvalidReplicationFactor") as refused, admin(broker) as client:
        create(client, layouts(unique, 2), 9)
    assert "\n" not in str(refused.value)


def test_the_doctor_tells_of_topics(kafka: str, unique: str) -> None:
    """Each that is missing is a fault with what to do; once they are made, none is."""
    broker = connection({"SESSIONWATCH_KAFKA": kafka})
    checks = list(surroundings.kafka(broker, unique))
    assert checks[0].state == "ok"
    assert {check.state for check in checks[1:]} == {"FAULT"}
    assert all("sessionwatch topics create" in check.to_do for check in checks[1:])
    with admin(broker) as client:
        create(client, layouts(unique, 2), 1)
    assert [check.state for check in surroundings.kafka(broker, unique)] == ["ok", "ok"]
