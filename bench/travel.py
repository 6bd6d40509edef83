"""Honest travellers and thieves on the bundled map: no honest one may raise a travel alert, every theft must.

    python -m bench.travel [--users N] [--thefts N] [--seed N]

10,000 people by default, of five sorts, at addresses drawn from the map that comes along, so that its errors, hubs and
cells are those that users meet: they commute, change between Wi-Fi and a telephone, get new addresses across the map's
cells, use a privacy relay, or fly with Wi-Fi on board. And thefts: a sign-in at home, then one 500 to 10,000 km away
within three hours, from an ordinary network or a machine for rent. Judged by the travel rules of the starter pack, in
event time, with nothing but the bundled map and the curated list of networks. Exit code 1 where one fails.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from geo.distance import great_circle_km  # noqa: E402 - a script finds the packages once the path is set
from geo.locator import Locator  # noqa: E402 - as above
from models.events import EventKind, SessionEvent  # noqa: E402 - as above
from models.places import Place  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan  # noqa: E402 - as above
from sessionwatch.ruleset.loading import bundled_rules  # noqa: E402 - as above

RULES: Final = ("impossible_travel", "geo_velocity")
BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
DRAWN: Final = 400_000
"""Random IPv4 addresses that the world is made of."""
THEFT_NEAR_KM, THEFT_FAR_KM = 500, 10_000
NEAR_KM: Final = 60
"""How far apart home and work lie at most."""
SURE_RADIUS_KM: Final = 80
"""Up to this radius the map knows the city; beyond, the address may be anybody's in the country (a hub)."""
FLIGHT_KMH: Final = 850


@dataclass(frozen=True, slots=True)
class Spot:
    """An address, and where the map puts it."""

    ip: str
    place: Place

    def km_to(self, other: Spot) -> float:
        """Great-circle distance in km."""
        one, two = self.place, other.place
        if one.latitude is None or one.longitude is None or two.latitude is None or two.longitude is None:
            return 0.0
        return great_circle_km(one.latitude, one.longitude, two.latitude, two.longitude)


@dataclass(slots=True)
class World:
    """The drawn addresses, sorted by what people are at them."""

    homes: list[Spot] = field(default_factory=list)
    rented: list[Spot] = field(default_factory=list)
    relays: list[Spot] = field(default_factory=list)
    satellites: list[Spot] = field(default_factory=list)
    by_cell: dict[tuple[float, float], list[Spot]] = field(default_factory=lambda: defaultdict(list))
    by_operator: dict[tuple[str, int], list[Spot]] = field(default_factory=lambda: defaultdict(list))
    phones: dict[str, list[Spot]] = field(default_factory=lambda: defaultdict(list))

    def add(self, spot: Spot) -> None:
        """Sort one address in."""
        place = spot.place
        if not place.located or not place.asn:
            return
        match place.network_class:
            case "":
                self.homes.append(spot)
                self.by_cell[place.latitude or 0.0, place.longitude or 0.0].append(spot)
                self.by_operator[place.country, place.asn].append(spot)
            case "mobile":
                self.phones[place.country].append(spot)
            case "hosting":
                self.rented.append(spot)
            case "relay":
                self.relays.append(spot)
            case "satellite":
                self.satellites.append(spot)


def drawn(locator: Locator, dice: random.Random, count: int) -> World:
    """A world of so many random addresses."""
    world = World()
    for n in range(count):
        number = dice.randrange(1 << 24, 224 << 24)
        event = SessionEvent(id=str(n), at=BEGIN, kind="activity", ip=str(ip_address(number)))
        placed = locator.locate(event)
        if placed.place is not None:
            world.add(Spot(placed.ip, placed.place))
    return world


class Log:
    """Sign-ins being written."""

    def __init__(self, dice: random.Random) -> None:
        """Begin an empty log."""
        self.events: list[SessionEvent] = []
        self._dice = dice

    def login(self, user: str, at: datetime, spot: Spot, device: str = "laptop", kind: EventKind = "login") -> None:
        """One sign-in."""
        n = len(self.events)
        self.events.append(
            SessionEvent(
                id=f"e{n}",
                at=at + timedelta(seconds=self._dice.randrange(60)),
                kind=kind,
                outcome="success",
                source="travel",
                tenant="default",
                user=user,
                session=f"{user}-{n}",
                ip=spot.ip,
                device=f"{user}-{device}",
            )
        )


def commute(log: Log, world: World, user: str, dice: random.Random) -> None:
    """Home, work in a city nearby, home; three days."""
    home = dice.choice(world.homes)
    near = [spot for spot in dice.sample(world.homes, 60) if home.km_to(spot) <= NEAR_KM]
    work = dice.choice(near or world.by_cell[home.place.latitude or 0.0, home.place.longitude or 0.0])
    for day in range(3):
        begin = BEGIN + timedelta(days=day, hours=7, minutes=dice.randrange(60))
        log.login(user, begin, home)
        log.login(user, begin + timedelta(minutes=90), work, "desk")
        log.login(user, begin + timedelta(hours=11), home)


def roam(log: Log, world: World, user: str, dice: random.Random) -> None:
    """A telephone in the Wi-Fi at home and, minutes later, on its carrier, wherever that lets it out; two days."""
    country = dice.choice(sorted(world.phones))
    home = dice.choice([spot for spot in world.homes if spot.place.country == country] or world.homes)
    for day in range(2):
        begin = BEGIN + timedelta(days=day, hours=7, minutes=dice.randrange(60))
        for step in range(4):
            spot = dice.choice(world.phones[home.place.country]) if step % 2 else home
            log.login(user, begin + timedelta(minutes=6 * step), spot, "phone")


def cross(log: Log, world: World, user: str, dice: random.Random) -> None:
    """At home, where the provider hands out another address each time, from whatever cell the map has it in."""
    while True:
        home = dice.choice(world.homes)
        pool = world.by_operator[home.place.country, home.place.asn]
        near = [spot for spot in dice.sample(pool, min(len(pool), 60)) if home.km_to(spot) <= 2 * NEAR_KM]
        if len(near) > 1:
            break
    for step in range(8):
        log.login(user, BEGIN + timedelta(hours=6 * step, minutes=dice.randrange(9)), dice.choice(near))


def relay(log: Log, world: World, user: str, dice: random.Random) -> None:
    """Sign-ins with the relay switched on and off."""
    home = dice.choice(world.homes)
    for step in range(8):
        spot = dice.choice(world.relays) if step % 2 else home
        log.login(user, BEGIN + timedelta(hours=5 * (step // 2), minutes=5 * (step % 2)), spot)


def fly(log: Log, world: World, user: str, dice: random.Random) -> None:
    """Home, the Wi-Fi on board, the destination an hour after a flight, and back."""
    home = dice.choice(world.homes)
    away = dice.choice(world.homes)
    hours = home.km_to(away) / FLIGHT_KMH
    at = BEGIN + timedelta(hours=dice.randrange(12))
    for here, there in ((home, away), (away, home)):
        log.login(user, at, here)
        log.login(user, at + timedelta(hours=1 + hours / 3), dice.choice(world.satellites))
        log.login(user, at + timedelta(hours=1 + hours / 2), dice.choice(world.satellites))
        log.login(user, at + timedelta(hours=2 + hours), there)
        at += timedelta(days=3)


def theft(log: Log, world: World, user: str, dice: random.Random) -> None:
    """Of somebody whose city the map knows: two quiet days; then a sign-in far away, sooner than anybody gets there."""
    while True:
        home, thief = dice.choice(world.homes), dice.choice(dice.choice((world.homes, world.rented)))
        surely_far = _least_km(home, thief) >= THEFT_NEAR_KM
        if _is_sure(home) and (surely_far or _is_sure(thief)) and THEFT_NEAR_KM <= home.km_to(thief) <= THEFT_FAR_KM:
            break
    _steal(log, user, home, thief, dice)


def theft_anywhere(log: Log, world: World, user: str, dice: random.Random) -> None:
    """As `theft`, of anybody by anybody, also where the map can only say that they are in one large country."""
    while True:
        home, thief = dice.choice(world.homes), dice.choice(dice.choice((world.homes, world.rented)))
        if THEFT_NEAR_KM <= home.km_to(thief) <= THEFT_FAR_KM:
            break
    _steal(log, user, home, thief, dice)


def _least_km(one: Spot, other: Spot) -> float:
    return max(one.km_to(other) - one.place.radius_km - other.place.radius_km, 0.0)


def _is_sure(spot: Spot) -> bool:
    return spot.place.radius_km <= SURE_RADIUS_KM


def _steal(log: Log, user: str, home: Spot, thief: Spot, dice: random.Random) -> None:
    for day in range(2):
        log.login(user, BEGIN + timedelta(days=day, hours=8), home)
    begin = BEGIN + timedelta(days=2, hours=8)
    log.login(user, begin, home)
    # A tenth to three quarters of the time that an airliner would need for the least possible distance.
    hours = min(3.0, _least_km(home, thief) / 900 * dice.uniform(0.1, 0.75))
    log.login(user, begin + timedelta(hours=hours), thief, "other")


SORTS: Final = ((commute, 0.40), (roam, 0.25), (cross, 0.15), (relay, 0.10), (fly, 0.10))


class Outcome(msgspec.Struct, kw_only=True):
    """What came of it: people and sign-ins, honest people accused with their sentence, thefts missed, by name."""

    users: int
    events: int
    thefts: int
    accused: dict[str, str]
    missed: list[str]
    found_anywhere: int
    not_evaluable: dict[str, int]


def run(users: int, thefts: int, seed: int, count: int = DRAWN) -> Outcome:
    """Make the stream, judge it, hold it against who is who."""
    dice = random.Random(seed)
    plan = EnginePlan(tuple(bundled_rules() / f"{name}.yaml" for name in RULES))
    log, world = Log(dice), drawn(plan.locator(), dice, count)
    for name, write in people(users, thefts):
        write(log, world, name, dice)
    engine = plan.engine()
    log.events.sort(key=lambda event: (event.at, event.id))
    published = engine.process(log.events) | engine.finish()
    alerts = [msgspec.json.decode(one[3]) for one in published.values()]
    found = {alert["subject"]["value"]: alert["summary"] for alert in alerts}
    counts = [engine.counts.rules[name].not_evaluable for name in RULES]
    return Outcome(
        users=users,
        events=len(log.events),
        thefts=thefts,
        accused={user: said for user, said in found.items() if not user.startswith("theft")},
        missed=[name for name, sort in people(0, thefts) if sort is theft and name not in found],
        found_anywhere=sum(name.startswith("theft_anywhere") for name in found),
        not_evaluable={reason: sum(each[reason] for each in counts) for reason in sorted(set().union(*counts))},
    )


def people(users: int, thefts: int) -> Iterator[tuple[str, Callable[[Log, World, str, random.Random], None]]]:
    """Who there is, and what writes their sign-ins."""
    for sort, share in SORTS:
        for n in range(round(users * share)):
            yield f"{sort.__name__}-{n}", sort
    for n in range(thefts):
        yield f"theft-{n}", theft
        yield f"theft_anywhere-{n}", theft_anywhere


def main(words: Sequence[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--thefts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20260302)
    asked = parser.parse_args(words)
    outcome = run(asked.users, asked.thefts, asked.seed)
    print(f"{outcome.users:,} honest people and {outcome.thefts:,} thefts, {outcome.events:,} sign-ins")
    print(f"honest people accused: {len(outcome.accused):,}; thefts missed: {len(outcome.missed):,}")
    print(f"of as many thefts anywhere, hubs included: {outcome.found_anywhere:,} found")
    print(f"could not be judged: {', '.join(f'{name} {n:,}' for name, n in outcome.not_evaluable.items())}")
    for user, said in sorted(outcome.accused.items())[:20]:
        print(f"  {user}: {said}")
    for name in outcome.missed:
        print(f"  missed {name}")
    return 1 if outcome.accused or outcome.missed else 0


if __name__ == "__main__":
    sys.exit(main())
