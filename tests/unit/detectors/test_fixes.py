"""Fixes and profiles: what is evidence of a place, what counts as the same one, what is kept and what forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from detectors.fixes import PLACES_MAX, RADIUS_UNSTATED_KM, Fix, Profile, anchor, fix_of, unplaceable
from geo.distance import great_circle_km
from geo.locator import Locator
from models.events import PlacedEvent, SessionEvent
from models.places import Place

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def event(place: Place | None, minute: int = 0, ip: str = "192.0.2.7") -> PlacedEvent:
    """A sign-in there."""
    at = AT + timedelta(minutes=minute)
    placed = Locator().locate(SessionEvent(id=f"e{minute}", at=at, kind="login", ip=ip, device="d"))
    return msgspec.structs.replace(placed, place=place)


def fix(longitude: float, minute: int = 0, *, radius_km: float = 10, ip: str = "192.0.2.7") -> Fix:
    """A fix on the equator."""
    return fix_of(event(Place(0.0, longitude, radius_km, "KE"), minute, ip), {})


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (None, "no_place"),
        (Place(country="KE"), "no_place"),
        (Place(0.0, 0.0, 500.0), ""),
        (Place(0.0, 0.0, 500.1), "radius_too_wide"),
        (Place(0.0, 0.0, 5.0, network_class="private"), "private_address"),
        (Place(0.0, 0.0, 5.0, network_class="loopback"), "private_address"),
        (Place(0.0, 0.0, 5.0, network_class="anycast"), "anycast"),
        (Place(0.0, 0.0, 5.0, network_class="vpn"), ""),
    ],
)
def test_a_place_is_no_evidence_for_a_named_reason(place: Place | None, reason: str) -> None:
    """A radius of the limit itself still is; 0 degrees is a place."""
    assert unplaceable(event(place), 500) == reason


def test_a_class_widens_a_radius_and_never_narrows_it() -> None:
    """A carrier lets telephones out far away; where nobody states a radius, that of a city counts."""
    place = Place(0.0, 9.0, 80.0, network_class="mobile")
    assert fix_of(event(place), {"mobile": 300.0}).radius_km == 300
    assert fix_of(event(place), {"mobile": 20.0}).radius_km == 80
    assert fix_of(event(place), {}).radius_km == 80
    assert fix_of(event(Place(0.0, 9.0)), {"mobile": 300.0}).radius_km == RADIUS_UNSTATED_KM == 50


def test_wide_circles_do_not_reach_further_than_those_of_two_cities() -> None:
    """Else a hub would be known wherever its country was visited."""
    profile = Profile()
    profile.learn(fix(0.0, radius_km=900))
    near, far = fix(1.34, 5, radius_km=900), fix(1.36, 5, radius_km=900)
    assert great_circle_km(0, 0, 0, 1.34) < 150 < great_circle_km(0, 0, 0, 1.36)
    assert (profile.knows_place(near, near.ref.at_us), profile.knows_place(far, far.ref.at_us)) == (True, False)


def test_what_was_known_by_an_instant_stays_and_what_came_later_is_forgotten() -> None:
    """Places, networks and devices alike; the instant itself is still known."""
    since_us = fix(0.0).ref.at_us
    for minute, stays in ((0, True), (1, False)):
        profile, one = Profile(), fix(0.0, minute)
        profile.learn(one)
        profile.unlearn(one, since_us)
        assert (bool(profile.places), bool(profile.networks), bool(profile.devices)) == (stays, stays, stays)


def test_the_place_that_was_not_seen_for_the_longest_goes_first() -> None:
    """A profile is bounded."""
    profile = Profile()
    for n in range(PLACES_MAX + 1):
        profile.learn(fix(n * 5.0, n))
    assert len(profile.places) == PLACES_MAX
    assert [place.longitude for place in profile.places] == [n * 5.0 for n in range(1, PLACES_MAX + 1)]


def test_of_a_stay_at_one_address_the_first_and_the_latest_are_kept() -> None:
    """Two of them are not yet a stay that could lose one; late ones come to stand in their order; the oldest go."""
    fixes: list[Fix] = []
    for minute in range(4):
        anchor(fixes, fix(0.0, minute), 5)
    assert [one.ref.id for one in fixes] == ["e0", "e3"]
    anchor(fixes, fix(9.0, 4, ip="192.0.2.9"), 5)
    anchor(fixes, fix(9.0, 5, ip="192.0.2.9"), 5)
    assert [one.ref.id for one in fixes] == ["e0", "e3", "e4", "e5"]
    anchor(fixes, fix(9.0, 2, ip="192.0.2.9"), 5)
    assert [one.ref.id for one in fixes] == ["e0", "e2", "e3", "e4", "e5"]
    anchor(fixes, fix(3.0, 6, ip="192.0.2.10"), 5)
    assert [one.ref.id for one in fixes] == ["e2", "e3", "e4", "e5", "e6"]


def test_degrees_say_near_only_where_the_circle_does() -> None:
    """The cheap answer is sound: it never says yes where the distance says no."""
    for longitude in (0.5, 0.9, 1.2):
        one, other = fix(0.0), fix(longitude)
        least_km = one.minimum_km(other)
        assert not one.is_surely_within(other, least_km - 0.5)
        assert one.is_surely_within(other, least_km + 0.5)
