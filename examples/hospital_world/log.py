"""The log that the example writes: events as they would arrive at a collector, with its delays and its faults."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from hospital_world.spots import Spot
from models.events import EventKind, SessionEvent

TENANT = "thames-hospitals"
WARM_UP_FROM = date(2026, 3, 16)
DAY = date(2026, 3, 31)
SUMMER_TIME_FROM = date(2026, 3, 29)


def local(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """The instant when clocks in London show this time; an hour of 24 or more is the next morning."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second)
    return at - timedelta(hours=1) if day >= SUMMER_TIME_FROM else at


@dataclass(frozen=True)
class Person:
    """Somebody on the staff, with the workstation and browser that the person always uses."""

    name: str
    role: str
    number: int
    device: str
    agent: str

    @property
    def user(self) -> str:
        """The canonical user key."""
        return f"{self.name}@thames.example"

    def dice(self, day: date, what: str = "") -> random.Random:
        """This person's chance on that day: changing one person's habits changes nobody else's events."""
        return random.Random(f"{self.name} {day} {what}")


@dataclass
class Arrival:
    """One line of the log and when it reached the collector."""

    at: datetime
    received_at: datetime
    line: bytes


@dataclass
class Session:
    """One session of one person: adds its events to the log."""

    log: Log
    person: Person
    spot: Spot
    id: str
    device: str
    agent: str

    def add(self, at: datetime, kind: EventKind, *, spot: Spot | None = None, **fields: Any) -> SessionEvent:
        """Write one event; what the session knows is filled in."""
        fields.setdefault("device", self.device)
        fields.setdefault("user_agent", self.agent)
        fields.setdefault("outcome", "success")
        return self.log.add(self.person, at, kind, spot or self.spot, session=self.id, **fields)

    def login(self, at: datetime, **fields: Any) -> SessionEvent:
        """Sign in, with a second factor unless told otherwise."""
        fields.setdefault("mfa", True)
        return self.add(at, "login", action="sign_in", auth_method="password+totp", **fields)

    def open_record(self, at: datetime, record: int, **fields: Any) -> SessionEvent:
        """Look at one patient record."""
        return self.add(at, "activity", action="open_record", app="ehr", resource=f"record/{record:05d}", **fields)

    def export(self, at: datetime, records: int, first: int, **fields: Any) -> SessionEvent:
        """Export some records, about 24 kB each."""
        fields.setdefault("action", "export_records")
        return self.add(
            at, "export", app="ehr", resource=f"records/{first:05d}", count=records, bytes=records * 24_000, **fields
        )

    def end(self, at: datetime) -> SessionEvent:
        """Sign out."""
        return self.add(at, "logout", action="sign_out")

    def expire(self, at: datetime) -> SessionEvent:
        """End for want of activity."""
        return self.add(at, "timeout", action="idle", interactive=False)


@dataclass
class Log:
    """All lines so far."""

    arrivals: list[Arrival] = field(default_factory=list)
    events: int = 0
    sessions: int = 0

    def session(self, person: Person, spot: Spot, *, device: str | None = None, agent: str | None = None) -> Session:
        """A new session; on the person's own workstation and browser unless told otherwise."""
        self.sessions += 1
        return Session(
            log=self,
            person=person,
            spot=spot,
            id=f"s-{self.sessions:05d}",
            device=person.device if device is None else device,
            agent=person.agent if agent is None else agent,
        )

    def add(self, person: Person, at: datetime, kind: EventKind, spot: Spot, **fields: Any) -> SessionEvent:
        """Write one event, received a moment later; `lag` says how much later."""
        self.events += 1
        lag: timedelta = fields.pop("lag", timedelta(milliseconds=200 + self.events * 37 % 2_600))
        event = SessionEvent(
            id=f"e-{self.events:06d}",
            at=at,
            received_at=at + lag,
            kind=kind,
            source=fields.get("app", "identity"),
            tenant=TENANT,
            user=fields.pop("user", person.user),
            role=person.role,
            ip=spot.ip,
            place=spot.place,
            **fields,
        )
        self.again(event)
        return event

    def again(self, event: SessionEvent, *, later: timedelta = timedelta()) -> None:
        """Write `event`, or write it once more: collectors do."""
        received_at = event.received_at or event.at
        self.arrivals.append(Arrival(event.at, received_at + later, msgspec.json.encode(event)))

    def broken(self, at: datetime, text: bytes) -> None:
        """Write a line that is no event."""
        self.arrivals.append(Arrival(at, at, text))

    def lines(self, since: datetime, until: datetime) -> list[bytes]:
        """The lines of events of that time, in the order in which they arrived."""
        chosen = [arrival for arrival in self.arrivals if since <= arrival.at < until]
        return [arrival.line for arrival in sorted(chosen, key=lambda arrival: (arrival.received_at, arrival.line))]
