"""Which part of the world a map shows, and where a point of it comes to lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import cos, radians
from typing import Final, NamedTuple, Self

from geo.outline import Point
from sessionwatch.drawing.sphere import span

HEIGHT_MIN_DEGREES: Final = 8.0
"""The least that is shown from north to south: a single street on an empty map tells nobody where it is."""
MARGIN: Final = 0.14
"""Left free at each side, as a share of what must be seen."""
SCALE_LATITUDE_MAX: Final = 75.0
"""Near a pole, a degree of longitude is drawn no narrower than at this latitude."""
STEP_PX: Final = 2.0
"""Land is drawn in steps no smaller than this."""
CORNERS_MIN: Final = 3

_Flat = tuple[float, float]


class View(NamedTuple):
    """A part of the world, in degrees (`east` > `west`, it may be over 180), on paper of `width` and `height` px."""

    west: float
    south: float
    east: float
    north: float
    width: float
    height: float

    @classmethod
    def around(cls, points: Sequence[Point], width: float, height: float) -> Self:
        """The smallest view, with a margin, that has all `points`; the whole world without any."""
        if not points:
            return cls(-180, -90, 180, 90, width, height)
        west, east = span([x for x, _ in points])
        south, north = min(y for _, y in points), max(y for _, y in points)
        tall = min(180.0, max(HEIGHT_MIN_DEGREES, (north - south) * (1 + 2 * MARGIN)))
        middle = (south + north) / 2
        squeeze = cos(radians(min(abs(middle), SCALE_LATITUDE_MAX)))
        wide = (east - west) * (1 + 2 * MARGIN)
        tall = min(180.0, max(tall, wide * squeeze * height / width))
        wide = min(360.0, max(wide, tall / squeeze * width / height))
        south = min(max(middle - tall / 2, -90.0), 90 - tall)
        west = (west + east - wide) / 2
        return cls(west, south, west + wide, south + tall, width, height)

    def on_paper(self, point: Point) -> _Flat:
        """Where `point` lies, in px from the upper left corner."""
        return (
            (point[0] - self.west) / (self.east - self.west) * self.width,
            (self.north - point[1]) / (self.north - self.south) * self.height,
        )

    def copies(self, line: Sequence[Point]) -> Iterator[list[_Flat]]:
        """A line on the paper, as often as it comes into view: the world goes on east and west of itself."""
        low, high = min(x for x, _ in line), max(x for x, _ in line)
        first = int((self.west - high) // 360)
        for turn in range(first, int((self.east - low) // 360) + 1):
            if low + turn * 360 <= self.east and high + turn * 360 >= self.west:
                yield [self.on_paper((x + turn * 360, y)) for x, y in line]

    def land(self, ring: Sequence[Point]) -> Iterator[list[_Flat]]:
        """A closed line on the paper, cut at its edges and without steps that nobody could see."""
        for copy in self.copies(ring):
            seen = list(_seen(_cut(copy, self.width, self.height)))
            if len(seen) >= CORNERS_MIN:
                yield seen


def _cut(ring: list[_Flat], width: float, height: float) -> list[_Flat]:
    """What of a closed line lies on the paper, and a little beyond it (Sutherland and Hodgman)."""
    beyond = 4.0
    for axis, edge, sign in ((0, -beyond, 1), (0, width + beyond, -1), (1, -beyond, 1), (1, height + beyond, -1)):
        ring = list(_cut_at(ring, axis, edge, sign))
    return ring


def _cut_at(ring: list[_Flat], axis: int, edge: float, sign: int) -> Iterator[_Flat]:
    for before, point in zip([*ring[-1:], *ring[:-1]], ring, strict=True):
        was_in, is_in = (before[axis] - edge) * sign >= 0, (point[axis] - edge) * sign >= 0
        if was_in != is_in:
            share = (edge - before[axis]) / (point[axis] - before[axis])
            yield before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])
        if is_in:
            yield point


def _seen(line: Iterable[_Flat]) -> Iterator[_Flat]:
    last: _Flat | None = None
    for point in line:
        if last is None or abs(point[0] - last[0]) + abs(point[1] - last[1]) >= STEP_PX:
            last = point
            yield point
