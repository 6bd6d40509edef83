"""Whether work goes on: progress held against what waits, by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STALLED_S: Final = 60.0
"""Seconds without progress, while something waits, after which a worker or a watch says that it is not ready."""


class Watchdog:
    """Told now and then how much is done and how much waits; says why there is no readiness, where there is none."""

    def __init__(self, stalled_s: float = STALLED_S, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Give it `stalled_s` from now."""
        self._stalled_s, self._clock_s = stalled_s, clock_s
        self._done = -1
        self._waiting = 0
        self._moved_s = self._asked_s = clock_s()

    def saw(self, done: int, waiting: int | None) -> None:
        """`done` in all and `waiting` now; None where nobody could tell."""
        now_s = self._clock_s()
        if waiting is not None:
            self._asked_s, self._waiting = now_s, waiting
        if done != self._done or self._waiting == 0:
            self._done, self._moved_s = done, now_s

    def unready(self) -> str:
        """Why it is not ready; nothing where it is."""
        now_s = self._clock_s()
        if now_s - self._moved_s > self._stalled_s:
            return f"stalled: {self._waiting:,} records wait, and none is done for {now_s - self._moved_s:.0f} s"
        if now_s - self._asked_s > self._stalled_s:
            return f"nobody tells for {now_s - self._asked_s:.0f} s how much waits: is the broker away?"
        return ""
