"""What goes over the border between the lane and the function that it feeds: batches in, outcomes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Record(Protocol):
    """One record as a Kafka client gives it."""

    offset: int
    timestamp: int
    """Milliseconds since 1970, as the producer or the broker wrote them."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in the order of their offsets, and what is kept for its keys.

    Records may come again after a crash or a change of owner: whoever judges them skips those that the entry of
    their key has seen already. With `fresh`, the state is not the one that the last outcome made (a start, another
    owner in between, a batch that was given up), so whatever else was remembered of the partition must be dropped.
    """

    topic: str
    partition: int
    records: Sequence[Record]
    state: Mapping[bytes, bytes]
    fresh: bool


class Output(NamedTuple):
    """A record to be written before the state is; the partition follows from the key unless it is given.

    Where it is given, records of one partition are written in their order, none before those ahead of it are
    acknowledged: whoever finds one there knows that all before it are there too.
    """

    topic: str
    key: bytes | None
    value: bytes
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch came to: records to write, and the entries that changed. None removes an entry."""

    outputs: Sequence[Output] = ()
    state: Mapping[bytes, bytes | None] = field(default_factory=dict)


Judge = Callable[[Batch], Outcome]
"""Told the same batch over the same state, it must give the same outcome. It may change nothing that it is handed."""


class Look(NamedTuple):
    """A partition between two batches: its batch is empty. `caught_up`: all is judged that was there a moment ago."""

    batch: Batch
    caught_up: bool


Ticker = Callable[[Mapping[int, Look]], Mapping[int, Outcome]]
"""Asked now and then about all partitions of a process, by their numbers: what time, and no record, makes of them."""

Rank = tuple[int, int]
"""How far an entry has come: the offset of the last record in it, then how often it was written for that."""
Ranker = Callable[[bytes], Rank]
"""Reads the rank out of an entry."""
