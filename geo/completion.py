"""Making one place of what a log and several databases say, without making them contradict each other."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Final

from geo.borders import lies_outside
from geo.countries import countries_agree, country_code, country_radius_km, is_centre
from models.places import Place, PlaceSource

CITY_RADIUS_KM: Final = 50.0
REGION_RADIUS_KM: Final = 200.0

PLACES_CACHED_MAX: Final = 65_536
"""Places given by logs that were vetted and are remembered, about 400 bytes each."""
LATITUDE_MAX: Final = 90
"""Degrees from the equator to a pole."""
LONGITUDE_MAX: Final = 180
"""Degrees from Greenwich to the date line."""

NOWHERE: Final = Place()
"""What says nothing."""


def usual_radius_km(country: str, region: str, city: str) -> float:
    """How wrong a coordinate may be when its source does not say: by the smallest thing it names.

    >>> usual_radius_km("FI", "Lapland", "Inari"), usual_radius_km("FI", "Lapland", ""), usual_radius_km("FI", "", "")
    (50.0, 200.0, 590.0)
    """
    if city:
        return CITY_RADIUS_KM
    if region:
        return REGION_RADIUS_KM
    return country_radius_km(country)


def is_coordinate(latitude: float | None, longitude: float | None) -> bool:
    """Whether both are there and on the globe. 0 is a coordinate like any other; not-a-number is none.

    >>> is_coordinate(0.0, 0.0), is_coordinate(None, 9.2), is_coordinate(91.0, 9.2)
    (True, False, False)
    """
    if latitude is None or longitude is None:
        return False
    return abs(latitude) <= LATITUDE_MAX and abs(longitude) <= LONGITUDE_MAX


@lru_cache(maxsize=PLACES_CACHED_MAX)
def vetted(place: Place, source: PlaceSource, build: str = "", *, borders: bool = True) -> Place:
    """A place as somebody gave it, fit to be judged: the country as a code, a coordinate only where it is evidence.

    A coordinate off the globe, or surely outside the country named beside it, is left out; a radius that is missing
    or no number becomes the usual one; a coordinate that stands for a whole country has the country's radius at least,
    whatever is stated: of a database that names nothing smaller, and the known centre where no city is named. Where
    nothing is left but the class of the network, nobody said where it is: `source` is empty. Without
    `borders`, only a coordinate far from its country is outside it.

    >>> vetted(Place(37.8, -122.4, 20.0, "Argentina"), "log")
    Place(latitude=None, longitude=None, radius_km=0.0, country='AR', region='', city='', asn=0, organisation='', \
network_class='', source='log', build='')
    """
    latitude, longitude, radius_km = place.latitude, place.longitude, place.radius_km
    if not (isfinite(radius_km) and radius_km > 0):
        radius_km = usual_radius_km(place.country, place.region, place.city)
    if _stands_for_country(place, source):
        radius_km = max(radius_km, country_radius_km(place.country))
    if (
        latitude is None
        or longitude is None
        or not is_coordinate(latitude, longitude)
        or lies_outside(latitude, longitude, radius_km, place.country, borders=borders)
    ):
        latitude, longitude, radius_km = None, None, 0.0
    names = (place.country, place.region, place.city, place.organisation)
    return Place(
        latitude,
        longitude,
        radius_km,
        country_code(place.country),
        place.region,
        place.city,
        place.asn,
        place.organisation,
        place.network_class,
        source if latitude is not None or place.asn or any(names) else "",
        build,
    )


def _stands_for_country(place: Place, source: PlaceSource) -> bool:
    """Databases put whom they know the country of somewhere in it, and state the radius of that spot."""
    if place.latitude is None or place.longitude is None or place.city:
        return False
    if source == "database" and place.country and not place.region:
        return True
    return is_centre(place.latitude, place.longitude, place.country)


def completed(first: Place, second: Place) -> Place:
    """`first`, with what it lacks taken from `second`; both vetted, `first` the more trusted.

    Where `first` has a coordinate, its geography stands as it is. Where it has none, the coordinate with its radius
    and the missing names come from `second`, unless the two name different countries; where they name different
    cities or regions, the coordinate is as wrong as the country is large. What is known of the network (number,
    organisation, class) is completed in any case. `build` names every database that anything came from.
    """
    latitude, longitude, radius_km = first.latitude, first.longitude, first.radius_km
    country, region, city, source = first.country, first.region, first.city, first.source
    if not first.located and countries_agree(country, second.country):
        same_city, same_region = _agree(city, second.city), _agree(region, second.region)
        if second.located:
            latitude, longitude, radius_km, source = second.latitude, second.longitude, second.radius_km, second.source
            if not (same_city and same_region):
                radius_km = max(radius_km, country_radius_km(country or second.country))
        elif not (country or region or city) and (second.country or second.region or second.city or not source):
            source = second.source
        country, region, city = (
            country or second.country,
            region or (second.region if same_city else ""),
            city or (second.city if same_region else ""),
        )
    same_network = not first.asn or not second.asn or first.asn == second.asn
    completion = Place(
        latitude,
        longitude,
        radius_km,
        country,
        region,
        city,
        first.asn or second.asn,
        first.organisation or (second.organisation if same_network else ""),
        first.network_class or second.network_class,
        source,
        first.build,
    )
    if completion == first or not second.build:
        return completion
    return _with_build(completion, second.build)


def _agree(one: str, other: str) -> bool:
    return not one or not other or one.casefold() == other.casefold()


def _with_build(place: Place, build: str) -> Place:
    builds = dict.fromkeys(part for part in (*place.build.split(", "), build) if part)
    return Place(
        place.latitude,
        place.longitude,
        place.radius_km,
        place.country,
        place.region,
        place.city,
        place.asn,
        place.organisation,
        place.network_class,
        place.source,
        ", ".join(builds),
    )
