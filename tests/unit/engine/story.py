"""Short stories for the engine: events by minute, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import EPOCH
from models.places import Place
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.ruleset.compiled import Ruleset

START = EPOCH + timedelta(days=20_000)
MILAN = Place(latitude=45.5, longitude=9.2, radius_km=20.0, country="IT", city="Milan", source="log")
NEW_YORK = Place(latitude=40.7, longitude=-74.0, radius_km=20.0, country="US", city="New York", source="log")
TOKYO = Place(latitude=35.7, longitude=139.7, radius_km=20.0, country="JP", city="Tokyo", source="log")


def event(name: str, minute: float, kind: str = "login", **fields: Any) -> SessionEvent:
    """An event of user ann, `minute` minutes into the story."""
    at = START + timedelta(minutes=minute)
    given: dict[str, Any] = {"user": "ann", "session": "s1", "device": "d1", "source": "fast", "place": MILAN}
    return SessionEvent(id=name, at=at, kind=kind, **{**given, **fields})


def rules(*compiled: Any) -> Ruleset:
    """A ruleset of these rules."""
    return Ruleset(rules=tuple(sorted(compiled, key=lambda rule: rule.id)), version="1")


def told(events: Iterable[SessionEvent], ruleset: Ruleset, until: float | None = None) -> list[dict[str, Any]]:
    """The alerts of the story in order, as JSON objects, by (first_at, id)."""
    return alerts_of(Engine(ruleset, Locator()), events, until)


def alerts_of(engine: Engine, events: Iterable[SessionEvent], until: float | None = None) -> list[dict[str, Any]]:
    """The alerts that `engine` ends with."""
    out = dict(engine.process(sorted(events, key=lambda e: e.at)))
    end_us = None if until is None else event("end", until).order[0]
    out.update(engine.finish(end_us))
    alerts = [json.loads(publication[3]) for publication in out.values()]
    return sorted(alerts, key=lambda alert: (alert["first_at"], alert["id"]))


def changes(notices: Iterable[NoticeRecord]) -> list[tuple[str, str, int]]:
    """(change, rule, count) of each notice."""
    seen = []
    for notice in notices:
        alert = json.loads(bytes(notice.alert))
        seen.append((notice.change, alert["rule"]["id"], alert["count"]))
    return seen
