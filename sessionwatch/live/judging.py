"""A batch of events judged: the one function between a source and a store, of a file and of a broker alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from geo.locator import Locator
from models.events import PlacedEvent, SessionEvent
from models.findings import By
from models.instants import NEVER_US
from sessionwatch.engine.disorder import DisorderEngine
from sessionwatch.engine.folds import Subject
from sessionwatch.engine.in_order import SUBJECT_KINDS
from sessionwatch.engine.late import LateLane
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.engine.session_timelines import Timeline
from sessionwatch.errors import StateError
from sessionwatch.live.entries import STREAM_KEY, Entry, Store
from sessionwatch.live.packing import Packing
from sessionwatch.live.tallies import Tally, count_on, tally_of
from sessionwatch.ruleset.compiled import Ruleset

T = TypeVar("T")
Fetch = Callable[[Collection[Subject]], Mapping[Subject, bytes]]
"""Gives the blobs of those subjects that are stored."""

STREAM_SCHEMA: Final = 1
"""The schema of the stream's own entry. Newer ones are refused rather than guessed at."""
LOADED_MAX: Final = 50_000
"""Subjects of one kind kept in memory between two batches (a few KB each); beyond it those that were read or made
first are read from the store again when they are met."""


class StreamState(msgspec.Struct, array_like=True):
    """What is kept of the stream as a whole. `offset`: the next event's; the first half of each notice's revision."""

    schema: int = STREAM_SCHEMA
    offset: int = 1
    newest_us: int = -NEVER_US
    watermark_us: int = -NEVER_US
    closed_us: int = -(2**62)
    tallies: dict[str, Tally] = {}


class Outlook(NamedTuple):
    """What is known of input that is still to come, in event time.

    newest_us: the newest event of all input, this stream's or not. hold_us: events from there on may still come in
    numbers, a backlog. settled_us: for rules by tenant, until when all is said.
    """

    newest_us: int = -NEVER_US
    hold_us: int = NEVER_US
    settled_us: int = NEVER_US


class Judged(msgspec.Struct, frozen=True):
    """What came of a batch: notices in order, entries that changed, events later than their bound (once a lane).

    `resolved`, where it was asked for: events that name only a session as they are owned, at their offsets, and whether
    they are taken back; `released`: those of them that nothing can change any more.
    """

    notices: list[NoticeRecord]
    changed: list[Entry]
    late: list[PlacedEvent]
    resolved: list[tuple[int, PlacedEvent, bool]] = []
    released: list[PlacedEvent] = []


class LiveJudge:
    """One stream's engine over a store: subjects come into memory when they are met. Knows no clock, file or network.

    The contract, in this order, for each batch:

    1. `judged = judge.judge(events)`: pure but for memory; nothing was written.
    2. The caller makes `judged.notices` durable, then (or in the same transaction) `judged.changed`, then how far its
       input is done. Offsets of the input belong to the caller: an event that is handed over twice after a crash is
       told from a new one as copies are, and only while its subject remembers it.
    3. Where 2 failed, `judge.roll_back()` before anything else; the same events may then be judged again.

    Revisions rise by the stream's own offset, which is part of its entry; `judge(events, offset=...)` gives one from
    outside instead (a partition's), which must rise. One thread at a time.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        locator: Locator,
        lateness: Lateness,
        store: Store,
        *,
        kinds: Sequence[By] = SUBJECT_KINDS,
        resolves: bool = True,
        tells_owners: bool = False,
        loaded_max: int = LOADED_MAX,
    ) -> None:
        """Go on from what `store` holds; `kinds` and `resolves` as `DisorderEngine` takes them.

        `tells_owners`: whether `Judged` shall say what became of events that name only a session.

        Raises: StateError where an entry is of a newer schema or cannot be read.
        """
        self.ruleset, self.locator, self.lateness = ruleset, locator, lateness
        self.store = store
        self.loaded_max = loaded_max
        self._packing = Packing()
        self._kinds = tuple(kinds)
        self._resolves, self._tells_owners = resolves, tells_owners
        self.outlook = Outlook()
        self._late: list[PlacedEvent] = []
        self._resolved: list[tuple[int, PlacedEvent, bool]] = []
        self._released: list[PlacedEvent] = []
        self._orphans: list[Entry] = []
        """Open buckets of rules that are gone: dropped with the next batch."""
        self.roll_back()

    def roll_back(self) -> None:
        """Forget what memory holds, and go on from the store.

        Raises: StateError where an entry is of a newer schema or cannot be read.
        """
        engine = DisorderEngine(
            self.ruleset,
            self.locator,
            self.lateness,
            on_late=self._late.append,
            kinds=self._kinds,
            resolves=self._resolves,
        )
        self.engine = engine
        if self._tells_owners:
            engine.on_resolved = lambda *one: self._resolved.append(one)
            engine.on_released = self._released.append
        for one in (self._late, self._resolved, self._released):
            one.clear()
        self.stream = stream_of(self.store)
        for lane in engine.lanes:
            lane.fetch = self._fetch(lane.program.by)
            count_on(lane.counts, self.stream.tallies.get(lane.program.by, Tally()))
        count_on(engine.counts, self.stream.tallies.get("", Tally()))
        engine.newest_us = self.stream.newest_us
        engine.go_on_from(self.stream.watermark_us)
        engine.owners.take(
            ((e.tenant, e.value), _decoded(e, Timeline)) for e in self.store.entries("owners") if e.blob is not None
        )
        snapshot = engine.buckets.snapshot()
        snapshot.closed_us = self.stream.closed_us
        buckets = [e for e in self.store.entries("bucket") if e.blob is not None]
        snapshot.open = [_decoded(e, tuple[str, str, int, bytes, list[bytes]]) for e in buckets]
        engine.buckets.restore(snapshot)
        loaded = {rule.id for rule in engine.buckets.program.rules}
        self._orphans = [e._replace(blob=None) for e in buckets if e.value.partition("|")[0] not in loaded]

    def judge(
        self, events: Sequence[SessionEvent], *, offset: int | None = None, watermark_us: int | None = None
    ) -> Judged:
        """Judge `events` as they arrived, then move the watermark; see the class for what the caller does with it.

        `watermark_us`: where the caller knows it; else it follows the newest event and `outlook`, less the largest
        bound.
        Raises: StateError where a subject's blob cannot be read.
        """
        engine, outlook = self.engine, self.outlook
        first = self.stream.offset if offset is None else offset
        engine.hold(outlook.hold_us)
        notices = engine.feed(events, first)
        if watermark_us is None:
            newest_us = min(max(engine.newest_us, outlook.newest_us), outlook.hold_us)
            mark = min(newest_us - engine.lateness.largest_us, outlook.settled_us)
        else:
            mark = watermark_us
        self._wake(mark)
        notices += engine.advance(first + len(events), mark)
        return self._judged(notices, first + len(events) + 1)

    def retract(self, event: SessionEvent, *, offset: int) -> Judged:
        """Take `event` back, which came before, under this user or none, and turned out to be somebody else's."""
        return self._judged(self.engine.retract(event, offset), offset + 1)

    def wait_for(self, lateness: Lateness) -> None:
        """Other bounds from now on: a source was met that is later than those before. What has settled stays."""
        self.lateness = lateness
        self.engine.wait_for(lateness)

    def fire(self, until_us: int) -> Judged:
        """The stream is caught up and silent: fire what is due by `until_us` by the caller's clock; nothing settles."""
        self._wake(until_us)
        return self._judged(self.engine.fire(self.stream.offset, until_us), self.stream.offset + 1)

    def is_due(self, until_us: int) -> bool:
        """Whether `fire` would have something to do. Brings into memory whom that may be about."""
        self._wake(until_us)
        return any(s.head.due_us <= until_us for lane in self.engine.lanes for s in lane.subjects.values())

    def finish(self, until_us: int | None = None) -> Judged:
        """The input has ended: what stands now is what a replay ends with. All subjects come into memory."""
        for lane in self.engine.lanes:
            lane.meet({(entry.tenant, entry.value) for entry in self.store.entries(lane.program.by)})
        return self._judged(self.engine.finish(self.stream.offset, until_us), self.stream.offset + 1)

    def _fetch(self, kind: By) -> Fetch:
        def fetched(subjects: Collection[Subject]) -> Mapping[Subject, bytes]:
            stored = self.store.blobs(kind, subjects)
            return {subject: self._packing.unpacked(blob, subject[1]) for subject, blob in stored.items()}

        return fetched

    def _wake(self, until_us: int) -> None:
        """Bring subjects into memory for which the watermark has something to do."""
        for lane in self.engine.lanes:
            lane.meet(set(self.store.due(lane.program.by, until_us)))

    def _judged(self, notices: list[NoticeRecord], offset: int) -> Judged:
        engine = self.engine
        late, self._late[:] = list(self._late), []
        resolved, self._resolved[:] = list(self._resolved), []
        released, self._released[:] = list(self._released), []
        self.stream.offset = offset
        self.stream.newest_us, self.stream.watermark_us = engine.newest_us, engine.watermark_us
        self.stream.closed_us = engine.buckets.closed_us
        self.stream.tallies = {"": tally_of(engine.counts)} | {
            lane.program.by: tally_of(lane.counts) for lane in engine.lanes
        }
        changed = [entry for lane in engine.lanes for entry in self._subjects(lane)]
        changed += [*self._owners(), *self._buckets(), *self._orphans]
        self._orphans = []
        changed.append(Entry("stream", *STREAM_KEY, msgspec.msgpack.encode(self.stream), seen=offset))
        return Judged(notices, changed, late, resolved, released)

    def _subjects(self, lane: LateLane) -> Iterator[Entry]:
        kind = lane.program.by
        for tenant, value in lane.touched:
            s = lane.subjects.get((tenant, value))
            if s is None:
                yield Entry(kind, tenant, value, None)
            else:
                blob = self._packing.packed(lane.blob((tenant, value)))
                yield Entry(kind, tenant, value, blob, s.wake_us, self.stream.offset)
        lane.touched.clear()
        excess = len(lane.subjects) - self.loaded_max
        for subject in [one for one, _ in zip(lane.subjects, range(excess), strict=False)]:
            del lane.subjects[subject]

    def _owners(self) -> Iterator[Entry]:
        owners = self.engine.owners
        for tenant, session in owners.touched:
            timeline = owners.timeline((tenant, session))
            blob = None if timeline is None else msgspec.msgpack.encode(timeline)
            yield Entry("owners", tenant, session, blob, seen=self.stream.offset)
        owners.touched.clear()

    def _buckets(self) -> Iterator[Entry]:
        buckets = self.engine.buckets
        for index, tenant, start_us in buckets.touched:
            stored = buckets.stored((index, tenant, start_us))
            blob = None if stored is None else msgspec.msgpack.encode(stored)
            value = f"{buckets.program.rules[index].id}|{start_us}"
            yield Entry("bucket", tenant, value, blob, seen=self.stream.offset)
        buckets.touched.clear()


def stream_of(store: Store) -> StreamState:
    """What `store` keeps of the stream; a new one where there is none.

    Raises: StateError where it is of a newer schema or cannot be read.
    """
    entry = next(iter(store.entries("stream")), None)
    if entry is None or entry.blob is None:
        return StreamState()
    stream = _decoded(entry, StreamState)
    if stream.schema > STREAM_SCHEMA:
        raise StateError(f"the state has schema {stream.schema}, this engine reads {STREAM_SCHEMA}; upgrade it first")
    return stream


def _decoded(entry: Entry, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(entry.blob or b"", type=kind)
    except msgspec.DecodeError as error:
        what = f"the {entry.kind} entry {entry.value!r}"
        raise StateError(f"{what} of the state cannot be read: {error}; restore an older one") from error
