"""Tiny maps, made by the builder of the bundled one from invented ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path

import numpy as np

from geo.map_making.packing import Family, Source, write_map
from geo.map_making.sources import City, Networks, Spot

BERN = Spot("CH", "Bern", "Bern", 46.95, 7.45)
KOENIZ = Spot("CH", "Bern", "Köniz", 46.92, 7.42)
GENEVA = Spot("CH", "Geneva", "Geneva", 46.2, 6.15)
MILAN = Spot("IT", "Lombardy", "Milan", 45.46, 9.19)

PEOPLE = [City("CH", "Bern", 140_000, 46.95, 7.45), City("CH", "Geneva", 200_000, 46.2, 6.15)]


def networks(bits: int, said: Mapping[str, int]) -> Networks:
    """Ranges of CIDR networks that do not overlap, each with its id; the rest is 0. IPv6 is counted in /64."""
    edges: dict[int, int] = {0: 0}
    for cidr in sorted(said, key=lambda text: int(ip_network(text)[0])):
        network = ip_network(cidr)
        beyond = network.max_prefixlen - bits
        edges[int(network[0]) >> beyond] = said[cidr]
        after = (int(network[-1]) >> beyond) + 1
        if after < 1 << bits:
            edges[after] = 0
    return Networks(np.array(list(edges), np.uint64), np.array(list(edges.values()), np.int64))


def source(
    v4: Mapping[str, Spot],
    v6: Mapping[str, Spot] | None = None,
    *,
    announced: Mapping[str, int] | None = None,
    people: Sequence[City] = PEOPLE,
) -> Source:
    """A source that has these networks; all of them announced by AS64500, unless told otherwise."""
    v6 = v6 or {}
    spots = list(dict.fromkeys([*v4.values(), *v6.values()]))
    number = {spot: n for n, spot in enumerate(spots, start=1)}
    if announced is None:
        announced = dict.fromkeys([*v4, *v6], 64500)
    by_family = [{cidr: n for cidr, n in announced.items() if (":" in cidr) == wide} for wide in (False, True)]
    return Source(
        spots,
        Family(32, networks(32, {cidr: number[spot] for cidr, spot in v4.items()}), networks(32, by_family[0])),
        Family(64, networks(64, {cidr: number[spot] for cidr, spot in v6.items()}), networks(64, by_family[1])),
        {64500: "Example Net", 64501: "Beispiel AG"},
        list(people),
        1_780_666_922,
    )


def write(path: Path, made: Source, build: str = "invented-2026-06") -> Path:
    """Write the packed map of a source and return the path."""
    write_map(made, path, build)
    return path
