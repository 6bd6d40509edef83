"""How far apart two places are, at least, given how wrong each may be."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Final

from models.places import Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean Earth radius R1 = (2a + b) / 3 of the WGS 84 ellipsoid (IUGG; Moritz, Geodetic Reference System 1980)."""

HALF_WAY_ROUND_KM: Final = 20015.1145
"""No two points of the sphere are farther apart: pi times the radius, rounded up."""

ELLIPSOID_ERROR_MAX: Final = 0.006
"""The share of the geodesic on the WGS 84 ellipsoid by which a great circle of this sphere may be wrong.

A degree of latitude is 110.57 km at the equator and 111.69 km at the poles on WGS 84, and 111.19 km here (NIMA
TR8350.2).
"""

PREFILTER_MARGIN_KM: Final = 0.001
"""`great_circle_km_many` may differ from `great_circle_km` by less than this: keep pairs within it, then judge them."""


def great_circle_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """The great-circle distance in km between two points in degrees, on a sphere of `EARTH_RADIUS_KM`.

    Symmetric to the last bit; 0 for equal points; at most `HALF_WAY_ROUND_KM`; within 0.6 % of the geodesic on the
    ellipsoid (`ELLIPSOID_ERROR_MAX`, held against C. F. F. Karney, "Algorithms for geodesics", J. Geodesy 87, 2013).
    Haversine formula (R. W. Sinnott,
    "Virtues of the Haversine", Sky and Telescope 68, 1984).

    >>> round(great_circle_km(45.4642, 9.19, 35.6895, 139.6917), 1)
    9715.1
    """
    phi1, phi2 = radians(lat1), radians(lat2)
    across = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(across)))


def minimum_km(a: Place, b: Place) -> float:
    """The least distance in km at which the two may truly lie: great circle less both radii, never below 0.

    Raises:
        ValueError: one of them has no coordinate (`Place.located`); "unknown" is not "near".

    >>> from models.places import Place
    >>> milan = Place(latitude=45.4642, longitude=9.19, radius_km=20)
    >>> rome = Place(latitude=41.9028, longitude=12.4964, radius_km=50)
    >>> round(minimum_km(milan, rome), 1)
    406.9
    """
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        raise ValueError("minimum_km needs two located places: check Place.located first")
    return max(0.0, great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude) - a.radius_km - b.radius_km)


def great_circle_km_many(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> NDArray[np.float64]:
    """Great-circle distances in km of many pairs in degrees; arrays of one shape, or shapes that broadcast.

    For prefilters only: it may differ from `great_circle_km` by up to `PREFILTER_MARGIN_KM`, so keep what lies within
    the margin and judge that by the scalar function.

    >>> great_circle_km_many([0, 90], [0, 0], [0, -90], [180, 0]).round(1).tolist()
    [20015.1, 20015.1]
    """
    import numpy as np

    phi1, lam1, phi2, lam2 = (np.radians(np.asarray(part, dtype=np.float64)) for part in (lat1, lon1, lat2, lon2))
    across = np.sin((phi2 - phi1) / 2) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin((lam2 - lam1) / 2) ** 2
    km: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(across)))
    return km
