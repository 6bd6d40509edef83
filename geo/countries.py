"""Countries and territories: one code for the many ways that logs write them, and how large they are.

The table, with its sources, is `countries.tsv` beside this file.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from geo.distance import great_circle_km

COUNTRY_RADIUS_MIN_KM: Final = 500
"""No fix that names only a country counts as surer than this, however small the country."""

OUTSIDE_MARGIN_KM: Final = 300
"""How far outside its country's circle a coordinate must lie, besides its own radius, to contradict the country."""

_NAMES_CACHED_MAX: Final = 4_096


class Country(msgspec.Struct, frozen=True):
    """A country or territory: ISO 3166-1 alpha-2 code, name, and the smallest circle around its land.

    Latitude and longitude in degrees; `radius_km` of the circle, 0 for islets that the map does not show.
    """

    code: str
    name: str
    latitude: float
    longitude: float
    radius_km: float


def _plain(name: str) -> str:
    """Case, accents and spare blanks removed, so that `CÔTE D'IVOIRE` and `Cote d'Ivoire` are one."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())


def _table() -> tuple[dict[str, Country], dict[str, Country]]:
    countries: dict[str, Country] = {}
    by_name: dict[str, Country] = {}
    for line in files(__package__).joinpath("countries.tsv").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        code, alpha3, name, latitude, longitude, radius_km, others = line.split("\t")
        country = Country(code, name, float(latitude), float(longitude), float(radius_km))
        countries[code] = country
        for written in (code, alpha3, name, *others.split("|")):
            if written:
                by_name[_plain(written)] = country
    return countries, by_name


COUNTRIES, _BY_NAME = _table()


@lru_cache(maxsize=_NAMES_CACHED_MAX)
def country_named(written: str) -> Country | None:
    """The country that `written` means: a code of two or three letters, or an English name; None where unknown.

    >>> [country.code for name in ("it", "ITA", "Italy", "Türkiye", "Turkey") if (country := country_named(name))]
    ['IT', 'IT', 'IT', 'TR', 'TR']
    >>> country_named("Atlantis") is None
    True
    """
    return _BY_NAME.get(_plain(written))


def country_code(written: str) -> str:
    """The ISO code of what `written` means; `written` itself where it is no country that we know.

    >>> country_code("United States"), country_code("us"), country_code("Atlantis"), country_code("")
    ('US', 'US', 'Atlantis', '')
    """
    country = country_named(written)
    return written if country is None else country.code


def country_radius_km(written: str) -> float:
    """How wrong a coordinate may be that stands for a whole country: its circle, and 500 at least.

    >>> country_radius_km("LU"), country_radius_km("AU"), country_radius_km("")
    (500.0, 2820.0, 500.0)
    """
    country = country_named(written)
    return max(float(COUNTRY_RADIUS_MIN_KM), 0.0 if country is None else country.radius_km)


def countries_agree(one: str, other: str) -> bool:
    """Whether two names may be of one country: an empty one contradicts nothing.

    >>> countries_agree("France", "FR"), countries_agree("", "FR"), countries_agree("DE", "FR")
    (True, True, False)
    """
    return not one or not other or country_code(one) == country_code(other)


def lies_outside(latitude: float, longitude: float, radius_km: float, written: str) -> bool:
    """Whether a coordinate, with its radius, lies surely outside the country it is said to be in.

    Circles are generous, so this finds a coordinate of another continent and not of a neighbouring country. False
    where the country is not known.

    >>> lies_outside(37.8, -122.4, 50, "Argentina"), lies_outside(45.5, 9.2, 50, "Italy")
    (True, False)
    """
    country = country_named(written)
    if country is None:
        return False
    apart_km = great_circle_km(latitude, longitude, country.latitude, country.longitude)
    return apart_km > country.radius_km + radius_km + OUTSIDE_MARGIN_KM
