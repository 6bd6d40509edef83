"""Geo velocity: a path is judged as a whole, by length, countries and mean speed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.geo_velocity import STOPS_MAX, GeoVelocity, PathParams
from detectors.worlds import CITIES, an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US
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
    assert told["missed"] == ()


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
    """Two countries of three; the sentence names what was missed, and nothing else."""
    last = feed(geo_velocity(near_misses=True), logins(["Milan", "Tokyo"], MINUTE_US))[-1]
    assert isinstance(last, NearMiss)
    assert last.strength == pytest.approx(2 / 3)
    said = GeoVelocity.sentence(msgspec.to_builtins(last.evidence), "Ann")
    assert said.endswith("(alerts from 2,000 km, 3 countries and 500 km/h together; missed: countries 2 of 3)")


def test_a_near_miss_names_all_that_it_misses() -> None:
    """Too short and too slow, in one country, which is one country and no countries."""
    last = feed(geo_velocity(near_misses=True), logins(["Milan", "Rome"], 2 * HOUR_US))[-1]
    assert isinstance(last, NearMiss)
    said = GeoVelocity.sentence(msgspec.to_builtins(last.evidence), "Ann")
    assert "at 2 places in 1 country (IT) within 1 day" in said
    assert said.endswith("missed: length 437 of 2,000 km, countries 1 of 3, mean speed 218 of 500 km/h)")


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
    assert said.startswith("Ann: sign-ins at 3 places in 3 countries (GB, IT, US) within 1 day, at least 6,")
    assert said.endswith("(alerts from 2,000 km, 3 countries and 500 km/h together; all reached)")


def days_at_home(count: int = 5, **fields: Any) -> list[PlacedEvent]:
    """Mornings of an honest user in Milan."""
    home = {"city": "Milan", "ip": "198.51.100.1", "device": "desk", "outcome": "success", **fields}
    return [an_event("login", n * DAY_US, session=f"h{n}", **home) for n in range(count)]


def odd(verdict: Verdict) -> dict[str, tuple[str, ...]]:
    """What is unfamiliar about each candidate of a finding, by session."""
    assert isinstance(verdict, Finding)
    return {one.session: one.unfamiliar for one in verdict.candidates}


def test_the_thief_is_not_cleared() -> None:
    """On a path that begins at home the three strange sessions are unfamiliar in all, and the honest one in nothing."""
    theft = logins(AROUND[1:4], HOUR_US, 4 * DAY_US + HOUR_US, device="stolen")
    verdicts = feed(geo_velocity(), [*days_at_home(), *theft])
    all_odd = ("place", "network", "device")
    assert odd(verdicts[-1]) == {"h4": (), "s0": all_odd, "s1": all_odd, "s2": all_odd}


def test_what_is_at_home_where_no_place_is_stays_at_home() -> None:
    """A device used on the ward and behind the office VPN is known, though neither is a stop."""
    ward = [msgspec.structs.replace(e, place=Place(network_class="private")) for e in days_at_home()]
    path = logins(AROUND[:3], HOUR_US, 5 * DAY_US, device="desk")
    assert set(odd(feed(geo_velocity(), [*ward, *path])[-1]).values()) == {("network",)}


def test_suspects_teach_nothing_until_somebody_vouches() -> None:
    """A flagged path stays unfamiliar the next month; vouched for by MFA, it is the person's own."""
    first = logins(AROUND[1:4], HOUR_US, 5 * DAY_US, device="tablet")
    again = logins(AROUND[1:4], HOUR_US, 9 * DAY_US, device="tablet")
    mfa = [
        an_event("mfa_result", 6 * DAY_US + n, outcome="success", session=f"s{n}", interactive=True) for n in range(3)
    ]
    for vouched, expected in (([], ("place", "network", "device")), (mfa, ())):
        this, state = geo_velocity(), GeoVelocity.State()
        feed(this, days_at_home(), state)
        for event in first:
            this.learn(event, state, suspect=True)
        verdicts = feed(this, [*vouched, *again], state)
        assert set(odd(verdicts[-1]).values()) == {expected}


def test_failures_are_no_candidates_and_teach_nothing() -> None:
    """A failed sign-in opened no session, whatever session its source names; nor does a guesser become known."""
    guesses = [
        msgspec.structs.replace(event, kind="login_failed", outcome="failure")
        for event in logins(AROUND, MINUTE_US, 4 * DAY_US + HOUR_US)
    ]
    this, state = geo_velocity(failed_may_count=True), GeoVelocity.State()
    verdicts = feed(this, [*days_at_home(), *guesses], state)
    assert set(odd(verdicts[-1])) <= {"h4"}
    assert isinstance(verdicts[-1], Finding)
    told = msgspec.to_builtins(verdicts[-1].evidence)
    assert GeoVelocity.sentence(told, "Ann").startswith("Ann: sign-ins (4 of 5 failed) at 5 places")
    assert GeoVelocity.sentence({**told, "failed": 5}, "Ann").startswith("Ann: failed sign-ins at 5 places")
    assert len(state.profile.places) == 1
    for event in guesses:
        this.learn(event, state, suspect=True)
    this.hear(an_event("verdict", 6 * DAY_US, action="benign", device="", session="s1"), state, suspect=False)
    assert len(state.profile.places) == 1


def test_what_has_no_session_is_no_candidate() -> None:
    """Only a session can be ended."""
    path = [msgspec.structs.replace(e, session="") for e in logins(AROUND[:3], HOUR_US)]
    last = feed(geo_velocity(), path)[-1]
    assert isinstance(last, Finding)
    assert last.candidates == ()


def test_the_profile_outlives_the_window() -> None:
    """What is known is kept as long as silence allows, not for the window alone."""
    assert geo_velocity(window="1h", forget_after="2d").keep_us == 2 * DAY_US
    assert geo_velocity(window="3d", forget_after="2d").keep_us == 3 * DAY_US
