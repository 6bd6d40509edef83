"""Alerts made by hand, for tests of what is told of them."""

from __future__ import annotations

from typing import Any

from models.alerts import Alert

TEMPLATE: dict[str, Any] = {
    "id": "b138aeb7f409076f5256d905d6e34f38",
    "at": "2026-03-31T07:01:00Z",
    "severity": "high",
    "rule": {"id": "impossible_travel", "version": "1", "title": "Too far apart", "maps_to": {}},
    "tenant": "t",
    "subject": {"by": "user", "value": "ann"},
    "user": "ann",
    "session": "s2",
    "detector": "impossible_travel",
    "key": "A - B",
    "count": 1,
    "first_at": "2026-03-31T07:01:00Z",
    "last_at": "2026-03-31T07:01:00Z",
    "events": [{"id": "e1", "at": "2026-03-31T07:01:00Z", "kind": "login", "ip": "192.0.2.1"}],
    "evidence": {},
    "candidates": [],
    "geo_build": "",
    "engine": "sessionwatch",
    "summary": "ann signed in.",
}


def alert(**said: Any) -> Alert:
    """An alert like the template, with this said otherwise."""
    return Alert.model_validate({**TEMPLATE, **said})
