"""One subject under disorder: what is kept of it, and the blob it is stored as."""

from __future__ import annotations

import bisect
import zlib
from typing import Final

import msgspec

from models.events import OrderKey, PlacedEvent
from models.instants import NEVER_US
from sessionwatch.engine.notices import Tracked
from sessionwatch.engine.program import Program, SubjectState
from sessionwatch.errors import StateError

RING_MAX: Final = 16
"""Hashes of the last settled events, to tell a further copy from a late event."""
HASH_BYTES: Final = 4
"""Bytes of such a hash: one late event in a hundred million is taken for a copy."""
BLOB_SCHEMA: Final = 2
"""The schema of a stored subject. Newer blobs are refused rather than guessed at; those of 1 are read."""
_ZERO: Final[OrderKey] = (-NEVER_US, 0, 0, "")


class LateSubject:
    """Settled state as bytes, recent events, the state at the head, and the alerts that may still change.

    `offset` is that of the newest input taken in, `writes` how often it was stored: of two blobs of one subject the
    greater pair is the newer. `wake_us` is when the watermark next has something to do for it.
    """

    __slots__ = (
        "capped", "encoded", "head", "late_told", "newest_by_source", "newest_us", "offset", "recent", "ring",
        "settled", "settled_now_us", "size", "sizes", "tracked", "until", "wake_us", "writes",
    )  # fmt: skip

    def __init__(self, head: SubjectState) -> None:
        """A subject never met, whose state at the head is `head`."""
        self.settled = b""
        self.head = head
        self.recent: list[PlacedEvent] = []
        self.encoded: list[msgspec.Raw] = []
        """The recent events as they are stored."""
        self.sizes: list[int] = []
        self.size = 0
        self.tracked: dict[str, Tracked] = {}
        self.until: OrderKey = _ZERO
        self.settled_now_us = -NEVER_US
        self.newest_us = -NEVER_US
        self.newest_by_source: dict[str, int] = {}
        self.ring: list[bytes] = []
        self.late_told: dict[str, int] = {}
        self.capped = False
        self.offset = 0
        self.writes = 0
        self.wake_us = NEVER_US

    def copy_of(self, event: PlacedEvent) -> int | None:
        """Where among the recent events a copy of `event` stands."""
        recent = self.recent
        place = bisect.bisect_left(recent, event.at_us, key=lambda e: e.at_us)
        while place < len(recent) and recent[place].at_us == event.at_us:
            if recent[place].identity == event.identity:
                return place
            place += 1
        return None

    def insert(self, event: PlacedEvent, place: int | None = None) -> None:
        """Put `event` at its place among the recent ones."""
        if place is None:
            place = bisect.bisect(self.recent, event.order, key=lambda e: e.order)
        encoded = _encode(event)
        self.recent.insert(place, event)
        self.encoded.insert(place, msgspec.Raw(encoded))
        self.sizes.insert(place, len(encoded))
        self.size += len(encoded)

    def drop(self, start: int, stop: int) -> None:
        """Take recent events out."""
        self.size -= sum(self.sizes[start:stop])
        del self.recent[start:stop], self.encoded[start:stop], self.sizes[start:stop]

    def remember(self, event: PlacedEvent) -> None:
        """Keep a hash of a settled event."""
        self.ring.append(hash_of(event))
        if len(self.ring) > RING_MAX:
            del self.ring[0]

    def over_cap(self, recent_max: int, recent_bytes_max: int) -> int:
        """How many of the oldest recent events must settle early."""
        over = max(0, len(self.recent) - recent_max)
        if not over and self.size <= recent_bytes_max:
            return 0
        size = self.size - sum(self.sizes[:over])
        while size > recent_bytes_max and over < len(self.recent) - 1:
            size -= self.sizes[over]
            over += 1
        return over

    def withdrawn(self) -> dict[str, list[Tracked]]:
        """Withdrawn alerts not yet settled, by slot: whoever comes in their place names them."""
        gone: dict[str, list[Tracked]] = {}
        for tracked in self.tracked.values():
            if tracked.withdrawn:
                gone.setdefault(tracked.slot, []).append(tracked)
        return gone


class SubjectBlob(msgspec.Struct, array_like=True):
    """A `LateSubject` as it is stored: all that is needed to go on elsewhere, in one entry.

    `ring` holds its hashes one after the other; in schema 1 it was a list of numbers of 64 bits.
    """

    schema: int
    pack: bytes
    offset: int
    writes: int
    settled: bytes
    head_now_us: int
    recent: list[PlacedEvent]
    tracked: list[Tracked]
    until: OrderKey
    settled_now_us: int
    newest_us: int
    newest_by_source: dict[str, int]
    ring: bytes | list[int]
    late_told: dict[str, int]
    capped: bool


def stored(s: LateSubject, pack: bytes) -> bytes:
    """The blob of `s` under the rules of `pack`; each one is newer than those before."""
    s.writes += 1
    return _encode(
        SubjectBlob(
            BLOB_SCHEMA, pack, s.offset, s.writes, s.settled, s.head.now_us,
            s.encoded,  # type: ignore[arg-type]  # events that are encoded already
            list(s.tracked.values()),
            s.until, s.settled_now_us, s.newest_us, s.newest_by_source, b"".join(s.ring), s.late_told, s.capped,
        )
    )  # fmt: skip


def read_blob(data: bytes, who: str) -> SubjectBlob:
    """A stored blob.

    Raises: StateError where it is of a newer schema or cut short.
    """
    try:
        blob = msgspec.msgpack.decode(data, type=SubjectBlob)
    except msgspec.DecodeError as error:
        raise StateError(f"the blob of {who!r} cannot be read: {error}; restore an older one") from error
    if blob.schema > BLOB_SCHEMA:
        raise StateError(f"the blob of {who!r} has schema {blob.schema}, not {BLOB_SCHEMA}; upgrade first")
    return blob


def restored(blob: SubjectBlob, head: SubjectState) -> LateSubject:
    """The subject of `blob`, its head still at the settled state `head`."""
    s = LateSubject(head)
    for name in ("offset", "writes", "settled", "until", "settled_now_us", "newest_us", "newest_by_source"):
        setattr(s, name, getattr(blob, name))
    for event in blob.recent:
        s.insert(event, len(s.recent))
    s.ring, s.late_told, s.capped = _hashes(blob.ring), blob.late_told, blob.capped
    s.tracked = {tracked.alert_id: tracked for tracked in blob.tracked}
    return s


def settle_as_it_is(s: LateSubject, program: Program) -> None:
    """Settle `s` up to its head under `program`; alerts told before keep the version of the rule that raised them."""
    folds = s.head.folds
    for slot in [slot for slot, fold in folds.items() if fold.alert_id not in s.tracked]:
        del folds[slot]
    for fold in folds.values():
        fold.published = s.tracked[fold.alert_id].alert
        fold.rule_version = msgspec.json.decode(fold.published)["rule"]["version"]
    s.head.due_us = program.next_due(s.head)
    for event in s.recent:
        s.remember(event)
    s.until = s.recent[-1].order if s.recent else s.until
    s.settled, s.settled_now_us = program.encode(s.head), s.head.now_us
    s.drop(0, len(s.recent))


def hash_of(event: PlacedEvent) -> bytes:
    """32 bits of what copies share."""
    return _hash(zlib.crc32("\0".join(event.identity).encode()), event.at_us)


def _hash(identity: int, at_us: int) -> bytes:
    return (identity ^ at_us * _SPREAD & 0xFFFFFFFF).to_bytes(HASH_BYTES)


def _hashes(ring: bytes | list[int]) -> list[bytes]:
    if isinstance(ring, bytes):
        return [ring[at : at + HASH_BYTES] for at in range(0, len(ring), HASH_BYTES)]
    return [_hash(one >> 32, one) for one in ring]


_SPREAD: Final = 0x9E3779B1
"""An odd number, so that times near each other have hashes far from each other."""
_encode = msgspec.msgpack.Encoder().encode
