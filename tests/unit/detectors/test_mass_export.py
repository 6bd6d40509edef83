"""Mass export: objects, bytes and resources in a window, against limits and a person's own habit."""

from __future__ import annotations

from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.habit import Habit
from detectors.mass_export import ExportParams, MassExport
from detectors.worlds import an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US


def mass_export(*, near_misses: bool = False, **params: Any) -> MassExport:
    """The detector with `params`."""
    return MassExport(ExportParams(**params), near_misses=near_misses)


def exports(counts: list[int], gap_us: int = MINUTE_US, start_us: int = 0, **fields: Any) -> list[PlacedEvent]:
    """Exports of so many objects, a gap apart."""
    return [
        an_event("export", start_us + n * gap_us, **{"count": count, "resource": f"r{n}", **fields})
        for n, count in enumerate(counts)
    ]


def days(count: int, per_day: int, start: int = 0) -> list[PlacedEvent]:
    """A person's habit: one export a day at ten."""
    return [
        an_event("export", (start + d) * DAY_US + 10 * HOUR_US, count=per_day + d % 3, session="s")
        for d in range(count)
    ]


def fires(verdicts: list[Verdict]) -> list[int]:
    """The positions of findings."""
    return [n for n, verdict in enumerate(verdicts) if isinstance(verdict, Finding)]


def told(verdict: Verdict) -> dict[str, Any]:
    """The evidence of a finding."""
    assert isinstance(verdict, Finding)
    evidence: dict[str, Any] = msgspec.to_builtins(verdict.evidence)
    return evidence


def test_fires_when_the_window_holds_the_limit() -> None:
    """Twenty exports of fifty are a thousand: the twentieth is the first finding."""
    verdicts = feed(mass_export(), exports([50] * 21))
    assert fires(verdicts) == [19, 20]
    evidence = told(verdicts[19])
    assert (evidence["over"], evidence["objects"], evidence["objects_max"]) == (("objects",), 1000.0, 1000)
    assert evidence["since"] == "2026-03-02T00:00:00Z"
    assert (evidence["usual_objects"], evidence["habit_days"]) == (None, 0)


def test_one_export_alone_may_be_enough() -> None:
    """A single export over the limit needs no history."""
    assert fires(feed(mass_export(), exports([1000]))) == [0]
    assert fires(feed(mass_export(), exports([999]))) == []


def test_the_window_slides() -> None:
    """Half the limit at the end of one hour and half at the start of the next are one hour's worth; a day apart not."""
    assert fires(feed(mass_export(), exports([500, 500], 59 * MINUTE_US))) == [1]
    assert fires(feed(mass_export(), exports([500, 500], 60 * MINUTE_US))) == []


def test_bytes_and_resources_have_limits_of_their_own() -> None:
    """Each measure alone may be too much, and the alert says which."""
    heavy = exports([1] * 3, bytes=400)
    verdicts = feed(mass_export(bytes_max=1000), heavy)
    assert fires(verdicts) == [2]
    assert told(verdicts[2])["over"] == ("bytes",)
    verdicts = feed(mass_export(resources_max=3), exports([1] * 5))
    assert fires(verdicts) == [2, 3, 4]
    assert told(verdicts[4])["resources"] == 5
    assert fires(feed(mass_export(resources_max=3), exports([1] * 5, resource="one"))) == []


def test_names_of_records_are_not_kept() -> None:
    """What is remembered of a resource is a digest."""
    this = mass_export(resources_max=3)
    state = this.State()
    feed(this, exports([1] * 3, resource="jane-doe"), state)
    assert b"jane" not in msgspec.msgpack.encode(state)


def test_sensitive_objects_weigh_more() -> None:
    """The longest beginning that fits decides; what fits none counts once."""
    params = {"weight_field": "resource", "weights": {"ward/": 2, "ward/psychiatry": 50}, "objects_max": 100}
    assert fires(feed(mass_export(**params), exports([1, 1], resource="ward/psychiatry/7"))) == [1]
    assert fires(feed(mass_export(**params), exports([49], resource="ward/eye"))) == []
    assert fires(feed(mass_export(**params), exports([50], resource="ward/eye"))) == [0]
    assert fires(feed(mass_export(**params), exports([99], resource="price-list"))) == []
    assert told(feed(mass_export(**params), exports([50], resource="ward/eye"))[0])["weighted"]


def test_a_habit_makes_less_too_much() -> None:
    """Five records a day for ten days, then 150: far over the habit, though under the common limit."""
    events = [*days(10, 5), *exports([50] * 3, MINUTE_US, 10 * DAY_US)]
    verdicts = feed(mass_export(), events)
    assert fires(verdicts) == [11, 12]
    evidence = told(verdicts[11])
    assert evidence["over"] == ("habit_objects",)
    assert (evidence["usual_objects"], evidence["habit_days"], evidence["habit_objects_max"]) == (6.0, 10, 100.0)


def test_a_habit_needs_days_and_has_a_floor() -> None:
    """Four days are no habit; and below the floor no habit makes a number too many."""
    assert fires(feed(mass_export(), [*days(4, 5), *exports([150], 1, 5 * DAY_US)])) == []
    assert fires(feed(mass_export(), [*days(5, 5), *exports([150], 1, 6 * DAY_US)])) == [5]
    assert fires(feed(mass_export(), [*days(10, 5), *exports([99], 1, 11 * DAY_US)])) == []


def test_a_clerk_whose_work_it_is_stays_quiet() -> None:
    """Four hundred a day is this person's work; half as much again at the month's end is no alarm."""
    assert fires(feed(mass_export(), [*days(20, 400), *exports([560], 1, 21 * DAY_US)])) == []
    assert fires(feed(mass_export(), [*days(20, 400), *exports([999], 1, 21 * DAY_US)])) == [20]


def test_a_flagged_amount_makes_no_habit() -> None:
    """The thief's nightly 150 stay too much night after night; vouched for, they become the habit."""
    nights = [an_event("export", d * DAY_US, count=150, session=f"n{d}") for d in range(11, 31)]
    assert fires(feed(mass_export(), [*days(10, 5), *nights])) == list(range(10, 30))
    vouched = [
        e
        for night in nights
        for e in (
            night,
            an_event(
                "verdict", night.at_us - nights[0].at_us + 11 * DAY_US + 1, action="benign", session=night.session
            ),
        )
    ]
    assert len(fires(feed(mass_export(), [*days(10, 5), *vouched]))) < 20


def test_one_wild_day_does_not_move_the_habit() -> None:
    """The median and its spread hardly notice one day of 90 among days of 5."""
    habit = Habit()
    for peak in [5, 6, 7, 90, 5, 6, 7, 5, 6, 7]:
        habit = habit.with_day(peak, 30)
    assert (habit.median, habit.mad) == (6, 1)


def test_a_long_silence_ends_the_habit() -> None:
    """After three months the old habit is forgotten."""
    assert fires(feed(mass_export(), [*days(10, 5), *exports([150], 1, 110 * DAY_US)])) == []


def test_a_late_export_may_complete_a_window() -> None:
    """Nine hundred objects are held; two hundred of the same hour come late."""
    this = mass_export()
    state = this.State()
    feed(this, exports([450, 450]), state)
    assert isinstance(this.judge_late(an_event("export", 1, count=200, id="late"), state), Finding)
    assert this.judge_late(an_event("export", -2 * HOUR_US, count=200, id="late"), state) is None
    assert this.judge_late(an_event("export", 1, count=99, id="late"), state) is None


def test_near_misses_say_how_near() -> None:
    """Nine hundred of a thousand."""
    verdict = feed(mass_export(near_misses=True), exports([900]))[0]
    assert isinstance(verdict, NearMiss)
    assert verdict.strength == 0.9


@given(st.lists(st.tuples(st.integers(0, 40 * MINUTE_US), st.integers(0, 600)), max_size=60))
def test_the_limit_is_exact_on_small_sequences(steps: list[tuple[int, int]]) -> None:
    """Fires exactly when the objects of the last hour, this event's included, reach the limit."""
    at_us, done, want = 0, [], []
    for gap_us, count in steps:
        at_us += gap_us + 1
        done.append((at_us, count))
        want.append(sum(n for t, n in done if t > at_us - HOUR_US) >= 1000)
    events = [an_event("export", at, count=count) for at, count in done]
    verdicts = feed(mass_export(habit_factor=None), events)
    assert [isinstance(v, Finding) for v in verdicts] == want


@pytest.mark.parametrize(
    "params",
    [
        {"weights": {"a": 2}},
        {"weight_field": "resource"},
        {"weight_field": "resourc", "weights": {"a": 2}},
        {"weight_field": "resource", "weights": {"a": 0}},
        {"habit_days_min": 40},
        {"resources_max": 2001},
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, Any]) -> None:
    """Weights without a field, a field that does not exist, a habit longer than what is kept."""
    with pytest.raises(pydantic.ValidationError):
        mass_export(**params)


def test_the_sentence_says_it_in_words() -> None:
    """What left, in how long, over which limits."""
    verdicts = feed(mass_export(), [*days(10, 5), *exports([1000], SECOND_US, 10 * DAY_US, bytes=43_200_000)])
    assert MassExport.sentence(told(verdicts[-1]), "Ann") == (
        "Ann moved 1,000 objects, 43.2 MB, within 1 hour (alerts from 1,000 objects; usual 6 on 10 days)"
    )
    one = feed(mass_export(objects_max=1), exports([1]))[-1]
    assert MassExport.sentence(told(one), "Ann") == "Ann moved 1 object, 0.0 MB, within 1 hour (alerts from 1 object)"
