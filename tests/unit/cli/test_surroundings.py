"""What the doctor says of clock, disk, state and Kafka, with what to do."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessionwatch.cli.checks import Check
from sessionwatch.cli.surroundings import clock, disk, kafka, python, state
from sessionwatch.errors import KafkaError
from sessionwatch.live.state_file import StateFile, Step
from sessionwatch.settings.form import Settings, WatchSection
from streams.deadletter import Entry
from streams.kafka.connection import Connection

BUILT = datetime(2026, 6, 1, tzinfo=UTC)


def one(found: list[Check]) -> tuple[str, str]:
    """What was found and what to do, where it is one thing."""
    (check,) = found
    return check.state, check.to_do


def test_a_clock_that_cannot_be_right_is_a_fault() -> None:
    """One that nobody keeps right is a warning; where the kernel does not say, nothing is held against it."""
    assert one(list(clock(datetime(2025, 1, 1, tzinfo=UTC), BUILT, unsynchronised=False)))[0] == "FAULT"
    said, to_do = one(list(clock(datetime(2026, 7, 1, tzinfo=UTC), BUILT, unsynchronised=True)))
    assert (said, "NTP" in to_do) == ("warning", True)
    assert one(list(clock(datetime(2026, 7, 1, tzinfo=UTC), BUILT, unsynchronised=None))) == ("ok", "")


def test_a_disk_that_is_nearly_full_is_told_before_it_is() -> None:
    """As a warning, then as a fault."""
    assert [disk(Path("/"), free).state for free in (5 << 30, 500 << 20, 1 << 20)] == ["ok", "warning", "FAULT"]


def test_the_state_file_is_looked_at(tmp_path: Path) -> None:
    """Dead letters in it are a warning; a file that is none is told as what it is."""
    path = tmp_path / "watch.db"
    with StateFile(path) as file:
        file.commit(Step(dead_letters=[Entry("a.jsonl", 1, 0, "okta", "bad_json")]), notices=False)
    settings = Settings(watch=WatchSection(state=path))
    states = {check.what: check.state for check in state(settings)}
    assert states["state file"] == "warning"
    assert "disk" in states
    assert [check.what for check in state(Settings())] == ["disk"]


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setattr("sessionwatch.cli.surroundings.find_spec", lambda name: None if name == "faust" else name)
    (check,) = [check for check in python() if check.what == "Kafka clients"]
    assert (check.state, "faust" in check.said, "sessionwatch[live]" in check.to_do) == ("warning", True, True)


def test_kafka_that_is_down_is_one_line() -> None:
    """Which says where it was looked for."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(KafkaError, match=rf"does not answer at 127.0.0.1:{port}; is it running"):
        list(kafka(Connection(servers=(f"127.0.0.1:{port}",)), "sessionwatch"))
