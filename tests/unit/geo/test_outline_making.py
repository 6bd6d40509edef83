"""The outline is made anew from its source, and lines survive being written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geo.outline import STEPS_A_DEGREE, Point, decoded, encoded
from geo.outline_making import made

DEGREES = st.integers(-400 * STEPS_A_DEGREE, 400 * STEPS_A_DEGREE).map(lambda n: n / STEPS_A_DEGREE)


@given(st.lists(st.tuples(DEGREES, DEGREES), min_size=1, max_size=20))
def test_a_written_line_is_read_again(line: list[Point]) -> None:
    """All of it, but for points that are repeated."""
    once = [point for n, point in enumerate(line) if n == 0 or point != line[n - 1]]
    assert list(decoded(encoded(line))) == once


def test_a_country_is_made_of_its_arcs() -> None:
    """Arcs are joined, negative ones backwards; points on a straight line go; the date line is no end."""
    atlas = {
        "transform": {"scale": [1, 1], "translate": [-180, -90]},
        "arcs": [[[357, 90], [1, 0], [1, 0], [-358, 0]], [[357, 90], [0, 5], [-356, 0], [0, -5]]],
        "objects": {
            "countries": {"geometries": [{"type": "Polygon", "arcs": [[0, ~1]], "properties": {"name": "Fiji"}}]}
        },
    }
    (line,) = [line for line in made(atlas, "9").splitlines() if not line.startswith("#")]
    country, text = line.split("\t")
    assert country == "FJ"
    assert list(decoded(text)) == [(177, 0), (181, 0), (181, 5), (177, 5), (177, 0)]
