"""Whether a coordinate contradicts the country named beside it: by circles for continents, by borders for neighbours.

Borders are those of `geo.outline`, read when the first place asks. They are coarse, and name what they hold after who
holds it, so everything here is generous: only a coordinate that is surely on the land of another country is elsewhere.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import cos, hypot, radians
from typing import Final, NamedTuple

from geo.countries import COUNTRIES, country_named
from geo.distance import great_circle_km
from geo.outline import Point, outline

OUTSIDE_MARGIN_KM: Final = 300
"""How far outside its country's circle a coordinate must lie, besides its own radius, to contradict the country."""

BORDER_MARGIN_KM: Final = 50
"""How far beyond its country's border it must lie, besides its own radius, on the land of another country."""

BORDER_RADIUS_MAX_KM: Final = 500
"""A wider place is held against the circle alone: it may lie on either side of most borders."""

SHORE_KM: Final = 10
"""How far out to sea a coordinate is still on land: the outline is simplified by that much."""

COORDINATES_CACHED_MAX: Final = 65_536
"""Coordinates held against borders that are remembered, about 200 bytes each."""

KM_A_DEGREE: Final = 111.2
"""Of latitude; of longitude that much on the equator and less towards the poles."""

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "AU": ("CC", "CX", "HM", "NF"),
    "CN": ("HK", "MO", "TW"),
    "DK": ("FO", "GL"),
    "FI": ("AX",),
    "FR": ("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"),
    "GB": ("AI", "BM", "FK", "GG", "GI", "GS", "IM", "IO", "JE", "KY", "MS", "PN", "SH", "TC", "VG"),
    "IL": ("PS",),
    "MA": ("EH",),
    "NL": ("AW", "BQ", "CW", "SX"),
    "NO": ("BV", "SJ"),
    "NZ": ("CK", "NU", "TK"),
    "RS": ("XK",),
    "US": ("AS", "GU", "MP", "PR", "UM", "VI"),
}
"""Lands with a code of their own that sources also write as another country: by who governs or claims them."""

CLAIMED: Final[dict[str, tuple[tuple[float, float, float], ...]]] = {
    "BQ": ((17.6, -63.1, 30.0),),
    "EH": ((24.3, -13.0, 580.0),),
    "ES": ((35.3, -2.9, 10.0),),
    "GB": ((34.8, 33.2, 50.0),),
    "GR": ((36.1, 29.6, 10.0),),
    "KR": ((37.9, 124.7, 20.0),),
    "NO": ((71.0, -8.4, 40.0),),
    "TW": ((24.4, 118.3, 20.0), (26.2, 120.0, 30.0)),
    "UA": ((45.3, 34.4, 170.0),),
}
"""More land of a country, as circles (degrees, km), on another's shore or given to another by the outline: Saba,
Western Sahara, Melilla, the bases on Cyprus, Kastellorizo, Baengnyeong, Jan Mayen, Kinmen and Matsu, the Crimea."""

_FACTOR_MIN: Final = 0.01
"""Keeps degrees of longitude from vanishing at a pole."""


class _Shape(NamedTuple):
    """A ring with the box around it, in degrees."""

    west: float
    south: float
    east: float
    north: float
    points: tuple[Point, ...]


@cache
def _shapes() -> dict[str, list[_Shape]]:
    """The rings of each country."""
    shapes: dict[str, list[_Shape]] = {}
    for country, points in outline():
        xs, ys = zip(*points, strict=True)
        shapes.setdefault(country, []).append(_Shape(min(xs), min(ys), max(xs), max(ys), points))
    return shapes


def lies_outside(latitude: float, longitude: float, radius_km: float, written: str, *, borders: bool = True) -> bool:
    """Whether a coordinate, with its radius, lies surely outside the country it is said to be in.

    It does where it is far outside the circle around the country, or across its border on the land of another country;
    not where another land that is written as the country is near. Without `borders`, or for a country that has none in
    the outline, circles alone say so. False where the country is not known.

    >>> lies_outside(37.8, -122.4, 50, "Argentina"), lies_outside(45.5, 9.2, 50, "Italy")
    (True, False)
    >>> lies_outside(51.5, -0.1, 50, "France"), lies_outside(48.5, 9.0, 50, "France")  # London; Tübingen, near by
    (True, False)
    """
    country = country_named(written)
    if country is None:
        return False
    code = country.code
    apart_km = great_circle_km(latitude, longitude, country.latitude, country.longitude)
    if apart_km > country.radius_km + radius_km + OUTSIDE_MARGIN_KM:
        return not _in_part(code, latitude, longitude, radius_km)
    if (
        not borders
        or radius_km > BORDER_RADIUS_MAX_KM
        or _beyond_km(code, latitude, longitude) <= (radius_km + BORDER_MARGIN_KM)
    ):
        return False
    return not _in_part(code, latitude, longitude, radius_km)


def _in_part(code: str, latitude: float, longitude: float, radius_km: float) -> bool:
    """Whether it may be in another land that is written as the country `code`."""
    parts = [COUNTRIES[part] for part in PARTS.get(code, ())]
    circles = [(part.latitude, part.longitude, part.radius_km) for part in parts]
    return any(
        great_circle_km(latitude, longitude, north, east) <= wide_km + radius_km + BORDER_MARGIN_KM
        for north, east, wide_km in (*circles, *CLAIMED.get(code, ()))
    )


@lru_cache(maxsize=COORDINATES_CACHED_MAX)
def _beyond_km(code: str, latitude: float, longitude: float) -> float:
    """How far beyond the border of `code` a coordinate is on the land of another country, in km; 0 where it is not.

    0 as well where the outline has no border of `code`, and at sea, where islets are that the outline leaves out.
    """
    own = _shapes().get(code, [])
    if not own or _nearest_km(own, latitude, longitude, 0) == 0:
        return 0.0
    if _nearest_km(_shapes().get("", []), latitude, longitude, 0) == 0:
        return 0.0  # nobody's by code, so it contradicts nobody
    others = [shape for country, shapes in _shapes().items() if country not in {code, ""} for shape in shapes]
    if _nearest_km(others, latitude, longitude, SHORE_KM) > SHORE_KM:
        return 0.0
    return _nearest_km(own, latitude, longitude, BORDER_RADIUS_MAX_KM + BORDER_MARGIN_KM)


def _nearest_km(shapes: list[_Shape], latitude: float, longitude: float, within_km: float) -> float:
    """How far the nearest of `shapes` is, 0 inside one; those surely farther than `within_km` are not measured."""
    reach = within_km / KM_A_DEGREE
    factor = max(_FACTOR_MIN, cos(radians(min(90.0, abs(latitude) + reach))))
    nearest = float("inf")
    for shape in shapes:
        if not shape.south - reach <= latitude <= shape.north + reach:
            continue
        for x in (longitude - 360, longitude, longitude + 360):
            if shape.west - reach / factor <= x <= shape.east + reach / factor:
                if _holds(shape.points, x, latitude):
                    return 0.0
                if within_km:
                    nearest = min(nearest, _to_line_km(shape.points, x, latitude))
    return nearest


def _holds(points: tuple[Point, ...], x: float, y: float) -> bool:
    """Whether a ring goes round a point: a line from there to the east crosses it an odd number of times."""
    inside = False
    before_x, before_y = points[-1]
    for here_x, here_y in points:
        crosses = (here_y > y) != (before_y > y)
        if crosses and x < (before_x - here_x) * (y - here_y) / (before_y - here_y) + here_x:
            inside = not inside
        before_x, before_y = here_x, here_y
    return inside


def _to_line_km(points: tuple[Point, ...], x: float, y: float) -> float:
    """From a point to the nearest stretch of a ring, in km, on a map that is true around the point."""
    factor = max(_FACTOR_MIN, cos(radians(y)))
    nearest = float("inf")
    before_x, before_y = (points[-1][0] - x) * factor, points[-1][1] - y
    for point in points:
        here_x, here_y = (point[0] - x) * factor, point[1] - y
        step_x, step_y = here_x - before_x, here_y - before_y
        length = step_x * step_x + step_y * step_y
        along = 0.0 if not length else min(1.0, max(0.0, -(before_x * step_x + before_y * step_y) / length))
        nearest = min(nearest, hypot(before_x + along * step_x, before_y + along * step_y))
        before_x, before_y = here_x, here_y
    return nearest * KM_A_DEGREE
