"""Lanes that one process works in, from its start to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from sessionwatch.errors import KafkaError
from sessionwatch.live.lane_reports import LaneReports
from sessionwatch.live.logs import Log
from sessionwatch.live.partition_store import rank
from streams.kafka.batches import Judge, Ticker
from streams.kafka.connection import Connection
from streams.kafka.settings import LaneSettings


class Work(NamedTuple):
    """A lane, the function that it feeds, what is asked about time, and who reports of it."""

    settings: LaneSettings
    judge: Judge
    ticker: Ticker
    reports: LaneReports | None = None


def work_in(
    works: Sequence[Work],
    broker: Connection,
    log: Log,
    beside: AbstractContextManager[None] | None = None,
    gate: Callable[[], bool] | None = None,
) -> None:
    """Work in all of these lanes until told to stop, within `beside`; no lane takes a record before `gate` says so.

    Raises:
        KafkaError: the extra that this needs is not installed.
    """
    try:
        from streams.kafka.worker import app_of, lane_of, work
    except ImportError as error:
        raise KafkaError('Kafka needs the extra "live"; install it: pip install "sessionwatch[live]"') from error
    lanes = []
    for one in works:
        lane = lane_of(one.settings, broker, one.judge, rank)
        lane.ticker = one.ticker
        lane.on_open = lambda lane=lane: log("ready", topic=lane.settings.topic, entries=lane.keys)  # type: ignore[misc]  # the default binds this lane
        if gate is not None:
            lane.gate = gate
        if one.reports is not None:
            one.reports.lane = lane
            lane.on_batch, lane.on_measure = one.reports.measured.batches.observe, one.reports.look
        lanes.append(lane)
        log("begins", topic=one.settings.topic, partitions=one.settings.partitions)
    with beside or nullcontext():
        try:
            # Ends the process by SystemExit.
            work(*(app_of(lane, broker) for lane in lanes), own_log=True)
        finally:
            for lane in lanes:
                counts = lane.counts
                log("stopped", topic=lane.settings.topic, records=counts.records, outputs=counts.outputs)
