"""What was usual for a subject before an alert: by the alert's own evidence, and by the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import pydantic

from detectors.fingerprint import fingerprint
from models.alerts import Alert
from models.events import PlacedEvent
from models.instants import instant, to_us

VALUES_MAX: Final = 5
"""Values of one sort that a baseline tells, the most frequent first; it says how many more there are."""

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class UsualValue(pydantic.BaseModel):
    """One value, in how many events it was seen, and on how many days (UTC)."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    value: str
    events: int
    days: int


class Usual(pydantic.BaseModel):
    """What is usual of one sort: the most frequent values, and how many `more` there are."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    sort: str
    values: tuple[UsualValue, ...]
    more: int = 0


class Baseline(pydantic.BaseModel):
    """What was seen of the subject before the alert's first event: failures left out, since anybody can fail.

    `hours` are the hours of day, in UTC, in which it was seen, `weekdays` the days of the week; None and empty where
    nothing was.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    events: int
    days: int
    since: datetime | None
    usual: tuple[Usual, ...]
    hours: str = ""
    weekdays: str = ""


def _network(event: PlacedEvent) -> str:
    organisation = event.place.organisation if event.place is not None else ""
    return f"{event.network} ({organisation})" if event.network and organisation else event.network


_SORTS: Final[dict[str, Callable[[PlacedEvent], str]]] = {
    "countries": lambda event: event.place.country if event.place is not None else "",
    "places": lambda event: event.place.label if event.place is not None and event.place.located else "",
    "networks": _network,
    "devices": lambda event: event.device or fingerprint(event.user_agent).text,
}


def baseline(alert: Alert, events: Iterable[PlacedEvent]) -> Baseline:
    """What `events`, the subject's own, say of the time before the alert."""
    first_us = min((to_us(event.at) for event in alert.events), default=to_us(alert.first_at))
    before = [event for event in events if event.at_us < first_us and event.outcome != "failure"]
    days = {instant(event.at_us).date() for event in before}
    return Baseline(
        events=len(before),
        days=len(days),
        since=instant(before[0].at_us) if before else None,
        usual=tuple(usual for sort, value in _SORTS.items() if (usual := _usual(sort, before, value)).values),
        hours=_hours(before),
        weekdays=", ".join(DAYS[n] for n in sorted({day.weekday() for day in days})),
    )


def _usual(sort: str, events: Sequence[PlacedEvent], value_of: Callable[[PlacedEvent], str]) -> Usual:
    counts: Counter[str] = Counter()
    days: dict[str, set[int]] = {}
    for event in events:
        if value := value_of(event):
            counts[value] += 1
            days.setdefault(value, set()).add(instant(event.at_us).toordinal())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [UsualValue(value=value, events=n, days=len(days[value])) for value, n in ranked[:VALUES_MAX]]
    return Usual(sort=sort, values=tuple(told), more=len(ranked) - len(told))


def _hours(events: Sequence[PlacedEvent]) -> str:
    """The hours of day as spans: 06-08, 13-17; the end is the hour that is over.

    A night shift that goes on over midnight is two of them.
    """
    hours = sorted({instant(event.at_us).hour for event in events})
    spans: list[list[int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return ", ".join(f"{begin:02d}-{end:02d}" for begin, end in spans)
