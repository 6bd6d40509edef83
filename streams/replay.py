"""A replay: sorted events in batches through an engine that is handed in; alerts at their last notice point out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from models.events import SessionEvent
from models.instants import to_us
from streams.collector import Young, held_back

BATCH_EVENTS: Final = 500
"""Events handed to the engine at a time; the alerts do not depend on it."""


class ReplayEngine(Protocol):
    """What a replay needs of an engine: events in order in, alerts by id out (the last element is the alert's JSON)."""

    def process(self, events: Iterable[SessionEvent], /) -> Mapping[str, tuple[str, str, object, bytes]]:
        """Judge a batch."""

    def finish(self, until_us: int | None = None, /) -> Mapping[str, tuple[str, str, object, bytes]]:
        """Fire what is due by the end."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is reported, and with `cold` also what is judged at all; None: no limit. Instants are aware."""

    begin: datetime | None = None
    end: datetime | None = None
    user: str | None = None
    cold: bool = False

    def feeds(self, event: SessionEvent) -> bool:
        """Whether `event` is judged: nothing after the end; with `cold` nothing before the begin or of other users."""
        if self.end is not None and event.at > self.end:
            return False
        if not self.cold:
            return True
        if self.begin is not None and event.at < self.begin:
            return False
        return self.user is None or event.user == self.user or not event.user

    @property
    def is_open(self) -> bool:
        """Whether every event is judged."""
        return self.end is None and not self.cold


@dataclass(slots=True)
class Replayed:
    """What came out: alerts' JSON by id, events left out by the window, and whether it ran to the end."""

    alerts: dict[str, bytes] = field(default_factory=dict)
    outside: int = 0
    interrupted: bool = False


def replay(
    events: Iterable[SessionEvent],
    engine: ReplayEngine,
    window: Window,
    *,
    progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Replayed:
    """Judge `events`, sorted by time, and end at `window.end`, else at the newest event.

    `progress` is told how many events were judged; `stop` is asked after each batch, true ends the replay with what
    was found until then.
    """
    result = Replayed()
    collect_young = Young()
    with held_back():
        for batch in _batches(_within(events, window, result)):
            for alert_id, publication in engine.process(batch).items():
                result.alerts[alert_id] = publication[3]
            collect_young()
            if progress is not None:
                progress(len(batch))
            if stop is not None and stop():
                result.interrupted = True
                break
        end_us = None if window.end is None else to_us(window.end)
        for alert_id, publication in engine.finish(None if result.interrupted else end_us).items():
            result.alerts[alert_id] = publication[3]
    return result


def _within(events: Iterable[SessionEvent], window: Window, result: Replayed) -> Iterator[SessionEvent]:
    if window.is_open:
        yield from events
        return
    for event in events:
        if window.feeds(event):
            yield event
        else:
            result.outside += 1


def _batches(events: Iterator[SessionEvent]) -> Iterator[list[SessionEvent]]:
    while batch := list(itertools.islice(events, BATCH_EVENTS)):
        yield batch
