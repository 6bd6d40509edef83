"""Journeys at the speeds of trains and airliners: meetings, congresses, holidays, and the house in Lisbon."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bench.quality import places
from bench.quality.log import HOUR, MINUTE, Log, clock, month, spread
from bench.quality.ordinary import home_work, sign_in
from bench.quality.places import City, Provider, Spot
from bench.quality.staff import Person


class Way(NamedTuple):
    """How one gets to a city: hours from door to door, and whether there is Wi-Fi on the way."""

    city: City
    hours: float
    wifi: Provider | None


BY_TRAIN = (
    Way(places.BRUSSELS, 2.6, places.TRAINS),
    Way(places.COLOGNE, 2.8, places.TRAINS),
    Way(places.PARIS, 4.2, places.TRAINS),
    Way(places.BERLIN, 6.6, places.TRAINS),
)
BY_AIR = (
    Way(places.COPENHAGEN, 4.8, None),
    Way(places.VIENNA, 5.5, None),
    Way(places.BARCELONA, 5.6, None),
    Way(places.LONDON, 4.0, None),
    Way(places.BOSTON, 12.0, places.SKY),
    Way(places.CHICAGO, 13.5, places.SKY),
    Way(places.SINGAPORE, 16.5, places.SKY),
)
HOLIDAYS = (places.ROME, places.BARCELONA, places.PORTO, places.VIENNA, places.PARIS, places.COLOGNE)


def journeys(log: Log, staff: list[Person]) -> None:
    """Write all journeys of the month, and mark the days on which nobody is at their desk."""
    dice = log.dice("journeys")
    days = month()
    desks = [one for one in staff if one.cohort == "desk" and one.role in {"physician", "manager", "researcher"}]
    for traveller in dice.sample(desks, len(desks) * 24 // 100):
        begin = days[dice.randrange(len(days) - 5)]
        if traveller.site == "main" and dice.random() < 0.3:
            to_the_other_house(log, traveller, begin, dice)
        elif traveller.site == "main" and dice.random() < 0.55:
            meeting(log, traveller, begin, dice.choice(BY_TRAIN), dice)
        else:
            congress(log, traveller, begin, dice.choice(BY_AIR), dice)
    others = [one for one in staff if one.cohort in {"ward", "desk", "bench"} and not one.away]
    for tourist in dice.sample(others, len(others) * 9 // 100):
        holiday(log, tourist, days[dice.randrange(2, len(days) - 9)], dice)


def away(person: Person, begin: date, many: int) -> None:
    """Nothing else is written for these days."""
    person.away |= {begin + timedelta(days=n) for n in range(many)}


def guest(city: City, provider: Provider, dice: random.Random) -> Spot:
    """An address of a hotel, a congress, a café or a train, in that city."""
    return places.spot(places.numbered(100 + dice.randrange(60), dice.randrange(250)), city, provider, 25)


def on_laptop(log: Log, person: Person, at: datetime, spot: Spot, *, minutes: float, many: int) -> None:
    """A session on the person's own laptop."""
    agent = person.agent(person.laptop_agent, at.date())
    session = log.session(person.user, person.role, spot, person.laptop, agent)
    at = sign_in(session, person, at, second_factor=True)
    dice = log.dice("away", session.id)
    for visit in spread(dice, at, at + minutes * MINUTE, many):
        session.open_record(visit, dice.randrange(200_000))
    session.end(at + (minutes + 2) * MINUTE)


def on_phone(log: Log, person: Person, at: datetime, spot: Spot) -> None:
    """A look at the rota from the person's own phone."""
    phone = person.now(person.phone, at.date())
    session = log.session(person.user, person.role, spot, phone, person.phone_agent(at.date()))
    session.login(at, auth_method="passkey", mfa=True)
    session.add(at + MINUTE, "activity", source="rota", app="rota", action="open_rota", resource="rota")
    session.expire(at + 20 * MINUTE)


def under_way(log: Log, person: Person, leaves: datetime, way: Way, dice: random.Random) -> datetime:
    """From home to the other city; works on the way where there is Wi-Fi. Returns the arrival."""
    if way.wifi is places.SKY:
        # The aircraft's address is where its satellite's signal comes down, on whichever continent that is.
        ground = dice.choice((places.ASHBURN, places.FRANKFURT, places.DUBLIN))
        spot = places.spot(places.numbered(95, dice.randrange(60)), ground, places.SKY, 100)
        on_laptop(log, person, leaves + way.hours / 2 * HOUR, spot, minutes=40, many=3)
    elif way.wifi is not None:
        # A train's gateway leaves the net in the operator's capital, wherever the train is.
        spot = guest(places.AMSTERDAM, way.wifi, dice)
        on_laptop(log, person, leaves + way.hours / 2 * HOUR, spot, minutes=30, many=3)
    return leaves + way.hours * HOUR


def meeting(log: Log, person: Person, begin: date, way: Way, dice: random.Random) -> None:
    """By train in the morning, back in the evening, mail from home before and after."""
    away(person, begin, 1)
    leaves = clock(person.zone, begin, 6, 40 * dice.random())
    on_laptop(log, person, leaves - 30 * MINUTE, person.at_home(begin), minutes=8, many=2)
    arrives = under_way(log, person, leaves, way, dice)
    on_laptop(log, person, arrives + 20 * MINUTE, guest(way.city, places.CAMPUS, dice), minutes=60, many=5)
    back = under_way(log, person, arrives + 5 * HOUR, way, dice)
    on_phone(log, person, back + 15 * MINUTE, person.on_the_road(19))


def congress(log: Log, person: Person, begin: date, way: Way, dice: random.Random) -> None:
    """Three days abroad: hotel in the morning, congress by day, the phone on the congress's network."""
    away(person, begin, 5)
    leaves = clock(person.zone, begin, 7, 90 * dice.random())
    on_laptop(log, person, leaves - 50 * MINUTE, person.at_home(begin), minutes=10, many=2)
    arrives = under_way(log, person, leaves, way, dice)
    hotel = guest(way.city, places.HOTELS, dice)
    on_laptop(log, person, arrives + 50 * MINUTE, hotel, minutes=20, many=2)
    for n in range(1, 4):
        morning = arrives + n * 24 * HOUR - timedelta(hours=3 * dice.random())
        on_laptop(log, person, morning, hotel, minutes=30, many=3)
        on_phone(log, person, morning + 2 * HOUR, guest(way.city, places.CAMPUS, dice))
    back = under_way(log, person, arrives + 3 * 24 * HOUR + 8 * HOUR, way, dice)
    on_laptop(log, person, back + 90 * MINUTE, person.at_home(begin + timedelta(days=4)), minutes=15, many=2)


def holiday(log: Log, person: Person, begin: date, dice: random.Random) -> None:
    """A week away; a third of them look at the rota once or twice, most through their carrier, some from the hotel."""
    away(person, begin, 8)
    if dice.random() > 0.35:
        return
    city = dice.choice(HOLIDAYS)
    at = clock(person.zone, begin + timedelta(days=3 + dice.randrange(3)), 18, 100 * dice.random())
    at_hotel = dice.random() < 0.5
    # At home abroad: the carrier brings its customers' traffic home before it leaves for the net.
    on_phone(log, person, at, guest(city, places.HOTELS, dice) if at_hotel else person.on_the_road(at.hour))


def to_the_other_house(log: Log, person: Person, begin: date, dice: random.Random) -> None:
    """Two days in Lisbon, at a desk of that house and in a hotel."""
    away(person, begin, 3)
    leaves = clock(person.zone, begin, 6, 60 * dice.random())
    on_phone(log, person, leaves - 20 * MINUTE, person.on_the_road(6))
    arrives = leaves + 5.5 * HOUR
    on_laptop(log, person, arrives + 40 * MINUTE, places.LISBON_HOUSE[0], minutes=180, many=8)
    on_laptop(log, person, arrives + 9 * HOUR, guest(places.LISBON, places.HOTELS, dice), minutes=40, many=4)
    on_laptop(log, person, arrives + 22 * HOUR, places.LISBON_HOUSE[0], minutes=240, many=8)
    evening = begin + timedelta(days=2)
    home_work(log, person, evening, 10, 12, 4)
