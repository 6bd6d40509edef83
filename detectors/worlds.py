"""Made-up events for tests of detectors: one at a time by hand, or whole seeded streams of a few people's days."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from detectors.detector import Detector
from models.events import KIND_RANK, KINDS, EventKind, PlacedEvent
from models.findings import Finding, Verdict
from models.instants import to_us
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
