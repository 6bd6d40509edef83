"""Accounts that were silent for long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from detectors.dormant_account import DormantAccount, DormantParams
from detectors.worlds import an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss
from models.instants import DAY_US, MINUTE_US


def at(day: float, **fields: Any) -> PlacedEvent:
    """A sign-in on the day."""
    return an_event("login", int(day * DAY_US), **{"user": "ann", "session": f"s{day}", **fields})


def found(events: list[PlacedEvent], *, near_misses: bool = False, **params: Any) -> list[bool]:
    """Which of `events` are findings."""
    said = feed(DormantAccount(DormantParams(**params), near_misses=near_misses), events)
    return [isinstance(one, Finding) for one in said]


def test_sixty_days_of_silence_are_told_and_fifty_nine_are_not() -> None:
    """The limit itself counts; an account never seen before is none."""
    assert found([at(0), at(60)]) == [False, True]
    assert found([at(0), at(59.99)]) == [False, False]
    (said,) = feed(DormantAccount(DormantParams()), [at(0), at(75)])[1:]
    told = DormantAccount.sentence(msgspec.to_builtins(said.evidence), "ann")
    assert told == "ann was silent for 75 days, since 2026-03-02, and is used again (alerts from 60 days)"


def test_a_return_stays_one_until_vouched_for_or_a_week_has_passed() -> None:
    """Each day counts from the same silence; MFA ends it, and so does time."""
    assert found([at(0), at(70), at(71), at(72)]) == [False, True, True, True]
    passed = an_event("mfa_result", 70 * DAY_US + MINUTE_US, outcome="success", session="s70")
    assert found([at(0), at(70), passed, at(71)]) == [False, True, False, False]
    assert found([at(0), at(70), at(78), at(79)], accept_after=timedelta(days=7))[-1] is False


def test_a_near_miss_says_how_near() -> None:
    """Half the days, half the strength."""
    (said,) = feed(DormantAccount(DormantParams(), near_misses=True), [at(0), at(30)])[1:]
    assert isinstance(said, NearMiss)
    assert said.strength == 0.5
