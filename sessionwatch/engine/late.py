"""The layer for late events: puts an event into its place, judges the recent ones again, publishes the difference.

             settled state            recent events (kept)            head state
    past ────────────────────┤ e1   e2        e3   e4 ├─────────▶ newest
                             └ settle line = newest - bound

The only place that knows of disorder. Below it everything is in order.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable, Collection, Mapping
from typing import Final

from models.events import PlacedEvent, fullness
from models.instants import NEVER_US
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.engine.folds import Subject
from sessionwatch.engine.judgement import Judgement, Published
from sessionwatch.engine.late_subject import LateSubject, hash_of, read_blob, restored, settle_as_it_is, stored
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord, Tracked
from sessionwatch.engine.program import Program, SubjectState
from sessionwatch.engine.telling import Telling

RECENT_MAX: Final = 256
"""Recent events kept for one subject; beyond it the oldest settle early, which is counted by rule."""
RECENT_BYTES_MAX: Final = {
    "user": 16 * 1024,
    "account": 16 * 1024,
    "session": 16 * 1024,
    "ip": 64 * 1024,
    "device": 64 * 1024,
}
"""Bytes of recent events kept for one subject, as encoded."""
HELD_MAX: Final = 4
"""So many times as many events and bytes are kept of a subject while a backlog holds its settle line back."""
SETTLE_AT: Final = 16
"""Recent events past the line that settle together: settling one by one would decode the state each time."""
LATE_TOLD_MAX: Final = 32
"""Late alerts remembered for one subject, so that one burst is told once."""


class LateLane:
    """One subject kind under disorder. Feed it events as they arrive, and the watermark; it returns notices.

    `on_late` receives each event later than its bound. `recent_max` and `recent_bytes_max` are the cap.
    """

    def __init__(
        self,
        program: Program,
        counts: EngineCounts,
        lateness: Lateness,
        *,
        on_late: Callable[[PlacedEvent], None] | None = None,
        recent_max: int = RECENT_MAX,
        recent_bytes_max: int | None = None,
        fetch: Callable[[Collection[Subject]], Mapping[Subject, bytes]] | None = None,
    ) -> None:
        """Run `program`, counting into `counts`; `fetch` gives the blobs of those that are stored elsewhere."""
        self.program = program
        self.counts = counts
        self.judgement = Judgement(program, counts)
        self.lateness = lateness
        self.subjects: dict[Subject, LateSubject] = {}
        self.touched: set[Subject] = set()
        """Subjects that changed, or are gone, since whoever stores them last took this set."""
        self.fetch = fetch
        self.unknown: set[Subject] = set()
        """Subjects of which it is known that nothing is stored; whoever calls `meet` clears it when that may change."""
        self.watermark_us = -NEVER_US
        self.on_late = on_late
        self.hold_us = NEVER_US
        """Where input is still to come from this instant on: nothing settles past it, less the bound."""
        self.recent_max = recent_max
        self.recent_bytes_max = recent_bytes_max or RECENT_BYTES_MAX[program.by]
        self._settle_from = min(SETTLE_AT, recent_max)
        self._keep_us = max((rule.detector.keep_us for rule in program.rules), default=0)
        self._wakes: list[tuple[int, Subject]] = []
        self._telling = Telling(program)

    def feed(self, subject: Subject, event: PlacedEvent, offset: int) -> list[NoticeRecord]:
        """Take in one event of `subject` that arrived at `offset`; returns what is to be told, in order.

        `offset` only rises, and is the first half of each notice's revision.
        """
        self._telling.begin(offset)
        s = self._settled(subject)
        place = s.copy_of(event) if s is not None and s.recent else None
        if place is None and not self.program.table[event.kind]:
            return self._telling.out
        if s is None:
            if not self.program.concerns(event):
                return self._telling.out
            s = self.subjects[subject] = LateSubject(self.program.new())
        s.offset = max(s.offset, offset)
        if place is not None:
            self._copy(subject, s, event, place)
        elif event.at_us < s.settled_now_us or (event.at_us <= s.until[0] and event.order <= s.until):
            self._beyond_bound(subject, s, event)
        else:
            self._in_time(subject, s, event)
        self._plan(subject, s)
        return self._telling.out

    def retract(self, subject: Subject, event: PlacedEvent, offset: int) -> list[NoticeRecord]:
        """Take back a recent event that turned out to be another subject's; what has settled stays."""
        self._telling.begin(offset)
        s = self._settled(subject)
        place = s.copy_of(event) if s is not None else None
        if s is not None and place is not None and s.recent[place] == event:
            self.touched.add(subject)
            self.counts.events -= 1
            s.drop(place, place + 1)
            self._judge_again(subject, s, counted=None)
            self._plan(subject, s)
        return self._telling.out

    def advance(self, watermark_us: int, offset: int) -> list[NoticeRecord]:
        """Nothing older than `watermark_us` will come any more: fire deadlines, settle what alerts wait for.

        Silent subjects of whom no alert may change settle when they are next needed.
        """
        self._telling.begin(offset)
        self.watermark_us = max(self.watermark_us, watermark_us)
        while self._wakes and self._wakes[0][0] <= watermark_us:
            wake_us, subject = heapq.heappop(self._wakes)
            s = self.subjects.get(subject)
            if s is None or s.wake_us != wake_us:
                continue
            s.wake_us = NEVER_US
            self.touched.add(subject)
            if s.head.due_us <= watermark_us:
                out: Published = {}
                self.judgement.fire_due(subject, s.head, watermark_us, out, count=True)
                self._telling.tell(s, out)
            if s.recent or s.tracked:
                self._settle(subject, s, watermark_us, silent=True)
            if self._expired(s, watermark_us):
                del self.subjects[subject]
            else:
                self._plan(subject, s, watermark_us + 1)
        return self._telling.out

    def fire(self, until_us: int, offset: int) -> list[NoticeRecord]:
        """Fire deadlines up to `until_us` and settle nothing: an event from before may still come and take it back."""
        self._telling.begin(offset)
        for subject in [one for wake_us, one in self._wakes if wake_us <= until_us]:
            s = self.subjects.get(subject)
            if s is not None and s.head.due_us <= until_us:
                out: Published = {}
                self.judgement.fire_due(subject, s.head, until_us, out, count=True)
                self._telling.tell(s, out)
                self.touched.add(subject)
                self._plan(subject, s)
        return self._telling.out

    def met(self, subject: Subject) -> LateSubject | None:
        """`subject` as it is known, from its stored blob where it is not in memory; None where it was never met.

        Raises: StateError where its blob cannot be read.
        """
        s = self.subjects.get(subject)
        if s is None and self.fetch is not None and subject not in self.unknown:
            for one, blob in self.fetch((subject,)).items():
                self.restore(one, blob)
            s = self.subjects.get(subject)
        return s

    def meet(self, subjects: set[Subject]) -> None:
        """Bring those of `subjects` that are stored into memory, all at once; the others are `unknown`.

        Raises: StateError where a blob cannot be read.
        """
        if self.fetch is None:
            return
        missing = subjects.difference(self.subjects)
        stored = self.fetch(missing) if missing else {}
        for subject, blob in stored.items():
            self.restore(subject, blob)
        self.unknown = missing.difference(stored)

    def _settled(self, subject: Subject) -> LateSubject | None:
        """`subject` as `met`, settled as far as the watermark has come since it was last needed."""
        s = self.subjects.get(subject) or self.met(subject)
        if (
            s is not None
            and s.recent
            and not s.tracked
            and s.newest_us <= self.watermark_us
            and s.head.now_us <= self.watermark_us
        ):
            self._settle_all(s)
        return s

    def _expired(self, s: LateSubject, watermark_us: int) -> bool:
        """Whether no event to come could tell the subject from one never met."""
        pending = s.recent or s.tracked or s.head.folds or s.head.due_us < NEVER_US
        return not pending and watermark_us - s.head.now_us > self._keep_us

    def _plan(self, subject: Subject, s: LateSubject, earliest_us: int = -NEVER_US) -> None:
        """Note when the watermark will next have something to do for `s`; an earlier note is good enough."""
        if not s.tracked and s.wake_us <= s.head.due_us and s.wake_us <= s.newest_us + self._keep_us:
            return
        now_us = max(s.newest_us, s.head.now_us)
        if not s.tracked:
            next_us = now_us + self._keep_us + 1
        else:
            next_us = now_us if s.recent else min(t.order[0] for t in s.tracked.values())
        wake_us = max(min(s.head.due_us, next_us), earliest_us)
        if wake_us < s.wake_us:
            s.wake_us = wake_us
            heapq.heappush(self._wakes, (wake_us, subject))

    def finish(self, until_us: int, offset: int) -> list[NoticeRecord]:
        """The input has ended: fire deadlines up to `until_us`, settle everybody, tell open folds as they stand."""
        notices = self.advance(until_us, offset)
        self._telling.begin(offset)
        for subject, s in self.subjects.items():
            if not s.head.folds:
                continue
            out: Published = {}
            self.judgement.tell_open(subject, s.head, out)
            self._telling.tell(s, out)
            if out:
                self.touched.add(subject)
            if out and not s.recent:
                s.settled = self.program.encode(s.head)
        return notices + self._telling.out

    def _in_time(self, subject: Subject, s: LateSubject, event: PlacedEvent) -> None:
        self.touched.add(subject)
        in_order = (not s.recent or event.order > s.recent[-1].order) and event.at_us >= s.head.now_us
        s.newest_us = max(s.newest_us, event.at_us)
        newest = s.newest_by_source
        newest[event.source] = max(newest.get(event.source, -NEVER_US), event.at_us)
        line_us = min(s.newest_us, self.hold_us) - self.lateness.bound_us(newest, s.newest_us)
        self.counts.events += 1
        if in_order:
            if s.recent and s.recent[-1].at_us <= line_us and s.head.now_us <= line_us:
                self._settle_all(s)
            s.insert(event, len(s.recent))
            out: Published = {}
            self.judgement.step(subject, s.head, event, out, count=True)
            if out:
                self._telling.tell(s, out)
        else:
            s.insert(event)
            s.head.now_us = max(s.head.now_us, event.at_us)
            self._judge_again(subject, s, counted=event)
        self._settle(subject, s, line_us, silent=False)

    def _copy(self, subject: Subject, s: LateSubject, event: PlacedEvent, place: int) -> None:
        """A further copy of a recent event: the fuller one stays, also where it is of a kind that no rule judges."""
        self.counts.duplicates += 1
        if fullness(event) > fullness(s.recent[place]):
            self.touched.add(subject)
            s.drop(place, place + 1)
            s.insert(event)
            self._judge_again(subject, s, counted=None)

    def _beyond_bound(self, subject: Subject, s: LateSubject, event: PlacedEvent) -> None:
        if hash_of(event) in s.ring:
            self.counts.duplicates += 1
            return
        self.touched.add(subject)
        self.counts.events += 1
        self.counts.late += 1
        if self.on_late is not None:
            self.on_late(event)
        for slot, alert in self.judgement.judge_late(subject, self._settled_state(s), event):
            fold_us = self.program.by_id[slot.partition("|")[0]].fold_us
            told = s.late_told.get(slot)
            if told is not None and abs(event.at_us - told) < fold_us:
                continue
            s.late_told[slot] = event.at_us
            if len(s.late_told) > LATE_TOLD_MAX:
                del s.late_told[min(s.late_told, key=lambda k: (s.late_told[k], k))]
            self._telling.notice("raised", alert)
        s.remember(event)

    def _judge_again(self, subject: Subject, s: LateSubject, counted: PlacedEvent | None) -> None:
        """Judge the recent events again from the settled state, and tell what differs from what was told."""
        state = self._settled_state(s)
        base = {fold.alert_id: fold.published for fold in state.folds.values()}
        out: Published = {}
        for event in s.recent:
            self.judgement.step(subject, state, event, out, count=event is counted)
        self.judgement.fire_due(subject, state, s.head.now_us, out, count=False)
        s.head = state
        gone: dict[str, list[Tracked]] = {}
        for tracked in s.tracked.values():
            if tracked.alert_id in out:
                continue
            settled = base.get(tracked.alert_id)
            if settled is None:
                gone.setdefault(tracked.slot, []).append(tracked)
            elif settled != tracked.alert:
                tracked.alert, tracked.order = settled, s.until
                self._telling.notice("updated", settled)
        for tracked in (t for several in gone.values() for t in several if not t.withdrawn):
            tracked.withdrawn = True
            self._telling.notice("withdrawn", tracked.alert)
        self._telling.tell(s, out, gone)

    def _settled_state(self, s: LateSubject) -> SubjectState:
        return self.program.decode(s.settled) if s.settled else self.program.new()

    def _settle_all(self, s: LateSubject) -> None:
        """The common case: everything recent lies behind the line, so the head is the settled state."""
        s.settled = self.program.encode(s.head)
        s.until = s.recent[-1].order
        s.settled_now_us = s.head.now_us
        for event in s.recent:
            s.remember(event)
        s.drop(0, len(s.recent))
        if s.tracked:
            self._resolve(s, s.head)

    def _settle(self, subject: Subject, s: LateSubject, line_us: int, *, silent: bool) -> None:
        """Settle what lies behind `line_us`, in groups, and what the cap leaves no room for."""
        if not silent and len(s.recent) < self._settle_from and s.size <= self.recent_bytes_max:
            return
        behind = bisect.bisect_right(s.recent, line_us, key=lambda e: e.at_us)
        times = 1 if self.hold_us >= s.newest_us else HELD_MAX
        over = s.over_cap(self.recent_max * times, self.recent_bytes_max * times)
        if silent and behind == len(s.recent) and s.head.now_us <= line_us:
            if s.recent:
                self._settle_all(s)
            elif s.settled_now_us < s.head.now_us:
                s.settled, s.settled_now_us = self.program.encode(s.head), s.head.now_us
            self._resolve(s, s.head)
            return
        if not over and behind < SETTLE_AT and not (silent and behind):
            return
        for event in s.recent[behind:over]:
            self._count_capped(s, event)
        count = max(behind, over)
        state = self._settled_state(s)
        ignored: Published = {}
        for event in s.recent[:count]:
            self.judgement.step(subject, state, event, ignored, count=False)
            s.remember(event)
        s.until = s.recent[count - 1].order
        s.settled, s.settled_now_us = self.program.encode(state), state.now_us
        s.drop(0, count)
        self._resolve(s, state)

    def _count_capped(self, s: LateSubject, event: PlacedEvent) -> None:
        s.capped = True
        for entry in self.program.table[event.kind]:
            if entry.judges and (entry.when is None or entry.when(event)):
                self.judgement.counts[entry.index].capped += 1

    def _resolve(self, s: LateSubject, settled: SubjectState) -> None:
        """Tell, and stop following, the alerts that no event to come can change."""
        still_open = {fold.alert_id for fold in settled.folds.values()}
        mark = max(s.until, (s.settled_now_us, -1, -1, "\U0010ffff"))
        for tracked in [t for t in s.tracked.values() if t.order <= mark and t.alert_id not in still_open]:
            if not tracked.withdrawn:
                self._telling.notice("resolved", tracked.alert)
            del s.tracked[tracked.alert_id]

    def blob(self, subject: Subject) -> bytes:
        """All that is kept of `subject`, as one entry of a store."""
        return stored(self.subjects[subject], self.program.pack)

    def restore(self, subject: Subject, data: bytes) -> None:
        """Go on with `subject` from its blob.

        Under another pack its recent events settle as they are: the new rules learn from them, nothing is told of
        them, and alerts told before keep the version of the rule that raised them.
        Raises: StateError where the blob is of a newer schema or cut short.
        """
        blob = read_blob(data, subject[1])
        head = self.program.decode(blob.settled) if blob.settled else self.program.new()
        s = restored(blob, head)
        again: Published = {}
        for event in s.recent:
            self.judgement.step(subject, head, event, again, count=False)
        if blob.head_now_us > head.now_us:
            self.judgement.fire_due(subject, head, blob.head_now_us, again, count=False)
        if blob.pack != self.program.pack:
            self.counts.relearned += self.program.forgotten(s.settled) if s.settled else 0
            settle_as_it_is(s, self.program)
            self.touched.add(subject)
        self.subjects[subject] = s
        self._plan(subject, s)
