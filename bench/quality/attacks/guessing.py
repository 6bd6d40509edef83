"""Guessed passwords: many under one name, few under many names, leaked pairs, and a factor that is pushed through."""

from __future__ import annotations

from datetime import datetime, timedelta

from bench.quality.attacks.scene import (
    ABROAD,
    BUCHAREST,
    FAR,
    HIDDEN,
    LAGOS,
    PROXIES,
    RENTED,
    SCRIPT,
    TORONTO,
    WINDOWS,
    Attack,
    Scene,
    anybody,
    at,
    later,
)
from bench.quality.log import SECOND, TENANT, Session
from bench.quality.places import ROTTERDAM, UTRECHT, Spot
from bench.quality.staff import Person


def guesses(scene: Scene, person: Person, wheres: list[Spot], begin: datetime, many: int, every_s: float) -> datetime:
    """Wrong passwords under one name, in turn from each address; returns when the last one was."""
    moment = begin
    for n in range(many):
        session = scene.thief(person, wheres[n % len(wheres)], SCRIPT, "")
        moment = later(begin, seconds=n * every_s + scene.dice.random() * every_s / 4)
        session.mistyped(moment)
    return moment


def brute_force(scene: Scene) -> list[Attack]:
    """From a program that does hundreds a minute to one that tries every five minutes for ten hours."""
    found = []
    for many, every_s, addresses, hour, story in scene.rows(
        (
            (300, 2, 1, 13, "300 guesses in ten minutes from one address."),
            (60, 20, 12, 3, "60 guesses in twenty minutes from twelve addresses."),
            (40, 25, 1, 11, "40 guesses, one each 25 seconds."),
            (24, 22, 1, 15, "24 guesses in nine minutes: little over what people do."),
            (90, 60, 3, 20, "90 guesses, one a minute, after hours."),
            (120, 300, 6, 9, "120 guesses over ten hours, one each five minutes: low and slow."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody)
        wheres = [scene.hostile(BUCHAREST, RENTED) for _ in range(addresses)]
        begin = at(day, hour, 20)
        end = guesses(scene, person, wheres, begin, many, every_s)
        found.append(scene.attack("brute_force", story, person, begin, end))
    return found


def many_countries(scene: Scene) -> list[Attack]:
    """One name, guessed from all over the world: few guesses at each place."""
    found = []
    for many, every_s, countries, story in scene.rows(
        (
            (42, 12, 7, "42 guesses from seven countries within nine minutes."),
            (9, 100, 5, "9 guesses from five countries within a quarter of an hour."),
            (6, 200, 4, "6 guesses from four countries within twenty minutes."),
            (8, 900, 7, "8 guesses from seven countries, one each quarter of an hour: low and slow."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody)
        wheres = [scene.hostile(city, ABROAD) for city in FAR[:countries]]
        begin = at(day, 14, 7)
        end = guesses(scene, person, wheres, begin, many, every_s)
        found.append(scene.attack("failures_in_many_countries", story, person, begin, end))
    return found


def spray(scene: Scene) -> list[Attack]:
    """A few passwords under every name, from one address, an IPv6 network, or slowly."""
    found = []
    names = [one for one in scene.staff if one.cohort != "machine"]
    for many, every_s, story in scene.rows(
        (
            (min(160, len(names)), 5, "Many names from one address within minutes."),
            (40, 30, "40 names within twenty minutes."),
            (20, 75, "20 names within 25 minutes: a small round."),
            (30, 400, "30 names in more than three hours from one address: low and slow."),
            (36, 40, "36 names from one IPv6 network, a new address for each."),
        )
    ):
        day = scene.day()
        begin = at(day, 10, 3)
        where = scene.hostile(TORONTO, RENTED)
        chosen = scene.dice.sample(names, min(many, len(names)))
        v6 = "IPv6" in story
        for n, person in enumerate(chosen):
            address = Spot(f"2001:db8:bad:7::{0x5000 + n * 977:x}", where.place) if v6 else where
            scene.thief(person, address, SCRIPT, "").mistyped(begin + n * every_s * SECOND)
        subjects = frozenset({"2001:db8:bad:7::/64" if v6 else where.ip})
        touched = (
            subjects
            | {TENANT}
            | {one.user for one in chosen}
            | {f"2001:db8:bad:7::{0x5000 + n * 977:x}" for n in range(36)}
        )
        found.append(Attack("password_spray", story, subjects, touched, begin, begin + len(chosen) * every_s * SECOND))
    return found


def stuffing(scene: Scene) -> list[Attack]:
    """Leaked pairs of names and passwords: most are of people who left, a few still open a door."""
    found = []
    for many, every_s, opened, addresses, story in scene.rows(
        (
            (60, 6, 3, 1, "60 leaked pairs from one address, three of them good."),
            (25, 40, 1, 1, "25 leaked pairs within a quarter of an hour, one good."),
            (18, 80, 2, 1, "18 leaked pairs within half an hour, two good."),
            (48, 15, 2, 6, "48 leaked pairs over six machines of one hoster, two good."),
        )
    ):
        day = scene.day()
        begin = at(day, 4, 40)
        wheres = [scene.hostile(BUCHAREST, RENTED) for _ in range(addresses)]
        taken = [scene.victim(day, anybody) for _ in range(opened)]
        others = [f"left{n:03d}@elders.example" for n in range(many - opened)]
        for n, name in enumerate(others):
            session = scene.log.session(name, "", wheres[n % addresses], "", SCRIPT)
            session.mistyped(begin + n * every_s * SECOND, "no_such_user" if n % 3 else "invalid_password")
        end = begin + many * every_s * SECOND
        for n, person in enumerate(taken):
            scene.thief(person, wheres[n % addresses], SCRIPT, "").login(
                end - (60 - 7 * n) * SECOND, auth_method="password"
            )
        # Over several machines it is the organisation that is guessed at.
        whole = {TENANT} if addresses > 1 else set()
        subjects = frozenset({*(where.ip for where in wheres), *(person.user for person in taken), *whole})
        found.append(Attack("stuffing", story, subjects, subjects | set(others) | {TENANT}, begin, end))
    return found


def pushes(session: Session, phone: str, begin: datetime, many: int, every_s: float, answer: str) -> datetime:
    """One push after another, all answered alike; returns when the last one was."""
    moment = begin
    for n in range(many):
        moment = session.push(later(begin, seconds=n * every_s), phone, answer, after_s=min(45, every_s - 2))
    return moment


def fatigue(scene: Scene) -> list[Attack]:
    """Pushes that nobody approves."""
    found = []
    for many, every_s, answer, story in scene.rows(
        (
            (40, 60, "no_response", "40 pushes within forty minutes, none answered."),
            (14, 90, "no_response", "14 pushes within twenty minutes, none answered."),
            (10, 50, "denied", "10 pushes denied within eight minutes."),
            (12, 140, "denied", "12 pushes denied within half an hour."),
            (24, 300, "no_response", "24 pushes, one each five minutes for two hours: low and slow."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody)
        begin = at(day, 21, 12)
        session = scene.thief(person, scene.hostile(LAGOS, ABROAD), WINDOWS)
        end = pushes(session, person.now(person.phone, day), begin, many, every_s, answer)
        found.append(scene.attack("mfa_fatigue", story, person, begin, end))
    return found


def fatigue_approved(scene: Scene) -> list[Attack]:
    """Pushes until one is approved, and then a session."""
    found = []
    for many, every_s, answer, story in scene.rows(
        (
            (25, 60, "no_response", "25 pushes unanswered, the next one approved."),
            (9, 40, "denied", "9 pushes denied, the tenth approved."),
            (6, 90, "denied", "6 pushes denied within nine minutes, the next approved."),
            (5, 60, "denied", "5 pushes denied within five minutes, the sixth approved."),
            (8, 240, "no_response", "8 pushes unanswered over half an hour, the next one approved."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody)
        begin = at(day, 23, 2)
        phone = person.now(person.phone, day)
        session = scene.thief(person, scene.hostile(BUCHAREST, RENTED), WINDOWS)
        end = session.push(later(pushes(session, phone, begin, many, every_s, answer), seconds=40), phone, "approved")
        session.login(later(end, seconds=1), mfa=True)
        session.open_record(later(end, minutes=2), 77)
        found.append(scene.attack("mfa_fatigue_approved", story, person, begin, later(end, minutes=2)))
    return found


def guessed(scene: Scene) -> list[Attack]:
    """Failures, and then the right password, at the same hostile place."""
    found = []
    for many, every_s, city, provider, story in scene.rows(
        (
            (60, 8, BUCHAREST, RENTED, "60 guesses in eight minutes, then in."),
            (25, 60, LAGOS, ABROAD, "25 guesses in 25 minutes, then in."),
            (12, 30, TORONTO, HIDDEN, "12 guesses in six minutes, then in."),
            (9, 45, UTRECHT, PROXIES, "9 guesses from a home in the same city, then in."),
            (15, 200, ROTTERDAM, PROXIES, "15 guesses in fifty minutes, then in: patient."),
        )
    ):
        day = scene.day()
        person = scene.victim(day, anybody)
        begin = at(day, 18, 31)
        where = scene.hostile(city, provider)
        last = guesses(scene, person, [where], begin, many, every_s)
        session = scene.thief(person, where, WINDOWS)
        session.login(later(last, seconds=25), auth_method="password")
        for n in range(3):
            session.open_record(last + timedelta(minutes=1 + n), 900 + n)
        found.append(scene.attack("success_after_failures", story, person, begin, later(last, minutes=4)))
    return found
