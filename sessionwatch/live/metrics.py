"""What a watch counted, as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.instants import SECOND_US
from sessionwatch.engine.counts import EngineCounts
from sessionwatch.live.judging import LiveJudge
from streams.accounting import Accounting

Sample = tuple[dict[str, str], float]
"""Labels and a value."""


@dataclass(slots=True)
class Measured:
    """What only the process knows: steps and the seconds they took, how long the disk has it, alerts by rule."""

    steps: int = 0
    step_seconds: float = 0.0
    state_bytes: int = 0
    refused: int = 0
    held: int = 0
    notices: dict[tuple[str, str], int] = field(default_factory=dict)


def metrics_text(judge: LiveJudge, accounting: Accounting, measured: Measured) -> str:
    """The text of /metrics. Counters of events and records outlast a restart; those of the process begin anew."""
    lines: list[str] = []
    for name, kind, said, samples in _families(judge, accounting, measured):
        lines += [f"# HELP sessionwatch_{name} {said}", f"# TYPE sessionwatch_{name} {kind}"]
        lines += [f"sessionwatch_{name}{_labels(labels)} {value:.17g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(
    judge: LiveJudge, accounting: Accounting, measured: Measured
) -> Iterator[tuple[str, str, str, list[Sample]]]:
    yield "records_total", "counter", "Records read.", [({}, accounting.records_read)]
    dropped: list[Sample] = [({"reason": reason}, n) for reason, n in sorted(accounting.dropped.items())]
    yield "dropped_total", "counter", "Records dropped by their adapter.", dropped
    dead: list[Sample] = [({"reason": reason}, n) for reason, n in sorted(accounting.dead_letters.items())]
    yield "dead_letters_total", "counter", "Records that could not be read.", dead
    yield "events_total", "counter", "Events made of records.", [({}, accounting.events_made)]
    lanes: list[tuple[str, EngineCounts]] = [(lane.program.by, lane.counts) for lane in judge.engine.lanes]
    for name, said in (
        ("events", "Events judged."),
        ("duplicates", "Further copies of an event."),
        ("late", "Events later than the bound."),
    ):
        yield f"judged_{name}_total", "counter", said, [({"by": by}, getattr(c, name)) for by, c in lanes]
    stream = judge.engine.counts
    yield "clock_skew_total", "counter", "Events dated after they were received.", [({}, stream.clock_skew)]
    yield "unresolved_sessions_total", "counter", "Events of nobody known.", [({}, stream.unresolved_sessions)]
    rules = [(rule, one) for counts in (stream, *(c for _, c in lanes)) for rule, one in sorted(counts.rules.items())]
    not_evaluable: list[Sample] = [
        ({"rule": rule, "reason": reason}, n) for rule, one in rules for reason, n in sorted(one.not_evaluable.items())
    ]
    yield "not_evaluable_total", "counter", "What could not be judged.", not_evaluable
    yield "findings_total", "counter", "Findings that may alert.", [({"rule": r}, one.fired) for r, one in rules]
    told: list[Sample] = [
        ({"rule": rule, "change": change}, n) for (rule, change), n in sorted(measured.notices.items())
    ]
    yield "notices_total", "counter", "Notices since the start.", told
    yield "steps_total", "counter", "Batches since the start.", [({}, measured.steps)]
    yield "step_seconds_total", "counter", "Seconds that batches took.", [({}, measured.step_seconds)]
    yield "refused_total", "counter", "POSTs refused with 429.", [({}, measured.refused)]
    yield "state_bytes", "gauge", "Size of the state file.", [({}, measured.state_bytes)]
    yield "held_events", "gauge", "Events read and not judged yet.", [({}, measured.held)]
    if judge.stream.watermark_us > 0:
        lag_s = time.time() - judge.stream.newest_us / SECOND_US
        yield "feed_lag_seconds", "gauge", "Now less the newest event.", [({}, lag_s)]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
