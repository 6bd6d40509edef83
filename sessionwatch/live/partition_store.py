"""The entries of one partition as its lane keeps them: each with how far it has come, in the order of their writing.

A session's owners and the state of its rules are one entry: they change together, or an event that was moved from one
user to another could be moved in one of them only.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from models.findings import By
from models.instants import NEVER_US
from sessionwatch.errors import StateError
from sessionwatch.live.entries import STREAM_KEY, Entry, EntryKind
from streams.kafka.batches import Rank

RANK: Final = struct.Struct(">qI")
"""How an entry begins: see `rank`."""
_SESSION: Final = "session"
_OWNERS: Final = "owners"


class Held(msgspec.Struct, array_like=True):
    """An entry as a partition holds it, behind its rank. `owners`: of a session, whose it was."""

    wake_us: int
    seen: int
    blob: bytes = b""
    owners: bytes = b""


def rank(value: bytes) -> Rank:
    """How far an entry has come: the last offset in it, and how often it was written since without any record."""
    offset, sequence = RANK.unpack_from(value)
    return offset, sequence


def key_of(kind: str, tenant: str, value: str) -> bytes:
    """The key of an entry in its partition."""
    return msgspec.msgpack.encode((_SESSION if kind == _OWNERS else kind, tenant, value))


def held(value: bytes) -> Held:
    """What an entry holds.

    Raises: StateError where it cannot be read.
    """
    try:
        return msgspec.msgpack.decode(value[RANK.size :], type=Held)
    except msgspec.DecodeError as error:
        raise StateError(f"an entry of the state cannot be read: {error}; restore an older one") from error


class PartitionStore:
    """The entries of one partition, as the engine reads them. Knows from the start which of them wait for what.

    `known_until`: up to this offset there may be records of which some entries know and others do not.
    """

    def __init__(self, state: Mapping[bytes, bytes], by: By = "user") -> None:
        """Look through `state`, which the lane goes on to keep; its subjects are of the kind `by`."""
        self._state = state
        self._by = by
        self._wakes: list[tuple[int, str, str]] = []
        self._others: dict[bytes, tuple[str, str, str]] = {}
        self.known_until = -1
        for key, value in state.items():
            kind, tenant, name = _parts(key)
            self.known_until = max(self.known_until, rank(value)[0])
            self._note(kind, tenant, name, held(value))

    def took(self, changed: Iterable[Entry]) -> None:
        """These were written, and stand in the state by now."""
        for entry in changed:
            found = self.held(*entry[:3])
            if found is None:
                self._others.pop(key_of(*entry[:3]), None)
            else:
                self._note(*entry[:3], found)

    def _note(self, kind: str, tenant: str, value: str, found: Held) -> None:
        if kind in {self._by, _OWNERS} and found.blob and found.wake_us < NEVER_US:
            heapq.heappush(self._wakes, (found.wake_us, tenant, value))
        if kind not in {self._by, _OWNERS} or found.owners:
            self._others[key_of(kind, tenant, value)] = (kind, tenant, value)

    def held(self, kind: str, tenant: str, value: str) -> Held | None:
        """An entry, or None."""
        found = self._state.get(key_of(kind, tenant, value))
        return None if found is None else held(found)

    def rank(self, kind: str, tenant: str, value: str) -> Rank:
        """How far an entry has come; (-1, 0) where there is none."""
        found = self._state.get(key_of(kind, tenant, value))
        return (-1, 0) if found is None else rank(found)

    def blobs(self, kind: By, subjects: Collection[tuple[str, str]], /) -> Mapping[tuple[str, str], bytes]:
        """See `sessionwatch.live.entries.Store`."""
        found = {subject: self.held(kind, *subject) for subject in subjects}
        return {subject: one.blob for subject, one in found.items() if one is not None and one.blob}

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """See there."""
        due: set[tuple[str, str]] = set()
        while self._wakes and self._wakes[0][0] <= until_us:
            wake_us, tenant, value = heapq.heappop(self._wakes)
            found = self.held(kind, tenant, value)
            if found is not None and found.wake_us == wake_us:
                due.add((tenant, value))
        return sorted(due)

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """See there."""
        if kind == self._by:
            keys = [key for key in map(_parts, self._state) if key[0] == kind]
        else:
            stored = _SESSION if kind == _OWNERS else kind
            keys = [key for key in self._others.values() if key[0] == stored or key[0] == kind]
        made = []
        for _, tenant, value in keys:
            found = self.held(kind, tenant, value)
            blob = b"" if found is None else found.owners if kind == _OWNERS else found.blob
            if found is not None and blob:
                made.append(Entry(kind, tenant, value, blob, found.wake_us, found.seen))
        return sorted(made, key=lambda entry: (entry.seen, entry.tenant, entry.value))

    def packed(self, changed: Iterable[Entry], at: Rank) -> dict[bytes, bytes | None]:
        """Entries as the lane writes them, `at` their new rank, in the order in which they must be written.

        Subjects first, then what says that they are done with (`inflow`, `stream`), then what is gone: a bucket that
        has closed is needed until the stream's entry says so.
        """
        made: dict[bytes, Held | None] = {}
        for entry in sorted(changed, key=_place):
            key = key_of(*entry[:3])
            if entry.kind not in {_SESSION, _OWNERS}:
                made[key] = None if entry.blob is None else Held(entry.wake_us, entry.seen, entry.blob)
                continue
            found = made.get(key) or self.held(*entry[:3]) or Held(NEVER_US, entry.seen)
            if entry.kind == _OWNERS:
                found.owners, found.seen = entry.blob or b"", entry.seen
            else:
                found.blob, found.wake_us = entry.blob or b"", entry.wake_us
            made[key] = found if found.blob or found.owners else None
        head = RANK.pack(*at)
        rows = {key: None if one is None else head + msgspec.msgpack.encode(one) for key, one in made.items()}
        return {key: one for key, one in rows.items() if one is not None} | {
            key: one for key, one in rows.items() if one is None and key in self._state
        }


def _parts(key: bytes) -> tuple[str, str, str]:
    return msgspec.msgpack.decode(key, type=tuple[str, str, str])


def _place(entry: Entry) -> int:
    return {"inflow": 1, "stream": 2}.get(entry.kind, 0)


def stream_offset(store: PartitionStore) -> int:
    """Up to which offset all records are judged; -1 where none is."""
    return store.rank("stream", *STREAM_KEY)[0]
