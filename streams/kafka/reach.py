"""Whether a reader has caught up: all is done that was there a moment ago, as the broker said then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

BEHIND_MAX_S: Final = 10.0
"""Seconds by which a reader may be behind and counts as caught up: under a steady flow there always is something."""


class Reach:
    """Remembers for a while where partitions ended."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self._now_s = now_s
        self._ends: deque[tuple[float, Mapping[int, int]]] = deque()

    def forget(self) -> None:
        """Partitions have changed hands."""
        self._ends.clear()

    def caught_up(self, ends: Mapping[int, int], positions: Mapping[int, int]) -> frozenset[int]:
        """Of the partitions in `positions`, those that have come to an end that was told within BEHIND_MAX_S.

        `ends` are the ends now.
        """
        now_s = self._now_s()
        self._ends.append((now_s, ends))
        while self._ends[0][0] < now_s - BEHIND_MAX_S:
            self._ends.popleft()
        return frozenset(
            number
            for number, position in positions.items()
            if any(number in told and position >= told[number] for _, told in self._ends)
        )
