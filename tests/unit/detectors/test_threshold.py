"""Threshold: counts, sums and different values, exact at the limit, by group, and in buckets for a tenant."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pydantic
import pytest

from detectors.threshold import GROUPS_MAX, Threshold, ThresholdParams
from detectors.worlds import START_US, an_event, feed, in_order
from models.conditions import Condition
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable
from models.instants import HOUR_US, MINUTE_US, SECOND_US

SIGNED_IN = Condition({"kind": "login"}, lambda event: event.kind == "login")


def names(at_least: int = 3, **params: Any) -> Threshold:
    """Different names, of which those that sign in do not count."""
    return threshold(measure="distinct", field="user", at_least=at_least, window="1d", cleared_by=SIGNED_IN, **params)


def fails(user: str, at_us: int) -> PlacedEvent:
    """A failed sign-in."""
    return an_event("login_failed", at_us, id=f"f{user}{at_us}", user=user)


def signs_in(user: str, at_us: int) -> PlacedEvent:
    """A sign-in."""
    return an_event("login", at_us, id=f"l{user}{at_us}", user=user)


def threshold(*, near_misses: bool = False, **params: Any) -> Threshold:
    """The detector with `params`."""
    return Threshold(ThresholdParams(**params), near_misses=near_misses)


def failures(count: int, gap_us: int = SECOND_US, **fields: Any) -> list[PlacedEvent]:
    """So many failed sign-ins, a gap apart."""
    return [an_event("login_failed", n * gap_us, outcome="failure", **fields) for n in range(count)]


def test_fires_at_the_limit_and_not_before() -> None:
    """The twentieth failure within ten minutes is the first finding."""
    verdicts = feed(threshold(), failures(21))
    assert [isinstance(v, Finding) for v in verdicts] == [False] * 19 + [True, True]
    found = verdicts[19]
    assert isinstance(found, Finding)
    told = msgspec.to_builtins(found.evidence)
    assert (told["counted"], told["at_least"], told["window_seconds"]) == (20, 20, 600)
    assert told["since"] == "2026-03-02T00:00:00Z"
    assert found.strength == 1.0
    assert len(found.events) == 9


def test_a_slow_trickle_never_adds_up() -> None:
    """What has left the window counts no more: one failure in 32 seconds makes 19 in ten minutes, for ever."""
    assert not any(isinstance(v, Finding) for v in feed(threshold(at_least=20), failures(200, 32 * SECOND_US)))
    assert any(isinstance(v, Finding) for v in feed(threshold(at_least=20), failures(200, 31 * SECOND_US)))


def test_the_window_is_half_open() -> None:
    """An event exactly a window ago has left."""
    pair = failures(2, 10 * MINUTE_US)
    assert not isinstance(feed(threshold(at_least=2), pair)[-1], Finding)
    pair = failures(2, 10 * MINUTE_US - 1)
    assert isinstance(feed(threshold(at_least=2), pair)[-1], Finding)


def test_counts_flagged_events_too() -> None:
    """A count is no baseline: the alert grows with the attack."""
    last = feed(threshold(), failures(40))[-1]
    assert isinstance(last, Finding)
    assert last.strength == 2.0


def test_sums_objects_and_bytes() -> None:
    """A sum adds what each event moved; one event alone may be proof."""
    events = [an_event("export", n, count=400, bytes=5) for n in range(3)]
    verdicts = feed(threshold(measure="sum", field="count", at_least=1_000), events)
    assert [isinstance(v, Finding) for v in verdicts] == [False, False, True]
    big = feed(threshold(measure="sum", field="bytes", at_least=1_000), [an_event("export", 0, bytes=5_000)])[0]
    assert isinstance(big, Finding)


def test_counts_different_values_of_a_field() -> None:
    """Failures from Italy, Italy, Japan and France are three countries, named; without a place it cannot tell."""
    cities = ["Milan", "Rome", "Tokyo", "London"]
    events = [an_event("login_failed", n * MINUTE_US, city=city) for n, city in enumerate(cities)]
    params = {"measure": "distinct", "field": "place.country", "at_least": 3}
    verdicts = feed(threshold(**params), [*events, an_event("login_failed", 5 * MINUTE_US)])
    assert [isinstance(v, Finding) for v in verdicts] == [False, False, False, True, False]
    found = verdicts[3]
    assert isinstance(found, Finding)
    assert msgspec.to_builtins(found.evidence)["values"] == ("GB", "IT", "JP")
    assert verdicts[4] == NotEvaluable("no_country")


def test_who_signs_in_at_the_address_is_not_counted() -> None:
    """Forty people mistype and sign in, before or after: quiet, whichever comes first, also in one instant."""
    for gap_us in (-MINUTE_US, 0, MINUTE_US, 59 * MINUTE_US):
        office = [fails("first", -1)]
        for n in range(40):
            office += [fails(f"u{n}", n * 10 * MINUTE_US), signs_in(f"u{n}", n * 10 * MINUTE_US + gap_us)]
        verdicts = feed(names(at_least=8), in_order(office))
        assert not any(isinstance(v, Finding) for v in verdicts), gap_us


def test_names_that_stay_outside_are_counted_beside_those_that_sign_in() -> None:
    """Four names fail for good among ten that sign in; one of the four signs in, more than an hour later."""
    events = [fails("a", 0), fails("b", MINUTE_US), signs_in("a", 61 * MINUTE_US)]
    for n in range(10):
        events += [fails(f"u{n}", (70 + n) * MINUTE_US), signs_in(f"u{n}", (70 + n) * MINUTE_US + SECOND_US)]
    events.append(fails("c", 4 * HOUR_US))
    *before, last = feed(names(at_least=4), [*events, fails("d", 5 * HOUR_US)])
    assert sum(isinstance(v, Finding) for v in before) == 0
    assert isinstance(last, Finding)
    assert msgspec.to_builtins(last.evidence)["counted"] == 4


def test_a_name_counts_again_an_hour_after_it_signed_in() -> None:
    """What cleared it is as old as `cleared_within`; a microsecond earlier it still clears."""
    start = [fails("a", 0), fails("b", 1), signs_in("c", 2)]
    assert not isinstance(feed(names(), [*start, fails("c", HOUR_US + 1)])[-1], Finding)
    assert isinstance(feed(names(), [*start, fails("c", HOUR_US + 2)])[-1], Finding)


def test_remembers_few_who_signed_in() -> None:
    """Twice the limit, and nobody at an address where nothing failed."""
    this = names(at_least=5)
    state = this.State()
    feed(this, [signs_in(f"u{n}", n) for n in range(50)], state)
    assert state.groups == {}
    feed(this, [fails("a", 50), *(signs_in(f"u{n}", 51 + n) for n in range(50))], state)
    assert list(state.groups[""].cleared.last_us) == [f"u{n}" for n in range(40, 50)]


def test_in_a_bucket_who_signs_in_is_not_counted_whatever_the_order() -> None:
    """By tenant: four fail, two of them sign in, in any order."""
    events = [fails(f"u{n}", n) for n in range(4)] + [signs_in(f"u{n}", n + 2) for n in range(2)]
    for this, is_found in ((names(at_least=2), True), (names(at_least=3), False)):
        for order in (events, events[::-1]):
            state = this.State()
            for event in order:
                this.add(event, state)
            assert isinstance(this.close(START_US, state), Finding) == is_found


def test_a_late_event_may_complete_a_window() -> None:
    """Nineteen failures are held; a twentieth from among them comes late: found, and nothing is learned."""
    this = threshold()
    state = this.State()
    feed(this, [*failures(10), *failures(19)[10:]], state)
    before = msgspec.msgpack.encode(state)
    found = this.judge_late(an_event("login_failed", 5 * SECOND_US, id="late"), state)
    assert isinstance(found, Finding)
    assert msgspec.to_builtins(found.evidence)["counted"] == 20
    assert this.judge_late(an_event("login_failed", -20 * MINUTE_US, id="late"), state) is None
    assert msgspec.msgpack.encode(state) == before


def test_groups_count_apart_and_give_the_key() -> None:
    """Ten failures on each of two applications are not twenty on one."""
    mixed = [an_event("login_failed", n, app=f"a{n % 2}", id=str(n)) for n in range(38)]
    assert not any(isinstance(v, Finding) for v in feed(threshold(group=("app",)), mixed))
    found = feed(threshold(group=("app", "outcome")), [an_event("login_failed", n, app="a") for n in range(20)])[-1]
    assert isinstance(found, Finding)
    assert found.key == "a / unknown"
    assert msgspec.to_builtins(found.evidence)["group"] == {"app": "a", "outcome": "unknown"}


def test_no_record_name_leaves_in_a_key() -> None:
    """A resource may name a patient: grouped by it, the alert has a digest."""
    found = feed(
        threshold(group=("resource",)), [an_event("activity", n, resource="jane-doe \x1f/ 7") for n in range(20)]
    )[-1]
    assert isinstance(found, Finding)
    assert "jane" not in str(found)
    assert found.key.startswith("#")


def test_groups_are_bounded() -> None:
    """A flood of groups leaves the latest."""
    this = threshold(group=("app",))
    state = this.State()
    feed(this, [an_event("login_failed", n, app=f"a{n}") for n in range(500)], state)
    assert len(state.groups) == GROUPS_MAX
    assert "a499" in state.groups


def test_near_misses_are_under_the_limit() -> None:
    """Asked for, an evaluation under the limit says how near it came."""
    last = feed(threshold(near_misses=True), failures(15))[-1]
    assert isinstance(last, NearMiss)
    assert last.strength == 0.75


def test_buckets_do_not_care_about_order() -> None:
    """By tenant, any order of one bucket's events closes to the same finding, also beyond every bound."""
    this = threshold(measure="distinct", field="user", group=("app",), at_least=5, window="1h")
    events = [an_event("login_failed", n * SECOND_US, user=f"u{n * 7 % 23}", app=f"a{n * 5 % 90}") for n in range(400)]
    events += [an_event("login_failed", n, user=f"u{n}", app="a0") for n in range(30)]
    said = set()
    for seed in range(5):
        state = this.State()
        shuffled = list(events)
        random.Random(seed).shuffle(shuffled)
        for event in shuffled:
            this.add(event, state)
        found = this.close(START_US, state)
        assert isinstance(found, Finding)
        said.add(msgspec.json.encode((found.key, found.evidence, found.events)))
    assert len(said) == 1
    assert this.close(START_US, this.State()) is None


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"measure": "sum"}, "needs field: count"),
        ({"measure": "distinct"}, "needs field: a field of text"),
        ({"measure": "distinct", "field": "place.contry"}, "did you mean 'place.country'"),
        ({"field": "user"}, "measure: distinct"),
        ({"measure": "distinct", "field": "user", "at_least": 100_000}, "2000"),
        ({"measure": "count", "cleared_by": SIGNED_IN}, "needs measure: distinct"),
        ({"group": ("usr",)}, "did you mean 'user'"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params: dict[str, Any], says: str) -> None:
    """A slip of the pen is refused with what was probably meant."""
    with pytest.raises(pydantic.ValidationError, match=says):
        ThresholdParams(**params)


def test_reads_the_attributes_that_its_parameters_name() -> None:
    """Who drops attributes before it must know which it reads."""
    assert threshold(group=("attributes.bucket", "app")).reads == {"bucket"}


@pytest.mark.parametrize(
    ("params", "event", "says"),
    [
        ({"at_least": 1}, {}, "Ann: events: 1 within 10 minutes (alerts from 1)"),
        (
            {"measure": "distinct", "field": "place.country", "at_least": 1, "noun": "countries"},
            {"city": "Milan"},
            "Ann: countries: 1 (IT) within 10 minutes (alerts from 1)",
        ),
        (
            {"measure": "sum", "field": "count", "at_least": 5, "group": ("app",), "noun": "objects"},
            {"count": 1200, "app": "ehr"},
            "Ann: 1,200 objects (ehr) within 10 minutes (alerts from 5)",
        ),
    ],
)
def test_the_sentence_says_it_in_words(params: dict[str, Any], event: dict[str, Any], says: str) -> None:
    """How many of what, in how long, and from how many on; one of them without a false plural."""
    found = feed(threshold(**params), [an_event("login_failed", 0, **event)])[-1]
    assert isinstance(found, Finding)
    assert Threshold.sentence(msgspec.to_builtins(found.evidence), "Ann") == says
