"""sessionwatch's own events, one JSON object a line, as `sessionwatch convert` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from models.events import KINDS, SessionEvent
from streams.adapters.adapter import UNLIKE, Adapter, Dropped, Example, Likeness, Row

_LOGIN = {
    "id": "e1",
    "at": "2026-03-02T09:00:00Z",
    "kind": "login",
    "source": "okta",
    "user": "ann@clinic.example",
    "session": "s1",
    "outcome": "success",
    "ip": "192.0.2.7",
    "device": "d1",
    "attributes": {"account": "clinic"},
}
_REFRESH = {"id": "e2", "at": "2026-03-02T11:00:00+02:00", "kind": "refresh", "session": "s1", "interactive": False}


class Native(Adapter):
    """The wire form of `SessionEvent`, taken as it is: what is unknown to the schema makes a record bad.

    `source` stays what the event says, so a file may hold events of several feeds; without one it is `native`.
    """

    name = "native"
    title = "sessionwatch's own events"
    lateness = timedelta(minutes=2)
    record_type = SessionEvent
    signatures = (("id", "at", "kind"),)
    table: ClassVar[tuple[Row, ...]] = (
        Row("id", "id", "e1"),
        Row("at", "at", "2026-03-02T11:00:00+02:00", "2026-03-02T09:00:00+00:00", "in UTC"),
        Row("kind", "kind", "refresh"),
        Row("source", "source", "okta"),
        Row("user", "user", "ann@clinic.example"),
        Row("session", "session", "s1"),
        Row("outcome", "outcome", "success"),
        Row("ip", "ip", "192.0.2.7"),
        Row("device", "device", "d1"),
        Row("interactive", "interactive", False, "False"),
        Row("attributes.account", "attributes.account", "clinic"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("a login", _LOGIN, ({"id": "e1", "kind": "login", "user": "ann@clinic.example", "source": "okta"},)),
        Example("a silent refresh", _REFRESH, ({"id": "e2", "kind": "refresh", "interactive": False},)),
    )

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """The event itself."""
        return (record,)

    def recognise(self, record: Mapping[str, Any]) -> Likeness:
        """Besides the fields, `kind` must be one of ours: `kind` alone is in many formats."""
        alike = super().recognise(record)
        return alike if record.get("kind") in KINDS else UNLIKE
