"""Makes `outline.tsv` from the countries of Natural Earth, as the npm package `world-atlas` carries them.

    python -m geo.outline_making world-atlas-2.0.2.tgz geo/outline.tsv

Run by `make outline`; nothing else imports it. The same package gives the same bytes.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import hypot
from pathlib import Path
from typing import Any, Final

from geo.countries import country_named
from geo.outline import Point, decoded, encoded, unwrapped

MEMBER: Final = "package/countries-50m.json"
TOLERANCE_DEGREES: Final = 0.05
"""How far a line may lie beside the one that it stands for: one dot on a map of Europe as wide as a page."""
SHAPE: Final = 6
"""An island keeps its shape: no line is off by more than this part of its size."""
RING_MIN_DEGREES: Final = 0.1
"""Islands smaller than this both ways are left out, but for the largest of each country."""
RING_POINTS_MIN: Final = 4
"""A triangle with its first point again; what is less was too small to be written."""

SHORT: Final = {
    "Antigua and Barb.": "AG",
    "Bosnia and Herz.": "BA",
    "Br. Indian Ocean Ter.": "IO",
    "British Virgin Is.": "VG",
    "Cayman Is.": "KY",
    "Central African Rep.": "CF",
    "Cook Is.": "CK",
    "Dem. Rep. Congo": "CD",
    "Dominican Rep.": "DO",
    "Eq. Guinea": "GQ",
    "Faeroe Is.": "FO",
    "Falkland Is.": "FK",
    "Fr. Polynesia": "PF",
    "Fr. S. Antarctic Lands": "TF",
    "Heard I. and McDonald Is.": "HM",
    "Marshall Is.": "MH",
    "N. Mariana Is.": "MP",
    "Pitcairn Is.": "PN",
    "S. Geo. and the Is.": "GS",
    "S. Sudan": "SS",
    "Saint Helena": "SH",
    "Solomon Is.": "SB",
    "St-Barthélemy": "BL",
    "St-Martin": "MF",
    "St. Kitts and Nevis": "KN",
    "St. Pierre and Miquelon": "PM",
    "St. Vin. and Gren.": "VC",
    "Turks and Caicos Is.": "TC",
    "U.S. Virgin Is.": "VI",
    "W. Sahara": "EH",
    "Wallis and Futuna Is.": "WF",
    "Åland": "AX",
}
"""Names that Natural Earth shortens. Land without a code (Somaliland, Northern Cyprus and the like) stays without."""

HEAD: Final = """\
# The world's countries as rings, for drawing: ISO 3166-1 alpha-2 code (empty where there is none), then one ring as
# `geo.outline` reads it. From Natural Earth, 1:50 m, public domain, by the npm package world-atlas {version}; made by
# `make outline`.
"""


def made(atlas: Any, version: str) -> str:
    """The whole file, from the TopoJSON of the countries."""
    arcs = [_simplified(_decoded(arc, atlas["transform"])) for arc in atlas["arcs"]]
    lines = set()
    for country in atlas["objects"]["countries"]["geometries"]:
        name = country["properties"]["name"]
        named = country_named(SHORT.get(name, name))
        rings = sorted((_ring(part, arcs) for part in _parts(country)), key=_size, reverse=True)
        kept = [ring for n, ring in enumerate(rings) if n == 0 or _size(ring) >= RING_MIN_DEGREES]
        written = [text for text in map(encoded, kept) if len(list(decoded(text))) >= RING_POINTS_MIN]
        lines |= {f"{'' if named is None else named.code}\t{text}\n" for text in written}
    return HEAD.format(version=version) + "".join(sorted(lines))


def _parts(country: Any) -> Iterator[list[int]]:
    polygons = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
    for polygon in polygons:
        yield from polygon


def _decoded(arc: Sequence[Sequence[int]], transform: Any) -> list[Point]:
    (by_x, by_y), (x0, y0) = transform["scale"], transform["translate"]
    xs, ys = accumulate(step[0] for step in arc), accumulate(step[1] for step in arc)
    return unwrapped([(x0 + x * by_x, y0 + y * by_y) for x, y in zip(xs, ys, strict=True)])


def _simplified(line: list[Point]) -> list[Point]:
    """Fewer points, by Douglas and Peucker; ends stay, so that neighbours keep one border."""
    tolerance = min(TOLERANCE_DEGREES, _size(line) / SHAPE)
    if line[0] == line[-1]:
        far = max(range(len(line)), key=lambda n: _apart(line[n], line[0], line[0]))
        return _thinned(line[: far + 1], tolerance)[:-1] + _thinned(line[far:], tolerance)
    return _thinned(line, tolerance)


def _thinned(line: list[Point], tolerance: float) -> list[Point]:
    if not line[1:-1]:
        return line
    far = max(range(1, len(line) - 1), key=lambda n: _apart(line[n], line[0], line[-1]))
    if _apart(line[far], line[0], line[-1]) <= tolerance:
        return [line[0], line[-1]]
    return _thinned(line[: far + 1], tolerance)[:-1] + _thinned(line[far:], tolerance)


def _apart(point: Point, begin: Point, end: Point) -> float:
    """From a point to the stretch between two others, in degrees."""
    (x, y), (x1, y1), (x2, y2) = point, begin, end
    length = (x2 - x1) ** 2 + (y2 - y1) ** 2
    along = 0.0 if length == 0 else min(1.0, max(0.0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length))
    return hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1))


def _ring(numbers: Sequence[int], arcs: Sequence[list[Point]]) -> list[Point]:
    """The arcs of a ring, end to end; a negative number is an arc backwards (TopoJSON 2.1.4)."""
    points: list[Point] = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    ring = unwrapped(points)
    round_the_pole = round((ring[-1][0] - ring[0][0]) / 360)
    if round_the_pole:
        pole = -90.0 if ring[0][1] < 0 else 90.0
        ring += [(ring[-1][0], pole), (ring[0][0], pole), ring[0]]
    return ring


def _size(ring: Sequence[Point]) -> float:
    xs, ys = zip(*ring, strict=True)
    return float(max(max(xs) - min(xs), max(ys) - min(ys)))


if __name__ == "__main__":
    package, target = Path(sys.argv[1]), Path(sys.argv[2])
    with tarfile.open(package) as tar:
        members = {name: tar.extractfile(name) for name in (MEMBER, "package/package.json")}
        atlas, about = (json.load(file) for file in members.values() if file is not None)
    target.write_text(made(atlas, about["version"]), encoding="ascii")
    print(f"{target}: {target.stat().st_size:,} bytes")  # noqa: T201  # what a script says
