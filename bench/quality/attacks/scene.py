"""What every attack needs: a victim, a day, a hostile address, and a place to write down what was done."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from bench.quality import places
from bench.quality.log import Log, Session, clock
from bench.quality.ordinary import EASTER_MONDAY, works
from bench.quality.places import City, Provider, Spot
from bench.quality.staff import AMSTERDAM_TIME, Person

SCRIPT = "python-requests/2.32.3"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36"
)

RENTED = Provider(64600, "Rackfield Hosting", "hosting")
HIDDEN = Provider(64601, "Onion Exit", "tor")
PROXIES = Provider(64602, "Homespun Broadband")
ABROAD = Provider(64603, "Faraway Telecom")

LAGOS = City("Lagos", "NG", 6.4541, 3.3947)
SAO_PAULO = City("Sao Paulo", "BR", -23.5505, -46.6333)
MANILA = City("Manila", "PH", 14.5995, 120.9842)
BUCHAREST = City("Bucharest", "RO", 44.4268, 26.1025)
TORONTO = City("Toronto", "CA", 43.6532, -79.3832)
NAIROBI = City("Nairobi", "KE", -1.2921, 36.8219)
SEOUL = City("Seoul", "KR", 37.5665, 126.978)
MADRID = City("Madrid", "ES", 40.4168, -3.7038)
WARSAW = City("Warsaw", "PL", 52.2297, 21.0122)
FAR = (LAGOS, SAO_PAULO, MANILA, BUCHAREST, TORONTO, NAIROBI, SEOUL)


Row = TypeVar("Row")


@dataclass(frozen=True)
class Attack:
    """One staged attack: between `begin` and `end`, a rule of `family` must raise an alert on one of `subjects`.

    `touched` are all who are drawn into it: alerts on them while it lasts are no false ones.
    """

    family: str
    story: str
    subjects: frozenset[str]
    touched: frozenset[str]
    begin: datetime
    end: datetime


@dataclass
class Scene:
    """The month as the attackers find it. Nobody is attacked twice, so that each alert has one cause."""

    log: Log
    staff: list[Person]
    days: list[date]
    dice: random.Random = field(default_factory=random.Random)
    attacked: set[str] = field(default_factory=set)
    machines: int = 0
    every: int = 1

    def rows(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The variants that are staged: all of them, or the first of each `every` where the world is small."""
        return rows[:: self.every]

    def day(self, since: float = 0.5) -> date:
        """A working day after `since` (a share) of the month, so that there is a past to compare with."""
        later_days = self.days[int(len(self.days) * since) : -1]
        return self.dice.choice([day for day in later_days if day.weekday() < 5 and day != EASTER_MONDAY])

    def victim(self, day: date, fits: Callable[[Person], bool], *, at_work: bool = True) -> Person:
        """Somebody who `fits` and works on that day (or is off duty), whom nobody has attacked yet."""
        for person in self.dice.sample(self.staff, len(self.staff)):
            free = person.user not in self.attacked and person.cohort != "machine" and day not in person.away
            if free and works(person, day) is at_work and person.begins < day and fits(person):
                self.attacked.add(person.user)
                return person
        raise LookupError(f"nobody is left on {day} for the attack; make the world larger")

    def hostile(self, city: City, provider: Provider) -> Spot:
        """An address that nobody of the house was ever seen at."""
        self.machines += 1
        return places.spot(places.numbered(400 + self.machines // 250, self.machines), city, provider, 25)

    def thief(self, person: Person, where: Spot, agent: str = LINUX, device: str | None = None) -> Session:
        """A session under that person's name on the thief's machine."""
        self.machines += 1
        name = f"desktop-{self.machines:04x}x" if device is None else device
        return self.log.session(person.user, person.role, where, name, agent)

    def attack(self, family: str, story: str, person: Person | Session, begin: datetime, end: datetime) -> Attack:
        """The note of an attack on one person."""
        subjects = frozenset({person.user})
        return Attack(family, story, subjects, subjects, begin, end)


def at_desk(person: Person) -> bool:
    """Whether the person has a desk, sits in the Netherlands, and administers nothing."""
    return person.cohort == "desk" and person.site == "main" and person.role not in {"it_admin", "billing_clerk"}


def office_worker(person: Person) -> bool:
    """A desk, office hours, and never any work from outside."""
    return at_desk(person) and person.role in {"secretary", "pharmacist"} and "works_at_home" not in person.habits


def at_home_often(person: Person) -> bool:
    """Somebody who is often seen signing in from home."""
    return at_desk(person) and "works_at_home" in person.habits and "way_in" not in person.habits


def anybody(person: Person) -> bool:
    """Any person of the main house."""
    return person.site == "main" and person.role != "it_admin"


def nurse(person: Person) -> bool:
    """A nurse of the main house."""
    return person.role == "nurse" and person.site == "main"


def administrator(person: Person) -> bool:
    """Whoever gives roles and reads secrets."""
    return person.role == "it_admin"


def at(day: date, hour: int, minute: float = 0) -> datetime:
    """By the clocks of the main house."""
    return clock(AMSTERDAM_TIME, day, hour, minute)


def later(begin: datetime, **span: float) -> datetime:
    """`begin` and a span of time."""
    return begin + timedelta(**span)
