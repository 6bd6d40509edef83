"""One thing and then another: how often, how soon, what ties them together, and what ends them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.sequence import FAMILIAR_MAX, Sequence, SequenceParams, SequenceState
from detectors.worlds import an_event, feed
from models.conditions import Condition
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable
from models.instants import DAY_US, MINUTE_US

EXPORT = Condition({"kind": "export"}, lambda event: event.kind == "export")
LOGOUT = Condition({"kind": "logout"}, lambda event: event.kind == "logout")


def at(minute: float, kind: EventKind, **fields: Any) -> PlacedEvent:
    """An event of `kind` at `minute`."""
    return an_event(kind, int(minute * MINUTE_US), **{"user": "ann", "ip": "192.0.2.1", **fields})


def found(events: list[PlacedEvent], *, near_misses: bool = False, **params: Any) -> list[Any]:
    """What is said of `events`, silence left out."""
    detector = Sequence(SequenceParams(**params), near_misses=near_misses)
    return [verdict for verdict in feed(detector, events) if verdict is not None]


FAILURES = [at(i, "login_failed") for i in range(3)]


def test_enough_first_steps_and_then_the_second() -> None:
    """Three failures and a success: one finding, with the steps and their times."""
    (finding,) = found([*FAILURES, at(4, "login")], times=3, first_noun="failed sign-ins", then_noun="a sign-in")
    assert isinstance(finding, Finding)
    assert [(step.step, step.count) for step in finding.evidence.steps] == [("failed sign-ins", 3), ("a sign-in", 1)]
    assert finding.evidence.seconds == 240
    assert [ref.kind for ref in finding.events] == ["login_failed"] * 3
    told = Sequence.sentence(_plain(finding), "ann")
    assert told == "ann: 3 failed sign-ins, then a sign-in, all in 4 minutes (alerts from 3 within 30 minutes)"


@pytest.mark.parametrize(
    "events",
    [
        [*FAILURES[:2], at(4, "login")],
        [at(4, "login"), *(at(5 + i, "login_failed") for i in range(3))],
        [*FAILURES, at(30, "login")],
    ],
    ids=["too few", "the wrong way round", "too late"],
)
def test_nothing_less_is_a_sequence(events: list[PlacedEvent]) -> None:
    """Number, order and span must all be right; a step at the very edge of the span has left it."""
    assert found(events, times=3) == []


def test_what_ends_it_ends_it() -> None:
    """A logout in between: the first steps must come again."""
    assert found([*FAILURES, at(3, "logout"), at(4, "login")], times=3, without=LOGOUT) == []
    assert len(found([*FAILURES, at(4, "login"), at(5, "logout")], times=3, without=LOGOUT)) == 1


def test_a_sequence_is_found_once() -> None:
    """What has come to its end begins anew; a second sign-in of the same morning is no second finding."""
    assert len(found([*FAILURES, at(4, "login"), at(5, "login")], times=3)) == 1


def test_a_third_step_waits_for_the_second() -> None:
    """Failures and an export are nothing; failures, a sign-in and an export are something."""
    story = [*FAILURES, at(4, "export")]
    assert found(story, times=3, third=EXPORT) == []
    (finding,) = found([*FAILURES, at(4, "login"), at(5, "export")], times=3, third=EXPORT)
    assert [step.count for step in finding.evidence.steps] == [3, 1, 1]
    assert [ref.kind for ref in finding.events][-1] == "login"


def test_same_ties_steps_together() -> None:
    """Failures on two devices are two beginnings; without a device nobody can tell."""
    split = [at(i, "login_failed", device=f"d{i % 2}") for i in range(4)]
    assert found([*split, at(5, "login", device="d0")], times=3, same=("device",)) == []
    assert len(found([*split, at(5, "login", device="d0")], times=2, same=("device",))) == 1
    assert found([*split, at(5, "login")], times=2, same=("device",)) == [NotEvaluable("no_device")]


def test_differs_wants_another_value_and_never_takes_silence_for_one() -> None:
    """The same network is no difference, and neither is a missing address."""
    ways = {"192.0.2.1": 0, "198.51.100.7": 1}
    for ip, findings in ways.items():
        assert len(found([*FAILURES, at(4, "login", ip=ip)], times=3, differs=("network",))) == findings
    assert found([*FAILURES, at(4, "login", ip="")], times=3, differs=("network",)) == [NotEvaluable("no_network")]


def test_unfamiliar_wants_history_and_something_new() -> None:
    """Without history nobody can tell; a known network is quiet; a new one is found, and its candidate named."""
    known = at(-2 * 1440, "login")
    stranger = at(4, "login", ip="198.51.100.7", session="s9")
    params: dict[str, Any] = {"times": 3, "unfamiliar": ("network",)}
    assert found([*FAILURES, stranger], **params) == [NotEvaluable("too_little_history")]
    assert found([known, *FAILURES, at(4, "login")], **params) == []
    (finding,) = found([known, *FAILURES, stranger], **params)
    assert (finding.candidates[0].session, finding.candidates[0].unfamiliar) == ("s9", ("network",))
    assert "198.51.100.7 was not seen before" in Sequence.sentence(_plain(finding), "ann")


def test_history_can_be_asked_to_be_longer() -> None:
    """On the second day everything is new, and nobody is accused of it."""
    stranger = at(4, "login", ip="198.51.100.7")
    params: dict[str, Any] = {"times": 3, "unfamiliar": ("network",), "history_min": "7d"}
    assert found([at(-6 * 1440, "login"), *FAILURES, stranger], **params) == [NotEvaluable("too_little_history")]
    (finding,) = found([at(-8 * 1440, "login"), *FAILURES, stranger], **params)
    assert isinstance(finding, Finding)
    lately = [at(-8 * 1440, "login"), at(-2 * 1440, "login", ip="198.51.100.7")]
    assert found([*lately, *FAILURES, stranger], **params) == []


def test_a_flagged_network_does_not_become_known_until_vouched_for() -> None:
    """The thief of yesterday is a thief today; a second factor that passed there ends that."""
    day = DAY_US / MINUTE_US

    def story(*between: PlacedEvent) -> list[PlacedEvent]:
        again = [at(3 * day + i, "login_failed", ip="198.51.100.7") for i in range(3)]
        thief = [at(4, "login", ip="198.51.100.7"), *between]
        return [at(-2 * day, "login"), *FAILURES, *thief, *again, at(3 * day + 5, "login", ip="198.51.100.7")]

    params: dict[str, Any] = {"times": 3, "unfamiliar": ("network",)}
    assert len(found(story(), **params)) == 2
    passed = at(9, "mfa_result", outcome="success", ip="198.51.100.7")
    assert len(found(story(passed), **params)) == 1


def test_distinct_counts_values() -> None:
    """Three failures under two names are two."""
    names = [at(i, "login_failed", user=f"u{i % 2}") for i in range(3)]
    assert found([*names, at(4, "login")], times=3, distinct="user") == []
    (finding,) = found([*names, at(4, "login")], times=2, distinct="user")
    assert finding.evidence.counted == 2
    assert "2 users in 3 first steps" in Sequence.sentence(_plain(finding), "192.0.2.1")


def test_a_name_that_gets_in_may_be_taken_out_of_the_count() -> None:
    """Ten of a shift each mistype and sign in: quiet; three names that stay outside, and one that gets in, are not."""
    shift = [
        one for n in range(10) for one in (at(n, "login_failed", user=f"u{n}"), at(n + 0.5, "login", user=f"u{n}"))
    ]
    asked: dict[str, Any] = {"times": 3, "distinct": "user", "cleared_by_then": True}
    assert found(shift, **asked) == []
    assert found(shift, **{**asked, "cleared_by_then": False}) != []
    outside = [at(10 + n, "login_failed", user=f"v{n}") for n in range(3)]
    (finding,) = found([*shift, *outside, at(14, "login", user="w")], **asked)
    assert finding.evidence.counted == 3


def test_a_near_miss_says_how_near() -> None:
    """Two of three is two thirds."""
    (miss,) = found([*FAILURES[:2], at(4, "login")], near_misses=True, times=3)
    assert isinstance(miss, NearMiss)
    assert miss.strength == pytest.approx(2 / 3)


def test_known_values_are_bounded() -> None:
    """The longest unseen goes."""
    detector, state = Sequence(SequenceParams(unfamiliar=("network",))), SequenceState()
    feed(detector, [at(i, "login", ip=f"192.0.2.{i}") for i in range(FAMILIAR_MAX + 9)], state)
    assert len(state.known) == FAMILIAR_MAX
    assert "network=192.0.2.0" not in state.known


def _plain(finding: Finding) -> dict[str, Any]:
    """Evidence as it stands in an alert."""
    return msgspec.to_builtins(finding.evidence)
