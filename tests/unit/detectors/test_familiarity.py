"""What is known, what waits aside, and who may vouch for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.familiarity import ASIDE_MAX, Learning, Seen, Suspect, familiar, has_history, put_aside, released, see
from detectors.worlds import START_US, an_event
from models.events import PlacedEvent
from models.instants import DAY_US

WAIT_US = 30 * DAY_US


def waiting() -> list[Suspect]:
    """One flagged event, aside."""
    return [Suspect(START_US, "e1", "s1", "192.0.2.1", "d1", "JP", ("JP",), START_US)]


@pytest.mark.parametrize(
    "event",
    [
        an_event("mfa_result", 1, outcome="success", session="s1"),
        an_event("mfa_result", 1, outcome="success", ip="192.0.2.1"),
        an_event("mfa_result", 1, outcome="success", device="d1"),
        an_event("verdict", 1, action="benign", session="s1"),
        an_event("verdict", 1, action="benign", target="e1"),
        an_event("login", WAIT_US),
    ],
)
def test_is_released_by_who_may_vouch_or_by_time(event: PlacedEvent) -> None:
    """MFA passed from it, a benign verdict on it, or long enough without objection."""
    aside = waiting()
    assert [one.values for one in released(aside, event, WAIT_US, suspect=False)] == [("JP",)]
    assert aside == []


@pytest.mark.parametrize(
    "event",
    [
        an_event("mfa_result", 1, outcome="failure", session="s1"),
        an_event("mfa_result", 1, outcome="success", session="s2", ip="192.0.2.2", device="d2"),
        an_event("mfa_result", 1, outcome="success"),
        an_event("mfa_challenge", 1, outcome="success", session="s1"),
        an_event("verdict", 1, action="malicious", session="s2"),
        an_event("login", WAIT_US - 1, session="s1", mfa=True),
    ],
)
def test_stays_aside_otherwise(event: PlacedEvent) -> None:
    """Failed MFA, MFA from elsewhere, a challenge, a verdict against it, a claim of its own: not enough."""
    aside = waiting()
    assert released(aside, event, WAIT_US, suspect=False) == []
    assert len(aside) == 1


@pytest.mark.parametrize("suspect", [False, True])
def test_a_claim_of_mfa_within_a_sign_in_vouches_for_nothing(suspect: bool) -> None:
    """A stolen token brings the claim along, so a sign-in from the same session and device is no proof."""
    aside = waiting()
    event = an_event("login", 1, outcome="success", session="s1", device="d1", ip="192.0.2.1", mfa=True)
    assert released(aside, event, WAIT_US, suspect=suspect) == []
    assert len(aside) == 1


@pytest.mark.parametrize(
    ("fields", "remain"),
    [({"target": "e1"}, 0), ({"ip": "192.0.2.1"}, 0), ({"device": "d1"}, 0), ({"target": "e2"}, 1), ({}, 1)],
)
@pytest.mark.parametrize("action", ["benign", "malicious"])
def test_a_verdict_speaks_of_what_it_names(action: str, fields: dict[str, str], remain: int) -> None:
    """By the flagged event's id as its target, or by session, address or device; benign makes it known."""
    aside = waiting()
    free = released(aside, an_event("verdict", 1, action=action, **fields), WAIT_US, suspect=False)
    assert len(aside) == remain
    assert len(free) == (1 - remain if action == "benign" else 0)


def test_a_flagged_approval_vouches_for_nothing() -> None:
    """Approving the push of a flood is no proof of anything."""
    aside = waiting()
    assert released(aside, an_event("mfa_result", 1, outcome="success", session="s1"), WAIT_US, suspect=True) == []


def test_a_daily_alert_does_not_put_off_the_end_of_waiting() -> None:
    """Flagged each day, the same thing is known after a month all the same; another thing is not."""
    aside: list[Suspect] = []
    for day in range(31):
        event = an_event("login", day * DAY_US, session=f"s{day}")
        free = released(aside, event, WAIT_US, suspect=True)
        assert bool(free) == (day == 30)
        put_aside(aside, Suspect.of(event, "JP", ("JP",)))
        if day == 20:
            put_aside(aside, Suspect.of(event, "KE", ("KE",)))
    assert {one.what for one in free} == {"JP"}


def test_an_objection_ends_all_waiting() -> None:
    """A malicious verdict drops it, in whatever session it was flagged: it never becomes known by time."""
    aside = waiting()
    put_aside(aside, Suspect(START_US + 5, "e2", "s2", what="JP", since_us=START_US + 5))
    assert released(aside, an_event("verdict", 9, action="malicious", session="s1"), WAIT_US, suspect=False) == []
    assert aside == []


def test_aside_is_bounded() -> None:
    """Beyond the bound the oldest go."""
    aside: list[Suspect] = []
    for n in range(100):
        put_aside(aside, Suspect(n, f"e{n}"))
    assert [one.at_us for one in aside] == list(range(100 - ASIDE_MAX, 100))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 50)), max_size=60), st.integers(1, 5))
def test_seen_keeps_the_latest(steps: list[tuple[str, int]], most: int) -> None:
    """No more than allowed is kept, and never at the cost of what was seen last."""
    seen: Seen = {}
    at_us = 0
    for value, gap_us in steps:
        at_us += gap_us
        see(seen, value, at_us, most)
        assert len(seen) <= most
        assert seen[value][1] == at_us


def test_familiar_counts_from_the_first_sight() -> None:
    """A value seen at 10 was known by 10, not by 9; vouched for, it was always known."""
    seen: Seen = {}
    see(seen, "IT", 10, 5)
    see(seen, "IT", 20, 5)
    assert familiar(seen, ("IT",), 10)
    assert not familiar(seen, ("IT",), 9)
    assert not has_history(seen, 9)
    see(seen, "JP", 20, 5, since_us=0)
    assert familiar(seen, ("JP",), 0)


def test_learning_ends_by_time_or_by_events() -> None:
    """Whichever comes first; silence begins it anew; nothing learned is never enough."""
    learning = Learning()
    assert not learning.is_over(10**15, 1, 1)
    learning.note(100)
    assert not learning.is_over(150, 100, 3)
    assert learning.is_over(200, 100, 3)
    learning.note(110)
    learning.note(120)
    assert learning.is_over(121, 100, 3)
    assert learning.has_begun(220, 100)
    assert not learning.has_begun(221, 100)
