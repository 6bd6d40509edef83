"""What is counted of judging as it happens: one catalogue for a watch and for the workers on Kafka."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from models.instants import SECOND_US
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.live.exposition import Histogram, Metric, Pauses, Sample
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.geography import Exchanges
from sessionwatch.live.judging import LiveJudge
from streams.accounting import Accounting

Families = Iterator[tuple[str, Iterable[Sample]]]

CATALOGUE: Final[Mapping[str, Metric]] = {
    "records_total": Metric("counter", (), "Records read."),
    "dropped_total": Metric("counter", ("reason",), "Records dropped by their adapter."),
    "dead_letters_total": Metric("counter", ("reason",), "Records that could not be read."),
    "events_total": Metric("counter", (), "Events made of records."),
    "judged_events_total": Metric("counter", ("by",), "Events judged, once for each kind of subject."),
    "judged_duplicates_total": Metric("counter", ("by",), "Further copies of an event."),
    "judged_late_total": Metric("counter", ("by",), "Events later than their source's bound."),
    "clock_skew_total": Metric("counter", (), "Events dated after they were received; held out of state."),
    "unresolved_sessions_total": Metric("counter", (), "Events of a session whose user nobody has named."),
    "not_evaluable_total": Metric("counter", ("rule", "reason"), "What could not be judged."),
    "findings_total": Metric("counter", ("rule",), "Findings that may alert."),
    "notices_total": Metric("counter", ("rule", "change"), "Notices since the start."),
    "geo_taken_up_total": Metric("counter", (), "Changed geo databases and lists of networks taken up."),
    "geo_refused_total": Metric("counter", (), "Changed ones that cannot be used; those before them stay in use."),
    "geo_failed_look_ups_total": Metric("counter", ("build",), "Look-ups that met a broken record of a database."),
    "batch_seconds": Metric("histogram", (), "Seconds from a batch that was read to one that is written."),
    "gc_pause_seconds": Metric("histogram", (), "Seconds that Python's garbage collector held everything up."),
    "lag_seconds": Metric("gauge", ("partition",), "Now less the newest event judged; a watch has no partition."),
    "lag_events": Metric("gauge", ("partition",), "Records that the broker has and that are not judged yet."),
    "feed_silence_seconds": Metric("gauge", ("source",), "Now less when an event of the source last came."),
    "feed_silent": Metric("gauge", ("source",), "1 where a source is silent for longer than it may be."),
    "ready": Metric("gauge", (), "1 where /readyz says so."),
    "start_time_seconds": Metric("gauge", (), "When the process began, in seconds since 1970."),
    "state_bytes": Metric("gauge", (), "Size of the state: the file of a watch, or the entries of a worker."),
    "state_entries": Metric("gauge", (), "Entries that a worker keeps: subjects, sessions, the stream itself."),
    "held_events": Metric("gauge", (), "Events that a watch has read and not judged yet."),
    "refused_total": Metric("counter", (), "POSTs refused with 429."),
    "lane_batches_total": Metric("counter", (), "Batches that a worker has judged and written."),
    "lane_records_total": Metric("counter", (), "Records that a worker has judged and written."),
    "lane_outputs_total": Metric("counter", (), "Notices and dead letters that a worker has written."),
    "lane_recovered_total": Metric("counter", (), "Entries that a worker has read back."),
    "lane_fenced_total": Metric("counter", (), "Batches given up because the partition was another's by then."),
    "lane_tries_failed_total": Metric("counter", (), "Tries of a batch that failed."),
}
"""By name, less `sessionwatch_`, which all begin with. The page of metrics is compared with it."""


@dataclass(slots=True)
class Measured:
    """What only the process knows. `notices`: by rule and change."""

    batches: Histogram = field(default_factory=Histogram)
    pauses: Pauses = field(default_factory=Pauses)
    begun_at_s: float = field(default_factory=time.time)
    state_bytes: int = 0
    refused: int = 0
    held: int = 0
    notices: Counter[tuple[str, str]] = field(default_factory=Counter)
    exchanges: Exchanges = field(default_factory=Exchanges)


def common(
    judges: Collection[LiveJudge], accounting: Accounting, measured: Measured, feeds: Feeds, unready: Callable[[], str]
) -> Families:
    """What a watch and a worker both have. Counters of events and records outlast a restart where state does."""
    yield "records_total", [Sample({}, accounting.records_read)]
    yield "dropped_total", _by("reason", accounting.dropped)
    yield "dead_letters_total", _by("reason", accounting.dead_letters)
    yield "events_total", [Sample({}, accounting.events_made)]
    yield from _engines(judges)
    told = sorted(measured.notices.items())
    yield "notices_total", [Sample({"rule": rule, "change": change}, n) for (rule, change), n in told]
    yield "geo_taken_up_total", [Sample({}, measured.exchanges.taken_up)]
    yield "geo_refused_total", [Sample({}, measured.exchanges.refused)]
    # All judges of a process share one locator.
    yield "geo_failed_look_ups_total", _by("build", next((dict(one.locator.failed) for one in judges), {}))
    yield "batch_seconds", measured.batches.samples()
    yield "gc_pause_seconds", measured.pauses.samples()
    silence = feeds.silence_s()
    yield "feed_silence_seconds", [Sample({"source": name}, seconds) for name, seconds in silence.items()]
    yield "feed_silent", [Sample({"source": name}, feeds.is_silent(name)) for name in silence]
    yield "ready", [Sample({}, not unready())]
    yield "start_time_seconds", [Sample({}, measured.begun_at_s)]


def lag_s(judge: LiveJudge) -> float | None:
    """How far the newest event of a stream lies behind the clock, in seconds; None before there is one."""
    return time.time() - judge.stream.newest_us / SECOND_US if judge.stream.newest_us > 0 else None


def _engines(judges: Collection[LiveJudge]) -> Families:
    lanes = [(lane.program.by, lane.counts) for judge in judges for lane in judge.engine.lanes]
    for name in ("events", "duplicates", "late"):
        sums = Counter[str]()
        for by, counts in lanes:
            sums[by] += getattr(counts, name)
        yield f"judged_{name}_total", _by("by", sums)
    streams = [judge.engine.counts for judge in judges]
    yield "clock_skew_total", [Sample({}, sum(one.clock_skew for one in streams))]
    yield "unresolved_sessions_total", [Sample({}, sum(one.unresolved_sessions for one in streams))]
    yield from _rules([*streams, *(counts for _, counts in lanes)])


def _rules(engines: list[EngineCounts]) -> Families:
    not_evaluable: Counter[tuple[str, str]] = Counter()
    findings: Counter[str] = Counter()
    for counts in engines:
        for rule, one in list(counts.rules.items()):
            findings[rule] += one.fired
            for reason, n in list(one.not_evaluable.items()):
                not_evaluable[rule, reason] += n
    told = sorted(not_evaluable.items())
    yield "not_evaluable_total", [Sample({"rule": rule, "reason": reason}, n) for (rule, reason), n in told]
    yield "findings_total", _by("rule", findings)


def _by(label: str, counts: Mapping[str, float]) -> list[Sample]:
    return [Sample({label: name}, n) for name, n in sorted(counts.items())]
