"""What somebody usually moves in a day: the median of past days, and the median distance from it (MAD)."""

from __future__ import annotations

from typing import Final

import msgspec

NORMAL_MAD: Final = 1.4826
"""What makes the MAD of a normal distribution its standard deviation (F. R. Hampel, JASA 69, 1974)."""
LEAST_SPREAD: Final = 0.1
"""People whose days are all alike still vary: the spread counts as at least this share of the median."""


class Habit(msgspec.Struct, array_like=True):
    """The fullest window of each past day, oldest first; their median and MAD, kept so as not to be counted anew."""

    peaks: list[int] = msgspec.field(default_factory=list)
    median: int = 0
    mad: int = 0

    def with_day(self, peak: int, most: int) -> Habit:
        """This habit and one day more; beyond `most` the oldest goes."""
        peaks = [*self.peaks, peak][-most:]
        median = _median(peaks)
        return Habit(peaks, median, _median([abs(one - median) for one in peaks]))

    def limit(self, factor: float, top_factor: float | None = None) -> float:
        """The median and `factor` spreads above it, or `top_factor` times the fullest day where that is more."""
        spread = self.median + factor * NORMAL_MAD * max(self.mad, LEAST_SPREAD * self.median)
        return spread if top_factor is None else max(spread, top_factor * max(self.peaks, default=0))


def _median(values: list[int]) -> int:
    """The median, rounded down; 0 of nothing."""
    ordered, half = sorted(values), len(values) // 2
    return (ordered[~half] + ordered[half]) // 2 if ordered else 0
