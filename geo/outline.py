"""The outline of the world's countries, for drawing, and for `geo.borders`. It is coarse.

The table, with its source, is `outline.tsv` beside this file; `make outline` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

Point = tuple[float, float]
"""Longitude and latitude in degrees. Longitudes of one line go on over the date line: 181 is 179 west."""

STEPS_A_DEGREE: Final = 50
"""How finely points are written: to a fiftieth of a degree, about 2 km."""

_BITS: Final = 0x1F
_MORE: Final = 0x20
_FIRST: Final = 63
"""Five bits a character, a sixth says that more follow; the lowest character. As in the "encoded polyline" of maps."""


class Ring(NamedTuple):
    """A closed line around land of one country: its ISO code, empty where there is none, and points in degrees."""

    country: str
    points: tuple[Point, ...]


@cache
def outline() -> tuple[Ring, ...]:
    """Every ring of the world's land, by country.

    Natural Earth 1:50 m, simplified to a tenth of a degree and without the smallest islands.

    >>> sum(ring.country == "IT" for ring in outline()) > 1  # the mainland, and islands
    True
    """
    lines = files(__package__).joinpath("outline.tsv").read_text(encoding="ascii").splitlines()
    parted = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(Ring(country, tuple(decoded(text))) for country, text in parted)


def unwrapped(points: Iterable[Point]) -> list[Point]:
    """The same points, with longitudes that go on over the date line instead of leaping back.

    >>> unwrapped([(179, 0), (-179, 0)])
    [(179, 0), (181, 0)]
    """
    out: list[Point] = []
    for x, y in points:
        out.append((x + 360 * round((out[-1][0] - x) / 360), y) if out else (x, y))
    return out


def encoded(points: Iterable[Point]) -> str:
    """A line as text: steps from point to point, in units of 1/`STEPS_A_DEGREE` degree, five bits a character.

    >>> encoded([(9.0, 45.5), (9.1, 45.4)])
    'c[emCIH'
    """
    told: list[str] = []
    before = (0, 0)
    for point in points:
        here = (round(point[0] * STEPS_A_DEGREE), round(point[1] * STEPS_A_DEGREE))
        if here != before or not told:
            told += [_number(here[0] - before[0]), _number(here[1] - before[1])]
        before = here
    return "".join(told)


def decoded(text: str) -> Iterator[Point]:
    """The points that `encoded` wrote.

    >>> list(decoded("c[emCIH"))
    [(9.0, 45.5), (9.1, 45.4)]
    """
    x = y = 0
    steps = iter(_numbers(text))
    for step in steps:
        x, y = x + step, y + next(steps)
        yield x / STEPS_A_DEGREE, y / STEPS_A_DEGREE


def _number(step: int) -> str:
    rest = ~(step << 1) if step < 0 else step << 1
    told = ""
    while rest >= _MORE:
        told += chr((rest & _BITS | _MORE) + _FIRST)
        rest >>= 5
    return told + chr(rest + _FIRST)


def _numbers(text: str) -> Iterator[int]:
    rest = shift = 0
    for character in text:
        bits = ord(character) - _FIRST
        rest |= (bits & _BITS) << shift
        shift += 5
        if bits < _MORE:
            yield ~(rest >> 1) if rest & 1 else rest >> 1
            rest = shift = 0
