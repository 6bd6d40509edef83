"""Sliding windows of event time in bounded memory: running sums, and how many different values.

A window of length w at time t holds what happened after t - w, up to and including t.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import msgspec

EXACT_MAX: Final = 256
"""Entries up to which a window's sums are exact; see `SLICES` for beyond."""

SLICES: Final = 64
"""Beyond `EXACT_MAX` entries the older ones are gathered into slices of 1/64 of the window, each at its earliest time.

So what is gathered leaves the window up to 1/64 of its length early: a sum may then be too low by what happened in
the oldest slice, never too high.
"""


class Sums(msgspec.Struct, array_like=True):
    """Amounts (whole numbers) at times in order, and their running total."""

    times_us: list[int] = msgspec.field(default_factory=list)
    amounts: list[int] = msgspec.field(default_factory=list)
    total: int = 0

    def within(self, at_us: int, window_us: int) -> int:
        """The sum over the window that ends at `at_us`; changes nothing. One step for each entry that has left."""
        line_us = at_us - window_us
        total = self.total
        for time_us, amount in zip(self.times_us, self.amounts, strict=True):
            if time_us > line_us:
                break
            total -= amount
        return total

    def add(self, at_us: int, amount: int, window_us: int) -> None:
        """Count `amount` at `at_us`, no earlier than what was added before; drop what has left the window."""
        self.shed(at_us - window_us)
        self.times_us.append(at_us)
        self.amounts.append(amount)
        self.total += amount
        if len(self.times_us) > EXACT_MAX:
            self._gather(max(1, window_us // SLICES))

    def fullest_around(self, at_us: int, window_us: int) -> int:
        """The greatest sum of a window that holds `at_us`, among what is still kept; for events that come late."""
        ends_us = [at_us, *(time_us for time_us in self.times_us if at_us < time_us < at_us + window_us)]
        entries = list(zip(self.times_us, self.amounts, strict=True))
        return max(
            sum(amount for time_us, amount in entries if end_us - window_us < time_us <= end_us) for end_us in ends_us
        )

    def shed(self, line_us: int) -> None:
        """Drop what happened at `line_us` or before."""
        gone = 0
        for time_us in self.times_us:
            if time_us > line_us:
                break
            gone += 1
        if gone:
            self.total -= sum(self.amounts[:gone])
            del self.times_us[:gone], self.amounts[:gone]

    def _gather(self, slice_us: int) -> None:
        times_us, amounts = self.times_us[:1], self.amounts[:1]
        for time_us, amount in zip(islice(self.times_us, 1, None), islice(self.amounts, 1, None), strict=True):
            if time_us - times_us[-1] < slice_us:
                amounts[-1] += amount
            else:
                times_us.append(time_us)
                amounts.append(amount)
        self.times_us, self.amounts = times_us, amounts


class Distinct(msgspec.Struct, array_like=True):
    """Different values and when each was last seen, the longest unseen first."""

    last_us: dict[str, int] = msgspec.field(default_factory=dict)

    def within(self, value: str, at_us: int, window_us: int) -> int:
        """How many different values the window that ends at `at_us` holds, `value` among them; changes nothing."""
        line_us = at_us - window_us
        gone = 0
        for time_us in self.last_us.values():
            if time_us > line_us:
                break
            gone += 1
        return len(self.last_us) - gone + (self.last_us.get(value, line_us) <= line_us)

    def add(self, value: str, at_us: int, window_us: int, most: int) -> None:
        """Note `value`; drop what has left the window, and beyond `most` the longest unseen."""
        last_us = self.last_us
        last_us.pop(value, None)
        last_us[value] = at_us
        line_us = at_us - window_us
        for oldest in list(islice(last_us, len(last_us) - most)) if len(last_us) > most else ():
            del last_us[oldest]
        while last_us[next(iter(last_us))] <= line_us:
            del last_us[next(iter(last_us))]
