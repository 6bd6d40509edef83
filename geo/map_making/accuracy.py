"""How far the bundled map differs from its own source, and from other databases: the tables of docs/geography.md."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import maxminddb

from geo.addresses import V4_BITS, V6_BITS, Address, address
from geo.bundled import BundledMap
from geo.distance import great_circle_km
from geo.map_making import sources
from geo.map_making.sources import V6_NETWORK_BITS

ADDRESSES_COMPARED: Final = 200_000
"""Random addresses of each family."""

RADII_KM: Final = (75, 150, 500, 1_500)
"""Where the table of radii draws its lines."""

MARK_BEGIN: Final = "<!-- made by make geo-accuracy: begin -->\n"
MARK_END: Final = "<!-- made by make geo-accuracy: end -->\n"

SEED: Final = 1


class Compared(NamedTuple):
    """The map beside another source at one address; `km` None where the map has no coordinate."""

    km: float | None
    radius_km: float
    other_radius_km: float
    same_country: bool


def table(map_: BundledMap, folder: Path, others: Iterable[Path]) -> str:
    """The tables in Markdown: the map beside its source in `folder`, and beside the databases `others`."""
    cities, numbers = sources.fetched(sources.CITIES, folder), sources.fetched(sources.NUMBERS, folder)
    told, radii = [], []
    for name, bits in (("ipv4", V4_BITS), ("ipv6", V6_BITS)):
        with maxminddb.open_database(cities / f"dbip-city-{name}.mmdb") as reader:
            asked = list(_routable(numbers / f"asn-{name}-num.csv", bits))
            compared = [found for one in asked if (found := _beside_source(map_, reader.get(one.text), one))]
        title = name.replace("ip", "IP")
        told.append(_row(f"its source, {title}", compared))
        radii.append(_radii(title, compared))
    told += [_row(path.stem, _beside(map_, path)) for path in others]
    head = (
        "| beside | addresses | p50 km | p95 km | p99 km | most km | within radius | within both | same country |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = " | ".join(f"up to {limit:,} km" for limit in RADII_KM)
    spread = f"| share of addresses with a radius of | {lines} | more |\n|{'---|' * (len(RADII_KM) + 2)}\n"
    return f"{head}{''.join(told)}\n{spread}{''.join(radii)}"


def write_table(page: Path, made: str) -> None:
    """Put the tables where the page has its marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(MARK_BEGIN)
    _, after = rest.split(MARK_END)
    page.write_text(f"{before}{MARK_BEGIN}\n{made}\n{MARK_END}{after}", encoding="utf-8")


def _routable(path: Path, bits: int) -> Iterator[Address]:
    """Random addresses that somebody announces: of IPv4 any as likely, of IPv6 any network as likely, then any /64."""
    chance = random.Random(SEED)  # noqa: S311  # a sample, the same every time
    with path.open(encoding="utf-8") as file:
        spans = [(int(first), int(last)) for first, last, _ in (line.split(",", 2) for line in file)]
    weights = [last - first + 1 if bits == V4_BITS else 1 for first, last in spans]
    step = 1 if bits == V4_BITS else 1 << V6_NETWORK_BITS
    chosen = 0
    while chosen < ADDRESSES_COMPARED:
        for first, last in chance.choices(spans, weights, k=ADDRESSES_COMPARED - chosen):
            number = first + chance.randrange((last - first) // step + 1) * step
            where = address(str(IPv4Address(number) if bits == V4_BITS else IPv6Address(number)))
            if where.scope == "public":
                chosen += 1
                yield where


def _beside_source(map_: BundledMap, record: Any, where: Address) -> Compared | None:
    if record is None:
        return None
    return _compared(map_, where, record["latitude"], record["longitude"], record["country_code"], 0.0)


def _beside(map_: BundledMap, path: Path) -> list[Compared]:
    """The map beside a City database, at the first address of each network that both place."""
    found = []
    with maxminddb.open_database(path) as reader:
        for network, record in reader:
            location = record.get("location", {}) if isinstance(record, dict) else {}
            where = address(str(network[0]))
            if not isinstance(location, dict) or "latitude" not in location or where.scope != "public":
                continue
            country = record.get("country", {}).get("iso_code", "")
            radius_km = float(location.get("accuracy_radius", 0))
            one = _compared(map_, where, location["latitude"], location["longitude"], country, radius_km)
            if one.km is not None:
                found.append(one)
    return found


def _compared(map_: BundledMap, where: Address, lat: float, lon: float, country: str, radius_km: float) -> Compared:
    place, _ = map_.look_up(where)
    if place.latitude is None or place.longitude is None:
        return Compared(None, 0.0, radius_km, place.country == country)
    km = great_circle_km(place.latitude, place.longitude, lat, lon)
    return Compared(km, place.radius_km, radius_km, place.country == country)


def _row(name: str, compared: list[Compared]) -> str:
    count = max(1, len(compared))
    km = sorted(one.km for one in compared if one.km is not None) or [0.0]
    parts = [f"{km[min(len(km) - 1, int(len(km) * part))]:,.1f}" for part in (0.5, 0.95, 0.99)]
    within = sum(one.km is not None and one.km <= one.radius_km for one in compared) / count
    both = sum(one.km is not None and one.km <= one.radius_km + one.other_radius_km for one in compared) / count
    same = sum(one.same_country for one in compared) / count
    shares = " | ".join(f"{share:.2%}" for share in (within, both, same))
    return f"| {name} | {len(compared):,} | {' | '.join(parts)} | {km[-1]:,.1f} | {shares} |\n"


def _radii(name: str, compared: list[Compared]) -> str:
    limits = (0, *RADII_KM, float("inf"))
    count = max(1, len(compared))
    shares = [sum(low < one.radius_km <= high for one in compared) / count for low, high in pairwise(limits)]
    return f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} |\n"
