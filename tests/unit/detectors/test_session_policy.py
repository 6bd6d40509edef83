"""Sessions that are used when they should be gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors.session_policy import SESSIONS_MAX, PolicyParams, PolicyState, SessionPolicy
from detectors.worlds import an_event, feed
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NotEvaluable
from models.instants import MINUTE_US


def at(minute: float, kind: EventKind, session: str = "s1") -> PlacedEvent:
    """An event of the session."""
    return an_event(kind, int(minute * MINUTE_US), user="ann", session=session)


def breaches(*events: PlacedEvent, **params: Any) -> list[str]:
    """What was breached, in order."""
    said = feed(SessionPolicy(PolicyParams(**params)), events)
    return [one.evidence.breach for one in said if isinstance(one, Finding)]


@pytest.mark.parametrize("end", ["logout", "timeout", "revoked"])
def test_nothing_comes_from_a_session_that_has_ended(end: EventKind) -> None:
    """However it ended; a request under way is let through; a second end does not begin the grace anew."""
    ended = (at(0, "login"), at(10, end))
    assert breaches(*ended, at(14, "activity")) == []
    assert breaches(*ended, at(16, "activity"), at(20, "refresh")) == ["after_end"] * 2
    assert breaches(*ended, at(14, end), at(16, "activity")) == ["after_end"]


def test_a_sign_in_begins_it_anew() -> None:
    """Some systems give the id again."""
    assert breaches(at(0, "login"), at(10, "logout"), at(30, "login"), at(40, "activity")) == []


def test_age_and_rest_have_limits_where_they_are_set() -> None:
    """Beyond the limit, not at it."""
    story = (at(0, "login"), at(60, "activity"), at(121, "activity"))
    assert breaches(*story) == []
    assert breaches(*story, lifetime_max=timedelta(hours=2)) == ["too_old"]
    assert breaches(*story, idle_max=timedelta(hours=1)) == ["too_idle"]


def test_another_session_and_none_are_not_meant() -> None:
    """Only the session that has ended; without an id nobody can tell."""
    assert breaches(at(0, "login"), at(10, "logout"), at(60, "activity", "s2")) == []
    assert feed(SessionPolicy(PolicyParams()), [at(0, "activity", "")]) == [NotEvaluable("no_session")]


def test_the_sentence_says_how_long_and_by_what_it_ended() -> None:
    """In plain words."""
    (said,) = feed(SessionPolicy(PolicyParams()), [at(0, "login"), at(10, "logout"), at(70, "export")])[2:]
    told = SessionPolicy.sentence(msgspec.to_builtins(said.evidence), "ann")
    assert told == "ann: session s1 was used 1 hour after it had ended (logout) (alerts beyond 5 minutes)"


def test_sessions_are_bounded() -> None:
    """The longest unused goes."""
    state = PolicyState()
    policy = PolicyParams(lifetime_max="8h")
    feed(SessionPolicy(policy), [at(i, "login", f"s{i}") for i in range(SESSIONS_MAX + 5)], state)
    assert len(state.lives) == SESSIONS_MAX
    assert "s0" not in state.lives


def test_without_limits_only_ended_sessions_are_kept() -> None:
    """Of one that goes on nothing can be breached."""
    state = PolicyState()
    feed(
        SessionPolicy(PolicyParams()), [at(0, "login"), at(1, "activity"), at(2, "login", "s2"), at(3, "logout")], state
    )
    assert list(state.lives) == ["s1"]
