"""The topics: how they must be, and what is said where they are not."""

from __future__ import annotations

import pytest

from sessionwatch.errors import KafkaError
from streams.kafka import topics
from streams.kafka.connection import connection
from streams.kafka.settings import WRITE_BYTES_MAX
from streams.kafka.topics import Found, admin, faults, layouts

WANTED = layouts("sw", 4)


def made() -> dict[str, Found]:
    """The topics as `create` makes them."""
    return {one.name: Found(one.partitions or 4, one.settings()) for one in WANTED}


def test_what_is_made_is_right() -> None:
    """And state may hold what the lane may write."""
    assert faults(WANTED, made()) == []
    assert faults(layouts("sw", None), made()) == []
    state = made()["sw.state.by-user"].settings
    assert int(state["max.message.bytes"]) > WRITE_BYTES_MAX


@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("sw.notices", None, "sw.notices: there is no such topic; make it with: sessionwatch topics create"),
        ("sw.notices", Found(3, {"cleanup.policy": "delete"}), "sw.notices: has 3 partitions, 4 are wanted"),
        ("sw.events.by-user", Found(4, {"cleanup.policy": "compact"}), "cleanup.policy is compact, it must be delete"),
        ("sw.events.by-user", Found(4, {}), "cleanup.policy is not told, it must be delete"),
        (
            "sw.state.by-user",
            Found(4, {**made()["sw.state.by-user"].settings, "cleanup.policy": "compact,delete"}),
            "cleanup.policy is compact,delete, it must be compact: otherwise the state of people",
        ),
        (
            "sw.state.by-user",
            Found(4, {**made()["sw.state.by-user"].settings, "max.message.bytes": "1048588"}),
            "max.message.bytes is 1048588, it must be 2097152 or more",
        ),
        (
            "sw.state.by-user",
            Found(4, {**made()["sw.state.by-user"].settings, "min.compaction.lag.ms": "0"}),
            "min.compaction.lag.ms is 0, it must be 3600000 or more",
        ),
    ],
)
def test_one_thing_wrong_is_one_line(name: str, found: Found | None, said: str) -> None:
    """Which topic, what is wrong, what to do."""
    there = made()
    if found is None:
        del there[name]
    else:
        there[name] = found
    (line,) = faults(WANTED, there)
    assert said in line
    assert line.startswith(name)


def test_events_and_state_have_the_same_partitions() -> None:
    """Also where nobody asked for a number: state lies beside its events."""
    there = made() | {"sw.state.by-user": Found(6, made()["sw.state.by-user"].settings)}
    (line,) = faults(layouts("sw", None), there)
    assert line == ("sw.state.by-user: has 6 partitions, sw.events.by-user has 4; both must have the same number")


def test_a_broker_that_is_away_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address."""
    monkeypatch.setattr(topics, "CONNECT_MAX_MS", 300)
    away = connection({"SESSIONWATCH_KAFKA": "127.0.0.1:1"})
    with pytest.raises(KafkaError, match=r"does not answer at 127\.0\.0\.1:1; is it running") as raised, admin(away):
        pass
    assert "\n" not in str(raised.value)
