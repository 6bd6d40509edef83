"""Jumps: one session at two places, farther apart than anybody gets in the time between."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from math import ceil
from typing import Final, NamedTuple

import msgspec

from detectors.fixes import RADIUS_UNSTATED_KM, unplaceable
from geo.distance import great_circle_km
from models.events import EventRef, PlacedEvent
from models.instants import HOUR_US, SECOND_US
from models.places import NetworkClass

STEPS_PER_DEGREE: Final = 100
"""A stand's coordinate is kept in hundredths of a degree, which moves it by less than a kilometre."""


class Stand(msgspec.Struct, array_like=True, frozen=True):
    """Where a session last was, kept small, since there is one of each session.

    In hundredths of a degree, with a radius in km that makes up for the rounding. `before_us` is how long before the
    session's latest event, `label` the place as a person would write it, empty where it is that of the latest event.
    """

    north: int
    east: int
    radius_km: int
    before_us: int = 0
    label: str = ""

    def left_behind(self, latest: EventRef, at_us: int) -> Stand:
        """The same once the session went on at `at_us`, nobody knows where, after `latest`."""
        before_us = self.before_us + max(0, at_us - latest.at_us)
        return Stand(self.north, self.east, self.radius_km, before_us, self.label or latest.place)


class Limits(NamedTuple):
    """How far, less both radii, and how fast a session must go to be found."""

    least_km: float
    speed_max_kmh: float


class Jump(NamedTuple):
    """From where, how far at least, and in what time; `speed_kmh` is None where there is no time to divide by."""

    origin: str
    minimum_km: float
    hours: float
    speed_kmh: float | None


def stand_of(event: PlacedEvent, radius_max_km: float, ignored: AbstractSet[NetworkClass]) -> Stand | None:
    """Where `event` was; None where its place is no evidence: unknown, too vague, or of an `ignored` network class."""
    place = event.place
    if place is None or place.latitude is None or place.longitude is None:
        return None
    if unplaceable(event, radius_max_km) or place.network_class in ignored:
        return None
    return Stand(
        round(place.latitude * STEPS_PER_DEGREE),
        round(place.longitude * STEPS_PER_DEGREE),
        ceil(place.radius_km or RADIUS_UNSTATED_KM) + 1,
    )


def jump_between(one: Stand, latest: EventRef, other: Stand, event: EventRef, limits: Limits) -> Jump | None:
    """From `one`, of a session whose latest event was `latest`, to `other`, that of `event`; None where it is no jump.

    A city that both name is one place, however far apart its coordinates: one of these is wrong.
    """
    origin = one.label or latest.place
    if origin == event.place and ", " in origin:
        return None
    full_km = great_circle_km(*_degrees(one), *_degrees(other))
    minimum_km = full_km - one.radius_km - other.radius_km
    span_us = max(0, event.at_us - latest.at_us + one.before_us)
    if minimum_km < limits.least_km or minimum_km * HOUR_US < limits.speed_max_kmh * span_us:
        return None
    hours = round(round(span_us / SECOND_US) * SECOND_US / HOUR_US, 4)
    return Jump(origin, minimum_km, hours, round(minimum_km * HOUR_US / span_us, 1) if span_us >= SECOND_US else None)


def _degrees(stand: Stand) -> tuple[float, float]:
    return stand.north / STEPS_PER_DEGREE, stand.east / STEPS_PER_DEGREE
