"""The log of the month: sessions that write their events, and a collector that delays, doubles and loses fields."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from bench.quality.places import Spot
from models.events import EventKind, SessionEvent

TENANT = "sint-elders"
MONTH_FROM = date(2026, 3, 9)
DAYS = 30
"""From a Monday over the change to summer time in Europe (29 March), the end of a quarter, and Easter (5 April), when
clocks in Sydney go back."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

DOUBLED_SHARE = 0.012
"""Events that the collector delivers twice."""
NO_DEVICE_SHARE, NO_ADDRESS_SHARE = 0.01, 0.006
"""Events whose device, and whose address, the source did not write."""
LAG_MAX_S = 100
"""How late an event may reach the collector, in seconds; most do within three."""


def clock(zone: ZoneInfo, day: date, hour: int, minute: float = 0) -> datetime:
    """The instant, in UTC, when clocks of `zone` show this time; an hour of 24 or more is the next morning."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour, minutes=minute)
    return wall.astimezone(UTC)


@dataclass
class Log:
    """All events so far, in the order of writing."""

    seed: str
    events: list[SessionEvent] = field(default_factory=list)
    sessions: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def dice(self, *what: object) -> random.Random:
        """A chance of its own for each matter: changing one habit changes nobody else's events."""
        return random.Random(" ".join((self.seed, *map(str, what))))

    def session(self, user: str, role: str, spot: Spot, device: str, agent: str) -> Session:
        """A new session."""
        self.sessions += 1
        return Session(self, user, role, spot, device, agent, f"s-{self.sessions:06d}")

    def add(self, at: datetime, kind: EventKind, spot: Spot, **fields: Any) -> SessionEvent:
        """Write one event."""
        event = SessionEvent(
            id=f"e-{next(self.numbers):07d}",
            at=at,
            kind=kind,
            tenant=TENANT,
            ip=spot.ip,
            place=spot.place,
            **fields,
        )
        self.events.append(event)
        return event

    def arrivals(self) -> list[SessionEvent]:
        """The events as a collector delivers them: some late, some twice, some without a field, in that order."""
        dice = self.dice("collector")
        arrived: list[tuple[float, int, SessionEvent]] = []
        for number, event in enumerate(self.events):
            lag_s = dice.random() * 3 if dice.random() < 0.99 else dice.random() * LAG_MAX_S
            kept = event
            if event.interactive and dice.random() < NO_DEVICE_SHARE:
                kept = msgspec.structs.replace(event, device="", user_agent="")
            elif event.interactive and dice.random() < NO_ADDRESS_SHARE:
                kept = msgspec.structs.replace(event, ip="", place=None)
            since = event.at.timestamp()
            arrived.append((since + lag_s, number, kept))
            if dice.random() < DOUBLED_SHARE:
                arrived.append((since + lag_s + dice.random() * 60, number, kept))
        arrived.sort(key=lambda one: one[:2])
        return [event for _, _, event in arrived]


@dataclass
class Session:
    """One session: writes its events, with what it knows filled in."""

    log: Log
    user: str
    role: str
    spot: Spot
    device: str
    agent: str
    id: str

    def add(self, at: datetime, kind: EventKind, *, spot: Spot | None = None, **fields: Any) -> SessionEvent:
        """Write one event of this session."""
        said = {
            "source": "identity",
            "user": self.user,
            "role": self.role,
            "session": self.id,
            "device": self.device,
            "user_agent": self.agent,
            "outcome": "success",
        }
        return self.log.add(at, kind, spot or self.spot, **(said | fields))

    def login(self, at: datetime, *, mfa: bool = False, **fields: Any) -> SessionEvent:
        """Sign in."""
        method = "password+push" if mfa else "badge"
        return self.add(at, "login", action="sign_in", mfa=mfa, **({"auth_method": method} | fields))

    def mistyped(self, at: datetime, reason: str = "invalid_password", **fields: Any) -> SessionEvent:
        """A sign-in that failed; it makes no session."""
        return self.add(
            at, "login_failed", action="sign_in", session="", outcome="failure", reason=reason, mfa=None, **fields
        )

    def push(self, at: datetime, phone: str, answer: str, *, after_s: float = 9) -> datetime:
        """A push to `phone` and its answer: `approved`, `denied` or `no_response`; returns when that was."""
        self.add(at, "mfa_challenge", action="push_sent", outcome="unknown", auth_method="push", device=phone)
        answered = at + timedelta(seconds=after_s)
        ok = answer == "approved"
        self.add(
            answered,
            "mfa_result",
            action="push",
            outcome="success" if ok else "failure",
            auth_method="push",
            device=phone,
            reason="" if ok else answer,
            mfa=ok,
        )
        return answered

    def open_record(self, at: datetime, record: int, **fields: Any) -> SessionEvent:
        """Look at one patient's record."""
        return self.add(
            at,
            "activity",
            **({"source": "ehr", "action": "open_record", "app": "ehr", "resource": f"record/{record:06d}"} | fields),
        )

    def export(self, at: datetime, records: int, *, kilobytes_each: int = 24, **fields: Any) -> SessionEvent:
        """Export records."""
        said = {"source": "ehr", "app": "ehr", "action": "export_records", "resource": f"extract/{at:%Y%m%d%H%M}"}
        return self.add(at, "export", count=records, bytes=records * kilobytes_each * 1000, **(said | fields))

    def refresh(self, at: datetime, **fields: Any) -> SessionEvent:
        """The session is renewed, without its person."""
        return self.add(at, "refresh", action="token_refresh", interactive=False, **fields)

    def end(self, at: datetime) -> SessionEvent:
        """Sign out."""
        return self.add(at, "logout", action="sign_out")

    def expire(self, at: datetime) -> SessionEvent:
        """End for want of activity."""
        return self.add(at, "timeout", action="idle", interactive=False)


def spread(dice: random.Random, begin: datetime, end: datetime, many: int) -> list[datetime]:
    """`many` instants between two, in order."""
    seconds = (end - begin).total_seconds()
    return sorted(begin + timedelta(seconds=dice.random() * seconds) for _ in range(many))


def month() -> list[date]:
    """The days of the month."""
    return [MONTH_FROM + timedelta(days=n) for n in range(DAYS)]
