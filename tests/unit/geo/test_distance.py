"""Distances: a metric on the sphere, right at its awkward points, and never more than what is certain."""

from __future__ import annotations

import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import example, given
from hypothesis import strategies as st

from geo.distance import (
    EARTH_RADIUS_KM,
    ELLIPSOID_ERROR_MAX,
    HALF_WAY_ROUND_KM,
    PREFILTER_MARGIN_KM,
    great_circle_km,
    great_circle_km_many,
    minimum_km,
)
from models.places import Place

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)


@given(points, points)
def test_is_symmetric_to_the_last_bit(a: tuple[float, float], b: tuple[float, float]) -> None:
    """From a to b is as far as from b to a: which login came first does not change a distance."""
    assert great_circle_km(*a, *b) == great_circle_km(*b, *a)


@given(points, points)
def test_stays_within_half_the_circumference(a: tuple[float, float], b: tuple[float, float]) -> None:
    """A distance is never negative and never more than half way round."""
    assert 0 <= great_circle_km(*a, *b) <= HALF_WAY_ROUND_KM


@given(points)
def test_a_point_is_no_distance_from_itself(a: tuple[float, float]) -> None:
    """The same coordinates are 0 km apart, exactly."""
    assert great_circle_km(*a, *a) == 0


@given(points, points, points)
def test_no_detour_is_shorter(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> None:
    """The triangle inequality holds, up to a metre of rounding near antipodes."""
    assert great_circle_km(*a, *c) <= great_circle_km(*a, *b) + great_circle_km(*b, *c) + 0.001


@given(longitudes, longitudes)
def test_every_longitude_at_a_pole_is_the_same_point(one: float, other: float) -> None:
    """At the pole the longitude means nothing."""
    assert great_circle_km(90, one, 90, other) < 1e-6


@given(points)
def test_the_date_line_is_no_wall(a: tuple[float, float]) -> None:
    """Longitudes 180 and -180 are one meridian."""
    assert great_circle_km(*a, 12.0, 180.0) == pytest.approx(great_circle_km(*a, 12.0, -180.0), abs=1e-4)


@given(points)
def test_antipodes_are_half_way_round(a: tuple[float, float]) -> None:
    """The point straight through the Earth is half way round it, whichever point one starts from."""
    assert great_circle_km(a[0], a[1], -a[0], a[1] + 180) == pytest.approx(HALF_WAY_ROUND_KM, abs=0.01)


def angle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Another way to the same number: the angle between two vectors from the centre."""
    (x, y), (u, v) = np.radians(a), np.radians(b)
    one = np.array([np.cos(x) * np.cos(y), np.cos(x) * np.sin(y), np.sin(x)])
    two = np.array([np.cos(u) * np.cos(v), np.cos(u) * np.sin(v), np.sin(u)])
    return float(EARTH_RADIUS_KM * np.arctan2(np.linalg.norm(np.cross(one, two)), one @ two))


@given(points, points)
def test_agrees_with_the_angle_between_vectors(a: tuple[float, float], b: tuple[float, float]) -> None:
    """The haversine and the vector formula give one distance, to a metre even at antipodes."""
    assert great_circle_km(*a, *b) == pytest.approx(angle_km(a, b), abs=0.001)


@given(points, points)
@example((0.0, 0.0), (0.0, 0.0))
@example((90.0, 0.0), (-90.0, 0.0))
@example((0.0, -180.0), (0.0, 180.0))
@example((0.3, 0.0), (-0.3, 179.7))
@example((0.0, 0.0), (0.0, 0.001))
def test_the_sphere_is_within_its_stated_error_of_the_ellipsoid(a: tuple[float, float], b: tuple[float, float]) -> None:
    """Against the geodesic on WGS 84 (Karney 2013), at poles, antipodes, the date line and 0/0 as elsewhere."""
    true_km = Geodesic.WGS84.Inverse(*a, *b, Geodesic.DISTANCE)["s12"] / 1000
    assert abs(great_circle_km(*a, *b) - true_km) <= ELLIPSOID_ERROR_MAX * true_km + 1e-6


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        ((40.7128, -74.006), (34.0522, -118.2437), 3935.8),
        ((0.0, 0.0), (0.0, 1.0), 111.2),
        ((-16.5, 179.9), (-16.5, -179.9), 21.3),
        ((0.0, 0.0), (90.0, 0.0), 10007.6),
    ],
)
def test_known_distances(a: tuple[float, float], b: tuple[float, float], km: float) -> None:
    """New York to Los Angeles, a degree of the equator, over the date line, and a quarter of a meridian."""
    assert great_circle_km(*a, *b) == pytest.approx(km, abs=0.06)


def test_zero_is_a_coordinate() -> None:
    """The point 0, 0 has a distance like any other."""
    assert minimum_km(Place(latitude=0.0, longitude=0.0), Place(latitude=0.0, longitude=10.0)) > 1000


@given(points, points, st.floats(0, 3000), st.floats(0, 3000))
def test_minimum_takes_off_both_radii(a: tuple[float, float], b: tuple[float, float], r: float, s: float) -> None:
    """The minimum is the great circle less both radii, and 0 where the circles touch."""
    here = Place(latitude=a[0], longitude=a[1], radius_km=r)
    there = Place(latitude=b[0], longitude=b[1], radius_km=s)
    full = great_circle_km(*a, *b)
    assert minimum_km(here, there) == pytest.approx(max(0.0, full - r - s))
    assert minimum_km(here, there) <= full


@pytest.mark.parametrize("nowhere", [Place(), Place(latitude=1.0), Place(longitude=1.0, country="IT")])
def test_the_unknown_is_not_near(nowhere: Place) -> None:
    """A place without a coordinate has no distance: it is refused, not taken for 0."""
    with pytest.raises(ValueError, match="located"):
        minimum_km(nowhere, Place(latitude=0.0, longitude=0.0))


@given(st.lists(st.tuples(points, points), min_size=1, max_size=20))
def test_many_agrees_within_its_margin(pairs: list[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    """The array form is a sound prefilter: it never strays from the judging function by the margin or more."""
    table = np.array([(*a, *b) for a, b in pairs])
    many = great_circle_km_many(table[:, 0], table[:, 1], table[:, 2], table[:, 3])
    for row, km in zip(table.tolist(), many.tolist(), strict=True):
        assert abs(great_circle_km(*row) - km) < PREFILTER_MARGIN_KM
