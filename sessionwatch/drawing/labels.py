"""Where labels go so that none lies on another; those without room are told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

FONT_PX: Final = 12.0
CHARACTER_PX: Final = 7.2
"""How wide a character is reckoned to be: wider than most are, so that what is reckoned free is free."""
LINE_PX: Final = 15.0
RINGS: Final = 7
"""How many times farther out a label is tried before it is left out."""


class Box(NamedTuple):
    """A piece of paper, in px: its upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Whether they have any paper in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def placed(
    wanted: Sequence[tuple[float, float, str]], width: float, height: float, taken: Sequence[Box] = ()
) -> list[Box | None]:
    """A box for each (x, y, text), near its point, on the paper, and on no other box; None where there is no room.

    >>> [box is not None for box in placed([(50, 50, "here"), (50, 50, "there"), (9, 9, "x" * 99)], 200, 100)]
    [True, True, False]
    """
    full = list(taken)
    boxes: list[Box | None] = []
    for x, y, text in wanted:
        size = len(text) * CHARACTER_PX, LINE_PX
        box = next((box for box in _tries(x, y, *size) if _free(box, full, width, height)), None)
        boxes.append(box)
        if box is not None:
            full.append(box)
    return boxes


def _tries(x: float, y: float, width: float, height: float) -> Iterator[Box]:
    for ring in range(RINGS):
        away = 7 + ring * 0.8 * LINE_PX
        for left in (x + away, x - away - width):
            yield Box(left, y - height / 2, width, height)
        for top in (y - away - height, y + away):
            yield Box(x - width / 2, top, width, height)
            yield Box(x + 4, top, width, height)
            yield Box(x - width - 4, top, width, height)


def _free(box: Box, full: Sequence[Box], width: float, height: float) -> bool:
    inside = box.x >= 0 and box.y >= 0 and box.x + box.width <= width and box.y + box.height <= height
    return inside and not any(box.meets(other) for other in full)
