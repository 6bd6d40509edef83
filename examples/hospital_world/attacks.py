"""What is staged on the day itself. Each attack tells when it happens, and which rule must say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hospital_world import spots
from hospital_world.log import DAY, Log, Session, local
from hospital_world.spots import Spot
from hospital_world.staff import FIREFOX, PEOPLE, PHONE, read_secret

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SCRIPT = "python-requests/2.32.3"


@dataclass(frozen=True)
class Staged:
    """One attack: between `begin` and `end` the rule `rule` must raise an alert on `name`.

    `session` is the thief's session where the attack has one, `honest` the session of the person robbed.
    """

    name: str
    rule: str
    begin: datetime
    end: datetime
    story: str
    session: str = ""
    honest: str = ""

    def public(self) -> dict[str, Any]:
        """As it stands in `staged.json`."""
        said = {
            "user": PEOPLE[self.name].user,
            "rule": self.rule,
            "from": f"{self.begin:%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{self.end:%Y-%m-%dT%H:%M:%SZ}",
            "story": self.story,
        }
        if self.session:
            said["session"] = self.session
        if self.honest:
            said["honest_session"] = self.honest
        return said


def at_desk(log: Log, name: str, hour: int, minute: int) -> Session:
    """The person's own session of the day, begun at the workstation in Greenwich."""
    session = log.session(PEOPLE[name], spots.GREENWICH)
    session.login(local(DAY, hour, minute))
    return session


def stranger(log: Log, name: str, where: Spot, *, device: str = "", agent: str = FIREFOX) -> Session:
    """A session under that name which is not that person's."""
    return log.session(PEOPLE[name], where, device=device, agent=agent)


def honest_first(log: Log) -> Staged:
    """The physician is at work; her password signs in from Auckland."""
    own = at_desk(log, "amara.okafor", 8, 2)
    own.open_record(local(DAY, 8, 20), 401)
    thief = stranger(log, "amara.okafor", spots.AUCKLAND, device="desktop-9x1")
    thief.login(local(DAY, 8, 47), mfa=False)
    thief.open_record(local(DAY, 8, 49), 7_001)
    own.open_record(local(DAY, 9, 30), 402)
    own.end(local(DAY, 17, 3))
    return Staged(
        "amara.okafor",
        "impossible_travel",
        local(DAY, 8, 47),
        local(DAY, 8, 49),
        "At work in Greenwich; 45 minutes later the password signs in from Auckland. The later session is the thief's.",
        thief.id,
        own.id,
    )


def thief_first(log: Log) -> Staged:
    """The stolen cookie is used in Edinburgh before its owner comes to work."""
    thief = stranger(log, "ben.hale", spots.EDINBURGH, agent=PEOPLE["ben.hale"].agent)
    thief.login(local(DAY, 7, 40), mfa=False)
    thief.open_record(local(DAY, 7, 44), 7_101)
    own = at_desk(log, "ben.hale", 8, 1)
    own.open_record(local(DAY, 8, 30), 411)
    own.end(local(DAY, 17, 10))
    return Staged(
        "ben.hale",
        "impossible_travel",
        local(DAY, 7, 40),
        local(DAY, 8, 2),
        "The password signs in from Edinburgh; 21 minutes later its owner does, at work. The earlier session is the "
        "thief's.",
        thief.id,
        own.id,
    )


def hijack(log: Log) -> Staged:
    """Inside one session, address and device change: the cookie has been copied."""
    own = at_desk(log, "chloe.martin", 8, 10)
    for minute in (15, 31, 52):
        own.open_record(local(DAY, 10, minute), 420 + minute)
    for minute in (55, 56, 58):
        own.open_record(local(DAY, 10, minute), 7_200 + minute, spot=spots.AMSTERDAM, device="", user_agent=SCRIPT)
    own.open_record(local(DAY, 11, 20), 480)
    own.end(local(DAY, 17, 1))
    return Staged(
        "chloe.martin",
        "session_hijack",
        local(DAY, 10, 55),
        local(DAY, 10, 58),
        "A session begun in Greenwich goes on, under the same id, from a rented machine in Amsterdam with a script.",
        own.id,
    )


def night_export(log: Log) -> Staged:
    """A nurse who exports five records a day exports 1,800 at two in the morning."""
    session = log.session(PEOPLE["dev.patel"], spots.GREENWICH)
    session.login(local(DAY, 2, 4))
    for batch in range(60):
        session.export(local(DAY, 2, 6, 18 * batch), 30, 1 + 30 * batch)
    session.end(local(DAY, 2, 30))
    return Staged(
        "dev.patel",
        "mass_export",
        local(DAY, 2, 6),
        local(DAY, 2, 25),
        "1,800 records exported within 18 minutes at two in the morning; the usual is five a day.",
        session.id,
    )


def mfa_fatigue(log: Log) -> Staged:
    """Pushes, pushes, pushes, until one is approved."""
    thief = stranger(log, "elena.rossi", spots.ROOM_LONDON)
    begin = local(DAY, 22, 4)
    for push in range(24):
        at = begin + push * 80 * SECOND
        thief.add(at, "mfa_challenge", action="push_sent", outcome="unknown", auth_method="push")
        thief.add(
            at + 60 * SECOND, "mfa_result", action="push", outcome="failure", auth_method="push", reason="no_response"
        )
    approved = begin + 24 * 80 * SECOND
    thief.add(approved, "mfa_challenge", action="push_sent", outcome="unknown", auth_method="push")
    thief.add(approved + 9 * SECOND, "mfa_result", action="push", auth_method="push", mfa=True)
    thief.login(approved + 10 * SECOND)
    return Staged(
        "elena.rossi",
        "mfa_fatigue",
        begin,
        approved + 10 * SECOND,
        "24 pushes in half an hour go unanswered, the 25th is approved.",
        thief.id,
    )


def guessing(log: Log) -> tuple[Staged, Staged]:
    """Passwords tried from six countries within eight minutes."""
    begin = local(DAY, 13, 20)
    for attempt in range(48):
        thief = stranger(log, "farid.haddad", spots.GUESSERS[attempt % 6], agent=SCRIPT)
        thief.id = ""
        thief.add(
            begin + attempt * 10 * SECOND,
            "login_failed",
            action="sign_in",
            outcome="failure",
            reason="invalid_password",
        )
    end = begin + 8 * MINUTE
    story = "48 wrong passwords from six countries within eight minutes."
    return (
        Staged("farid.haddad", "brute_force", begin, end, story),
        Staged("farid.haddad", "brute_force_many_countries", begin, end, story),
    )


def abroad(log: Log) -> Staged:
    """The laptop of somebody on leave signs in from a country where its owner has never been."""
    laptop = stranger(log, "gwen.lloyd", spots.BUENOS_AIRES, device="ws-07", agent=PEOPLE["gwen.lloyd"].agent)
    laptop.login(local(DAY, 15, 33), mfa=False)
    laptop.open_record(local(DAY, 15, 36), 7_301)
    return Staged(
        "gwen.lloyd",
        "new_country",
        local(DAY, 15, 33),
        local(DAY, 15, 36),
        "Away for two days, then a sign-in from Buenos Aires: slow enough for a flight, but a country never seen.",
        laptop.id,
    )


def shared_password(log: Log) -> Staged:
    """A password sold to several people: each step could be a flight, and all of them together could not."""
    stops = ((5, 0, spots.ATHENS), (8, 12, spots.MADRID), (12, 0, spots.HELSINKI), (16, 24, spots.LISBON))
    for turn, (hour, minute, where) in enumerate(stops):
        session = stranger(log, "alice.moss", where, device=f"tablet-{turn}c7")
        session.login(local(DAY, hour, minute), mfa=False)
        session.open_record(local(DAY, hour, minute + 3), 7_500 + turn)
    return Staged(
        "alice.moss",
        "geo_velocity",
        local(DAY, 8, 12),
        local(DAY, 16, 24),
        "Athens, Madrid, Helsinki, Lisbon within half a day: each step could be a flight, the whole could not.",
    )


def at_once(log: Log) -> Staged:
    """One person at work, and within ten minutes three more sessions on three more networks and devices."""
    own = at_desk(log, "hugo.brandt", 8, 6)
    others = [
        stranger(log, "hugo.brandt", spots.ROOM_LONDON, device="desktop-4k2"),
        stranger(log, "hugo.brandt", spots.CAFE_LONDON, device="phone-7q8", agent=PHONE),
        stranger(log, "hugo.brandt", spots.RACK_LONDON, device="server-1b3"),
    ]
    own.open_record(local(DAY, 10, 58), 7_400)
    for turn, session in enumerate(others):
        session.login(local(DAY, 11, 2 + 4 * turn), mfa=False)
    for turn, session in enumerate(others, 1):
        session.open_record(local(DAY, 11, 15 + turn), 7_400 + turn)
    own.end(local(DAY, 17, 8))
    return Staged(
        "hugo.brandt",
        "concurrent_sessions",
        local(DAY, 11, 2),
        local(DAY, 11, 18),
        "Four sessions live at once, on four networks and four devices, all of them in London.",
        others[0].id,
        own.id,
    )


def secrets(log: Log) -> Staged:
    """An administrator who reads two secrets a day reads the whole vault."""
    own = at_desk(log, "ines.costa", 8, 4)
    for number in range(160):
        read_secret(own, local(DAY, 16, 11, 2 * number), number)
    own.end(local(DAY, 17, 6))
    return Staged(
        "ines.costa",
        "mass_read_secrets",
        local(DAY, 16, 11),
        local(DAY, 16, 17),
        "160 secrets read within six minutes; the usual is two a day.",
        own.id,
    )


SINGLE: tuple[Callable[[Log], Staged], ...] = (
    honest_first,
    thief_first,
    hijack,
    night_export,
    mfa_fatigue,
    abroad,
    shared_password,
    at_once,
    secrets,
)
INSTEAD_OF_THE_DAY = frozenset({"alice.moss", "amara.okafor", "ben.hale", "chloe.martin", "hugo.brandt", "ines.costa"})
"""Victims whose own day is written with the attack."""


def stage(log: Log) -> list[Staged]:
    """Write all attacks; returns them in order of time."""
    staged = [attack(log) for attack in SINGLE]
    staged += guessing(log)
    return sorted(staged, key=lambda attack: (attack.begin, attack.rule))
