"""Honest people who look like trouble. Nothing here may raise an alert."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import msgspec

from hospital_world import spots
from hospital_world.log import DAY, WARM_UP_FROM, Log, Person, local
from hospital_world.staff import CHROME, PEOPLE, desk_day, evening, phone_evening, records

Trap = Callable[[Log, Person, date], None]

MINUTE = timedelta(minutes=1)


def commuter(log: Log, person: Person, day: date) -> None:
    """Mornings in Greenwich, afternoons in the clinic at Croydon, 13 km away."""
    desk_day(log, person, day, begin=8, end=12)
    desk_day(log, person, day, where=spots.CROYDON, begin=13, end=17)
    evening(log, person, day)


def roaming_phone(log: Log, person: Person, day: date) -> None:
    """On the road with a phone, whose carrier leaves its network now in London, now in Manchester."""
    desk_day(log, person, day, begin=8, end=10)
    for hour, where in ((11, spots.PHONE_LONDON), (12, spots.PHONE_MANCHESTER), (13, spots.PHONE_LONDON)):
        session = log.session(person, where, device=f"phone-{person.number:02d}")
        at = local(day, hour, 57 if hour == 11 else 3)
        session.login(at)
        other = spots.PHONE_MANCHESTER if where is spots.PHONE_LONDON else spots.PHONE_LONDON
        session.add(at + 2 * MINUTE, "activity", action="open_case", app="cases", resource=f"case/{hour}", spot=other)
        session.expire(at + 33 * MINUTE)


def tunnel(log: Log, person: Person, day: date) -> None:
    """Signs in from home, then through the office VPN, which comes out in Frankfurt a few minutes later."""
    session = log.session(person, spots.home(person.number), device=f"laptop-{person.number:02d}")
    at = local(day, 8, person.dice(day, "tunnel").randrange(20))
    session.login(at)
    session.end(at + 3 * MINUTE)
    inside = log.session(person, spots.TUNNEL_FRANKFURT, device=f"laptop-{person.number:02d}")
    inside.login(at + 4 * MINUTE)
    records(inside, at + 4 * MINUTE, at + 500 * MINUTE, "tunnel", 8)
    inside.end(at + 505 * MINUTE)


def traveller(log: Log, person: Person, day: date) -> None:
    """Two congresses in Copenhagen, 950 km away, each with a night between the sign-ins."""
    if day not in {date(2026, 3, 19), DAY}:
        desk_day(log, person, day)
        evening(log, person, day)
        return
    session = log.session(person, spots.HOTEL_COPENHAGEN, device=f"laptop-{person.number:02d}")
    session.login(local(day, 9, 20))
    records(session, local(day, 9, 20), local(day, 11), "congress", 4)
    session.end(local(day, 11, 5))


def new_browser(log: Log, person: Person, day: date) -> None:
    """No device id, only a browser, and that has updated itself over night, twice in the fortnight."""
    version = 134 if day < date(2026, 3, 24) else 135 if day < DAY else 136
    session = log.session(person, spots.GREENWICH, device="", agent=CHROME.format(version))
    session.login(local(day, 8, 12))
    records(session, local(day, 8, 12), local(day, 16, 50), "browser", 8)
    session.end(local(day, 16, 55))


def month_end(log: Log, person: Person, day: date) -> None:
    """The records clerk exports hundreds of records twice a day, and more at the month's end."""
    dice = person.dice(day, "clerk")
    session = log.session(person, spots.GREENWICH)
    session.login(local(day, 8, dice.randrange(20)))
    for hour in (10, 14):
        batches = 14 if day == DAY else dice.randrange(9, 13)
        for batch in range(batches):
            session.export(local(day, hour, 2 * batch, 30), dice.randrange(35, 46), 1 + 50 * dice.randrange(400))
    session.end(local(day, 17, dice.randrange(20)))


def background(log: Log, person: Person, day: date) -> None:
    """Mail and calendar servers in two countries refresh the session while the person works in Greenwich."""
    session = log.session(person, spots.GREENWICH)
    session.login(local(day, 8, 3))
    for hour in range(8, 17):
        for minute, where in ((10, spots.BACKEND_ASHBURN), (11, spots.BACKEND_DUBLIN)):
            session.add(
                local(day, hour, minute),
                "refresh",
                action="token_refresh",
                interactive=False,
                spot=where,
                device="",
                user_agent="CalendarSync/4.2",
            )
        session.open_record(local(day, hour, 40), 700 + hour)
    session.end(local(day, 17, 5))


def duplicates(log: Log, person: Person, day: date) -> None:
    """Every event comes twice; of some, the first copy lacks what was filled in later."""
    session = log.session(person, spots.GREENWICH)
    for minute in range(0, 480, 40):
        at = local(day, 8, minute)
        event = session.login(at) if minute == 0 else session.open_record(at, 100 + minute)
        if minute % 80 == 0:
            fuller = msgspec.structs.replace(event, attributes={"risk": "none"})
            log.again(fuller, later=40 * timedelta(seconds=1))
        else:
            log.again(event, later=timedelta(seconds=1))
    session.end(local(day, 16, 30))


def late_order(log: Log, person: Person, day: date) -> None:
    """A slow collector: the session's first events reach the log after the ones that follow them."""
    session = log.session(person, spots.GREENWICH)
    at = local(day, 8, 9)
    session.login(at, lag=timedelta(seconds=95))
    session.open_record(at + timedelta(seconds=40), 11, lag=timedelta(seconds=70))
    session.open_record(at + timedelta(seconds=60), 12)
    records(session, at + 5 * MINUTE, at + 480 * MINUTE, "late", 7)
    session.end(at + 490 * MINUTE)
    phone_evening(log, person, day)


def no_place(log: Log, person: Person, day: date) -> None:
    """Works inside, where addresses are private and say nothing of where; goes home and signs in from there."""
    session = log.session(person, spots.ward(60))
    session.login(local(day, 8, 15))
    records(session, local(day, 8, 15), local(day, 16), "inside", 8)
    session.end(local(day, 16, 10))
    at_home = log.session(person, spots.home(person.number), device=f"laptop-{person.number:02d}")
    at_home.login(local(day, 16, 50))
    at_home.end(local(day, 17, 30))


def meridian(log: Log, person: Person, day: date) -> None:
    """Always at longitude 0: a place like any other, and never far from itself."""
    desk_day(log, person, day, begin=7, end=15)


def privacy_address(log: Log, person: Person, day: date) -> None:
    """At home every device takes a new IPv6 address each day; the network stays the same."""
    desk_day(log, person, day)
    since = (day - WARM_UP_FROM).days
    session = log.session(
        person, spots.home_v6(person.number, 0xA000 + 977 * since), device=f"laptop-{person.number:02d}"
    )
    session.login(local(day, 20, 5))
    records(session, local(day, 20, 5), local(day, 21), "privacy", 3)
    session.end(local(day, 21, 10))


TRAPS: dict[str, Trap] = {
    "maya.singh": commuter,
    "noah.clarke": roaming_phone,
    "sam.becker": tunnel,
    "kim.larsen": traveller,
    "lena.fischer": new_browser,
    "tara.owens": month_end,
    "uma.rao": background,
    "vera.holm": duplicates,
    "will.cooper": late_order,
    "xena.pappas": no_place,
    "yusuf.demir": meridian,
    "adam.frost": privacy_address,
}
"""A person of this list has these days in place of ordinary ones."""

SHARED_WORKSTATION = "Shares two ward workstations with three other nurses, eight short turns a day."
NIGHT_SHIFT = "Works nights; every session begins in the evening and ends the next morning."


def told() -> list[dict[str, str]]:
    """The traps in words: who, and what looks like trouble but is none."""
    stories = {name: (trap.__doc__ or "").strip() for name, trap in TRAPS.items()}
    stories |= dict.fromkeys(("olga.novak", "piotr.zielinski", "quinn.murphy", "rosa.silva"), SHARED_WORKSTATION)
    stories["zoe.baker"] = NIGHT_SHIFT
    return [{"user": PEOPLE[name].user, "story": story} for name, story in sorted(stories.items())]
