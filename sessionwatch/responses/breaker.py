"""How a broker is spared: not more at a time than it takes, and nothing for a while after it has failed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FAILURES_MAX: Final = 5
"""Tries without an answer, one after the other, after which a broker is left alone for a while."""
OPEN_S: Final = 1.0
OPEN_S_MAX: Final = 30.0
"""Seconds that a broker is left alone at most; then one action tries it."""
BACKOFF_S: Final = 0.5
BACKOFF_S_MAX: Final = 60.0
"""Seconds between two tries at most, unless the broker itself asks for more."""


@dataclass(slots=True)
class Breaker:
    """Opens after failures in a row, later lets one through, closes with the first answer. Seconds of any clock."""

    failures: int = 0
    open_until: float = 0.0
    _open_s: float = OPEN_S
    _probing: bool = False

    def lets(self, now: float, wanted: int) -> int:
        """How many of `wanted` may go now."""
        if self.failures < FAILURES_MAX:
            return wanted
        if now < self.open_until or self._probing:
            return 0
        return min(wanted, 1)

    def going(self) -> None:
        """One goes now."""
        self._probing = self.failures >= FAILURES_MAX

    def answered(self) -> None:
        """The broker works."""
        self.failures, self._open_s, self._probing = 0, OPEN_S, False

    def failed(self, now: float) -> None:
        """The broker gave no answer, or none that helps."""
        self.failures += 1
        self._probing = False
        if self.failures >= FAILURES_MAX:
            self.open_until = now + self._open_s
            self._open_s = min(self._open_s * 2, OPEN_S_MAX)


@dataclass(slots=True)
class Rate:
    """At most `per_s` a second, with a second's worth at once."""

    per_s: float
    _tokens: float = 1.0
    _at: float = 0.0

    def lets(self, now: float, wanted: int) -> int:
        """How many of `wanted` may go now."""
        self._tokens = min(self._tokens + max(now - self._at, 0.0) * self.per_s, max(self.per_s, 1.0))
        self._at = now
        return min(wanted, int(self._tokens))

    def took(self, count: int) -> None:
        """So many went."""
        self._tokens -= count


def backoff_s(attempt: int, asked_s: float | None, rng: random.Random) -> float:
    """Seconds until the next try after `attempt` of them: doubling, with jitter; never sooner than asked.

    >>> 0.25 <= backoff_s(1, None, random.Random(1)) <= 0.5, backoff_s(1, 90.0, random.Random(1)) >= 90
    (True, True)
    """
    span_s = min(BACKOFF_S * float(2 ** min(attempt - 1, 16)), BACKOFF_S_MAX)
    jittered_s = span_s * rng.uniform(0.5, 1.0)
    return max(jittered_s, asked_s or 0.0)
