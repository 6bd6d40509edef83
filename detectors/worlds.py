"""Made-up events for tests of detectors: one at a time by hand, or whole seeded streams of a few people's days."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from detectors.detector import Detector
from models.events import KIND_RANK, KINDS, EventKind, Outcome, PlacedEvent
from models.findings import Finding, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US, to_us
from models.places import Place

START_US: Final = to_us(datetime(2026, 3, 2, tzinfo=UTC))
"""A Monday at midnight: when made-up time begins."""

CITIES: Final[dict[str, Place]] = {
    city: Place(latitude=lat, longitude=lon, radius_km=20.0, country=country, city=city, asn=asn)
    for city, lat, lon, country, asn in (
        ("Milan", 45.4642, 9.19, "IT", 3269),
        ("Monza", 45.5845, 9.2744, "IT", 3269),
        ("Rome", 41.9028, 12.4964, "IT", 30722),
        ("Basel", 47.5596, 7.5886, "CH", 3303),
        ("London", 51.5072, -0.1276, "GB", 2856),
        ("New York", 40.7128, -74.006, "US", 701),
        ("Los Angeles", 34.0522, -118.2437, "US", 20001),
        ("Tokyo", 35.6895, 139.6917, "JP", 2516),
        ("Suva", -18.1248, 178.4501, "FJ", 45355),
        ("Null Island", 0.0, 0.0, "", 0),
    )
}
"""A few places, a neighbour of another, one beside the date line and one at 0, 0."""


def an_event(kind: EventKind, at_us: int, /, **fields: Any) -> PlacedEvent:
    """An event of `kind` at `at_us` after `START_US`, in microseconds; other fields by name.

    `city` stands for a place of `CITIES`; `network` follows from `ip`, `id` from the time.

    >>> an_event("login", 5, user="ann", city="Milan", ip="192.0.2.7").network
    '192.0.2.7'
    """
    city = fields.pop("city", None)
    if city is not None:
        fields.setdefault("place", CITIES[city])
    if fields.get("ip"):
        fields.setdefault("network", _network(fields["ip"]))
    at_us += START_US
    fields.setdefault("id", f"e{at_us}")
    return PlacedEvent(at_us=at_us, sequence=0, rank=KIND_RANK[kind], kind=kind, **fields)


def _network(ip: str) -> str:
    address = ipaddress.ip_address(ip)
    return ip if address.version == 4 else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))  # noqa: PLR2004 - IP


def restless(seed: int, many: int = 300) -> list[PlacedEvent]:
    """Somebody everywhere at once: all kinds, far places, several devices and sessions, gaps from none to days."""
    dice = _dice(seed)
    at_us = 0
    events = []
    for number in range(many):
        at_us += dice.choice((0, 1, SECOND_US, 40 * SECOND_US, 7 * MINUTE_US, 3 * HOUR_US, 30 * HOUR_US))
        events.append(_anything(dice, number, at_us))
    return in_order(events)


def burst(seed: int, many: int = 300) -> list[PlacedEvent]:
    """One kind of event after another in quick succession, in long runs."""
    dice = _dice(seed)
    events: list[PlacedEvent] = []
    at_us = 0
    while len(events) < many:
        kind: EventKind = dice.choice(("login_failed", "export", "activity", "mfa_result", "login"))
        place, ip = dice.choice(_SPOTS)
        at_us += dice.randrange(2 * DAY_US)
        for _ in range(min(60, many - len(events))):
            at_us += dice.randrange(5 * SECOND_US)
            event = _anything(dice, len(events), at_us, kind=kind)
            events.append(msgspec.structs.replace(event, place=place, ip=ip, network=ip))
    return in_order(events)


def office(seed: int, weeks: int = 6) -> list[PlacedEvent]:
    """Weeks of weekdays at one desk, then a Saturday from far away on another device."""
    dice = _dice(seed)
    desk = {"user": "ann", "device": "desk", "ip": "192.0.2.1", "city": "Milan", "user_agent": _AGENTS[0]}
    events = []
    for day in range(7 * weeks):
        session = f"s{day}"
        if day % 7 >= 5:  # noqa: PLR2004 - Saturday and Sunday
            continue
        at_us = day * DAY_US + 8 * HOUR_US + dice.randrange(HOUR_US)
        events.append(an_event("login", at_us, session=session, outcome="success", **desk))
        for hour in range(1, 8):
            kind: EventKind = dice.choice(("activity", "activity", "export"))
            done_us = at_us + hour * HOUR_US - dice.randrange(30 * MINUTE_US)
            events.append(an_event(kind, done_us, session=session, count=dice.randrange(1, 6), **desk))
        events.append(an_event("logout", at_us + 8 * HOUR_US, session=session, **desk))
    away = {**desk, "device": "stranger", "ip": "198.51.100.7", "city": "Tokyo", "user_agent": _AGENTS[1]}
    saturday_us = (7 * weeks - 2) * DAY_US + 9 * HOUR_US
    for minute in range(30):
        kinds: tuple[EventKind, ...] = ("login", "activity", "export", "login_failed")
        session = f"s{7 * weeks - 3}"
        fields = {**away, "session": session, "count": 90}
        events.append(an_event(kinds[minute % 4], saturday_us + minute * MINUTE_US, **fields))
    return in_order(events)


def flood(seed: int, many: int = 3000) -> list[PlacedEvent]:
    """What would fill a memory: every value new in every event, and as long as sources write them."""
    dice = _dice(seed)
    at_us = 0
    events = []
    for number in range(many):
        at_us += dice.randrange(20 * SECOND_US)
        event = _anything(dice, number, at_us)
        long = f"{number:08d}" + "x" * 56
        ip = f"2001:db8:{number // 65_536:x}:{number % 65_536:x}::1"
        place = Place(
            latitude=dice.uniform(-90, 90),
            longitude=dice.uniform(-180, 180),
            radius_km=10.0,
            country=f"{number % 676:02X}",
            city=long,
            asn=number + 1,
            organisation=long,
        )
        fields = dict.fromkeys(("session", "device", "resource", "app", "role", "workstation", "user_agent"), long)
        events.append(msgspec.structs.replace(event, ip=ip, network=_network(ip), place=place, **fields))
    return in_order(events)


def in_order(events: Iterable[PlacedEvent]) -> list[PlacedEvent]:
    """`events` as an engine hands them over."""
    return sorted(events, key=lambda event: event.order)


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - made-up events want the same dice each time, not a secret


def _anything(dice: random.Random, number: int, at_us: int, kind: EventKind | None = None) -> PlacedEvent:
    """Any event at all; now and then with something missing."""
    place, ip = dice.choice(_SPOTS)
    chosen: EventKind = dice.choice(("login", *KINDS)) if kind is None else kind
    outcome: Outcome = (
        "failure" if chosen == "login_failed" else dice.choice(("success", "success", "failure", "unknown"))
    )
    return an_event(
        chosen,
        at_us,
        id=f"e{number}",
        user="ann",
        session=dice.choice(("", "s1", "s2", "s3", "s4")),
        outcome=outcome,
        ip=ip,
        place=place,
        device=dice.choice(("", "desk", "phone", "laptop", "stranger")),
        user_agent=dice.choice(_AGENTS),
        app=dice.choice(("ehr", "mail", "")),
        action=dice.choice(("benign", "malicious", "read")),
        resource=f"r{dice.randrange(40)}",
        target=f"e{dice.randrange(number + 1)}",
        count=dice.choice((0, 1, 40, 400)),
        bytes=dice.choice((0, 1_000, 10**9)),
        interactive=dice.random() < 0.9,  # noqa: PLR2004 - most events are a person's own
        attributes={"sensitivity": dice.choice(("normal", "restricted"))},
    )


_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "python-requests/2.32.3",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "AWS Internal",
    "",
)
_SPOTS: Final[tuple[tuple[Place | None, str], ...]] = (
    *((place, f"192.0.2.{number}") for number, place in enumerate(CITIES.values(), start=1)),
    (CITIES["Milan"], "192.0.2.1"),
    (CITIES["Milan"], "192.0.2.1"),
    (msgspec.structs.replace(CITIES["Rome"], network_class="mobile"), "198.51.100.1"),
    (msgspec.structs.replace(CITIES["New York"], network_class="vpn"), "198.51.100.2"),
    (Place(network_class="private"), "10.0.0.7"),
    (Place(latitude=10.0, longitude=10.0, radius_km=4000.0), "198.51.100.3"),
    (Place(country="IT"), "198.51.100.4"),
    (None, "203.0.113.9"),
    (None, ""),
)


def feed(
    detector: Detector[Any, Any],
    events: Iterable[PlacedEvent],
    state: Any = None,
    *,
    kinds: frozenset[EventKind] | None = None,
) -> list[Verdict]:
    """What `detector` says of each event, in order, as an engine with this one rule would ask: judge, then learn.

    `kinds` are those that the rule's `when` selects (default: all that the detector does not only hear); the others
    are heard where the detector hears them. A finding makes its event suspect. `state` is changed in place where given.
    """
    verdicts: list[Verdict] = []
    state = detector.State() if state is None else state
    judged = kinds if kinds is not None else frozenset(KINDS) - detector.hears
    for event in events:
        verdict = None
        if event.kind in judged:
            verdict = detector.judge(event, state)
            detector.learn(event, state, suspect=isinstance(verdict, Finding))
        elif event.kind in detector.hears:
            detector.hear(event, state, suspect=False)
        else:
            verdicts.append(None)
            continue
        state.touched_us = event.at_us
        verdicts.append(verdict)
    return verdicts
