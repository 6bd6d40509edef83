"""The engine in order: events sorted by time in, alerts out. Replays and rule tests run it as it is."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

from geo.locator import Locator
from models.events import PlacedEvent, SessionEvent, fullness
from models.findings import By
from models.instants import MINUTE_US, NEVER_US
from sessionwatch.engine.buckets import Buckets, BucketState, Owns
from sessionwatch.engine.counts import EngineCounts, RuleCounts
from sessionwatch.engine.folds import Subject
from sessionwatch.engine.judgement import Judgement, Published
from sessionwatch.engine.program import BucketProgram, Program, SubjectState, value_of
from sessionwatch.engine.session_owners import SessionOwners
from sessionwatch.errors import StateError
from sessionwatch.ruleset.compiled import Ruleset

CLOCK_SKEW_MAX_US: Final = 5 * MINUTE_US
"""An event dated further after its own `received_at` is held out of state: one forged date must not age the rest."""
EVENTS_AT_ONE_INSTANT_MAX: Final = 100_000
"""Events of equal time held back to find their copies; beyond it the earliest are judged without waiting."""
SWEEP_EVERY: Final = 250_000
"""Events between two sweeps for subjects that may be forgotten."""

SUBJECT_KINDS: Final[tuple[By, ...]] = ("user", "session", "ip", "device", "account")


class Snapshot(msgspec.Struct, array_like=True):
    """A whole in-order engine between two events: subjects by kind, open buckets, session owners, what is held back."""

    packs: dict[str, bytes]
    subjects: dict[str, list[tuple[str, str, bytes]]]
    buckets: BucketState
    owners: list[tuple[str, str, str, str, int]]
    held: list[PlacedEvent]
    newest_us: int


class Lane:
    """One subject kind: its program and its subjects' states."""

    def __init__(self, program: Program, counts: EngineCounts, owns: Owns | None = None) -> None:
        """Run `program` for the subjects that `owns` accepts (None: all)."""
        self.program = program
        self.judgement = Judgement(program, counts)
        self.subjects: dict[Subject, SubjectState] = {}
        self.owns = owns
        self.value_of = value_of(program.by)
        self._keep_us = max((rule.detector.keep_us for rule in program.rules), default=0)

    def process(self, event: PlacedEvent, out: Published) -> None:
        """Judge `event` for its subject of this kind, if it has one."""
        if not self.program.table[event.kind]:
            return
        value = self.value_of(event)
        subject = (event.tenant, value)
        if self.owns is not None and not self.owns(subject):
            return
        if not value:
            self._count_nobody(event)
            return
        state = self.subjects.get(subject)
        if state is None:
            state = self.subjects[subject] = self.program.new()
        self.judgement.step(subject, state, event, out, count=True)

    def fire_due(self, until_us: int, out: Published) -> None:
        """Fire every subject's deadlines up to `until_us`."""
        for subject, state in self.subjects.items():
            if state.due_us <= until_us:
                self.judgement.fire_due(subject, state, until_us, out, count=True)

    def tell_open(self, out: Published) -> None:
        """The alerts of every subject's open folds as they stand."""
        for subject, state in self.subjects.items():
            if state.folds:
                self.judgement.tell_open(subject, state, out)

    def sweep(self, now_us: int, out: Published) -> None:
        """Forget subjects whose every part has expired: no event to come could tell the difference."""
        self.fire_due(now_us, out)
        gone = [s for s, state in self.subjects.items() if now_us - state.now_us > self._keep_us and not state.folds]
        for subject in gone:
            if self.subjects[subject].due_us == NEVER_US:
                del self.subjects[subject]

    def _count_nobody(self, event: PlacedEvent) -> None:
        for entry in self.program.table[event.kind]:
            if entry.judges and (entry.when is None or entry.when(event)):
                counts = self.judgement.counts[entry.index]
                counts.evaluated += 1
                counts.not_evaluable[f"no_{self.program.by}"] += 1


class Engine:
    """Compiled rules, state and a locator. No clock, no disk, no network.

    Give it events in order of time (`process`, in batches of any size), then `finish`. Events of one tenant and source
    with the same id and time are copies of one event; the fuller one counts.
    """

    def __init__(self, ruleset: Ruleset, locator: Locator, *, owns: Owns | None = None) -> None:
        """Run `ruleset`; `owns` limits the subjects judged, for one worker of several."""
        self.counts = EngineCounts(rules={rule.id: RuleCounts() for rule in ruleset.rules})
        self.ruleset = ruleset
        self.locator = locator
        programs = [Program(ruleset, by) for by in SUBJECT_KINDS]
        self.lanes = [Lane(program, self.counts, owns) for program in programs if program.rules]
        self.buckets = Buckets(BucketProgram(ruleset), self.counts, owns)
        self.owners = SessionOwners()
        self.newest_us = -NEVER_US
        self._held: list[PlacedEvent] = []
        self._until_sweep = SWEEP_EVERY

    def process(self, events: Iterable[SessionEvent]) -> Published:
        """Judge `events`, sorted by time; returns the alerts that reached a notice point, by alert id.

        Events of the newest time are held back until a later one comes, because a fuller copy may follow.
        """
        out: Published = {}
        locate = self.locator.locate
        held = self._held
        for event in events:
            placed = locate(event)
            if held and (placed.at_us != held[0].at_us or len(held) >= EVENTS_AT_ONE_INSTANT_MAX):
                self._judge_held(out)
            held.append(placed)
        return out

    def finish(self, until_us: int | None = None) -> Published:
        """Judge what is held back, fire what is due by `until_us` (else by the newest event), tell open folds.

        It ends the input, not the state: more events may follow, and the alerts go on from there.
        """
        out: Published = {}
        if self._held:
            self._judge_held(out)
        end_us = self.newest_us if until_us is None else until_us
        for lane in self.lanes:
            lane.fire_due(end_us, out)
            lane.tell_open(out)
        self.buckets.close_until(end_us, out)
        return out

    def snapshot(self) -> bytes:
        """The whole engine as bytes, between two events. Counters are not part of it."""
        packs: dict[str, bytes] = {lane.program.by: lane.program.pack for lane in self.lanes}
        subjects: dict[str, list[tuple[str, str, bytes]]] = {
            lane.program.by: [
                (*subject, lane.program.encode(state)) for subject, state in sorted(lane.subjects.items())
            ]
            for lane in self.lanes
        }
        return msgspec.msgpack.encode(
            Snapshot(packs, subjects, self.buckets.snapshot(), self.owners.snapshot(), self._held, self.newest_us)
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises: StateError where it cannot be read.
        """
        try:
            found = msgspec.msgpack.decode(data, type=Snapshot)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot cannot be read: {error}; start from an older one") from error
        for lane in self.lanes:
            program, blobs = lane.program, found.subjects.get(lane.program.by, [])
            lane.subjects = {(tenant, value): program.decode(blob) for tenant, value, blob in blobs}
            if found.packs.get(program.by) != program.pack:
                self.counts.relearned += sum(program.forgotten(blob) for _, _, blob in blobs)
        self.buckets.restore(found.buckets)
        self.owners.restore(found.owners)
        self._held[:] = found.held
        self.newest_us = found.newest_us

    def _judge_held(self, out: Published) -> None:
        held = self._held
        if len(held) == 1:
            self._judge(held[0], out)
        else:
            fullest: dict[tuple[str, str, str], PlacedEvent] = {}
            for event in held:
                other = fullest.get(event.identity)
                if other is None or fullness(event) > fullness(other):
                    fullest[event.identity] = event
            self.counts.duplicates += len(held) - len(fullest)
            for event in sorted(fullest.values(), key=_order):
                self._judge(event, out)
        held.clear()

    def _judge(self, event: PlacedEvent, out: Published) -> None:
        self.counts.events += 1
        if event.received_us is not None and event.at_us - event.received_us > CLOCK_SKEW_MAX_US:
            self.counts.clock_skew += 1
            return
        self.newest_us = max(self.newest_us, event.at_us)
        owned = self.owners.resolve(event)
        if owned is None:
            self.counts.unresolved_sessions += 1
            owned = event
        for lane in self.lanes:
            lane.process(owned, out)
        if self.buckets.program.rules:
            self.buckets.close_until(event.at_us, out)
            self.buckets.add(owned)
        self._until_sweep -= 1
        if not self._until_sweep:
            self._until_sweep = SWEEP_EVERY
            for lane in self.lanes:
                lane.sweep(event.at_us, out)


_order = attrgetter("order")
