"""Batches of a partition judged: between the lane, which knows records and entries, and the engine over stored state.

Whatever comes again is told from what is new by entries alone: each bears the offset up to which it has come. A batch
that the stream's own entry has seen is skipped whole; in one that was written in part, the events of those subjects
whose entries have seen them.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from geo.locator import Locator
from models.events import SessionEvent
from models.findings import By
from models.instants import NEVER_US, to_us
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.errors import BadRecordError
from sessionwatch.live.entries import STREAM_KEY, Entry, EntryKind
from sessionwatch.live.judging import Judged, LiveJudge
from sessionwatch.ruleset.compiled import Ruleset
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import entry_of
from streams.decoding import TOO_LARGE, Decoding
from streams.kafka.batches import Batch, Outcome, Output, Rank, Record
from streams.sources.records import RECORD_BYTES_MAX, RawRecord

BY: Final[By] = "user"
_RANK: Final = struct.Struct(">qI")


class _AlertId(msgspec.Struct):
    id: str


class Held(NamedTuple):
    """An entry as a partition holds it."""

    offset: int
    wake_us: int
    seen: int
    blob: bytes


def rank(value: bytes) -> Rank:
    """How far an entry has come."""
    offset, sequence = _RANK.unpack_from(value)
    return offset, sequence


def key_of(kind: str, tenant: str, value: str) -> bytes:
    """The key of an entry in its partition."""
    return msgspec.msgpack.encode((kind, tenant, value))


def packed(entry: Entry, offset: int) -> bytes | None:
    """An entry as the lane keeps it, with the offset up to which it has come; None where it is gone."""
    if entry.blob is None:
        return None
    return _RANK.pack(offset, 0) + msgspec.msgpack.encode((entry.wake_us, entry.seen, entry.blob))


def held(value: bytes) -> Held:
    """What `packed` has packed."""
    wake_us, seen, blob = msgspec.msgpack.decode(value[_RANK.size :], type=tuple[int, int, bytes])
    return Held(rank(value)[0], wake_us, seen, blob)


class PartitionStore:
    """The entries of one partition, as the engine reads them. Knows from the start which of them wait for what."""

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        """Look through `state`, which the lane goes on to keep."""
        self._state = state
        self._wakes: list[tuple[int, str, str]] = []
        self._others: dict[bytes, tuple[str, str, str]] = {}
        for key, value in state.items():
            kind, tenant, name = msgspec.msgpack.decode(key, type=tuple[str, str, str])
            self._note(Entry(kind, tenant, name, b"", held(value).wake_us))  # type: ignore[arg-type]  # what was written is one of them

    def took(self, changed: Iterable[Entry]) -> None:
        """These were written, and stand in the state by now."""
        for entry in changed:
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        if entry.kind == BY:
            if entry.blob is not None and entry.wake_us < NEVER_US:
                heapq.heappush(self._wakes, (entry.wake_us, entry.tenant, entry.value))
        elif entry.blob is None:
            self._others.pop(key_of(*entry[:3]), None)
        else:
            self._others[key_of(*entry[:3])] = (entry.kind, entry.tenant, entry.value)

    def held(self, kind: str, tenant: str, value: str) -> Held | None:
        """An entry, or None."""
        found = self._state.get(key_of(kind, tenant, value))
        return None if found is None else held(found)

    def blob(self, kind: By, tenant: str, value: str, /) -> bytes | None:
        """See `sessionwatch.live.entries.Store`."""
        found = self.held(kind, tenant, value)
        return None if found is None else found.blob

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """See there."""
        found: set[tuple[str, str]] = set()
        while self._wakes and self._wakes[0][0] <= until_us:
            wake_us, tenant, value = heapq.heappop(self._wakes)
            entry = self.held(kind, tenant, value)
            if entry is not None and entry.wake_us == wake_us:
                found.add((tenant, value))
        return sorted(found)

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """See there."""
        keys = [key for key in self._others.values() if key[0] == kind]
        if kind == BY:
            decoded = (msgspec.msgpack.decode(key, type=tuple[str, str, str]) for key in self._state)
            keys = [key for key in decoded if key[0] == kind]
        found = [(key, one) for key in keys if (one := self.held(*key)) is not None]
        made = [Entry(kind, key[1], key[2], one.blob, one.wake_us, one.seen) for key, one in found]
        return sorted(made, key=lambda entry: (entry.seen, entry.tenant, entry.value))


@dataclass(slots=True)
class _Partition:
    store: PartitionStore
    judge: LiveJudge
    written: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class OutputTopics:
    """Where what comes out goes."""

    notices: str
    dead_letter: str


@dataclass(slots=True)
class PartitionJudges:
    """The function that a lane feeds: native events of one subject kind, a judge for each partition.

    `ruleset` has only rules by user. `redact` leaves raw text out of dead letters.
    """

    ruleset: Ruleset
    locator: Locator
    lateness: Lateness
    adapter: Adapter
    topics: OutputTopics
    tenant: str = "default"
    redact: bool = False
    accounting: Accounting = field(default_factory=Accounting)
    late: int = 0
    _partitions: dict[int, _Partition] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> Outcome:
        """Judge a batch; see `streams.kafka.batches.Judge`."""
        partition = self._partition(batch)
        stream = partition.store.held("stream", *STREAM_KEY)
        seen = -1 if stream is None else stream.offset
        records = [record for record in batch.records if record.offset > seen]
        if not records:
            return Outcome()
        letters: list[Output] = []
        events = self._events(batch, records, letters)
        judged = self._judged(partition, events)
        last = records[-1].offset
        partition.written = judged.changed
        self.late += len(judged.late)
        return Outcome(
            [*letters, *map(self._notice, judged.notices)],
            {key_of(*entry[:3]): packed(entry, last) for entry in _in_order(judged.changed)},
        )

    def _partition(self, batch: Batch) -> _Partition:
        partition = self._partitions.get(batch.partition)
        if partition is None or batch.fresh:
            store = PartitionStore(batch.state)
            judge = LiveJudge(self.ruleset, self.locator, self.lateness, store, kinds=(BY,))
            partition = self._partitions[batch.partition] = _Partition(store, judge)
        else:
            partition.store.took(partition.written)
        partition.written = ()
        return partition

    def _events(self, batch: Batch, records: Sequence[Record], letters: list[Output]) -> list[tuple[int, SessionEvent]]:
        def bury(where: str, record: RawRecord, adapter: str, fault: BadRecordError) -> None:
            entry = entry_of(where, record, adapter, fault, redact=self.redact)
            letters.append(Output(self.topics.dead_letter, None, msgspec.json.encode(entry)))

        canonical = Canonical(self.tenant, {}, self.accounting)
        decoding = Decoding(canonical, RECORD_BYTES_MAX, self.accounting, bury)
        where = f"kafka://{batch.topic}/{batch.partition}"
        return [
            (record.offset, event) for record in records for event in decoding.events(where, self.adapter, _raw(record))
        ]

    def _judged(self, partition: _Partition, events: Sequence[tuple[int, SessionEvent]]) -> Judged:
        """Judge what is new; revisions rise with the offset, and never fall below those of a try before a crash."""
        judge, store = partition.judge, partition.store
        new = []
        for offset, event in events:
            known = store.held(BY, event.tenant, event.user) if event.user else None
            if known is not None and known.offset >= offset:
                judge.engine.newest_us = max(judge.engine.newest_us, to_us(event.at))
            else:
                new.append((offset, event))
        if len(new) == len(events):
            return judge.judge([event for _, event in events], offset=2 * events[0][0] if events else None)
        # A part of the batch is known: each event by itself, or places in a list would stand for earlier offsets.
        notices: list[NoticeRecord] = []
        changed: dict[tuple[str, str, str], Entry] = {}
        late = []
        for offset, event in new:
            judged = judge.judge([event], offset=2 * offset)
            notices += judged.notices
            changed |= {entry[:3]: entry for entry in judged.changed}
            late += judged.late
        if not new:
            judged = judge.judge([])
            notices, changed = judged.notices, {entry[:3]: entry for entry in judged.changed}
        return Judged(notices, list(changed.values()), late)

    def _notice(self, notice: NoticeRecord) -> Output:
        key = msgspec.json.decode(notice.alert, type=_AlertId).id.encode()
        return Output(self.topics.notices, key, notice.to_json())


def _raw(record: Record) -> RawRecord:
    value = record.value or b""
    if len(value) > RECORD_BYTES_MAX:
        return RawRecord(value[:RECORD_BYTES_MAX], 0, record.offset, TOO_LARGE)
    return RawRecord(value, 0, record.offset)


def _in_order(changed: Iterable[Entry]) -> list[Entry]:
    """What a subject's entry vouches for first, then subjects, then the stream, which vouches for all."""
    places = {BY: 1, "stream": 2}
    return sorted(changed, key=lambda entry: places.get(entry.kind, 0))
