"""Placed events as they travel again: as session events, with the place and the database's build in them."""

from __future__ import annotations

import msgspec

from models.events import PlacedEvent, SessionEvent
from models.instants import instant

_SAME = tuple(name for name in SessionEvent.__struct_fields__ if name not in {"at", "received_at"})


def unplaced(event: PlacedEvent) -> SessionEvent:
    """The session event of `event`: located again, it is the same placed event."""
    received = None if event.received_us is None else instant(event.received_us)
    said = {name: getattr(event, name) for name in _SAME}
    if event.place is not None and not event.place.build and event.place.source != "log":
        # It was said of the address by lists, and will be again.
        said["place"] = None
    return SessionEvent(at=instant(event.at_us), received_at=received, **said)


def encoded(event: SessionEvent) -> bytes:
    """A session event's bytes."""
    return msgspec.json.encode(event)
