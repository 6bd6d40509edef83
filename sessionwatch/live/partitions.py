"""Batches of a partition judged: between the lane, which knows records and entries, and the engine over stored state.

Whatever comes again is told from what is new. A record that the lane hands over again, after a crash: by entries, each
of which bears the offset up to which it has come. An event that its writer wrote again: by the record it was made from.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from geo.locator import Locator
from models.events import PlacedEvent, SessionEvent
from models.findings import By
from models.instants import DAY_US, NEVER_US, SECOND_US
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.errors import BadRecordError
from sessionwatch.live.entries import STREAM_KEY, Entry
from sessionwatch.live.geography import Geography
from sessionwatch.live.inflow import Inflow
from sessionwatch.live.judging import Judged, LiveJudge
from sessionwatch.live.partition_store import PartitionStore, stream_offset
from sessionwatch.live.routing import SESSION, Router
from sessionwatch.live.wire import encoded, unplaced
from sessionwatch.ruleset.compiled import Ruleset
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import entry_of
from streams.decoding import TOO_LARGE, Decoding
from streams.kafka.batches import Batch, Look, Outcome, Output, Record
from streams.kafka.marks import Origin, Progress, Told, mark_of, marked, origin_of, progress_of, source_name
from streams.sources.records import RECORD_BYTES_MAX, RawRecord

INFLOW_KEY: Final = ("", "")
"""The tenant and value of the one entry of kind `inflow`."""
STEPS_MAX: Final = 1 << 16
"""Revisions between one offset and the next: a batch needs one an event, and one each time that only time moves."""


HISTORY_US: Final = DAY_US
"""A partition whose newest event is older than this is history that was read: the clock says nothing about it."""
TELL_EVERY_S: Final = 1.0
TELL_IDLE_S: Final = 5.0
"""Seconds between two marks of how far the lane over sessions is: while it moves, and while it does not."""


class _AlertId(msgspec.Struct):
    id: str


class _New(NamedTuple):
    offset: int
    event: SessionEvent


@dataclass(slots=True)
class _Partition:
    store: PartitionStore
    judge: LiveJudge
    inflow: Inflow
    written: Sequence[Entry] = ()
    told: Told | None = None
    told_s: float = 0.0
    caught_up: bool = False


@dataclass(frozen=True, slots=True)
class OutputTopics:
    """Where what comes out goes. `late`: events later than their bound; none where that is empty."""

    notices: str
    dead_letter: str
    late: str = ""


@dataclass(slots=True)
class _Turn:
    """What comes of one batch. `counts`: by offset, how many events were made of a record."""

    source: str = ""
    counts: Counter[int] = field(default_factory=Counter)
    outputs: list[Output] = field(default_factory=list)
    changed: dict[tuple[str, str, str], Entry] = field(default_factory=dict)

    def add(self, entries: Sequence[Entry]) -> None:
        """Later entries take the place of earlier ones."""
        self.changed |= {entry[:3]: entry for entry in entries}


@dataclass(slots=True)
class PartitionJudges:
    """The function that a lane feeds: native events of the subject kind `by`, a judge for each partition.

    `ruleset` has only rules by that kind. `redact` leaves raw text out of dead letters. `router`, for the lane over
    sessions: where events that name only a session go, once it is known whose they are. `now_s` is the clock, which
    says only when a mark of progress is due, and what is due where nothing comes.
    """

    ruleset: Ruleset
    locator: Locator
    lateness: Lateness
    adapter: Adapter
    topics: OutputTopics
    tenant: str = "default"
    redact: bool = False
    by: By = "user"
    geography: Geography | None = None
    """Where the locator is from, when its files may change."""
    router: Router | None = None
    now_s: Callable[[], float] = time.time
    accounting: Accounting = field(default_factory=Accounting)
    late: int = 0
    written_again: int = 0
    """Events that their writer wrote again after a crash; dropped here."""
    _partitions: dict[int, _Partition] = field(default_factory=dict)

    def __call__(self, batch: Batch) -> Outcome:
        """Judge a batch; see `streams.kafka.batches.Judge`."""
        if self.geography is not None:
            self.geography.look()
        partition = self._partition(batch)
        seen = stream_offset(partition.store)
        records = [record for record in batch.records if record.offset > seen]
        if not records:
            return Outcome()
        turn = _Turn(source_name(batch.topic, batch.partition))
        if self.router is not None and partition.told is None:
            self._tell_progress(partition, turn, batch)
        self._read(partition, batch, records, turn)
        if partition.inflow.state.finished and partition.told != self._told(partition):
            self._tell_progress(partition, turn, batch)
        turn.add([Entry("inflow", *INFLOW_KEY, partition.inflow.stored())])
        partition.written = list(turn.changed.values())
        rows = partition.store.packed(partition.written, (records[-1].offset, 0))
        return Outcome(turn.outputs, rows)

    def tick(self, looks: Mapping[int, Look]) -> dict[int, Outcome]:
        """What time makes of partitions; see `streams.kafka.batches.Ticker`.

        Where all is read and nothing comes, deadlines are due by the clock, less the bound: what they say is taken back
        if an event from before comes yet.
        """
        outcomes = {}
        for number, look in looks.items():
            partition = self._partition(look.batch)
            partition.caught_up = look.caught_up
            turn = _Turn(source_name(look.batch.topic, number))
            judge, inflow = partition.judge, partition.inflow
            now_us = int(self.now_s() * SECOND_US)
            until_us = now_us - self.lateness.largest_us
            idle = look.caught_up and inflow.caught_up and judge.stream.newest_us > now_us - HISTORY_US
            if idle and until_us > judge.stream.watermark_us and judge.is_due(until_us):
                self._tell(judge.fire(until_us), turn)
            if self.router is not None:
                since_s = self.now_s() - partition.told_s
                if since_s > TELL_IDLE_S or (since_s > TELL_EVERY_S and partition.told != self._told(partition)):
                    self._tell_progress(partition, turn, look.batch)
            partition.written = list(turn.changed.values())
            offset, sequence = partition.store.rank("stream", *STREAM_KEY)
            outcomes[number] = Outcome(turn.outputs, partition.store.packed(partition.written, (offset, sequence + 1)))
        return outcomes

    def judges(self) -> dict[int, LiveJudge]:
        """By partition."""
        return {number: one.judge for number, one in list(self._partitions.items())}

    def _tell_progress(self, partition: _Partition, turn: _Turn, batch: Batch) -> None:
        """Say to all who get events from here how far it is."""
        if self.router is not None:
            told = partition.told = self._told(partition)
            partition.told_s = self.now_s()
            topics = {batch.topic: self.router.routes[SESSION].partitions}
            progress = Progress(int(partition.told_s * 1_000), {turn.source: told}, topics)
            turn.outputs += self.router.progress(progress, [by for by in self.router.routes if by != SESSION])

    def _told(self, partition: _Partition) -> Told:
        inflow, judge = partition.inflow, partition.judge
        newest_us = min(max(inflow.newest_us, judge.engine.newest_us), inflow.hold_us)
        return Told(
            newest_us=newest_us if newest_us > -NEVER_US else None,
            caught_up=partition.caught_up,
            ended=inflow.state.finished,
            follows=True,
            settled_us=judge.stream.watermark_us,
        )

    def _partition(self, batch: Batch) -> _Partition:
        partition = self._partitions.get(batch.partition)
        if partition is None or batch.fresh:
            store = PartitionStore(batch.state, self.by)
            kinds = () if self.by == "tenant" else (self.by,)
            tells = self.router is not None
            judge = LiveJudge(
                self.ruleset, self.locator, self.lateness, store, kinds=kinds, resolves=tells, tells_owners=tells
            )
            stored = next(iter(store.entries("inflow")), None)
            inflow = Inflow(None if stored is None else stored.blob, batch.topic)
            partition = self._partitions[batch.partition] = _Partition(store, judge, inflow)
        else:
            partition.store.took(partition.written)
        partition.written = ()
        return partition

    def _read(self, partition: _Partition, batch: Batch, records: Sequence[Record], turn: _Turn) -> None:
        """Go through the records in their order; what stands between two marks that matter is judged together."""
        where = f"kafka://{batch.topic}/{batch.partition}"

        def bury(where: str, record: RawRecord, adapter: str, fault: BadRecordError) -> None:
            entry = entry_of(where, record, adapter, fault, redact=self.redact)
            turn.outputs.append(Output(self.topics.dead_letter, None, msgspec.json.encode(entry)))

        decoding = Decoding(Canonical(self.tenant, {}, self.accounting), RECORD_BYTES_MAX, self.accounting, bury)
        inflow = partition.inflow
        waiting: list[_New] = []
        hold_us = inflow.hold_us
        for record in records:
            try:
                mark = mark_of(record)
                if mark == "progress":
                    ended = inflow.hear(progress_of(record))
                    hold_us = min(hold_us, inflow.hold_us)
                    if ended:
                        self._judge(partition, waiting, hold_us, turn)
                        self._finish(partition, turn)
                        waiting, hold_us = [], inflow.hold_us
                    continue
            except BadRecordError as fault:
                bury(where, raw(record), self.adapter.name, fault)
                continue
            if not inflow.is_new(origin_of(record)):
                self.written_again += 1
            elif mark == "retract":
                self._judge(partition, waiting, hold_us, turn)
                waiting = []
                for event in decoding.events(where, self.adapter, raw(record)):
                    self._tell(partition.judge.retract(event, offset=record.offset * STEPS_MAX), turn)
            else:
                waiting += [_New(record.offset, one) for one in decoding.events(where, self.adapter, raw(record))]
        self._judge(partition, waiting, hold_us, turn)

    def _finish(self, partition: _Partition, turn: _Turn) -> None:
        """All input has ended: what stands now is what a replay ends with."""
        until_us = max(partition.inflow.newest_us, partition.judge.engine.newest_us)
        if until_us > -NEVER_US:
            self._tell(partition.judge.finish(until_us), turn)
        partition.inflow.state.finished = True

    def _judge(self, partition: _Partition, waiting: Sequence[_New], hold_us: int, turn: _Turn) -> None:
        """Judge what is new; revisions rise with the offset, and never fall below those of a try before a crash."""
        judge = partition.judge
        outlook = partition.inflow.outlook(hold_us)
        judge.outlook = outlook if self.by == "tenant" else outlook._replace(settled_us=NEVER_US)
        new = [one for one in waiting if not self._known(partition, one)]
        if len(new) == len(waiting):
            first = new[0].offset * STEPS_MAX if new else None
            self._tell(judge.judge([one.event for one in new], offset=first), turn, [one.offset for one in new])
            return
        # A part of the batch is known: each event by itself, or places in a list would stand for earlier offsets.
        for one in new:
            self._tell(judge.judge([one.event], offset=one.offset * STEPS_MAX), turn, [one.offset])
        if not new:
            self._tell(judge.judge([]), turn)

    def _known(self, partition: _Partition, one: _New) -> bool:
        """Whether the entry of the event's subject has seen it, from a batch of which only a part was written."""
        store, engine = partition.store, partition.judge.engine
        if one.offset > store.known_until:
            return False
        placed = self.locator.locate(one.event)
        if any(store.rank(*subject)[0] >= one.offset for subject in engine.subjects(placed)):
            engine.newest_us = max(engine.newest_us, placed.at_us)
            for lane in engine.lanes:
                lane.counts.events += 1  # the entry of the stream, which counts, was not written
            return True
        return False

    def _tell(self, judged: Judged, turn: _Turn, offsets: Sequence[int] = ()) -> None:
        """Note what came of judging; `offsets` are those of the events that were judged."""
        for place, event, taken_back in judged.resolved:
            self._hand_on(event, turn, offsets[place - offsets[0] * STEPS_MAX], taken_back=taken_back)
        if self.router is not None:
            but = [by for by in self.router.routes if by != "tenant"]
            for event in judged.released:
                turn.outputs += self.router.others(event, encoded(unplaced(event)), (), but=but)
        self.late += len(judged.late)
        turn.add(judged.changed)
        turn.outputs += map(self._notice, judged.notices)
        if self.topics.late:
            turn.outputs += [
                Output(self.topics.late, event.user.encode() or None, encoded(unplaced(event))) for event in judged.late
            ]

    def _hand_on(self, event: PlacedEvent, turn: _Turn, offset: int, *, taken_back: bool) -> None:
        """Write an event that names only a session, as it is owned now, for those who judge it by other subjects.

        Not for rules by tenant: they cannot take anything back, and hear of it once it is released.
        """
        if self.router is not None:
            headers = [Origin(turn.source, offset, turn.counts[offset]).header()]
            turn.counts[offset] += 1
            if taken_back:
                headers.append(marked("retract"))
            turn.outputs += self.router.others(event, encoded(unplaced(event)), tuple(headers), but=("tenant",))

    def _notice(self, notice: NoticeRecord) -> Output:
        key = msgspec.json.decode(notice.alert, type=_AlertId).id.encode()
        return Output(self.topics.notices, key, notice.to_json())


def raw(record: Record) -> RawRecord:
    """A record as a reader of files would have it; too long, it comes with that fault."""
    value = record.value or b""
    if len(value) > RECORD_BYTES_MAX:
        return RawRecord(value[:RECORD_BYTES_MAX], 0, record.offset, TOO_LARGE)
    return RawRecord(value, 0, record.offset)
