"""Alerts and notices for the tests of what leaves for a SIEM."""

from __future__ import annotations

from typing import Any

from models.alerts import Alert, Notice


def alert(**changes: Any) -> Alert:
    """One alert of two events, from two addresses."""
    told: dict[str, Any] = {
        "id": "a1",
        "at": "2026-03-31T07:01:00.123456Z",
        "severity": "high",
        "rule": {"id": "r1", "version": "v1", "title": "Too far", "maps_to": {"attack": ["T1078", "T1550.004"]}},
        "tenant": "t1",
        "subject": {"by": "user", "value": "ann"},
        "user": "ann",
        "session": "s2",
        "detector": "impossible_travel",
        "key": "k",
        "count": 2,
        "first_at": "2026-03-31T07:01:00.123456Z",
        "last_at": "2026-03-31T08:01:00Z",
        "events": [
            {"id": "e1", "at": "2026-03-31T06:40:00Z", "session": "s1", "ip": "2001:DB8:0::1"},
            {"id": "e2", "at": "2026-03-31T07:01:00Z", "session": "s2", "ip": "192.0.2.1"},
        ],
        "evidence": {"km": 1},
        "candidates": [],
        "geo_build": "",
        "engine": "sessionwatch 0.1.0",
        "summary": "said",
    }
    return Alert.model_validate(told | changes)


def notice(change: str, revision: tuple[int, int] = (7, 0), **changes: Any) -> Notice:
    """A notice of that alert."""
    return Notice.model_validate({"change": change, "revision": revision, "alert": alert(), **changes})
