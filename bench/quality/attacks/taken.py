"""Accounts and sessions in a second pair of hands: new places and devices, copied cookies, two people at once."""

from __future__ import annotations

from datetime import timedelta

from bench.quality import places
from bench.quality.attacks.scene import (
    ABROAD,
    BUCHAREST,
    FAR,
    LAGOS,
    LINUX,
    MADRID,
    MANILA,
    NAIROBI,
    PROXIES,
    RENTED,
    SAO_PAULO,
    SCRIPT,
    SEOUL,
    TORONTO,
    WARSAW,
    WINDOWS,
    Attack,
    Scene,
    anybody,
    at,
    at_desk,
    at_home_often,
    later,
    office_worker,
)
from bench.quality.log import HOUR, MINUTE, SECOND
from bench.quality.ordinary import desk_session
from bench.quality.staff import EDGE, IPHONE


def new_country(scene: Scene) -> list[Attack]:
    """A day off, and a sign-in from a country where the person never was; slow enough for any airliner."""
    found = []
    for city, provider, agent, mfa, story in scene.rows(
        (
            (LAGOS, ABROAD, LINUX, False, "From Lagos, on a Linux machine."),
            (SAO_PAULO, ABROAD, WINDOWS, False, "From Sao Paulo, on Windows like many."),
            (BUCHAREST, RENTED, SCRIPT, False, "From a rented machine in Bucharest, a script."),
            (WARSAW, PROXIES, EDGE.format(133, 133), True, "From a home in Warsaw; the second factor was relayed."),
            (MADRID, ABROAD, IPHONE.format(3, 3), False, "From a phone in Madrid, where others go on holiday."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody, at_work=False)
        begin = at(day, 16, 10)
        session = scene.thief(person, scene.hostile(city, provider), agent)
        session.login(begin, mfa=mfa, auth_method="password")
        session.open_record(later(begin, minutes=3), 41)
        found.append(scene.attack("new_country", story, person, begin, later(begin, minutes=3)))
    return found


def new_device(scene: Scene) -> list[Attack]:
    """The password on a machine and at a network that were never this person's, in the person's own country."""
    found = []
    for city, provider, agent, named, story in scene.rows(
        (
            (places.ROTTERDAM, RENTED, LINUX, True, "A rented machine in the same country."),
            (places.UTRECHT, PROXIES, WINDOWS, True, "A home in the same city, on Windows."),
            (places.EINDHOVEN, places.CABLE, WINDOWS, True, "A home at another customer of a usual provider's rival."),
            (places.AMSTERDAM, places.TUNNEL, LINUX, True, "Behind a commercial VPN, on Linux."),
            (places.AMSTERDAM, RENTED, SCRIPT, False, "A script without a device id on a rented machine."),
            (places.UTRECHT, places.CAFES, LINUX, True, "The café next to the house, on Linux."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, at_desk)
        begin = at(day, 19, 42)
        session = scene.thief(person, scene.hostile(city, provider), agent, None if named else "")
        session.login(begin, auth_method="password")
        session.open_record(later(begin, minutes=2), 51)
        found.append(scene.attack("new_device", story, person, begin, later(begin, minutes=2)))
    return found


def hijack(scene: Scene) -> list[Attack]:
    """A session that goes on elsewhere: its cookie or token was copied."""
    found = []
    for city, provider, agent, device, after_m, kind, story in scene.rows(
        (
            (BUCHAREST, RENTED, SCRIPT, "", 30, "activity", "A script on a rented machine, half an hour later."),
            (TORONTO, RENTED, LINUX, "", 3, "activity", "Firefox on Linux, three minutes later."),
            (places.ROTTERDAM, PROXIES, LINUX, "", 200, "activity", "From a home in the same country, hours later."),
            (LAGOS, ABROAD, WINDOWS, "desktop-h1j", 90, "export", "The first thing done is an export."),
            (places.AMSTERDAM, RENTED, "curl/8.5.0", "", 12, "activity", "curl, in the next city."),
            (places.UTRECHT, PROXIES, LINUX, "desktop-h2j", 45, "activity", "Around the corner, with a device id."),
            (SEOUL, RENTED, "Go-http-client/2.0", "", 400, "activity", "A program in Seoul, as the day ends."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, lambda one: at_desk(one) and "nameless_device" not in one.habits)
        session = desk_session(scene.log, person, day, person.house(day))
        start = at(day, 8, 12)
        session.login(start, auth_method="password")
        for n in range(3):
            session.open_record(start + (1 + n) * MINUTE, 60 + n)
        begin = start + after_m * MINUTE
        session.open_record(begin - MINUTE, 64)
        where = scene.hostile(city, provider)
        if kind == "export":
            session.export(begin, 40, spot=where, device=device, user_agent=agent)
        for n in range(3):
            session.open_record(begin + n * 40 * SECOND, 70 + n, spot=where, device=device, user_agent=agent)
        session.open_record(begin + 5 * MINUTE, 79)
        found.append(scene.attack("session_hijack", story, person, start, begin + 5 * MINUTE))
    return found


def role_hijack(scene: Scene) -> list[Attack]:
    """The keys of a machine's role, used elsewhere while the machine goes on with its work."""
    found = []
    for n, (city, provider, agent, story) in enumerate(
        scene.rows(
            (
                (BUCHAREST, RENTED, "aws-cli/2.15.30 Python/3.11.8", "By the command line on a rented machine."),
                (LAGOS, ABROAD, "Boto3/1.28.0 Python/3.10", "By a library on another continent."),
                (places.AMSTERDAM, PROXIES, "aws-sdk-go-v2/1.17.0 os/linux", "By a program in the same country."),
            )
        )
    ):
        begin = at(scene.day(), 11, 30)
        user = f"node-role-{n}"
        session = scene.log.session(
            user, "AssumedRole", places.cloud(240 + n), "", "aws-sdk-go/1.41.4 amazon-ssm-agent/"
        )
        session.id = f"role/i-0{n}bc"
        where = scene.hostile(city, provider)
        for minute in range(0, 60, 10):
            session.add(begin + minute * MINUTE, "activity", action="PutObject", source="cloud", interactive=False)
        for minute in (21, 22, 33):
            session.add(
                begin + minute * MINUTE,
                "activity",
                action="ListBuckets",
                source="cloud",
                interactive=False,
                spot=where,
                user_agent=agent,
            )
        subjects = frozenset({session.id, user})
        found.append(Attack("role_hijack", story, subjects, subjects, begin, later(begin, hours=1)))
    return found


def at_once(scene: Scene) -> list[Attack]:
    """A password that is sold: several sessions live at once, on several devices and networks."""
    found = []
    for others, every_m, story in scene.rows(
        (
            (4, 3, "Four buyers within a quarter of an hour."),
            (3, 5, "Three buyers within a quarter of an hour."),
            (2, 6, "Two buyers beside the person at the desk."),
            (2, 11, "Two buyers, eleven minutes apart, each on a phone."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, at_desk)
        begin = at(day, 11, 2)
        own = desk_session(scene.log, person, day, person.house(day))
        own.login(begin - 9 * MINUTE, auth_method="password")
        own.open_record(begin - MINUTE, 80)
        agent = IPHONE.format(3, 3) if "phone" in story else WINDOWS
        sessions = [scene.thief(person, scene.hostile(places.AMSTERDAM, PROXIES), agent) for _ in range(others)]
        for n, session in enumerate(sessions):
            session.spot = places.spot(session.spot.ip, places.AMSTERDAM, places.Provider(64610 + n, f"Home Net {n}"))
            session.login(begin + n * every_m * MINUTE, auth_method="password")
        for n, session in enumerate(sessions):
            session.open_record(begin + (others * every_m + n) * MINUTE, 81 + n)
        own.open_record(begin + others * every_m * MINUTE, 89)
        found.append(scene.attack("concurrent_sessions", story, person, begin, begin + (others * every_m + 9) * MINUTE))
    return found


def travel(scene: Scene) -> list[Attack]:
    """One person at two places too far apart; the thief comes second, or first, or his event comes late."""
    found = []
    for city, first, gap_m, at_house, story in scene.rows(
        (
            (SEOUL, False, 45, False, "At home, and 45 minutes later in Seoul."),
            (LAGOS, False, 180, False, "At home, and three hours later in Lagos."),
            (TORONTO, False, 300, True, "At work, and five hours later in Toronto."),
            (MADRID, False, 60, True, "At work, and an hour later in Madrid."),
            (BUCHAREST, False, 20, True, "At work, and twenty minutes later in Bucharest."),
            (MANILA, True, 40, False, "The thief in Manila first, the person at home 40 minutes later."),
            (NAIROBI, True, 240, False, "The thief in Nairobi first, the person at home four hours later."),
            (SAO_PAULO, True, 90, True, "The thief in Sao Paulo first, the person at work 90 minutes later."),
            (WARSAW, True, 30, True, "The thief in Warsaw first, the person at work half an hour later."),
            (places.BARCELONA, True, 55, False, "The thief in Barcelona first, on the same kind of browser."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, at_home_often if not at_house else office_worker)
        moment = at(day, 19, 15) if not at_house else at(day, 9, 40)
        device = person.laptop if not at_house else person.desk
        agent = person.agent(person.laptop_agent if not at_house else person.desk_agent, day)
        spot = person.house(day) if at_house else person.at_home(day)
        own = scene.log.session(person.user, person.role, spot, device, agent)
        same = "same kind" in story
        thief = scene.thief(person, scene.hostile(city, ABROAD), agent if same else LINUX)
        own_at, thief_at = (moment + gap_m * MINUTE, moment) if first else (moment, moment + gap_m * MINUTE)
        own.login(own_at, auth_method="password", mfa=not at_house)
        thief.login(thief_at, auth_method="password")
        own.open_record(own_at + 4 * MINUTE, 91)
        thief.open_record(thief_at + 3 * MINUTE, 92)
        end = max(own_at, thief_at) + 4 * MINUTE
        found.append(scene.attack("impossible_travel", story, person, moment, end))
    return found


def many_places(scene: Scene) -> list[Attack]:
    """One password in hands all over the world within a day."""
    found = []
    for cities, every_h, story in scene.rows(
        (
            ((BUCHAREST, MADRID, places.COPENHAGEN, places.ROME), 3.2, "Four cities of Europe within ten hours."),
            (FAR[:5], 4.0, "Five countries on four continents within a day."),
            ((TORONTO, LAGOS, WARSAW), 6.5, "Three countries, each step a possible flight."),
            ((WARSAW, places.LISBON, places.ROME, places.COPENHAGEN, MADRID), 4.2, "Five cities of Europe, unhurried."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody, at_work=False)
        begin = at(day, 2, 15)
        moment = begin
        for city in cities:
            session = scene.thief(person, scene.hostile(city, ABROAD))
            session.login(moment, auth_method="password")
            session.open_record(moment + 2 * MINUTE, 95)
            moment += timedelta(hours=every_h)
        found.append(scene.attack("many_places", story, person, begin, moment - every_h * HOUR + 2 * MINUTE))
    return found
