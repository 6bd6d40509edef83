"""Hours of work: learned in local time, through changes of the clock, for shifts of every sort."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import ValidationError

from detectors.unusual_hours import HoursParams, HoursState, UnusualHours, ranges
from detectors.worlds import START_US, an_event, feed
from models.conditions import Condition
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable
from models.instants import to_us

LONDON = ZoneInfo("Europe/London")
DAYS = range(30)


def at(day: int, hour: float, **fields: Any) -> PlacedEvent:
    """A sign-in on the day at that hour by London's clocks; day 0 is Monday 2 March 2026, summer begins on day 27."""
    local = datetime(2026, 3, 2, tzinfo=LONDON) + timedelta(days=day)
    local = local.replace(hour=int(hour), minute=round(hour % 1 * 60))
    return an_event("login", to_us(local.astimezone(UTC)) - START_US, **{"user": "ann", "outcome": "success", **fields})


def last(events: list[PlacedEvent], *, near_misses: bool = False, **params: Any) -> Any:
    """What is said of the last of `events`."""
    given: dict[str, Any] = {"zone": "Europe/London", "learn_min_events": 10, **params}
    return feed(UnusualHours(HoursParams(**given), near_misses=near_misses), events)[-1]


EARLY = [at(day, hour) for day in DAYS for hour in (7, 10, 14)]


def test_the_middle_of_the_night_of_a_day_worker() -> None:
    """Seven to three for a month, then three at night: a finding, with the hours that are usual."""
    finding = last([*EARLY, at(30, 2.5)])
    assert isinstance(finding, Finding)
    assert (finding.evidence.local_time, finding.evidence.weekday) == ("02:30", "Wednesday")
    assert finding.evidence.usual_hours == ("07-08", "10-11", "14-15")
    assert finding.evidence.hours_off == 5
    told = UnusualHours.sentence(msgspec.to_builtins(finding.evidence), "ann")
    assert "ann at 02:30 on a Wednesday (Europe/London), 5 hours from any hour met on 2 days" in told


@pytest.mark.parametrize("zone", ["Europe/London", "UTC"])
def test_a_shift_keeps_its_hour_through_the_change_of_clocks(zone: str) -> None:
    """At seven in winter, at seven in summer: by the site's clock nothing moved; another's clock sees it move."""
    winter = [at(day, 7) for day in range(27)]
    summer = at(28, 7)
    said = last([*winter, summer], zone=zone, near_hours=0, learn_for=timedelta(days=20))
    assert (said is None) == (zone == "Europe/London")


def test_shifts_in_turns_accuse_nobody() -> None:
    """Early and late weeks: each hour of both is usual; with nights as well nothing is."""
    turns = [at(day, hour) for day in DAYS for hour in ((7, 14) if day // 7 % 2 else (14, 21))]
    assert last([*turns, at(30, 7.25)]) is None
    assert last([*turns, at(30, 22)]) is None
    nights = [at(day, hour) for day in DAYS for hour in range((day % 3) * 8, (day % 3) * 8 + 8)]
    assert last([*nights, at(30, 3)]) == NotEvaluable("no_fixed_hours")


def test_learning_takes_days_and_events() -> None:
    """A week, or one long day, proves nothing."""
    assert last([*EARLY[:21], at(8, 3)]) == NotEvaluable("too_little_history")
    sparse = [at(0, 7), at(29, 7)]
    assert last([*sparse, at(30, 3)]) == NotEvaluable("too_little_history")


def test_weekends_may_stand_apart() -> None:
    """Ten on a Saturday is usual by the hour, and not by the week."""
    weekdays = [at(day, hour) for day in range(40) if day % 7 < 5 for hour in (7, 10, 14)]
    saturday = at(40, 10)
    assert last([*weekdays, saturday]) is None
    assert isinstance(last([*weekdays, saturday], weekdays="weekend"), Finding)


def test_a_neighbouring_hour_is_near_even_over_midnight() -> None:
    """Whoever is met at eleven at night may be met at one."""
    late = [at(day, hour) for day in DAYS for hour in (16, 20, 23)]
    assert last([*late, at(30, 1)]) is None
    miss = last([*late, at(30, 1)], near_misses=True)
    assert isinstance(miss, NearMiss)
    assert miss.strength == pytest.approx(2 / 3)


def test_what_was_flagged_is_not_usual_the_next_night() -> None:
    """Nor what follows it within the night; a second factor that passed there makes it known."""
    nights = [at(30 + i, 2, session=f"n{i}", device="d") for i in range(3)]
    hours = UnusualHours(HoursParams(zone="Europe/London", days_min=1, learn_min_events=10))
    assert [isinstance(one, Finding) for one in feed(hours, [*EARLY, *nights])[-3:]] == [True] * 3
    passed = an_event("mfa_result", nights[0].at_us - START_US + 60_000_000, outcome="success", session="n0")
    assert [isinstance(one, Finding) for one in feed(hours, [*EARLY, nights[0], passed, nights[1]])[-1:]] == [False]


def test_what_is_excepted_teaches_and_is_not_judged() -> None:
    """Inside the house somebody is on shift."""
    inside = Condition({"app": "ward"}, lambda event: event.app == "ward")
    assert last([*EARLY, at(30, 3, app="ward")], unless=inside) is None
    assert last([*EARLY, at(30, 3, app="ward"), at(31, 3)], unless=inside, days_min=1) is None


def test_old_days_are_forgotten() -> None:
    """A night that was worked half a year ago is no habit."""
    old = [at(day, 3) for day in range(3)]
    busy = [at(day, hour) for day in range(3, 130) for hour in (8, 12)]
    assert isinstance(last([*old, *busy, at(130, 3)], forget_after=timedelta(days=84)), Finding)


def test_the_state_is_small() -> None:
    """Two months of every quarter of an hour: what is kept is some days for each hour."""
    state = HoursState()
    feed(
        UnusualHours(HoursParams(weekdays="each")),
        [at(day, hour / 4) for day in range(99) for hour in range(96)],
        state,
    )
    assert len(msgspec.msgpack.encode(state)) < 3_000


def test_a_zone_must_exist() -> None:
    """A slip of the pen is no time zone."""
    with pytest.raises(ValidationError, match="Europe/Lodnon"):
        HoursParams(zone="Europe/Lodnon")


def test_hours_in_words() -> None:
    """Adjacent hours are one range."""
    assert ranges({23, 0, 1}) == ("00-02", "23-24")


WORKDAYS = [at(day, hour) for day in DAYS if day % 7 < 5 for hour in (8, 9, 10, 11, 12, 13, 14, 15)]


def test_a_day_of_rest_has_no_usual_hour() -> None:
    """Whoever works Mondays to Fridays is asked on a Sunday afternoon, and not on a Saturday at the usual hours."""
    rest = frozenset({"sunday"})
    finding = last([*WORKDAYS, at(34, 14)], rest_days=rest)
    assert isinstance(finding, Finding)
    assert finding.strength == 1.0
    assert (finding.evidence.weekday, finding.evidence.rest_day, finding.evidence.hours_off) == ("Sunday", True, 0)
    told = UnusualHours.sentence(msgspec.to_builtins(finding.evidence), "ann")
    assert "a day of rest on which they were never met; met at: 08-16, on 22 days" in told
    assert last([*WORKDAYS, at(34, 14)]) is None
    assert last([*WORKDAYS, at(33, 14)], rest_days=rest) is None


def test_whoever_was_met_on_a_day_of_rest_is_not_asked() -> None:
    """One weekend on duty is enough; a flagged one is not."""
    rest = frozenset({"sunday"})
    on_duty = [*WORKDAYS[:40], at(6, 11), *WORKDAYS[40:]]
    assert last([*on_duty, at(34, 14)], rest_days=rest) is None
    assert isinstance(last([*WORKDAYS, at(34, 11), at(34, 15)], rest_days=rest), Finding)


def test_a_day_of_the_week_that_is_nobodys_allows_less() -> None:
    """At eight in the evening on a Tuesday it is late work; on a Saturday, when they never come, it is not."""
    assert last([*WORKDAYS, at(36, 19)], near_hours=4) is None
    finding = last([*WORKDAYS, at(33, 19)], near_hours=4, off_day_hours=1)
    assert isinstance(finding, Finding)
    assert (finding.evidence.new_weekday, finding.evidence.hours_off, finding.evidence.near_hours) == (True, 4, 1)
    told = UnusualHours.sentence(msgspec.to_builtins(finding.evidence), "ann")
    assert "(alerts beyond 1 hour; never met on a Saturday before)" in told
    assert last([*WORKDAYS, at(33, 16.5)], near_hours=4, off_day_hours=1) is None


def test_before_work_may_be_less_than_after_it() -> None:
    """People stay longer than they come early."""
    sides = {"near_hours": 4, "early_hours": 2}
    assert last([*WORKDAYS, at(35, 19)], **sides) is None
    assert last([*WORKDAYS, at(35, 6)], **sides) is None
    finding = last([*WORKDAYS, at(35, 5)], **sides)
    assert isinstance(finding, Finding)
    assert (finding.evidence.hours_off, finding.evidence.near_hours) == (3, 2)


def test_whoever_just_passed_a_second_factor_is_about() -> None:
    """Called at night, confirmed at home, at the desk an hour later; a flagged confirmation shows nothing."""
    called = an_event("mfa_result", at(30, 2).at_us - START_US, user="ann", outcome="success")
    failed = msgspec.structs.replace(called, outcome="failure")
    for before, params, is_found in (
        (called, {"awake_for": timedelta(hours=3)}, False),
        (called, {}, True),
        (called, {"awake_for": timedelta(minutes=30)}, True),
        (failed, {"awake_for": timedelta(hours=3)}, True),
    ):
        assert isinstance(last([*EARLY, before, at(30, 3)], **params), Finding) is is_found
    hours, state = UnusualHours(HoursParams(awake_for=timedelta(hours=3))), HoursState()
    hours.hear(called, state, suspect=True)
    assert state.passed_us < 0
