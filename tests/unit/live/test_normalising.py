"""Raw records to events: where each goes, what is written into it, and what becomes of bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geo.locator import Locator
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import StateError
from sessionwatch.live.normalising import KEY, Normaliser
from sessionwatch.live.partition_store import RANK
from sessionwatch.live.routing import Route, Router, kinds_of
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import bundled_rules
from streams.adapters import adapters
from streams.kafka.batches import Batch, Look, Outcome
from streams.kafka.marks import mark_of, marked, origin_of
from streams.sources.records import RECORD_BYTES_MAX
from tests.property.topology_in_memory import One

LOGIN: dict[str, Any] = {
    "id": "e1", "at": "2026-03-02T09:00:00Z", "kind": "login", "source": "okta", "user": "Ann", "session": "s1",
    "ip": "198.51.100.7", "device": "d1",
}  # fmt: skip


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """The bundled rules."""
    return EnginePlan((bundled_rules(),)).ruleset()


def normaliser(ruleset: Ruleset) -> Normaliser:
    """One over native events, two partitions of everything."""
    routes = {by: Route(f"by-{by}", 2) for by in kinds_of(ruleset)}
    router = Router(ruleset, routes)
    return Normaliser(adapters(())["native"], Locator(), router, {"raw": 1}, "dead", now_s=lambda: 0.0)


def batch(*values: bytes, fresh: bool = True, state: dict[bytes, bytes] | None = None, **record: Any) -> Batch:
    """Records of one partition."""
    records = [One(7 + n, value, timestamp=1_772_442_000_500, **record) for n, value in enumerate(values)]
    return Batch("raw", 0, records, state or {}, fresh)


def events(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    """By topic the events of an outcome."""
    found: dict[str, list[dict[str, Any]]] = {}
    for n, one in enumerate(outcome.outputs):
        if mark_of(One(n, one.value, headers=one.headers)) is None and one.topic != "dead":
            found.setdefault(one.topic, []).append(json.loads(one.value))
    return found


def test_an_event_goes_to_the_subjects_that_rules_judge_it_for(ruleset: Ruleset) -> None:
    """With its origin, and when it was received; one that names only its session goes to sessions alone."""
    only = {name: value for name, value in LOGIN.items() if name != "user"}
    outcome = normaliser(ruleset)(batch(json.dumps(LOGIN).encode(), json.dumps(only).encode()))
    found = events(outcome)
    assert len(found["by-session"]) == 2
    assert [one["user"] for one in found["by-user"]] == ["ann"]
    assert found["by-user"][0]["received_at"] == "2026-03-02T09:00:00.500000Z"
    assert len(found["by-ip"]) == 1
    origins = {origin_of(One(0, one.value, headers=one.headers)) for one in outcome.outputs} - {None}
    assert origins == {("raw/0", 7, 0), ("raw/0", 8, 0)}
    by_user = [one for one in outcome.outputs if one.topic == "by-user" and one.key is not None]
    assert [one.key for one in by_user] == [b"ann"]


def test_what_is_told_stands_before_and_behind_the_events(ruleset: Ruleset) -> None:
    """A partition that was just taken over is a backlog until it is known to be none."""
    made = normaliser(ruleset)
    outputs = made(batch(json.dumps(LOGIN).encode())).outputs
    told = [json.loads(one.value) for one in outputs if ("mark", b"progress") in one.headers and one.topic == "by-user"]
    assert told[0]["sources"] == {"raw/0": {}}
    assert told[0]["topics"] == {"raw": 1}
    look = Look(batch(fresh=False), caught_up=True)
    made.now_s = lambda: 100.0
    (outcome,) = made.tick({0: look}).values()
    said = json.loads(outcome.outputs[0].value)["sources"]["raw/0"]
    assert said == {"newest_us": 1_772_442_000_000_000, "caught_up": True}
    assert made.tick({0: look}) == {}


def test_the_end_goes_through_with_the_newest_time_also_after_a_restart(ruleset: Ruleset) -> None:
    """Who meets the mark need not have seen the events; an event dated after its receipt is not the newest."""
    forged = LOGIN | {"id": "e2", "at": "2027-01-01T00:00:00Z"}
    kept = normaliser(ruleset)(batch(json.dumps(LOGIN).encode(), json.dumps(forged).encode())).state
    state = {key: value for key, value in kept.items() if value is not None}
    end = Batch("raw", 0, [One(9, b"", headers=[marked("end")])], state, fresh=True)
    told = normaliser(ruleset)(end).outputs[-1]
    progress = json.loads(told.value)["sources"]["raw/0"]
    assert (progress["ended"], progress["newest_us"]) == (True, 1_772_442_000_000_000)
    assert normaliser(ruleset)(batch(b"{}", state=state)).outputs == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xfe", "invalid_json"),
        (b"not JSON", "invalid_json"),
        (b'{"id":"e1","at":"yesterday","kind":"login"}', "bad_field"),
        (b'{"id":"e1","at":"2026-03-02T09:00:00Z","kind":"login","later":1}', "unknown_field"),
        (b"[" + b" " * RECORD_BYTES_MAX + b"]", "record_too_large"),
    ],
)
def test_a_bad_record_goes_to_the_dead_letter(ruleset: Ruleset, value: bytes, reason: str) -> None:
    """With topic, partition, offset, reason and what it was; the next record is taken."""
    outcome = normaliser(ruleset)(batch(value, json.dumps(LOGIN).encode()))
    (letter,) = [json.loads(one.value) for one in outcome.outputs if one.topic == "dead"]
    assert (letter["file"], letter["offset"], letter["reason"]) == ("kafka://raw/0", 7, reason)
    assert letter["raw"]
    assert len(events(outcome)["by-user"]) == 1


def test_newer_state_of_a_raw_partition_stops(ruleset: Ruleset) -> None:
    """Nothing is guessed at."""
    for kept, said in ((b"\x91\x63", "schema 99"), (b"\xc1", "cannot be read")):
        with pytest.raises(StateError, match=said):
            normaliser(ruleset)(batch(b"{}", state={KEY: RANK.pack(1, 0) + kept}))
