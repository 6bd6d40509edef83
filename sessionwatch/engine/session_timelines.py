"""Whose session it is when events come in disorder: a timeline of owners for each session.

An event that names only a session is given the user who was named in it last before that event, by event time. When a
late event changes who that was, the event moves from one user to the other. Behind the watermark nothing changes.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from models.events import OrderKey, PlacedEvent, fullness
from models.instants import NEVER_US
from sessionwatch.engine.session_owners import SESSION_KEEP_US, SESSIONS_MAX

TIMELINE_MAX: Final = 256
"""Owners, and ownerless events, kept in the open for one session; beyond it the oldest stay as they are."""


class Move(NamedTuple):
    """An event that turns out to belong to somebody else, or to somebody at last."""

    before: PlacedEvent
    after: PlacedEvent


class Timeline(msgspec.Struct, array_like=True):
    """One session: its owners in order, and its events that name no user and may still move, as they were fed."""

    owners: list[tuple[OrderKey, str, str]] = msgspec.field(default_factory=list)
    ownerless: list[PlacedEvent] = msgspec.field(default_factory=list)
    due_us: int = NEVER_US


class TimelinesState(msgspec.Struct, array_like=True):
    """All timelines as plain data."""

    sessions: list[tuple[str, str, Timeline]]
    released: list[PlacedEvent]


class SessionTimelines:
    """The timelines of all sessions; bounded by the watermark and by `sessions_max`."""

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        """Remember at most `sessions_max` sessions; beyond it the one longest not seen is forgotten."""
        self.sessions_max = sessions_max
        self.touched: set[tuple[str, str]] = set()
        """Sessions that changed, or are gone, since whoever stores them last took this set."""
        self._timelines: dict[tuple[str, str], Timeline] = {}
        self._released: list[PlacedEvent] = []
        self._due: list[tuple[int, tuple[str, str]]] = []

    def place(self, event: PlacedEvent) -> tuple[PlacedEvent, list[Move]]:
        """`event` with its user where one is known, and the events that it gives to another user."""
        if not event.session:
            return event, []
        key = (event.tenant, event.session)
        timeline = self._timelines.pop(key, None) or Timeline()
        self._timelines[key] = timeline
        self.touched.add(key)
        if len(self._timelines) > self.sessions_max:
            oldest = next(iter(self._timelines))
            self._released += self._timelines.pop(oldest).ownerless
            self.touched.add(oldest)
        placed = self._placed(event, timeline)
        self._plan(key, timeline)
        return placed

    def _placed(self, event: PlacedEvent, timeline: Timeline) -> tuple[PlacedEvent, list[Move]]:
        if event.user:
            owner = (event.order, event.user, event.user_label)
            place = bisect.bisect_left(timeline.owners, owner)
            if timeline.owners[place : place + 1] == [owner]:
                return event, []
            timeline.owners.insert(place, owner)
            if len(timeline.owners) > TIMELINE_MAX:
                del timeline.owners[0]
            return event, _moves(timeline, event.order)
        self._wait(timeline, owned := _owned(timeline, event))
        return owned, []

    def _wait(self, timeline: Timeline, event: PlacedEvent) -> None:
        """Keep `event` in the open; of two copies the fuller one."""
        waiting = timeline.ownerless
        place = bisect.bisect_left(waiting, event.at_us, key=lambda one: one.at_us)
        while place < len(waiting) and waiting[place].at_us == event.at_us:
            if waiting[place].identity == event.identity:
                if fullness(event) > fullness(waiting[place]):
                    waiting[place] = event
                return
            place += 1
        bisect.insort(waiting, event, key=lambda one: one.order)
        if len(waiting) > TIMELINE_MAX:
            self._released.append(waiting.pop(0))

    def settle(self, watermark_us: int) -> list[PlacedEvent]:
        """The events that nothing can move any more, each as it is now; without a user where nobody was named."""
        released, self._released = self._released, []
        while self._due and self._due[0][0] <= watermark_us:
            due_us, key = heapq.heappop(self._due)
            timeline = self._timelines.get(key)
            if timeline is None or timeline.due_us != due_us:
                continue
            timeline.due_us = NEVER_US
            self.touched.add(key)
            passed = bisect.bisect_right(timeline.ownerless, watermark_us, key=lambda one: one.at_us)
            released += timeline.ownerless[:passed]
            del timeline.ownerless[:passed]
            passed = bisect.bisect_right(timeline.owners, watermark_us, key=lambda owner: owner[0][0])
            del timeline.owners[: max(0, passed - 1)]
            if self._expired(timeline, watermark_us):
                del self._timelines[key]
            else:
                self._plan(key, timeline)
        return released

    def _expired(self, timeline: Timeline, watermark_us: int) -> bool:
        newest_us = timeline.owners[-1][0][0] if timeline.owners else -NEVER_US
        return not timeline.ownerless and watermark_us - newest_us > SESSION_KEEP_US

    def _plan(self, key: tuple[str, str], timeline: Timeline) -> None:
        """Note when the watermark will next have something to do here; an earlier note is good enough."""
        due_us = timeline.owners[-1][0][0] + SESSION_KEEP_US + 1 if timeline.owners else NEVER_US
        if len(timeline.owners) > 1:
            due_us = min(due_us, timeline.owners[1][0][0])
        if timeline.ownerless:
            due_us = min(due_us, timeline.ownerless[0].at_us)
        if due_us < timeline.due_us:
            timeline.due_us = due_us
            heapq.heappush(self._due, (due_us, key))

    def timeline(self, key: tuple[str, str]) -> Timeline | None:
        """The timeline of one session, by (tenant, session), as it is stored."""
        return self._timelines.get(key)

    def take(self, timelines: Iterable[tuple[tuple[str, str], Timeline]]) -> None:
        """Go on with stored timelines, the one longest not seen first."""
        for key, timeline in timelines:
            self._timelines[key] = timeline
            timeline.due_us = NEVER_US
            self._plan(key, timeline)

    def snapshot(self) -> TimelinesState:
        """Every session, the one longest not seen first, and what was released since the watermark last moved."""
        return TimelinesState([(*key, timeline) for key, timeline in self._timelines.items()], self._released)

    def restore(self, state: TimelinesState) -> None:
        """Go on from a snapshot."""
        self._timelines, self._due = {}, []
        self.take(((tenant, session), timeline) for tenant, session, timeline in state.sessions)
        self._released = state.released


def _moves(timeline: Timeline, since: OrderKey) -> list[Move]:
    """What a new owner at `since` changes: the ownerless events from there to the next owner."""
    after = bisect.bisect_right(timeline.owners, since, key=lambda owner: owner[0])
    until = timeline.owners[after][0] if after < len(timeline.owners) else None
    place = bisect.bisect_left(timeline.ownerless, since, key=lambda one: one.order)
    moves = []
    while place < len(timeline.ownerless) and (until is None or timeline.ownerless[place].order < until):
        one = timeline.ownerless[place]
        owned = _owned(timeline, one)
        if (owned.user, owned.user_label) != (one.user, one.user_label):
            moves.append(Move(one, owned))
            timeline.ownerless[place] = owned
        place += 1
    return moves


def _owned(timeline: Timeline, event: PlacedEvent) -> PlacedEvent:
    """`event` as its session's owner before it; a copy of its own that names the user counts too."""
    place = bisect.bisect_right(timeline.owners, event.order, key=lambda owner: owner[0])
    user, label = "", ""
    if place and event.at_us - timeline.owners[place - 1][0][0] <= SESSION_KEEP_US:
        _, user, label = timeline.owners[place - 1]
    return msgspec.structs.replace(event, user=user, user_label=label)
