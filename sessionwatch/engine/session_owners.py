"""Whose session it is: events that name only a session (a kill, a refresh error) are given the user who opened it."""

from __future__ import annotations

from typing import Final

import msgspec

from models.events import PlacedEvent
from models.instants import DAY_US

SESSIONS_MAX: Final = 500_000
"""Sessions remembered; beyond it the one longest not seen is forgotten."""
SESSION_KEEP_US: Final = 30 * DAY_US
"""A session in which nobody was named for so long belongs to nobody any more."""


class SessionOwners:
    """Remembers who was seen in which session; in order of events, bounded, by event time."""

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        """Remember at most `sessions_max` sessions."""
        self.sessions_max = sessions_max
        self._owners: dict[tuple[str, str], tuple[str, str, int]] = {}

    def resolve(self, event: PlacedEvent) -> PlacedEvent | None:
        """`event` with its user; itself where it names one or no session; None where the session's user is unknown."""
        if not event.session:
            return event
        key = (event.tenant, event.session)
        owner = self._owners.pop(key, None)
        if event.user:
            if owner is None and len(self._owners) >= self.sessions_max:
                del self._owners[next(iter(self._owners))]
            self._owners[key] = (event.user, event.user_label, event.at_us)
            return event
        if owner is None or event.at_us - owner[2] > SESSION_KEEP_US:
            return None
        self._owners[key] = owner
        return msgspec.structs.replace(event, user=owner[0], user_label=owner[1])

    def snapshot(self) -> list[tuple[str, str, str, str, int]]:
        """Every session, the one longest not seen first: (tenant, session, user, label, last seen)."""
        return [(*session, *owner) for session, owner in self._owners.items()]

    def restore(self, sessions: list[tuple[str, str, str, str, int]]) -> None:
        """Go on from a snapshot."""
        self._owners = {(tenant, session): (user, label, at) for tenant, session, user, label, at in sessions}
