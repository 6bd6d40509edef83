"""What a worker on Kafka tells of itself: its metrics, whether it is ready, and feeds that have stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from models.instants import SECOND_US
from sessionwatch.live.exposition import Sample, exposition
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.judging import LiveJudge
from sessionwatch.live.logs import Log
from sessionwatch.live.metrics import CATALOGUE, Families, Measured, common
from sessionwatch.live.normalising import Normaliser
from sessionwatch.live.readiness import Watchdog
from streams.accounting import Accounting
from streams.kafka.batches import Batch, Outcome, Output

COUNTED: Final = ("batches", "records", "outputs", "recovered", "fenced", "tries_failed")
"""What of a lane's counts is told."""
HEARD_OF_BATCH_MAX: Final = 50
"""Records of a batch that are looked at, evenly, for the sources that speak."""


class _OfSource(msgspec.Struct):
    source: str = ""


class _Rule(msgspec.Struct):
    id: str


class _Alert(msgspec.Struct):
    rule: _Rule


class _Told(msgspec.Struct):
    change: str
    alert: _Alert


_TOLD: Final = msgspec.json.Decoder(_Told)
_SOURCE: Final = msgspec.json.Decoder(_OfSource)


def _source(value: bytes | None) -> str:
    try:
        return _SOURCE.decode(value or b"").source
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class Lane(Protocol):
    """What is asked of a lane; see `streams.kafka.lane`."""

    lagging: Mapping[int, int] | None

    @property
    def counts(self) -> object:
        """What it did."""

    @property
    def ready(self) -> bool:
        """Whether state is complete."""

    @property
    def keys(self) -> int:
        """How many entries are kept."""

    @property
    def state_bytes(self) -> int:
        """Their bytes."""


class Judges(Protocol):
    """What is asked of the judges of the partitions."""

    accounting: Accounting

    def __call__(self, batch: Batch) -> Outcome:
        """Judge a batch."""

    def judges(self) -> Mapping[int, LiveJudge]:
        """By partition."""


class LaneReports:
    """Reports of one lane, around the judges that it feeds; `lane` is given before anything is asked.

    The lane calls `judge` and `look`; `unready` and `metrics` are asked from the monitor's thread.
    """

    lane: Lane

    def __init__(
        self, judges: Judges, feeds: Feeds, notices_topic: str, log: Log, measured: Measured | None = None
    ) -> None:
        """Hold whom to ask; `notices_topic` is where feeds that have stopped are told."""
        self.measured = Measured() if measured is None else measured
        self._judges, self._feeds = judges, feeds
        self._topic, self._log = notices_topic, log
        self._watchdog = Watchdog()

    def judge(self, batch: Batch) -> Outcome:
        """Judge a batch, and note who speaks and what is told."""
        outcome = self._judges(batch)
        every = 1 + len(batch.records) // HEARD_OF_BATCH_MAX
        self._feeds.heard({source for record in batch.records[::every] if (source := _source(record.value))})
        for output in outcome.outputs:
            if output.topic == self._topic:
                told = _TOLD.decode(output.value)
                self.measured.notices[told.alert.rule.id, told.change] += 1
        return outcome

    def look(self) -> list[Output]:
        """Note progress; what is to be written of feeds."""
        lagging = self.lane.lagging
        done: int = getattr(self.lane.counts, "records", 0)
        self._watchdog.saw(done, None if lagging is None else sum(lagging.values()))
        told = self._feeds.look()
        for one in told:
            self._log(one.operational, source=one.source, since=one.since.isoformat(timespec="seconds"))
        return [Output(self._topic, f"feed {one.source}".encode(), one.to_json()) for one in told]

    def unready(self) -> str:
        """Why the worker is not ready; nothing where it is."""
        if not self.lane.ready:
            return f"recovering: {self.lane.keys:,} entries read"
        return self._watchdog.unready()

    def metrics(self) -> str:
        """The text of /metrics."""
        return exposition(CATALOGUE, self._families())

    def _families(self) -> Families:
        yield from families({"": self}, self._feeds, self.measured, self.unready)

    @property
    def judging(self) -> Judges:
        """Whom it reports of."""
        return self._judges


class RawReports(LaneReports):
    """Reports of a lane over one raw topic, which judges nobody: its format is the source that speaks."""

    def __init__(self, normaliser: Normaliser, feeds: Feeds, notices_topic: str, log: Log, measured: Measured) -> None:
        """Hold whom to ask."""
        super().__init__(_NoJudges(normaliser), feeds, notices_topic, log, measured)
        self._name = normaliser.adapter.name

    def judge(self, batch: Batch) -> Outcome:
        """Normalise a batch, and note who speaks."""
        if batch.records:
            self._feeds.heard({self._name})
        return self._judges(batch)


class _NoJudges:
    """A normaliser, as one whose judges are reported of."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser
        self.accounting = normaliser.accounting

    def __call__(self, batch: Batch) -> Outcome:
        """Normalise a batch."""
        return self._normaliser(batch)

    def judges(self) -> Mapping[int, LiveJudge]:
        """None."""
        return {}


def families(
    parts: Mapping[str, LaneReports], feeds: Feeds, measured: Measured, unready: Callable[[], str]
) -> Families:
    """The metrics of a process: of its lanes by name, which stands before the number of a partition.

    The lanes share what they measure and account for.
    """
    judges = {
        f"{name}{'/' * bool(name)}{number}": judge
        for name, one in parts.items()
        for number, judge in sorted(dict(one.judging.judges()).items())
    }
    accounting = next(iter(parts.values())).judging.accounting
    yield from common(list(judges.values()), accounting, measured, feeds, unready)
    now_s = time.time()
    behind = [
        (label, now_s - judge.stream.newest_us / SECOND_US)
        for label, judge in judges.items()
        if judge.stream.newest_us > 0
    ]
    yield "lag_seconds", [Sample({"partition": label}, seconds) for label, seconds in behind]
    lagging = [
        (f"{name}{'/' * bool(name)}{number}", waiting)
        for name, one in parts.items()
        for number, waiting in sorted((one.lane.lagging or {}).items())
    ]
    yield "lag_events", [Sample({"partition": label}, waiting) for label, waiting in lagging]
    lanes = [one.lane for one in parts.values()]
    yield "state_bytes", [Sample({}, sum(lane.state_bytes for lane in lanes))]
    yield "state_entries", [Sample({}, sum(lane.keys for lane in lanes))]
    for name in COUNTED:
        yield f"lane_{name}_total", [Sample({}, sum(getattr(lane.counts, name) for lane in lanes))]


class WorkerReports:
    """Reports of a process that works in several lanes, by name."""

    def __init__(self, feeds: Feeds, measured: Measured) -> None:
        """Hold what the lanes share."""
        self.parts: dict[str, LaneReports] = {}
        self.feeds, self.measured = feeds, measured

    def unready(self) -> str:
        """Why the process is not ready: the first lane that is not; nothing where all are."""
        return next((f"{name}: {why}" for name, one in self.parts.items() if (why := one.unready())), "")

    def metrics(self) -> str:
        """The text of /metrics."""
        return exposition(CATALOGUE, families(self.parts, self.feeds, self.measured, self.unready))
