"""Pushes that nobody approves: what counts as one, what settles one, and of whom nothing is surely said."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from detectors.mfa_fatigue import PUSHES_MAX, FatigueParams, MfaFatigue
from detectors.worlds import an_event, feed
from models.events import EventKind, Outcome, PlacedEvent
from models.findings import Finding, NearMiss
from models.instants import MINUTE_US, SECOND_US

TOLD: dict[str, tuple[EventKind, Outcome]] = {
    "sent": ("mfa_challenge", "unknown"),
    "denied": ("mfa_result", "failure"),
    "approved": ("mfa_result", "success"),
}


def fatigue(*, near_misses: bool = False, **params: Any) -> MfaFatigue:
    """The detector with `params`."""
    return MfaFatigue(FatigueParams(**params), near_misses=near_misses)


def at(second: float, what: str) -> PlacedEvent:
    """One step at the second."""
    kind, outcome = TOLD[what]
    return an_event(kind, int(second * SECOND_US), id=f"{what}{second}", outcome=outcome, user="ann")


def counted(detector: MfaFatigue, events: list[PlacedEvent]) -> list[int]:
    """What each finding counts, 0 where there is none."""
    said = feed(detector, events)
    return [int(msgspec.to_builtins(one.evidence)["counted"]) if isinstance(one, Finding) else 0 for one in said]


def test_a_push_that_is_sent_counts_once_another_follows_it() -> None:
    """The eleventh push shows that the tenth was not answered."""
    found = counted(fatigue(), [at(60 * n, "sent") for n in range(12)])
    assert found == [0] * 10 + [10, 11]


def test_a_push_and_its_denial_are_one() -> None:
    """Ten pushes with ten denials are ten, told at the tenth denial and not before."""
    events = [at(60 * n + second, what) for n in range(10) for second, what in ((0, "sent"), (40, "denied"))]
    assert counted(fatigue(), events) == [0] * 19 + [10]
    said = feed(fatigue(), events)[-1]
    assert isinstance(said, Finding)
    assert msgspec.to_builtins(said.evidence) | {"since": ""} == {
        "counted": 10,
        "denied": 10,
        "at_least": 10,
        "window_seconds": 1800,
        "seconds": 580,
        "since": "",
        "approved": False,
    }


def test_denials_alone_are_pushes_too() -> None:
    """Sources that say only the result are counted as before."""
    assert counted(fatigue(), [at(60 * n, "denied") for n in range(11)]) == [0] * 9 + [10, 11]


def test_denials_that_come_after_the_next_push_count_nothing_twice() -> None:
    """Ten pushes at once, then ten denials: ten."""
    events = [*(at(n, "sent") for n in range(10)), *(at(60 + n, "denied") for n in range(10))]
    assert counted(fatigue(), events) == [0] * 10 + [10] + [0] * 9
    assert max(counted(fatigue(at_least=11), events)) == 0


def test_a_push_that_is_approved_counts_nowhere() -> None:
    """Twelve pushes, each approved, are none, whoever asks."""
    events = [at(60 * n + second, what) for n in range(12) for second, what in ((0, "sent"), (5, "approved"))]
    assert not any(counted(fatigue(at_least=1), events))
    assert not any(counted(fatigue(at_least=1, then_approved=True), events))


def test_an_approval_settles_the_newest_push_alone() -> None:
    """Twenty-five pushes, the last approved: twenty-four that nobody answered, told at the approval."""
    events = [*(at(30 * n, "sent") for n in range(25)), at(780, "approved"), at(781, "approved")]
    detector = fatigue(at_least=5, then_approved=True)
    assert counted(detector, events) == [0] * 25 + [24, 0]
    said = feed(detector, events)[25]
    told = MfaFatigue.sentence(msgspec.to_builtins(said.evidence), "ann")  # type: ignore[union-attr]  # a finding
    assert told == (
        "ann: 24 pushes unanswered or denied, then one approved, all in 13 minutes (alerts from 5 within 30 minutes)"
    )


@pytest.mark.parametrize(("second", "fires"), [(300, False), (301, True)])
def test_an_approval_much_later_is_no_answer(second: float, fires: bool) -> None:
    """Five minutes after the push it still is one."""
    detector = fatigue(at_least=1, then_approved=True)
    assert counted(detector, [at(0, "sent"), at(second, "approved")]) == [0, int(fires)]


def test_what_has_left_the_window_counts_no_more() -> None:
    """One push every four minutes never makes ten within half an hour."""
    assert not any(counted(fatigue(), [at(240 * n, "sent") for n in range(100)]))


def test_a_near_miss_says_how_near() -> None:
    """Five of ten are half."""
    said = feed(fatigue(near_misses=True), [at(n, "denied") for n in range(5)])[-1]
    assert isinstance(said, NearMiss)
    assert said.strength == 0.5


def test_a_flood_is_bounded() -> None:
    """Beyond the bound the oldest go; it is told all the same."""
    assert counted(fatigue(), [at(n, "sent") for n in range(PUSHES_MAX + 50)])[-1] == PUSHES_MAX


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_accused_by_more_than_was_sent_or_denied(seed: int) -> None:
    """In any order of steps the count never exceeds the pushes and denials of the window, nor takes one twice."""
    dice = random.Random(seed)
    second, events = 0.0, []
    for _ in range(200):
        second += dice.choice((0.5, 20, 200, 900))
        events.append(at(second, dice.choice(tuple(TOLD))))
    for then_approved in (False, True):
        for event, found in zip(events, counted(fatigue(at_least=1, then_approved=then_approved), events), strict=True):
            before = [one for one in events if event.at_us - 30 * MINUTE_US < one.at_us <= event.at_us]
            sent = sum(one.kind == "mfa_challenge" for one in before)
            denied = sum(one.outcome == "failure" for one in before)
            assert found <= sent + denied
