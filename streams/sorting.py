"""Events in order of time, however many: in memory while they fit, else in sorted runs on disk that are merged."""

from __future__ import annotations

import heapq
import itertools
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from models.events import SessionEvent

EVENTS_IN_MEMORY_MAX: Final = 500_000
"""Events sorted in memory at a time (about 1 KB each); a larger input goes through sorted runs on disk."""
BLOCK_EVENTS: Final = 1_000
"""Events written and read together."""
LENGTH_BYTES: Final = 4

_at = attrgetter("at")


class EventSorter:
    """Collects events in any order and gives them back in order of `at`; use it as a context.

    Events of equal time come in no particular order: who judges them orders those. Runs on disk are readable by the
    owner alone and are deleted when the context ends.
    """

    def __init__(self, *, in_memory_max: int = EVENTS_IN_MEMORY_MAX, directory: Path | None = None) -> None:
        """Keep at most `in_memory_max` events in memory; put runs under `directory` (default: the system's)."""
        self.in_memory_max = in_memory_max
        self.count = 0
        self._events: list[SessionEvent] = []
        self._runs: list[Path] = []
        self._orders: list[array[int]] = []
        self._parent = directory
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Delete the runs."""
        if self._directory is not None:
            self._directory.cleanup()

    def add(self, events: Sequence[SessionEvent]) -> None:
        """Take in events."""
        self._events += events
        self.count += len(events)
        if len(self._events) >= self.in_memory_max:
            self._spill()

    def runs(self) -> list[Path]:
        """Everything as sorted runs on disk, for workers to merge."""
        if self._events:
            self._spill()
        return self._runs

    def __iter__(self) -> Iterator[SessionEvent]:
        """The events in order of time."""
        rest = sorted(self._events, key=_at)
        if not self._runs:
            return iter(rest)
        return heapq.merge(*(read_run(run) for run in self._runs), rest, key=_at)

    def only(self, needed: Sequence[bool]) -> Iterator[SessionEvent]:
        """Some of the events in order of time: those marked in `needed`, which has a mark for each as it was added."""
        parts: list[Iterator[SessionEvent]] = []
        begin = 0
        for run, order in zip(self._runs, self._orders, strict=True):
            parts.append(itertools.compress(read_run(run), [needed[begin + place] for place in order]))
            begin += len(order)
        rest = list(itertools.compress(self._events, needed[begin:]))
        rest.sort(key=_at)
        return heapq.merge(*parts, rest, key=_at) if parts else iter(rest)

    def _spill(self) -> None:
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="sessionwatch-", dir=self._parent)
        run = Path(self._directory.name) / f"{len(self._runs):06d}.run"
        order = sorted(range(len(self._events)), key=list(map(_at, self._events)).__getitem__)
        with run.open("wb") as file:
            for start in range(0, len(order), BLOCK_EVENTS):
                _write_block(file, [self._events[place] for place in order[start : start + BLOCK_EVENTS]])
        self._runs.append(run)
        self._orders.append(array("I", order))
        self._events = []


def merged(runs: Iterable[Path]) -> Iterator[SessionEvent]:
    """The events of several runs in order of time."""
    return heapq.merge(*(read_run(run) for run in runs), key=_at)


def read_run(run: Path) -> Iterator[SessionEvent]:
    """The events of one run, a block at a time."""
    decode = msgspec.msgpack.Decoder(list[SessionEvent]).decode
    with run.open("rb") as file:
        while length := file.read(LENGTH_BYTES):
            yield from decode(file.read(int.from_bytes(length, "big")))


def _write_block(file: BinaryIO, events: list[SessionEvent]) -> None:
    block = msgspec.msgpack.encode(events)
    file.write(len(block).to_bytes(LENGTH_BYTES, "big"))
    file.write(block)
