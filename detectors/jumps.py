"""Jumps: one session at two places, farther apart than anybody gets in the time between."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from math import ceil
from typing import Final, NamedTuple

import msgspec

from detectors.fixes import RADIUS_UNSTATED_KM, unplaceable
from geo.distance import great_circle_km
from models.events import PlacedEvent
from models.instants import HOUR_US, SECOND_US
from models.places import NetworkClass

STEPS_PER_DEGREE: Final = 100
"""A stand's coordinate is kept in hundredths of a degree, which moves it by less than a kilometre."""


class Stand(msgspec.Struct, array_like=True, frozen=True):
    """Where a session was, kept small: in hundredths of a degree, with a radius in km that makes up for the rounding.

    `label` is as a person would write it.
    """

    at_us: int
    north: int
    east: int
    radius_km: int
    label: str


class Jump(NamedTuple):
    """From where, how far at least, and in what time; `speed_kmh` is None where there is no time to divide by."""

    origin: Stand
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
        event.at_us,
        round(place.latitude * STEPS_PER_DEGREE),
        round(place.longitude * STEPS_PER_DEGREE),
        ceil(place.radius_km or RADIUS_UNSTATED_KM) + 1,
        place.label,
    )


def jump_between(one: Stand, other: Stand, least_km: float, speed_max_kmh: float) -> Jump | None:
    """The jump from `one` to `other`; None where it is shorter than `least_km`, less both radii, or slow enough.

    A city that both name is one place, however far apart its coordinates: one of these is wrong.
    """
    if one.label == other.label and ", " in one.label:
        return None
    full_km = great_circle_km(*_degrees(one), *_degrees(other))
    minimum_km = full_km - one.radius_km - other.radius_km
    span_us = max(0, other.at_us - one.at_us)
    if minimum_km < least_km or minimum_km * HOUR_US < speed_max_kmh * span_us:
        return None
    hours = round(round(span_us / SECOND_US) * SECOND_US / HOUR_US, 4)
    return Jump(one, minimum_km, hours, round(minimum_km * HOUR_US / span_us, 1) if span_us >= SECOND_US else None)


def _degrees(stand: Stand) -> tuple[float, float]:
    return stand.north / STEPS_PER_DEGREE, stand.east / STEPS_PER_DEGREE
