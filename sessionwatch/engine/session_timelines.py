"""Whose session it is when events come in disorder: a timeline of owners for each session.

An event that names only a session is given the user who was named in it last before that event, by event time. When a
late event changes who that was, the event moves from one user to the other. Behind the watermark nothing changes.
"""

from __future__ import annotations

import bisect
from typing import NamedTuple

import msgspec

from models.events import OrderKey, PlacedEvent, fullness
from models.instants import NEVER_US
from sessionwatch.engine.session_owners import SESSION_KEEP_US, SESSIONS_MAX


class Move(NamedTuple):
    """An event that turns out to belong to somebody else, or to somebody at last."""

    before: PlacedEvent
    after: PlacedEvent


class Timeline(msgspec.Struct, array_like=True):
    """One session: its owners in order, and its events that name no user and may still move, as they were fed."""

    owners: list[tuple[OrderKey, str, str]] = msgspec.field(default_factory=list)
    ownerless: list[PlacedEvent] = msgspec.field(default_factory=list)


class SessionTimelines:
    """The timelines of all sessions; bounded by the watermark and by `sessions_max`."""

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        """Remember at most `sessions_max` sessions; beyond it the one longest not seen is forgotten."""
        self.sessions_max = sessions_max
        self._timelines: dict[tuple[str, str], Timeline] = {}

    def place(self, event: PlacedEvent) -> tuple[PlacedEvent, list[Move]]:
        """`event` with its user where one is known, and the events that it gives to another user."""
        if not event.session:
            return event, []
        key = (event.tenant, event.session)
        timeline = self._timelines.pop(key, None) or Timeline()
        self._timelines[key] = timeline
        if len(self._timelines) > self.sessions_max:
            del self._timelines[next(iter(self._timelines))]
        if event.user:
            owner = (event.order, event.user, event.user_label)
            place = bisect.bisect_left(timeline.owners, owner)
            if timeline.owners[place : place + 1] != [owner]:
                timeline.owners.insert(place, owner)
            return event, self._moves(timeline)
        owned = _owned(timeline, event)
        copies = [
            i for i, one in enumerate(timeline.ownerless) if (one.identity, one.at_us) == (event.identity, event.at_us)
        ]
        if not copies:
            timeline.ownerless.append(owned)
        elif fullness(owned) > fullness(timeline.ownerless[copies[0]]):
            timeline.ownerless[copies[0]] = owned
        return owned, []

    def settle(self, watermark_us: int) -> int:
        """Forget what nothing can change any more; returns how many events stayed without an owner."""
        unresolved = 0
        gone = []
        for key, timeline in self._timelines.items():
            unresolved += sum(one.at_us <= watermark_us and not one.user for one in timeline.ownerless)
            timeline.ownerless = [one for one in timeline.ownerless if one.at_us > watermark_us]
            passed = bisect.bisect_right(timeline.owners, watermark_us, key=lambda owner: owner[0][0])
            del timeline.owners[: max(0, passed - 1)]
            newest_us = timeline.owners[-1][0][0] if timeline.owners else -NEVER_US
            if not timeline.ownerless and watermark_us - newest_us > SESSION_KEEP_US:
                gone.append(key)
        for key in gone:
            del self._timelines[key]
        return unresolved

    def snapshot(self) -> list[tuple[str, str, Timeline]]:
        """Every session, the one longest not seen first."""
        return [(*key, timeline) for key, timeline in self._timelines.items()]

    def restore(self, sessions: list[tuple[str, str, Timeline]]) -> None:
        """Go on from a snapshot."""
        self._timelines = {(tenant, session): timeline for tenant, session, timeline in sessions}

    @staticmethod
    def _moves(timeline: Timeline) -> list[Move]:
        moves = []
        for i, one in enumerate(timeline.ownerless):
            owned = _owned(timeline, one)
            if (owned.user, owned.user_label) != (one.user, one.user_label):
                moves.append(Move(one, owned))
                timeline.ownerless[i] = owned
        return moves


def _owned(timeline: Timeline, event: PlacedEvent) -> PlacedEvent:
    """`event` as its session's owner before it."""
    place = bisect.bisect_left(timeline.owners, event.order, key=lambda owner: owner[0])
    user, label = "", ""
    if place and event.at_us - timeline.owners[place - 1][0][0] <= SESSION_KEEP_US:
        _, user, label = timeline.owners[place - 1]
    return msgspec.structs.replace(event, user=user, user_label=label)
