"""`sessionwatch replay kafka://TOPIC`: what a replay of the same events in files finds, whatever their order."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from sessionwatch.errors import InputError
from streams.accounting import Accounting
from streams.deadletter import DeadLetter
from streams.kafka.connection import connection
from streams.kafka.history import topic_blocks
from streams.reading import ReadSettings
from tests.integration.live.clients import create, feed
from tests.replay.command import sessionwatch

GOLDEN = Path(__file__).parents[2] / "replay" / "hospital-day.alerts.jsonl"


def event(number: int) -> bytes:
    """A native event."""
    return b'{"id":"e%d","at":"2026-03-02T09:00:%02dZ","kind":"login","source":"okta","user":"ann"}' % (number, number)


def read(kafka: str, topic: str, accounting: Accounting) -> list[str]:
    """The ids of the events of a topic."""
    broker = connection({"SESSIONWATCH_KAFKA": kafka})
    blocks = topic_blocks(f"kafka://{topic}", broker, ReadSettings(), accounting, DeadLetter())
    return [event.id for block in blocks for event in block]


def test_a_topic_gives_the_alerts_of_the_files(
    kafka: str, unique: str, example_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example day, shuffled over two partitions: byte for byte the alerts of the golden file."""
    monkeypatch.setenv("SESSIONWATCH_KAFKA", kafka)
    files = (example_day / "warm-up.jsonl.gz", example_day / "day.jsonl.gz")
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines() if line.strip()]
    random.Random(7).shuffle(lines)
    create(kafka, {unique: 2})
    feed(kafka, unique, ((number % 2, b"", line) for number, line in enumerate(lines)))
    alerts, letters = tmp_path / "alerts.jsonl", tmp_path / "dead.jsonl"
    ended = sessionwatch("replay", f"kafka://{unique}", "--alerts", alerts, "--dead-letter", letters, "--json")
    assert ended.code == 3, ended.err
    assert alerts.read_bytes() == GOLDEN.read_bytes()
    assert ended.summary["records_read"] == len(lines)
    assert f"kafka://{unique}: frozen (read until the offsets 0:" in str(ended.summary["remarks"])
    assert f'"file":"kafka://{unique}/' in letters.read_text()


def test_what_retention_has_deleted_is_said(kafka: str, unique: str) -> None:
    """How many records, and from when on there are some; what is left is read."""
    create(kafka, {unique: 2})
    feed(kafka, unique, ((number % 2, b"", event(number)) for number in range(20)))
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_records({TopicPartition(unique, 0): 4})
    admin.close()
    accounting = Accounting()
    assert sorted(read(kafka, unique, accounting)) == sorted({f"e{n}" for n in range(20)} - {"e0", "e2", "e4", "e6"})
    said = [str(remark) for remark in accounting.remarks if remark.what == "begins_late"]
    assert len(said) == 1
    assert said[0].startswith(
        f"kafka://{unique}/0: begins late (the first 4 records are deleted by retention; the oldest one left is of 20"
    )


def test_a_topic_that_cannot_be_read_is_said(kafka: str, unique: str) -> None:
    """There is none of this name; it is empty; its records are of no format."""
    with pytest.raises(InputError, match=f"kafka://{unique}: there is no such topic at"):
        read(kafka, unique, Accounting())
    create(kafka, {unique: 1, f"{unique}-text": 1})
    with pytest.raises(InputError, match=f"kafka://{unique} is empty"):
        read(kafka, unique, Accounting())
    feed(kafka, f"{unique}-text", [(0, b"", b"hello")])
    with pytest.raises(InputError, match="of no known format"):
        read(kafka, f"{unique}-text", Accounting())
