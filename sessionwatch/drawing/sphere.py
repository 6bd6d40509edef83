"""Circles and shortest ways on the sphere as lines of points in degrees, whole over the date line and the poles."""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, atan2, cos, degrees, pi, radians, sin
from typing import Final

from geo.distance import EARTH_RADIUS_KM, great_circle_km
from geo.outline import Point, unwrapped

RADIUS_DRAWN_MAX_KM: Final = 9_000
"""The widest circle that is drawn; a wider one would be more than half of the world, and says its radius in words."""

CIRCLE_POINTS: Final = 96
WAY_POINTS: Final = 64


def circle(latitude: float, longitude: float, radius_km: float) -> list[Point]:
    """The points `radius_km` away (at most `RADIUS_DRAWN_MAX_KM`) from a point in degrees, once all the way round.

    Around a pole, the line ends 360 degrees from where it began.

    >>> round(max(x for x, _ in circle(0, 179, 500)), 1)  # over the date line, and not back
    183.5
    """
    apart = min(max(radius_km, 0.0), RADIUS_DRAWN_MAX_KM) / EARTH_RADIUS_KM
    return unwrapped(_aim(latitude, longitude, 2 * pi * n / CIRCLE_POINTS, apart) for n in range(CIRCLE_POINTS + 1))


def closed(line: Sequence[Point]) -> list[Point]:
    """A line all the way round as one that can be filled: around a pole it is led along the pole, so as to have it in.

    >>> min(y for _, y in closed(circle(-85, 20, 1_000)))
    -90.0
    """
    if not round((line[-1][0] - line[0][0]) / 360):
        return list(line)
    pole = 90.0 if sum(y for _, y in line) > 0 else -90.0
    return [*line, (line[-1][0], pole), (line[0][0], pole), line[0]]


def way(begin: tuple[float, float], end: tuple[float, float]) -> list[Point]:
    """The shortest way between two points (latitude, longitude), both in degrees.

    Between opposite points every way is the shortest; one of them is drawn.
    """
    (lat1, lon1), (lat2, lon2) = begin, end
    apart = great_circle_km(lat1, lon1, lat2, lon2) / EARTH_RADIUS_KM
    bearing = _bearing(lat1, lon1, lat2, lon2)
    line = unwrapped(_aim(lat1, lon1, bearing, apart * n / WAY_POINTS) for n in range(WAY_POINTS))
    return unwrapped([*line, (lon2, lat2)])


def span(longitudes: Sequence[float]) -> tuple[float, float]:
    """The narrowest stretch (west, east), in degrees and eastwards, that has all `longitudes`; west is in -180..180.

    >>> span([170, -170, 180]), span([10, 20])
    ((170, 190), (10, 20))
    """
    around = sorted({(x + 180) % 360 - 180 for x in longitudes})
    gaps = [(after - before, after) for before, after in zip(around, [*around[1:], around[0] + 360], strict=True)]
    widest, west = max(gaps)
    west -= 360 * (west >= around[0] + 360)
    return west, west + 360 - widest


def _aim(latitude: float, longitude: float, bearing: float, apart: float) -> Point:
    """Where one comes to, in degrees, from a point by a bearing and an arc, both in radians."""
    phi = radians(latitude)
    there = asin(max(-1.0, min(1.0, sin(phi) * cos(apart) + cos(phi) * sin(apart) * cos(bearing))))
    turn = atan2(sin(bearing) * sin(apart) * cos(phi), cos(apart) - sin(phi) * sin(there))
    return longitude + degrees(turn), degrees(there)


def _bearing(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    phi1, phi2, turn = radians(lat1), radians(lat2), radians(lon2 - lon1)
    return atan2(sin(turn) * cos(phi2), cos(phi1) * sin(phi2) - sin(phi1) * cos(phi2) * cos(turn))
