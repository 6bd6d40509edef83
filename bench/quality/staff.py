"""The 500 of the invented hospital: who they are, what they work with, and where they live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from bench.quality import places
from bench.quality.log import DAYS, MONTH_FROM, Log
from bench.quality.places import City, Provider, Spot

AMSTERDAM_TIME = ZoneInfo("Europe/Amsterdam")
LISBON_TIME = ZoneInfo("Europe/Lisbon")
SYDNEY_TIME = ZoneInfo("Australia/Sydney")

COHORTS: Final = (
    # cohort, role, site, how many
    ("ward", "nurse", "main", 140),
    ("desk", "physician", "main", 70),
    ("desk", "secretary", "main", 50),
    ("bench", "technician", "main", 40),
    ("desk", "pharmacist", "main", 15),
    ("desk", "researcher", "main", 12),
    ("desk", "billing_clerk", "main", 10),
    ("desk", "it_admin", "main", 12),
    ("desk", "manager", "main", 15),
    ("remote", "transcriptionist", "main", 16),
    ("ward", "student", "main", 20),
    ("ward", "nurse", "lisbon", 28),
    ("desk", "physician", "lisbon", 20),
    ("desk", "secretary", "lisbon", 15),
    ("remote", "radiologist", "sydney", 9),
    ("machine", "service", "main", 28),
)
"""472 people and 28 service accounts at the size of a whole month; a smaller world takes each group's share."""
WHOLE: Final = 500

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
EDGE = CHROME + " Edg/{}.0.0.0"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{}.0) Gecko/20100101 Firefox/{}.0"
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.{} "
    "Safari/605.1.15"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.{} "
    "Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36"
)
PHONE_APP = "RotaApp/5.{} ({})"


@dataclass
class Person:
    """Somebody, or a machine, with an account."""

    number: int
    cohort: str
    role: str
    site: str
    ward: int
    zone: ZoneInfo
    desk: str
    desk_agent: str
    laptop: str
    laptop_agent: str
    phone: str
    phone_system: str
    home: Spot
    home_v6: int
    carrier: Provider
    updates_on: int
    habits: frozenset[str] = frozenset()
    begins: date = MONTH_FROM
    away: set[date] = field(default_factory=set)
    """Days that something else than ordinary work is written for."""
    replaced: dict[str, date] = field(default_factory=dict)
    """What is another one from that day on: a desk's machine, a phone."""

    @property
    def user(self) -> str:
        """The canonical user key."""
        return f"{self.role[:4]}{self.number:03d}@elders.example"

    @property
    def city(self) -> City:
        """The city of the person's house, or of those who have none."""
        return {"main": places.UTRECHT, "lisbon": places.LISBON, "sydney": places.SYDNEY}[self.site]

    def now(self, thing: str, day: date) -> str:
        """The device that the person has on that day for `thing`: their first one, or the one that took its place."""
        since = self.replaced.get(thing)
        return f"{thing}-b" if since is not None and day >= since else thing

    def agent(self, template: str, day: date) -> str:
        """The agent string of that day: browsers update themselves every four weeks, each person's on another day."""
        weeks = (day.toordinal() + self.updates_on) // 28
        minor = 3 + (day.toordinal() - MONTH_FROM.toordinal() + self.updates_on) // 21
        version = minor if "18." in template or template is PHONE_APP else weeks - 26_288
        return template.format(version, self.phone_system if template is PHONE_APP else version)

    def phone_agent(self, day: date) -> str:
        """The phone's browser."""
        return self.agent(IPHONE if self.phone_system == "iOS" else ANDROID, day)

    def house(self, day: date) -> Spot:
        """The address that the house's gateway gave this person's desk that day."""
        if self.site == "lisbon":
            return places.LISBON_HOUSE[0]
        if "clinic" in self.habits and day.weekday() in {1, 3}:
            return places.CLINIC[0]
        if "v6_desk" in self.habits:
            return places.house_v6(self.number % 4, 0x1000 + self.number * 41 + day.toordinal())
        return places.MAIN_HOUSE[(self.number + day.toordinal()) % 2]

    def at_home(self, day: date) -> Spot:
        """The home's address that day: some by IPv6 with a new address each day, some move when a lease ends."""
        assert self.home.place is not None  # noqa: S101 - every home is somewhere
        if self.home_v6:
            host = (self.number * 7919 + day.toordinal() * 104_729) & 0xFFFF_FFFF
            return Spot(f"2001:db8:{self.home_v6:x}:1::{host >> 16:x}:{host & 0xFFFF:x}", self.home.place)
        if "new_lease" in self.habits:
            lease = (day.toordinal() + self.number) // 9
            where = places.PLACES_OF_HOMES[lease % 6] if self.site == "main" else self.city
            return places.spot(places.numbered(40 + self.number % 3, lease * 31 + self.number), where, places.CABLE, 40)
        return self.home

    def on_the_road(self, hour: int) -> Spot:
        """The phone's address: one of the carrier's few gateways, which says little of where the phone is."""
        gateway = (self.number + hour) % 3
        block = 60 + self.carrier.asn % 10
        where = {
            places.CARRIER_PT: (places.LISBON, places.PORTO, places.LISBON),
            places.CARRIER_AU: (places.SYDNEY,) * 3,
        }.get(self.carrier, (places.AMSTERDAM, places.ROTTERDAM, places.EINDHOVEN))[gateway]
        return places.spot(places.numbered(block, gateway * 40 + (self.number + hour) % 40), where, self.carrier, 100)


def _habits(log: Log, number: int, cohort: str, role: str) -> frozenset[str]:
    """What is particular about somebody; the shares are those of a house of this size."""
    dice = log.dice("habits", number)
    shares = {
        "clinic": 0.3 if role == "physician" else 0.0,
        "v6_desk": 0.2 if cohort == "desk" else 0.0,
        "new_lease": 0.12,
        "works_at_home": {"physician": 0.6, "manager": 0.7, "it_admin": 0.8, "researcher": 0.7}.get(role, 0.12),
        "way_in": 0.45,
        "on_call": {"physician": 0.35, "it_admin": 0.5, "technician": 0.1}.get(role, 0.0),
        "private_vpn": 0.04,
        "private_vpn_unknown": 0.012,
        "relay": 0.09,
        "phone_mail": 0.6,
        "nameless_device": 0.07,
        "early_bird": 0.15,
        "tablet": 0.12 if role in {"physician", "manager"} else 0.02,
        "calendar_service": 0.15 if cohort == "desk" else 0.0,
    }
    found = {name for name, share in shares.items() if dice.random() < share}
    # A private VPN comes out near its user; the exits of this world are all in Europe.
    return frozenset(found - {"private_vpn", "private_vpn_unknown"} if role == "radiologist" else found)


def _home(number: int, site: str) -> Spot:
    if site == "sydney":
        return places.spot(places.numbered(20, number), places.SYDNEY, places.CABLE_AU, 30)
    if site == "lisbon":
        return places.spot(places.numbered(21, number), places.PLACES_OF_HOMES_PT[number % 3], places.CABLE_PT, 25)
    where = places.PLACES_OF_HOMES[number % 6]
    if number % 5 == 0:  # many homes behind one address of the provider
        return places.spot(places.numbered(10, number // 5 % 8), where, places.FIBRE, 60)
    return places.spot(places.numbered(11 + number // 254, number), where, (places.CABLE, places.FIBRE)[number % 2], 25)


def _carrier(number: int, site: str) -> Provider:
    if site == "main":
        return (places.CARRIER, places.CARRIER, places.CARRIER_TWO)[number % 3]
    return {"lisbon": places.CARRIER_PT, "sydney": places.CARRIER_AU}[site]


def people(log: Log, size: int = WHOLE) -> list[Person]:
    """`size` of them, each group by its share; the same for one seed."""
    return [_person(log, number, *row) for number, row in enumerate(_rows(size), start=1)]


def _rows(size: int) -> Iterator[tuple[str, str, str, int]]:
    """Cohort, role, site and ward of each; `ward` counts from 1 within a site."""
    for cohort, role, site, many in COHORTS:
        share = max(4, round(many * size / WHOLE))
        for n in range(share):
            ward = n * 10 // share + 1 if site == "main" else 11 + n * 2 // share
            yield cohort, role, site, ward


def _person(log: Log, number: int, cohort: str, role: str, site: str, ward: int) -> Person:
    dice = log.dice("person", number)
    person = Person(
        number=number,
        cohort=cohort,
        role=role,
        site=site,
        ward=ward,
        zone={"main": AMSTERDAM_TIME, "lisbon": LISBON_TIME, "sydney": SYDNEY_TIME}[site],
        desk=f"pc-{number:03d}",
        desk_agent=(CHROME, EDGE, EDGE, FIREFOX)[number % 4],
        laptop=f"laptop-{number:03d}",
        laptop_agent=MAC if dice.random() < 0.2 else (CHROME, EDGE)[number % 2],
        phone=f"phone-{number:03d}",
        phone_system="iOS" if dice.random() < 0.55 else "Android",
        home=_home(number, site),
        home_v6=0x1000 + number if dice.random() < 0.3 else 0,
        carrier=_carrier(number, site),
        updates_on=dice.randrange(28),
        habits=_habits(log, number, cohort, role),
    )
    if role == "student" and number % 2:
        person.begins = date.fromordinal(MONTH_FROM.toordinal() + DAYS // 3 + number % 9)
    return person
