"""Threshold: counts, sums and different values, exact at the limit, by group, and in buckets for a tenant."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pydantic
import pytest

from detectors.threshold import GROUPS_MAX, Threshold, ThresholdParams
from detectors.worlds import START_US, an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable
from models.instants import MINUTE_US, SECOND_US


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
