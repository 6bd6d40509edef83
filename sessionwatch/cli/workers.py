"""A replay over several processes: each reads the same sorted runs and judges its own share of the subjects."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Self

from sessionwatch.engine.counts import EngineCounts
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.engine.quiet import Needs
from streams.replay import Replayed, Window, replay
from streams.sorting import EventSorter, merged


@dataclass(slots=True)
class Judged:
    """What came of judging: the alerts and counters of all workers together, and what is said of the databases."""

    replayed: Replayed
    counts: EngineCounts
    geo_build: str = ""
    geo_attributions: set[str] = field(default_factory=set)
    failed_look_ups: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)

    @classmethod
    def by(cls, engine: Engine, replayed: Replayed) -> Self:
        """What came of judging by `engine`."""
        locator = engine.locator
        failed, set_aside = dict(locator.failed), dict(locator.set_aside)
        return cls(replayed, engine.counts, locator.build, set(locator.attributions), failed, set_aside)


_stopping: Event | None = None


def judge_alone(
    engine: Engine, events: EventSorter, window: Window, advance: Callable[[int], None], stop: Callable[[], bool]
) -> Judged:
    """Judge everything in this process."""
    replayed = replay(events, engine, window, progress=advance, stop=stop)
    return Judged.by(engine, replayed)


def judge_needed(
    engine: Engine, events: EventSorter, needs: Needs, advance: Callable[[int], None], stop: Callable[[], bool]
) -> Judged:
    """Judge in this process what `needs` says, and count the rest."""
    needs.apply(engine)
    advance(needs.left_out)
    replayed = replay(events.only(needs.needed.tolist()), engine, Window(), progress=advance, stop=stop)
    return Judged.by(engine, replayed)


def judge_shared(
    plan: EnginePlan, events: EventSorter, window: Window, workers: int, stop: Callable[[], bool]
) -> Judged:
    """Judge in `workers` processes; the alerts are the same for any number of them."""
    context = multiprocessing.get_context("spawn")
    stopping = context.Event()
    runs = events.runs()
    plan = plan.shared(runs[0].parent) if runs else plan
    shares = [(plan, runs, window, worker, workers) for worker in range(workers)]
    with context.Pool(workers, initializer=_begin, initargs=(stopping,)) as pool:
        pending = pool.starmap_async(_judge_share, shares)
        while not pending.ready():
            pending.wait(0.1)
            if stop():
                stopping.set()
        return _together(pending.get())


def _begin(stopping: Event) -> None:
    global _stopping  # noqa: PLW0603  # how a pool hands an event to its workers
    _stopping = stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _judge_share(plan: EnginePlan, runs: Sequence[Path], window: Window, worker: int, workers: int) -> Judged:
    engine = plan.engine(worker, workers)
    stop = _stopping.is_set if _stopping is not None else None
    replayed = replay(merged(runs), engine, window, stop=stop)
    return Judged.by(engine, replayed)


def _together(shares: Sequence[Judged]) -> Judged:
    whole = shares[0]
    for share in shares[1:]:
        whole.replayed.alerts |= share.replayed.alerts
        whole.replayed.interrupted |= share.replayed.interrupted
        whole.counts.merge_rules(share.counts)
        whole.geo_attributions |= share.geo_attributions
    return whole
