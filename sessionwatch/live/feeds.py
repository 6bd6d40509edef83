"""Sources that always speak, and have stopped: a silent feed looks like peace, so it is told, by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

OTHERS_MAX: Final = 200
"""Sources beside those that are expected whose silence is measured; further ones are not."""


class FeedNotice(msgspec.Struct, frozen=True):
    """An operational notice: about a feed and no person, by the clock, and nothing is judged by it.

    `since`: when an event of the source last came, or when the process began. `silent_after_s`: how long is allowed.
    """

    operational: Literal["feed_silent", "feed_speaks"]
    source: str
    at: datetime
    since: datetime
    silent_after_s: float

    def to_json(self) -> bytes:
        """As one line."""
        return msgspec.json.encode(self)


@dataclass(slots=True)
class _Feed:
    silent_after_s: float
    heard_s: float
    silent: bool = False


class Feeds:
    """When each source was last heard of; those that are `expected` may be silent for so long and no longer.

    By the clock and in memory: after a restart each has its whole time again. Knows nothing of what the events say.
    """

    def __init__(
        self,
        expected: Mapping[str, timedelta],
        clock_s: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin to listen."""
        self._clock_s, self._now = clock_s, now
        begun_s = clock_s()
        self._expected = {name: _Feed(after.total_seconds(), begun_s) for name, after in expected.items()}
        self._others: dict[str, float] = {}

    def heard(self, sources: Iterable[str]) -> None:
        """Events of these sources came just now."""
        now_s = self._clock_s()
        for name in sources:
            feed = self._expected.get(name)
            if feed is not None:
                feed.heard_s = now_s
            elif name in self._others or len(self._others) < OTHERS_MAX:
                self._others[name] = now_s

    def look(self) -> list[FeedNotice]:
        """What is to be told now: whose silence has become too long, and who speaks again; each once."""
        told, now_s = [], self._clock_s()
        for name, feed in self._expected.items():
            silent = now_s - feed.heard_s > feed.silent_after_s
            if silent != feed.silent:
                feed.silent = silent
                told.append(self._notice(name, feed, now_s))
        return told

    def silence_s(self) -> dict[str, float]:
        """By source, how long nothing has come: those that are expected, and those that were heard of."""
        now_s = self._clock_s()
        heard = {name: feed.heard_s for name, feed in self._expected.items()} | dict(self._others)
        return {name: now_s - at_s for name, at_s in sorted(heard.items())}

    def is_silent(self, source: str) -> bool:
        """Whether it was told to be silent."""
        feed = self._expected.get(source)
        return feed is not None and feed.silent

    def _notice(self, name: str, feed: _Feed, now_s: float) -> FeedNotice:
        at = self._now()
        since = at - timedelta(seconds=now_s - feed.heard_s)
        return FeedNotice("feed_silent" if feed.silent else "feed_speaks", name, at, since, feed.silent_after_s)
