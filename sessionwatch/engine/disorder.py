"""The engine under disorder: events as they arrive in, notices out. What a live run hands its batches to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from geo.locator import Locator
from models.events import PlacedEvent, SessionEvent
from models.findings import By
from models.instants import NEVER_US
from sessionwatch.engine.buckets import Buckets, BucketState
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.engine.in_order import CLOCK_SKEW_MAX_US, SUBJECT_KINDS
from sessionwatch.engine.judgement import Published
from sessionwatch.engine.late import LateLane
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.engine.program import BucketProgram, Program, value_of
from sessionwatch.engine.session_timelines import SessionTimelines, TimelinesState
from sessionwatch.errors import StateError
from sessionwatch.ruleset.compiled import Ruleset


class DisorderSnapshot(msgspec.Struct, array_like=True):
    """A whole engine under disorder between two events."""

    subjects: dict[str, list[tuple[str, str, bytes]]]
    buckets: BucketState
    owners: TimelinesState
    newest_us: int
    watermark_us: int


class DisorderEngine:
    """Lanes for every subject kind over one stream. No clock: the watermark is the newest event less the largest bound.

    `counts` are the stream's; each lane counts its own events in `lane.counts`.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        locator: Locator,
        lateness: Lateness,
        *,
        on_late: Callable[[PlacedEvent], None] | None = None,
        kinds: Sequence[By] = SUBJECT_KINDS,
        resolves: bool = True,
    ) -> None:
        """Run `ruleset`; `on_late` receives each event later than its bound, once for each subject kind.

        `kinds` are the subject kinds that this stream carries. `resolves`: whether events that name only a session are
        given its user here; a stream whose events come with their users has no need of it.
        """
        self.locator = locator
        self.lateness = lateness
        self.counts = EngineCounts()
        programs = [Program(ruleset, by) for by in kinds]
        self.lanes = [LateLane(p, EngineCounts(), lateness, on_late=on_late) for p in programs if p.rules]
        self._lanes = [(lane, value_of(lane.program.by)) for lane in self.lanes]
        self.buckets = Buckets(BucketProgram(ruleset), self.counts, copies=True)
        self.owners = SessionTimelines()
        self._resolves = resolves
        self.on_resolved: Callable[[int, PlacedEvent, bool], None] | None = None
        """Hears, at an offset, each event that names only a session as it is owned now; True: it is taken back."""
        self.on_released: Callable[[PlacedEvent], None] | None = None
        """Hears each such event once nothing can change whose it is."""
        self.newest_us = -NEVER_US
        self.watermark_us = -NEVER_US

    def feed(self, events: Iterable[SessionEvent], offset: int) -> list[NoticeRecord]:
        """Take in events as they arrived, the first at `offset`, each next one at the next; tell what changed."""
        notices: list[NoticeRecord] = []
        arrived = [self.locator.locate(event) for event in events]
        self._meet(arrived)
        for place, placed in enumerate(arrived, offset):
            if placed.received_us is not None and placed.at_us - placed.received_us > CLOCK_SKEW_MAX_US:
                self.counts.clock_skew += 1
                continue
            self.newest_us = max(self.newest_us, placed.at_us)
            if not self._resolves:
                notices += self._feed(placed, place)
                self._bucket(placed)
                continue
            owned, moves = self.owners.place(placed)
            notices += self._feed(owned, place)
            if self.on_resolved is not None and not placed.user and placed.session:
                self.on_resolved(place, owned, False)  # what it hears is said beside the name
            for move in moves:
                if self.on_resolved is not None:
                    self.on_resolved(place, move.before, True)  # the same
                    self.on_resolved(place, move.after, False)  # the same
                notices += self._retract(move.before, place) + self._feed(move.after, place)
            if placed.user or not placed.session:
                self._bucket(placed)
        for lane in self.lanes:
            lane.unknown.clear()
        return notices

    def retract(self, event: SessionEvent, offset: int) -> list[NoticeRecord]:
        """Take back a recent event that turned out to be another subject's; what has settled stays."""
        return self._retract(self.locator.locate(event), offset)

    def _retract(self, event: PlacedEvent, offset: int) -> list[NoticeRecord]:
        notices: list[NoticeRecord] = []
        for lane, value_in in self._lanes:
            if value := value_in(event):
                notices += lane.retract((event.tenant, value), event, offset)
        return notices

    def subjects(self, event: PlacedEvent) -> list[tuple[By, str, str]]:
        """The subjects of `event` that are judged here: kind, tenant, value."""
        return [(lane.program.by, event.tenant, value) for lane, value_in in self._lanes if (value := value_in(event))]

    def _meet(self, events: Sequence[PlacedEvent]) -> None:
        """Bring the subjects of `events` into memory, all of a kind at once."""
        for lane, value_in in self._lanes:
            lane.meet({(one.tenant, value) for one in events if (value := value_in(one))})

    def advance(self, offset: int, watermark_us: int | None = None) -> list[NoticeRecord]:
        """Move the watermark to `watermark_us`, or else to the newest event less the largest bound."""
        mark = self.newest_us - self.lateness.largest_us if watermark_us is None else watermark_us
        self.watermark_us = max(self.watermark_us, mark)
        for released in self.owners.settle(self.watermark_us):
            self.counts.unresolved_sessions += not released.user
            self._bucket(released)
            if self.on_released is not None:
                self.on_released(released)
        notices: list[NoticeRecord] = []
        for lane in self.lanes:
            notices += lane.advance(self.watermark_us, offset)
        out: Published = {}
        self.buckets.close_until(self.watermark_us, out)
        notices += [
            NoticeRecord("raised", (offset, n), msgspec.Raw(alert))
            for n, (_, _, _, alert) in enumerate(out.values(), 1)
        ]
        return notices

    def finish(self, offset: int, until_us: int | None = None) -> list[NoticeRecord]:
        """The input has ended, at `until_us` or else its newest event: what stands now is what a replay ends with."""
        end_us = self.newest_us if until_us is None else until_us
        notices = [notice for lane in self.lanes for notice in lane.finish(end_us, offset)]
        return notices + self.advance(offset, end_us)

    def fire(self, offset: int, until_us: int) -> list[NoticeRecord]:
        """Fire what is due by `until_us`, which no event has shown to be past: all of it can still be withdrawn."""
        return [notice for lane in self.lanes for notice in lane.fire(until_us, offset)]

    def hold(self, until_us: int) -> None:
        """Input is still to come from `until_us` on: nothing settles past it, less the bound. NEVER_US: no such."""
        for lane in self.lanes:
            lane.hold_us = until_us

    def go_on_from(self, watermark_us: int) -> None:
        """The watermark stood here when state was stored."""
        self.watermark_us = watermark_us
        for lane in self.lanes:
            lane.watermark_us = watermark_us

    def wait_for(self, lateness: Lateness) -> None:
        """Other bounds from now on: a source was met that is later than those before. What has settled stays."""
        self.lateness = lateness
        for lane in self.lanes:
            lane.lateness = lateness

    def _bucket(self, event: PlacedEvent) -> None:
        """Count `event` into its tenant's buckets, once nothing can change whose it is."""
        if self.buckets.program.rules:
            self.buckets.add(event)

    def _feed(self, event: PlacedEvent, offset: int) -> list[NoticeRecord]:
        notices: list[NoticeRecord] = []
        for lane, value_in in self._lanes:
            if value := value_in(event):
                notices += lane.feed((event.tenant, value), event, offset)
        return notices

    def snapshot(self) -> bytes:
        """The whole engine as bytes, between two events. Counters are not part of it."""
        subjects: dict[str, list[tuple[str, str, bytes]]] = {
            lane.program.by: [(*subject, lane.blob(subject)) for subject in sorted(lane.subjects)]
            for lane in self.lanes
        }
        return msgspec.msgpack.encode(
            DisorderSnapshot(
                subjects, self.buckets.snapshot(), self.owners.snapshot(), self.newest_us, self.watermark_us
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises: StateError where it cannot be read.
        """
        try:
            found = msgspec.msgpack.decode(data, type=DisorderSnapshot)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot cannot be read: {error}; start from an older one") from error
        for lane in self.lanes:
            for tenant, value, blob in found.subjects.get(lane.program.by, ()):
                lane.restore((tenant, value), blob)
        self.buckets.restore(found.buckets)
        self.owners.restore(found.owners)
        self.newest_us = found.newest_us
        self.go_on_from(found.watermark_us)
