"""Many events of one rule at once, in columns: what a detector looks at to say of whom it will surely say nothing.

Rows stand by subject, and of one subject by time. Values of text are digests of 64 bits, 0 where the event says
nothing: equal values have equal digests, and different ones different digests but for a chance that nobody need reckon
with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.conditions import Condition

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


OF_EVENT: Final = frozenset({"user", "session", "device", "user_agent"})
OF_PLACE: Final = ("country", "city", "region", "organisation", "network_class", "asn")
TEXTS: Final = OF_EVENT | {"kind", "network", *(f"place.{name}" for name in OF_PLACE)}
"""The fields of text that have a column."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`loud`: of the events, those because of which their subject must be judged; the others' subjects are quiet.

    `not_evaluable`: by reason, the events of quiet subjects that are not evaluable. A quiet subject's other events have
    the verdict None, in whatever order events of equal time come.
    """

    loud: Mask
    not_evaluable: Mapping[str, Mask] = field(default_factory=dict)


class Columns:
    """The events that a rule selects, and those that its detector hears besides.

    Texts are those of `TEXTS`.
    Numbers: `latitude`, `longitude` (not a number where nobody knows), `radius_km`, `count`, `bytes`.
    """

    def __init__(
        self,
        subject: Ints,
        at_us: Ints,
        selected: Mask,
        column_of: Callable[[str], NDArray[Any]],
        answers_of: Callable[[Condition], Mask],
    ) -> None:
        """Hold columns of equal length; `column_of` fetches others by name, `answers_of` what a condition says."""
        self.subject = subject
        self.at_us = at_us
        self.selected = selected
        self._column_of = column_of
        self._answers_of = answers_of
        self._columns: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        """How many events."""
        return len(self.subject)

    def chosen(self, mask: Mask) -> Columns:
        """Some of the events."""
        return Columns(
            self.subject[mask],
            self.at_us[mask],
            self.selected[mask],
            lambda name: self.number(name)[mask],
            lambda condition: self.holds(condition)[mask],
        )

    @staticmethod
    def has(*names: str) -> bool:
        """Whether there are columns of text of these names."""
        return TEXTS.issuperset(names)

    def text(self, name: str) -> Ints:
        """Digests of a field of text."""
        return self.number(name)

    def number(self, name: str) -> NDArray[Any]:
        """A field of numbers."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._column_of(name)
        return found

    def holds(self, condition: Condition) -> Mask:
        """Of which events a condition, one of the detector's `asks`, holds."""
        return self._answers_of(condition)

    @cached_property
    def starts(self) -> Mask:
        """The first event of each subject."""
        return changes(self.subject)

    @cached_property
    def start(self) -> Ints:
        """For each event the row of its subject's first."""
        return held(self.starts)

    @cached_property
    def row(self) -> Ints:
        """0, 1, 2 ..."""
        return np.arange(len(self), dtype=np.int64)

    @cached_property
    def tie(self) -> Ints:
        """For each event the last row of its subject with the same time: any of them may come last."""
        moves = changes(self.subject, self.at_us)
        ends = np.append(np.flatnonzero(moves)[1:] - 1, len(self) - 1)
        return spread_out(ends, moves)

    @cached_property
    def tied(self) -> Mask:
        """Events that share their time with another of their subject."""
        same = ~changes(self.subject, self.at_us)
        return same | np.append(same[1:], np.False_)

    @cached_property
    def since_us(self) -> Ints:
        """For each event, how long after its subject's first."""
        return self.at_us - self.at_us[self.start]

    def of_subject(self, mask: Mask) -> Mask:
        """All events of the subjects of which one is in `mask`."""
        if not len(self):
            return mask
        sums = np.add.reduceat(mask.astype(np.int64), np.flatnonzero(self.starts))
        return spread_out(sums, self.starts) > 0

    def first_seen(self, *values: Ints) -> Mask:
        """The events in which a subject has these values for the first time."""
        order = np.lexsort((*values, self.subject))
        firsts = changes(self.subject[order], *(value[order] for value in values))
        mask = np.zeros(len(self), np.bool_)
        mask[order[firsts]] = True
        return mask

    def different(self, *values: Ints) -> Ints:
        """For each event how many different values its subject has in all; 0, nothing said, is none."""
        if not len(self):
            return np.zeros(0, np.int64)
        firsts = self.first_seen(*values) & (values[-1] != 0)
        return spread_out(np.add.reduceat(firsts.astype(np.int64), np.flatnonzero(self.starts)), self.starts)

    def crowded(self, at_least: int, window_us: int) -> Mask:
        """Events that end a window with so many events of their subject, themselves included."""
        found = np.zeros(len(self), np.bool_)
        ahead = at_least - 1
        if len(self) > ahead:
            early, late = slice(0, len(self) - ahead), slice(ahead, None)
            same = self.subject[early] == self.subject[late]
            found[late] = same & (self.at_us[late] - self.at_us[early] < window_us)
        return found

    def fullest(self, amounts: Ints, window_us: int) -> Ints:
        """For each event, a sum that no window which holds it exceeds: of its bin of that length and both beside it."""
        if not len(self):
            return np.zeros(0, np.int64)
        bins = (self.at_us - self.at_us.min()) // window_us
        moves = changes(self.subject, bins)
        heads = np.flatnonzero(moves)
        sums = np.add.reduceat(amounts, heads)
        subjects, numbers = self.subject[heads], bins[heads]
        beside = (subjects[1:] == subjects[:-1]) & (numbers[1:] == numbers[:-1] + 1)
        around = sums.copy()
        around[1:] += np.where(beside, sums[:-1], 0)
        around[:-1] += np.where(beside, sums[1:], 0)
        return spread_out(around, moves)

    def spread_degrees(self) -> Floats:
        """For each event, how far apart its subject's places are at most, in degrees of latitude and longitude."""
        if not len(self):
            return np.zeros(0)
        heads = np.flatnonzero(self.starts)
        spread = np.zeros(len(heads))
        for name in ("latitude", "longitude"):
            column = self.number(name)
            spread += np.maximum.reduceat(column, heads) - np.minimum.reduceat(column, heads)
        return spread_out(spread, self.starts)

    def least(self, values: Floats) -> Floats:
        """For each event the least of its subject's `values`."""
        if not len(self):
            return values
        return spread_out(np.minimum.reduceat(values, np.flatnonzero(self.starts)), self.starts)


def changes(*columns: NDArray[Any]) -> Mask:
    """Rows in which a column differs from the row before; the first row always."""
    mask = np.zeros(len(columns[0]), np.bool_)
    mask[:1] = True
    for column in columns:
        mask[1:] |= column[1:] != column[:-1]
    return mask


def held(marks: Mask) -> Ints:
    """For each row the last marked row up to it; -1 before any.

    >>> held(np.array([False, True, False, True])).tolist()
    [-1, 1, 1, 3]
    """
    rows = np.where(marks, np.arange(len(marks), dtype=np.int64), -1)
    found: Ints = np.maximum.accumulate(rows)
    return found


N = TypeVar("N", bound=NDArray[Any])


def spread_out(values: N, heads: Mask) -> N:
    """A value for each group, given to every row of it; `heads` are the first rows of the groups.

    >>> spread_out(np.array([7, 9]), np.array([True, False, True])).tolist()
    [7, 7, 9]
    """
    found: N = values[np.cumsum(heads) - 1]
    return found
