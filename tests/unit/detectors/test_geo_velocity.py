"""Geo velocity: a path is judged as a whole, by length, countries and mean speed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.geo_velocity import STOPS_MAX, GeoVelocity, PathParams
from detectors.worlds import CITIES, an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import HOUR_US, MINUTE_US
from models.places import Place

AROUND = ["Milan", "London", "New York", "Tokyo", "Suva"]


def geo_velocity(*, near_misses: bool = False, **params: Any) -> GeoVelocity:
    """The detector with `params`."""
    return GeoVelocity(PathParams(**params), near_misses=near_misses)


def logins(cities: list[str], gap_us: int, start_us: int = 0, **fields: Any) -> list[PlacedEvent]:
    """Sign-ins from one city after another, each at an address of its own."""
    return [
        an_event("login", start_us + n * gap_us, city=city, ip=f"192.0.2.{n + 1}", session=f"s{n}", **fields)
        for n, city in enumerate(cities)
    ]


def fires(verdicts: list[Verdict]) -> list[int]:
    """The positions of findings."""
    return [n for n, verdict in enumerate(verdicts) if isinstance(verdict, Finding)]


def test_finds_a_path_that_is_too_long_for_its_time() -> None:
    """Milan, London, New York, each two hours after the other: three countries and 6,500 km in four hours."""
    verdicts = feed(geo_velocity(), logins(AROUND[:3], 2 * HOUR_US))
    assert fires(verdicts) == [2]
    last = verdicts[2]
    assert isinstance(last, Finding)
    told = msgspec.to_builtins(last.evidence)
    assert told["countries"] == ("GB", "IT", "US")
    assert told["minimum_km"] == pytest.approx(958.6 + 5570.3 - 80, abs=3)
    assert told["hours"] == 4.0
    assert told["mean_kmh"] == pytest.approx(told["minimum_km"] / 4, abs=0.1)
    assert [stop["place"] for stop in told["path"]] == ["Milan, IT", "London, GB", "New York, US"]
    assert [one.session for one in last.candidates] == ["s0", "s1", "s2"]
    assert all(one.unfamiliar == () for one in last.candidates)


@pytest.mark.parametrize(
    ("cities", "gap_us"),
    [
        (["Milan", "Basel", "Milan", "Basel", "London"], 2 * HOUR_US),
        (AROUND[:3], 8 * HOUR_US),
        (["Milan", "Rome", "Milan", "Rome"], MINUTE_US),
        (["Milan", "Monza"] * 10, MINUTE_US),
    ],
    ids=["too short", "too slow: flights", "one country", "commuting"],
)
def test_is_quiet_while_one_measure_is_missing(cities: list[str], gap_us: int) -> None:
    """Length, countries and mean speed must all be reached."""
    assert fires(feed(geo_velocity(), logins(cities, gap_us))) == []


def test_no_time_at_all_is_not_divided_by() -> None:
    """A path within one second is judged like any other."""
    verdicts = feed(geo_velocity(), logins(AROUND, 1))
    assert fires(verdicts) == [2, 3, 4]
    assert isinstance(verdicts[2], Finding)
    assert msgspec.to_builtins(verdicts[2].evidence)["mean_kmh"] is None


def test_an_honest_morning_does_not_dilute_an_attack() -> None:
    """The part of the path that is most over the limits counts, not the quiet hours before."""
    day = logins(["Milan", "Rome"], 6 * HOUR_US)
    attack = logins(["London", "New York", "Tokyo"], MINUTE_US, 14 * HOUR_US)
    assert fires(feed(geo_velocity(), [*day, *attack]))[:1] == [3]


def test_the_window_forgets() -> None:
    """Stops more than a window ago are off the path."""
    assert fires(feed(geo_velocity(window="3h"), logins(AROUND[:3], 2 * HOUR_US))) == []


def test_circles_that_touch_add_nothing() -> None:
    """A leg counts less both radii: between wide circles it is nothing."""
    wide = [msgspec.structs.replace(CITIES[city], radius_km=1_400) for city in AROUND[:2]] * 10
    events = [an_event("login", n, place=place, ip=f"192.0.2.{n + 1}") for n, place in enumerate(wide)]
    assert fires(feed(geo_velocity(countries_min=1, distance_min_km=1), events)) == []


def test_failures_are_stops_only_where_asked() -> None:
    """A guesser's path is another rule's matter."""
    guesses = [
        msgspec.structs.replace(event, kind="login_failed", outcome="failure") for event in logins(AROUND, MINUTE_US)
    ]
    assert fires(feed(geo_velocity(), guesses)) == []
    assert fires(feed(geo_velocity(failed_may_count=True), guesses)) == [2, 3, 4]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Place(latitude=1.0, longitude=1.0, network_class="vpn"), "vpn_network"),
        (Place(network_class="private"), "private_address"),
        (None, "no_place"),
    ],
)
def test_what_is_no_evidence_is_no_stop(place: Place | None, reason: str) -> None:
    """VPN exits, private addresses and unknown places are counted as not evaluable."""
    assert feed(geo_velocity(), [an_event("login", 0, ip="192.0.2.9", place=place)]) == [NotEvaluable(reason)]


def test_near_misses_say_how_near() -> None:
    """Two countries of three."""
    last = feed(geo_velocity(near_misses=True), logins(["Milan", "Tokyo"], MINUTE_US))[-1]
    assert isinstance(last, NearMiss)
    assert last.strength == pytest.approx(2 / 3)


def test_stops_are_bounded() -> None:
    """However much somebody moves, a bounded path is kept."""
    this = geo_velocity()
    state = this.State()
    feed(this, logins(["Milan", "Tokyo"] * 100, MINUTE_US), state)
    assert len(state.stops) == STOPS_MAX


def test_the_sentence_says_it_in_words() -> None:
    """How far, through which countries, in what time, and the limits."""
    last = feed(geo_velocity(), logins(AROUND[:3], 2 * HOUR_US))[-1]
    assert isinstance(last, Finding)
    said = GeoVelocity.sentence(msgspec.to_builtins(last.evidence), "Ann")
    assert said.startswith("Ann was at 3 places in 3 countries (GB, IT, US) within 1 day, at least 6,")
    assert said.endswith("(limits 2,000 km, 3 countries, 500 km/h)")
