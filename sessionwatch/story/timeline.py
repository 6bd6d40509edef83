"""What happened around an alert, in order, with those events marked that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import pydantic

from models.alerts import Alert, EventSeen
from models.events import EventRef, PlacedEvent
from models.instants import instant, to_us

BEFORE_MAX: Final = 8
"""Events told from before the alert's first."""
AFTER_MAX: Final = 8
"""Events told from after the alert's last."""
BETWEEN_MAX: Final = 40
"""Events told between them, those of the alert among them; of more, the first and the last, and how many between."""


class Step(pydantic.BaseModel):
    """One event of a timeline. `rests`: the alert rests on it. `skipped`: how many events before it are not told."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    at: datetime
    id: str
    kind: str = ""
    source: str = ""
    action: str = ""
    outcome: str = ""
    session: str = ""
    ip: str = ""
    device: str = ""
    place: str = ""
    count: int = 1
    bytes: int = 0
    rests: bool = False
    skipped: int = 0

    @property
    def what(self) -> str:
        """What happened, in a few words.

        >>> Step(at=datetime(2026, 3, 2), id="e", kind="login", action="sign_in", outcome="failure").what
        'login (sign_in), failure'
        """
        said = f"{self.kind.replace('_', ' ')}{f' ({self.action})' if self.action else ''}"
        return f"{said}, failure" if self.outcome == "failure" else said

    @property
    def moved(self) -> str:
        """How much it moved; empty for one object without a size.

        >>> Step(at=datetime(2026, 3, 2), id="e", count=30, bytes=720_000).moved
        '30 objects, 720,000 bytes'
        """
        objects = f"{self.count:,} objects" if self.count != 1 else ""
        size = f"{self.bytes:,} bytes" if self.bytes else ""
        return ", ".join(part for part in (objects, size) if part)


def timeline_of_alert(alert: Alert) -> list[Step]:
    """The alert's own events, where there is nothing else to tell from."""
    return [_step(event) for event in alert.events]


def timeline(alert: Alert, events: Sequence[PlacedEvent]) -> list[Step]:
    """The alert's events among those of its subject, and some from before and after."""
    resting = {(event.id, to_us(event.at)) for event in alert.events}
    first_us = min((at_us for _, at_us in resting), default=to_us(alert.first_at))
    last_us = max(to_us(alert.last_at), *(at_us for _, at_us in resting), first_us)
    before = [event for event in events if event.at_us < first_us]
    between = [event for event in events if first_us <= event.at_us <= last_us]
    after = [event for event in events if event.at_us > last_us][:AFTER_MAX]
    told = _steps(before[-BEFORE_MAX:], resting, len(before) - len(before[-BEFORE_MAX:]))
    if len(between) > BETWEEN_MAX:
        half = BETWEEN_MAX // 2
        told += _steps(between[:half], resting)
        told += _steps(between[-half:], resting, len(between) - 2 * half)
    else:
        told += _steps(between, resting)
    told += _steps(after, resting)
    missing = [_step(event) for event in alert.events if (event.id, event.at) not in {(one.id, one.at) for one in told}]
    return sorted([*told, *missing], key=lambda step: step.at)


def _steps(events: Iterable[PlacedEvent], resting: set[tuple[str, int]], skipped: int = 0) -> list[Step]:
    told = []
    for event in events:
        said = EventRef.of(event).public()
        said |= {"at": instant(event.at_us), "rests": (event.id, event.at_us) in resting, "skipped": skipped}
        told.append(Step(**said))
        skipped = 0
    return told


def _step(event: EventSeen) -> Step:
    return Step(**event.model_dump(), rests=True)
