"""What a partition knows of those who write into it: what of theirs it has, how far they are, what must wait for them.

All of it is read from the partition itself, in its order, so that whoever reads it anew knows the same.
"""

from __future__ import annotations

from typing import Final

import msgspec

from models.instants import NEVER_US, SECOND_US
from sessionwatch.errors import StateError
from sessionwatch.live.judging import Outlook
from streams.kafka.marks import Origin, Progress, source_name

INFLOW_SCHEMA: Final = 1
"""The schema of what is kept of the writers. Newer ones are refused rather than guessed at."""
SILENT_MAX_MS: Final = 30 * SECOND_US // 1_000
"""A source of which others have heard so much longer nothing is taken to have a backlog, whatever it said last."""
SOURCES_MAX: Final = 10_000
"""Source partitions that are remembered in one partition (100 bytes each)."""


class Source(msgspec.Struct, array_like=True):
    """One source partition: the last record that is here of it, and what it has told."""

    offset: int = -1
    n: int = -1
    heard: bool = False
    newest_us: int = -NEVER_US
    caught_up: bool = False
    ended: bool = False
    follows: bool = False
    settled_us: int = -NEVER_US
    told_ms: int = 0


class InflowState(msgspec.Struct, array_like=True):
    """All that is kept of the writers. `finished`: the end of the input has been judged, and nothing came since."""

    schema: int = INFLOW_SCHEMA
    topics: dict[str, int] = {}
    sources: dict[str, Source] = {}
    finished: bool = False
    told_ms: int = 0


class Inflow:
    """The writers of one partition."""

    def __init__(self, stored: bytes | None, topic: str = "") -> None:
        """Go on from what was stored; `topic` is the partition's own, which nobody waits for here.

        Raises: StateError where it is of a newer schema or cannot be read.
        """
        self._topic = topic
        try:
            self.state = InflowState() if stored is None else msgspec.msgpack.decode(stored, type=InflowState)
        except msgspec.DecodeError as error:
            raise StateError(f"the writers of a partition cannot be read: {error}; restore an older state") from error
        if self.state.schema > INFLOW_SCHEMA:
            raise StateError(f"the writers have schema {self.state.schema}, not {INFLOW_SCHEMA}; upgrade it first")

    def stored(self) -> bytes:
        """As an entry holds it."""
        return msgspec.msgpack.encode(self.state)

    def is_new(self, origin: Origin | None) -> bool:
        """Whether an event is not here yet; it is from now on. One without an origin always is new."""
        if origin is not None:
            source = self._source(origin.source)
            if (origin.offset, origin.n) <= (source.offset, source.n):
                return False
            source.offset, source.n = origin.offset, origin.n
        self.state.finished = False
        return True

    def hear(self, progress: Progress) -> bool:
        """Take in what a writer tells; whether all input has ended by that and the end was not judged yet."""
        state = self.state
        state.told_ms = max(state.told_ms, progress.told_ms)
        state.topics.update(progress.topics)
        for name, told in progress.sources.items():
            source = self._source(name)
            source.heard = True
            if told.newest_us is not None:
                source.newest_us = max(source.newest_us, told.newest_us)
            if told.settled_us is not None:
                source.settled_us = max(source.settled_us, told.settled_us)
            source.caught_up, source.ended, source.follows = told.caught_up, told.ended, told.follows
            source.told_ms = max(source.told_ms, progress.told_ms)
        return not state.finished and self.ended

    @property
    def ended(self) -> bool:
        """Whether the input of every source that is known has ended."""
        names = self._expected() | self.state.sources.keys()
        known = [self.state.sources.get(name) for name in names]
        told = [source for source in known if source is not None and source.heard]
        return bool(told) and len(told) == len(known) and all(source.ended for source in told)

    @property
    def newest_us(self) -> int:
        """The newest event time that any source has told of."""
        return max((source.newest_us for source in self.state.sources.values()), default=-NEVER_US)

    @property
    def hold_us(self) -> int:
        """From when on input is still to come; NEVER_US where all sources have caught up."""
        sources = self.state.sources
        lines = [-NEVER_US for name in self._expected() if name not in sources or not sources[name].heard]
        lines += [source.newest_us for source in sources.values() if source.heard and self._holds(source)]
        return min(lines, default=NEVER_US)

    @property
    def settled_us(self) -> int:
        """Until when those have said all who make events out of others; NEVER_US where there are none."""
        found = self.state.sources.values()
        return min((one.settled_us for one in found if one.heard and one.follows and not one.ended), default=NEVER_US)

    @property
    def caught_up(self) -> bool:
        """Whether nothing is held back: the clock may stand in for events that do not come."""
        return all(source.caught_up or source.ended for source in self.state.sources.values() if source.heard) and (
            self._expected() <= self.state.sources.keys()
        )

    def outlook(self, hold_us: int) -> Outlook:
        """What judgement needs to know of the writers, `hold_us` the lowest line of what is judged at once."""
        return Outlook(self.newest_us, hold_us, self.settled_us)

    def _holds(self, source: Source) -> bool:
        if source.ended:
            return False
        if source.follows and source.caught_up:
            return source.newest_us > -NEVER_US
        return not source.caught_up or self.state.told_ms - source.told_ms > SILENT_MAX_MS

    def _expected(self) -> set[str]:
        topics = [(topic, count) for topic, count in self.state.topics.items() if topic != self._topic]
        return {source_name(topic, number) for topic, count in topics for number in range(count)}

    def _source(self, name: str) -> Source:
        source = self.state.sources.get(name)
        if source is None:
            if len(self.state.sources) >= SOURCES_MAX:
                raise StateError(
                    f"more than {SOURCES_MAX:,} source partitions write into one; is {name!r} one of ours?"
                )
            source = self.state.sources[name] = Source()
        return source
