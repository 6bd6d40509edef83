"""The events of one alert's subject, out of all events: what the rule saw of it, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from geo.locator import Locator
from models.alerts import Alert
from models.events import PlacedEvent, SessionEvent, account_of, fullness

SUBJECT_EVENTS_MAX: Final = 200_000
"""Events of one subject that are looked at; of a busier one the story is told from these, the earliest, and says so."""


@dataclass(slots=True)
class SubjectEvents:
    """A subject's events by time: as they were read, for judging again, and placed and without copies, for telling.

    `cut` tells whether there were more than are kept.
    """

    read: list[SessionEvent] = field(default_factory=list)
    placed: list[PlacedEvent] = field(default_factory=list)
    cut: bool = False


def subject_events(events: Iterable[SessionEvent], alert: Alert, locator: Locator) -> SubjectEvents:
    """What of `events`, sorted by time, is of the alert's subject, with what in its sessions names nobody."""
    belongs = _belongs(alert, locator)
    found = SubjectEvents()
    copies: dict[tuple[tuple[str, str, str], int], PlacedEvent] = {}
    for event in events:
        if not belongs(event):
            continue
        if len(found.read) >= SUBJECT_EVENTS_MAX:
            found.cut = True
            break
        found.read.append(event)
        placed = locator.locate(event)
        key = (placed.identity, placed.at_us)
        if key not in copies or fullness(placed) > fullness(copies[key]):
            copies[key] = placed
    found.placed = sorted(copies.values(), key=lambda event: event.order)
    return found


def _belongs(alert: Alert, locator: Locator) -> Callable[[SessionEvent], bool]:
    by, value, tenant = alert.subject.by, alert.subject.value, alert.tenant
    sessions: set[str] = set()

    def of_user(event: SessionEvent) -> bool:
        if event.tenant != tenant:
            return False
        if event.user == value:
            sessions.add(event.session)
            return True
        if event.user:
            sessions.discard(event.session)
            return False
        return bool(event.session) and event.session in sessions

    def of_account(event: SessionEvent) -> bool:
        of_theirs = of_user(event)
        account = account_of(event)
        return event.tenant == tenant and account == value if account else of_theirs

    chosen: dict[str, Callable[[SessionEvent], bool]] = {
        "user": of_user,
        "account": of_account,
        "session": lambda event: event.tenant == tenant and event.session == value,
        "device": lambda event: event.tenant == tenant and event.device == value,
        "ip": lambda event: event.tenant == tenant and bool(event.ip) and locator.locate(event).network == value,
        "tenant": lambda event: event.tenant == tenant,
    }
    return chosen[by]
