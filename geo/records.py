"""What a record of a geo database says, read into a `Place`: one function for each schema of records.

A schema is a type with bounds, so that a record of another shape is refused with the field's name instead of giving
a wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from geo.completion import NOWHERE, vetted
from models.places import NetworkClass, Place

Reading = Callable[[Any, str], Place]
"""Reads one record, given the database's build; raises `msgspec.ValidationError` where the shape is another."""


class Names(msgspec.Struct, frozen=True):
    """A name in the languages that the database has; English is the one that is in all of them."""

    en: str = ""


class Named(msgspec.Struct, frozen=True):
    """A country, region or city; only countries and regions have a code."""

    names: Names = Names()
    iso_code: str = ""


class Location(msgspec.Struct, frozen=True):
    """A coordinate in degrees and how wrong it may be in km."""

    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    accuracy_radius: Annotated[float, msgspec.Meta(ge=0, le=20_038)] = 0


class Traits(msgspec.Struct, frozen=True):
    """What City and Enterprise databases tell of the network itself."""

    is_anycast: bool = False
    is_satellite_provider: bool = False
    user_type: str = ""
    connection_type: str = ""
    mobile_country_code: str | int = ""
    autonomous_system_number: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    autonomous_system_organization: str = ""


class CityRecord(msgspec.Struct, frozen=True):
    """A record of the nested City schema; Country databases are the same with less in it."""

    city: Named = Named()
    country: Named = Named()
    subdivisions: list[Named] = []
    location: Location = Location()
    traits: Traits = Traits()


class NetworkRecord(msgspec.Struct, frozen=True):
    """A record of an ASN or ISP database: who announces the network; ISP ones name the country of a mobile network."""

    autonomous_system_number: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0
    autonomous_system_organization: str = ""
    mobile_country_code: str | int = ""


_CONNECTIONS: Final[dict[str, NetworkClass]] = {"Cellular": "mobile", "Satellite": "satellite"}
"""Connection types that are classes of ours; `Corporate` says whose contract it is, and no site is known by that."""

_USER_TYPES: Final[dict[str, NetworkClass]] = {"hosting": "hosting", "cellular": "mobile"}


def _network_class(traits: Traits) -> NetworkClass:
    if traits.is_anycast:
        return "anycast"
    connection = _CONNECTIONS.get(traits.connection_type, "")
    if traits.is_satellite_provider or connection == "satellite":
        return "satellite"
    said = _USER_TYPES.get(traits.user_type, "") or connection
    # An operator of telephones that also connects homes has a code; the connection, where it is said, tells them apart.
    return said or ("mobile" if traits.mobile_country_code and not traits.connection_type else "")


def city_place(record: Any, build: str) -> Place:
    """The place of a City, Country or Enterprise record.

    The country is where the address is used, never where its block was registered, which says nothing of a person.
    """
    read = msgspec.convert(record, CityRecord)
    region = read.subdivisions[0] if read.subdivisions else Named()
    said = Place(
        read.location.latitude,
        read.location.longitude,
        read.location.accuracy_radius,
        read.country.iso_code or read.country.names.en,
        region.names.en or region.iso_code,
        read.city.names.en,
        read.traits.autonomous_system_number,
        read.traits.autonomous_system_organization,
        _network_class(read.traits),
    )
    return NOWHERE if said == NOWHERE else vetted(said, "database", build)


def network_place(record: Any, build: str) -> Place:
    """What an ASN or ISP record says of the network; no geography."""
    read = msgspec.convert(record, NetworkRecord)
    said = Place(
        asn=read.autonomous_system_number,
        organisation=read.autonomous_system_organization,
        network_class="mobile" if read.mobile_country_code else "",
    )
    return NOWHERE if said == NOWHERE else vetted(said, "database", build)


class AnonymousRecord(msgspec.Struct, frozen=True):
    """A record of an Anonymous-IP or Anonymous-Plus database: who hides behind the network."""

    is_anonymous_vpn: bool = False
    is_public_proxy: bool = False
    is_residential_proxy: bool = False
    is_tor_exit_node: bool = False
    is_hosting_provider: bool = False


class ConnectionRecord(msgspec.Struct, frozen=True):
    """A record of a Connection-Type database."""

    connection_type: str = ""


class FlatRecord(msgspec.Struct, frozen=True):
    """A record of the flat city schema, in which the packages of ip-location-db come."""

    country_code: str = ""
    state1: str = ""
    city: str = ""
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


def anonymous_place(record: Any, build: str) -> Place:
    """The class of an Anonymous-IP or Anonymous-Plus record; the most telling where several hold.

    Proxies, public and residential, lead elsewhere as a VPN does.
    """
    read = msgspec.convert(record, AnonymousRecord)
    if read.is_tor_exit_node:
        return Place(network_class="tor", build=build)
    if read.is_anonymous_vpn or read.is_public_proxy or read.is_residential_proxy:
        return Place(network_class="vpn", build=build)
    return Place(network_class="hosting", build=build) if read.is_hosting_provider else NOWHERE


def connection_place(record: Any, build: str) -> Place:
    """The class of a Connection-Type record; wires say nothing of a person."""
    network_class = _CONNECTIONS.get(msgspec.convert(record, ConnectionRecord).connection_type, "")
    return Place(network_class=network_class, build=build) if network_class else NOWHERE


def flat_place(record: Any, build: str) -> Place:
    """The place of a record of the flat city schema, which has no radius."""
    read = msgspec.convert(record, FlatRecord)
    said = Place(read.latitude, read.longitude, 0.0, read.country_code, read.state1, read.city)
    return NOWHERE if said == NOWHERE else vetted(said, "database", build)


READINGS: Final[tuple[tuple[re.Pattern[str], Reading, str], ...]] = (
    (re.compile(r"(GeoIP2|GeoLite2|DBIP)-(City|Country|Enterprise)\b"), city_place, "country"),
    (re.compile(r"(GeoIP2|GeoLite2|DBIP)-(ASN|ISP)\b"), network_place, "autonomous_system_number"),
    (re.compile(r"(GeoIP2?|GeoLite2)-(Anonymous-IP|Anonymous-Plus)\b"), anonymous_place, "is_anonymous"),
    (re.compile(r"(GeoIP2|GeoLite2)-Connection-Type\b"), connection_place, "connection_type"),
    (re.compile(r"city ipv[46]"), flat_place, "country_code"),
)
"""Type of the database, how its records are read, and a field that no file of the type is without."""

TYPES_READ: Final = (
    "a City, Country, Enterprise, ASN, ISP, Anonymous-IP, Anonymous-Plus or Connection-Type database of GeoIP2,"
    " GeoLite2 or DB-IP, or one of the flat city schema"
)
