"""Neighbouring spots made one cell, and how wrong a cell may be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, radians
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.completion import CITY_RADIUS_KM, usual_radius_km
from geo.countries import country_radius_km
from geo.distance import great_circle_km, great_circle_km_many
from geo.map_making.sources import City, Spot

CELL_RADIUS_KM: Final = 12.5
"""How far a spot may lie from the one that stands for its cell; cells are about twice as wide."""

DEGREE_KM: Final = 111.0
"""Less than any degree of latitude, so that a square of the grid is never smaller than it should be."""

HUB_SHARE_MIN: Final = 0.005
"""A cell is a hub where it has so much more of its country's addresses than of its people, as shares of either."""

HUB_ELSEWHERE_MIN: Final = 0.25
"""And where that is at least this part of the addresses that it has: the rest its own people explain."""

HUB_PEOPLE_KM: Final = 25.0
"""Who lives this near is of the cell."""

HUB_WITHIN: Final = 0.99
"""A hub's radius holds this part of the people who live farther from it."""


@dataclass(slots=True)
class Cells:
    """Cells, one entry of each field for every cell. Degrees in hundredths, radii in whole km, 0 people unknown."""

    countries: list[str]
    regions: list[str]
    cities: list[str]
    latitudes: NDArray[np.int16]
    longitudes: NDArray[np.int16]
    radii_km: NDArray[np.uint16]
    hubs: NDArray[np.bool_]


def clustered(spots: Sequence[Spot], weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which cell each spot is in, and which spot stands for each cell.

    The heaviest spot that is in no cell yet makes one; the others of its country within `CELL_RADIUS_KM` of a cell's
    spot go to the nearest. So large cities stay where they are, and what is merged into them is near.
    """
    squares: defaultdict[tuple[str, int, int], list[int]] = defaultdict(list)
    leaders: list[int] = []
    cell_of = np.zeros(len(spots), np.int64)
    for n in np.lexsort((np.arange(len(spots)), -weights)).tolist():
        spot = spots[n]
        nearest, nearest_km = -1, CELL_RADIUS_KM
        row, columns = _square(spot)
        for down in (row - 1, row, row + 1):
            for across in columns:
                for cell in squares.get((spot.country, down, across), ()):
                    leader = spots[leaders[cell]]
                    km = great_circle_km(spot.latitude, spot.longitude, leader.latitude, leader.longitude)
                    if km < nearest_km:
                        nearest, nearest_km = cell, km
        if nearest < 0:
            nearest = len(leaders)
            leaders.append(n)
            # Written wherever a spot near it will look: its row's squares differ in width from their neighbours'.
            squares[spot.country, row, floor(spot.longitude) % 360].append(nearest)
        cell_of[n] = nearest
    return cell_of, np.array(leaders, np.int64)


def _square(spot: Spot) -> tuple[int, set[int]]:
    """The row of a spot, and the columns in which a cell near it can lie: rows as high as a cell, 360 columns."""
    reach = CELL_RADIUS_KM / (DEGREE_KM * max(0.01, cos(radians(min(89.0, abs(spot.latitude) + 1)))))
    row = floor(spot.latitude / (CELL_RADIUS_KM / DEGREE_KM))
    west = floor(spot.longitude - reach)
    columns = min(360, floor(spot.longitude + reach) - west + 1)
    return row, {(west + n) % 360 for n in range(columns)}


def named(spots: Sequence[Spot], weights: NDArray[np.float64], cell_of: NDArray[np.int64]) -> list[tuple[str, str]]:
    """Region and city of each cell: the city with most of its addresses, the region that most of that city is in."""
    by_cell: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for spot, weight, cell in zip(spots, weights.tolist(), cell_of.tolist(), strict=True):
        by_cell[cell][spot.region, spot.city] += weight
    names = []
    for cell in range(len(by_cell)):
        cities: Counter[str] = Counter()
        for (_, city), weight in by_cell[cell].items():
            cities[city] += weight
        city = max(cities, key=lambda name: (cities[name], name))
        regions = {region: weight for (region, of), weight in by_cell[cell].items() if of == city}
        names.append((max(regions, key=lambda name: (regions[name], name)), city))
    return names


def made(
    spots: Sequence[Spot], weights: Sequence[NDArray[np.float64]], people: Sequence[City]
) -> tuple[NDArray[np.int64], Cells]:
    """Which cell each spot is in, and the cells. `weights`: of each family, how many addresses every spot has."""
    total = weights[0] + weights[1] / max(1.0, float(weights[1].sum())) if len(weights) > 1 else weights[0]
    cell_of, leaders = clustered(spots, total)
    cell_of, leaders = _ordered(spots, total, cell_of, leaders)
    names = named(spots, total, cell_of)
    latitude = np.array([spot.latitude for spot in spots])
    longitude = np.array([spot.longitude for spot in spots])
    latitudes = np.round(latitude[leaders] * 100).astype(np.int16)
    longitudes = np.round(longitude[leaders] * 100).astype(np.int16)
    apart = great_circle_km_many(latitude, longitude, latitudes[cell_of] / 100, longitudes[cell_of] / 100)
    error = np.zeros(len(leaders))
    np.maximum.at(error, cell_of, apart)
    countries = [spots[n].country for n in leaders.tolist()]
    usual = np.array([usual_radius_km(c, r, n) for c, (r, n) in zip(countries, names, strict=True)])
    radii = np.ceil(np.round(usual + error, 6))
    hubs = np.zeros(len(leaders), bool)
    for family in weights:
        by_cell = np.bincount(cell_of, family, len(leaders)).astype(np.float64)
        wide = hub_radii_km(countries, latitudes / 100, longitudes / 100, by_cell, people)
        for cell, km in wide.items():
            hubs[cell] = True
            radii[cell] = max(radii[cell], ceil(round(km + float(error[cell]), 6)))
    cells = Cells(
        countries,
        [region for region, _ in names],
        [city for _, city in names],
        latitudes,
        longitudes,
        radii.astype(np.uint16),
        hubs,
    )
    return cell_of, cells


def _ordered(
    spots: Sequence[Spot], weights: NDArray[np.float64], cell_of: NDArray[np.int64], leaders: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same with cells numbered by country and then by weight.

    So neighbouring networks have numbers that look alike, which packs a quarter smaller.
    """
    by_cell = np.bincount(cell_of, weights, len(leaders))
    countries = np.array([spots[n].country for n in leaders.tolist()])
    order = np.lexsort((np.arange(len(leaders)), -by_cell, countries))
    rank = np.empty(len(leaders), np.int64)
    rank[order] = np.arange(len(leaders))
    return rank[cell_of], leaders[order]


def hub_radii_km(
    countries: Sequence[str],
    latitudes: NDArray[np.float64],
    longitudes: NDArray[np.float64],
    weights: NDArray[np.float64],
    people: Sequence[City],
) -> dict[int, float]:
    """Of the cells that are hubs: how far 99 in 100 of the people live who live farther than a city reaches.

    A source that does not know where a network is puts it where its operator is. So a cell with many more addresses
    than people stands for people all over its country. Countries whose people are not known have their own radius.
    """
    cells_of: defaultdict[str, list[int]] = defaultdict(list)
    for cell, country in enumerate(countries):
        cells_of[country].append(cell)
    people_of: defaultdict[str, list[City]] = defaultdict(list)
    for city in people:
        people_of[city.country].append(city)
    wide: dict[int, float] = {}
    for country, cells in cells_of.items():
        share = weights[cells] / max(1.0, float(weights[cells].sum()))
        living = people_of[country]
        count = np.array([city.people for city in living], float)
        at = [(city.latitude, city.longitude) for city in living]
        south, east = np.array(at, float).reshape(-1, 2).T
        for cell, part in zip(cells, share.tolist(), strict=True):
            if part < HUB_SHARE_MIN:
                continue
            apart = great_circle_km_many(latitudes[cell], longitudes[cell], south, east)
            own = float(count[apart <= HUB_PEOPLE_KM].sum() / count.sum()) if living else 0.0
            if part - own < max(HUB_SHARE_MIN, HUB_ELSEWHERE_MIN * part):
                continue
            wide[cell] = _reach_km(apart, count) if living else country_radius_km(country)
    return wide


def _reach_km(apart_km: NDArray[np.float64], people: NDArray[np.float64]) -> float:
    """How far `HUB_WITHIN` of the people live of those who live beyond `CITY_RADIUS_KM`; that, where nobody does."""
    beyond = apart_km > CITY_RADIUS_KM
    if not beyond.any():
        return CITY_RADIUS_KM
    order = np.argsort(apart_km[beyond])
    summed = np.cumsum(people[beyond][order])
    return float(apart_km[beyond][order][np.searchsorted(summed, HUB_WITHIN * summed[-1])])
