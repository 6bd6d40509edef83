"""Maps: honest circles, whole lines over the date line and the poles, labels that can be read."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from geo.distance import great_circle_km
from geo.outline import outline
from sessionwatch.drawing.labels import Box, placed
from sessionwatch.drawing.sphere import RADIUS_DRAWN_MAX_KM, circle, closed, span, way
from sessionwatch.drawing.views import View
from sessionwatch.drawing.world_map import SPOTS_MAX, Spot, world_map

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    """The drawing, as it will be read."""
    return ET.fromstring(svg)  # noqa: S314  # drawn here a moment ago


@pytest.mark.parametrize(("latitude", "longitude"), [(0, 0), (51.5, 0), (10, 179.9), (-10, -180), (89, 40), (-90, 0)])
@pytest.mark.parametrize("radius_km", [5, 200, 2820])
def test_a_circle_is_as_wide_as_it_says(latitude: float, longitude: float, radius_km: float) -> None:
    """Every point of it is that far from the middle, also beside a pole and over the date line."""
    ring = circle(latitude, longitude, radius_km)
    assert [great_circle_km(latitude, longitude, y, x) for x, y in ring] == pytest.approx([radius_km] * len(ring))
    assert all(abs(after[0] - before[0]) <= 180 for before, after in itertools.pairwise(ring))


def test_a_circle_around_a_pole_has_the_pole_in_it() -> None:
    """What is filled reaches the pole, once around the world; the edge alone does not."""
    ring = circle(-80, 10, 3_000)
    assert abs(ring[-1][0] - ring[0][0]) == pytest.approx(360)
    assert min(y for _, y in closed(ring)) == -90
    assert closed(circle(0, 0, 100)) == circle(0, 0, 100)


def test_a_circle_wider_than_half_of_the_world_is_drawn_smaller_and_says_so() -> None:
    """Otherwise its outside would look like its inside."""
    assert great_circle_km(0, 0, *circle(0, 0, 15_000)[0][::-1]) == pytest.approx(RADIUS_DRAWN_MAX_KM)
    drawn = world_map([Spot(0, 0, 15_000, "wide")])
    assert "within 15,000 km" in drawn
    assert "drawn with 9,000 km" in drawn


def test_the_way_is_the_shortest() -> None:
    """Tokyo to San Francisco goes over the date line and north of both."""
    line = way((35.7, 139.7), (37.8, -122.4))
    km = sum(great_circle_km(a[1], a[0], b[1], b[0]) for a, b in itertools.pairwise(line))
    assert km == pytest.approx(great_circle_km(35.7, 139.7, 37.8, -122.4))
    assert line[-1][0] == pytest.approx(237.6)
    assert max(y for _, y in line) > 45


@pytest.mark.parametrize(
    ("longitudes", "west", "east"),
    [([170, -170], 170, 190), ([-10, 10], -10, 10), ([5], 5, 5), ([180, -180], -180, -180), ([-90, 90, 180], 90, 270)],
)
def test_the_narrowest_stretch(longitudes: list[float], west: float, east: float) -> None:
    """Two places beside the date line are neighbours."""
    assert span(longitudes) == (west, east)


@pytest.mark.parametrize(
    "points",
    [[], [(0, 0)], [(179, 5), (-179, -5)], [(0, 90)], [(0, -90), (10, -89)], [(-180, -90), (0, 0), (179, 90)]],
)
def test_what_must_be_seen_is_on_the_paper(points: list[tuple[float, float]]) -> None:
    """Every point, and nothing beyond the poles."""
    view = View.around(points, 640, 360)
    assert -90 <= view.south < view.north <= 90
    for point in points:
        (((x, y),),) = [[copy[0]] for copy in itertools.islice(view.copies([point]), 1)]
        assert (0 <= x <= 640, 0 <= y <= 360) == (True, True)


def test_labels_do_not_lie_on_each_other() -> None:
    """However close the places; those without room are not drawn over others but left out."""
    boxes = placed([(100 + n, 100 + n, f"place number {n}") for n in range(60)], 640, 360)
    kept = [box for box in boxes if box is not None]
    assert 5 < len(kept) < 60
    assert not [(a, b) for a, b in itertools.combinations(kept, 2) if a.meets(b)]
    assert all(Box(0, 0, 640, 360).meets(box) for box in kept)


def test_a_label_without_room_stands_below_the_map() -> None:
    """No name is lost."""
    names = [f"place number {n}" for n in range(60)]
    drawn = parsed(world_map([Spot(50 + n / 100, 5, 5, name) for n, name in enumerate(names)]))
    assert sorted(text.text or "" for text in drawn.iter(f"{SVG}text")) == sorted(names)
    assert len(list(drawn.iter(f"{SVG}circle"))) == 60


def test_nothing_in_a_label_becomes_markup_and_nothing_is_asked_for() -> None:
    """A place may be named by whoever writes the log."""
    drawn = world_map([Spot(0, 0, 10, "<script>alert(1)</script>")], title='"><img src=x>')
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert {tag.tag.removeprefix(SVG) for tag in parsed(drawn).iter()} <= {
        *("svg", "title", "rect", "path", "circle", "text", "line")
    }
    assert re.findall(r"https?://[^\"]+|url\(|href", drawn) == ["http://www.w3.org/2000/svg"]


def test_too_many_places_are_counted() -> None:
    """A bounded map says what is not on it."""
    drawn = world_map([Spot(n / 10, 0, 5) for n in range(SPOTS_MAX + 3)], [(0, SPOTS_MAX + 1)])
    assert "and 3 more places" in drawn
    assert drawn.count("<circle") == SPOTS_MAX


def test_the_same_map_has_the_same_bytes() -> None:
    """And is small enough to stand in a page with others."""
    spots = [Spot(55.9533, -3.1883, 20, "Edinburgh, GB"), Spot(51.4779, 0, 5, "Greenwich, GB")]
    assert world_map(spots, [(0, 1)]) == world_map(spots, [(0, 1)])
    assert len(world_map(spots, [(0, 1)])) < 20_000
    assert len(world_map([])) < 100_000


def test_the_outline_is_where_the_land_is() -> None:
    """A country's rings lie around a place of it, and Antarctica around the pole."""
    assert {"IT", "US", "FJ", "RU", "AQ", "MT", "SG"} <= {ring.country for ring in outline()}
    assert all(len(ring.points) >= 4 and ring.points[0] == ring.points[-1] for ring in outline())
    italy = max((ring for ring in outline() if ring.country == "IT"), key=lambda ring: len(ring.points))
    assert min(x for x, _ in italy.points) < 9.2 < max(x for x, _ in italy.points)
    assert min(y for _, y in italy.points) < 45.5 < max(y for _, y in italy.points)
    assert min(y for ring in outline() for _, y in ring.points) == -90
