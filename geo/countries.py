"""Countries and territories: one code for the many ways that logs write them, and how large they are.

The table, with its sources, is `countries.tsv` beside this file.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

COUNTRY_RADIUS_MIN_KM: Final = 500
"""No fix that names only a country counts as surer than this, however small the country."""

CENTRE_TOLERANCE_DEGREES: Final = 0.01
"""How near to a known centre a coordinate counts as that centre: databases round it differently."""

CENTRES: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "AR": ((-34, -64),),
    "AT": ((47.3333, 13.3333),),
    "AU": ((-27, 133),),
    "BE": ((50.8333, 4),),
    "BR": ((-10, -55),),
    "CA": ((60, -95),),
    "CH": ((47, 8),),
    "CN": ((35, 105),),
    "DE": ((51, 9),),
    "EG": ((27, 30),),
    "ES": ((40, -4),),
    "FI": ((64, 26),),
    "FR": ((46, 2),),
    "GB": ((54, -2),),
    "ID": ((-5, 120),),
    "IN": ((20, 77),),
    "IR": ((32, 53),),
    "IT": ((42.8333, 12.8333),),
    "JP": ((36, 138),),
    "KR": ((37, 127.5),),
    "MX": ((23, -102),),
    "NG": ((10, 8),),
    "NL": ((52.5, 5.75),),
    "NO": ((62, 10),),
    "PL": ((52, 20),),
    "RU": ((60, 100),),
    "SA": ((25, 45),),
    "SE": ((62, 15),),
    "TR": ((39, 35),),
    "UA": ((49, 32),),
    "US": ((38, -97), (37.751, -97.822)),
    "ZA": ((-29, 24),),
}
"""Where databases put an address of which they know the country alone, degrees: the geographic coordinates of The
World Factbook, and the place that GeoLite2 has used for the United States since its makers moved it into a lake."""

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


def is_centre(latitude: float, longitude: float, written: str) -> bool:
    """Whether a coordinate is one that stands for the whole of a country.

    >>> is_centre(37.751, -97.822, "US"), is_centre(37.69, -97.34, "US"), is_centre(38.0, -97.0, "Atlantis")
    (True, False, False)
    """
    return any(
        abs(latitude - north) < CENTRE_TOLERANCE_DEGREES and abs(longitude - east) < CENTRE_TOLERANCE_DEGREES
        for north, east in CENTRES.get(country_code(written), ())
    )
