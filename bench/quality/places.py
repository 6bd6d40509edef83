"""Where the people of the invented hospital are when they sign in, as its log says it.

Addresses come from ranges that nobody on the Internet has: those for documentation (RFC 5737, RFC 3849) and the one
for benchmarks (RFC 2544), for 500 homes need more of them. Coordinates are those of the cities; networks and
organisations are invented.
"""

from __future__ import annotations

from typing import NamedTuple

from models.places import NetworkClass, Place


class City(NamedTuple):
    """A city on the map; latitude and longitude in degrees."""

    name: str
    country: str
    latitude: float
    longitude: float


class Provider(NamedTuple):
    """Who runs a network, and what kind of network the log takes it for."""

    asn: int
    organisation: str
    network_class: NetworkClass = ""


class Spot(NamedTuple):
    """An address and the place that the log gives with it; no place where the log gives none."""

    ip: str
    place: Place | None


UTRECHT = City("Utrecht", "NL", 52.0907, 5.1214)
AMERSFOORT = City("Amersfoort", "NL", 52.1561, 5.3878)
AMSTERDAM = City("Amsterdam", "NL", 52.3676, 4.9041)
ROTTERDAM = City("Rotterdam", "NL", 51.9244, 4.4777)
EINDHOVEN = City("Eindhoven", "NL", 51.4416, 5.4697)
LISBON = City("Lisbon", "PT", 38.7223, -9.1393)
SETUBAL = City("Setubal", "PT", 38.5244, -8.8882)
PORTO = City("Porto", "PT", 41.1579, -8.6291)
SYDNEY = City("Sydney", "AU", -33.8688, 151.2093)
FRANKFURT = City("Frankfurt am Main", "DE", 50.1109, 8.6821)

BRUSSELS = City("Brussels", "BE", 50.8503, 4.3517)
PARIS = City("Paris", "FR", 48.8566, 2.3522)
COLOGNE = City("Cologne", "DE", 50.9375, 6.9603)
BERLIN = City("Berlin", "DE", 52.52, 13.405)
LONDON = City("London", "GB", 51.5074, -0.1278)
COPENHAGEN = City("Copenhagen", "DK", 55.6761, 12.5683)
BARCELONA = City("Barcelona", "ES", 41.3874, 2.1686)
ROME = City("Rome", "IT", 41.9028, 12.4964)
VIENNA = City("Vienna", "AT", 48.2082, 16.3738)
BOSTON = City("Boston", "US", 42.3601, -71.0589)
CHICAGO = City("Chicago", "US", 41.8781, -87.6298)
SINGAPORE = City("Singapore", "SG", 1.3521, 103.8198)
ZURICH = City("Zurich", "CH", 47.3769, 8.5417)
ASHBURN = City("Ashburn", "US", 39.0438, -77.4874)
DUBLIN = City("Dublin", "IE", 53.3498, -6.2603)

HOUSE = Provider(64500, "Sint Elders")
GATEWAY = Provider(64503, "Harbour Gateway")
CABLE = Provider(64510, "Polder Cable")
FIBRE = Provider(64511, "Meander Glas")
CABLE_PT = Provider(64512, "Tejo Cabo")
CABLE_AU = Provider(64513, "Harbour Broadband AU")
CARRIER = Provider(64520, "Klaver Mobiel", "mobile")
CARRIER_TWO = Provider(64521, "Deltatel", "mobile")
CARRIER_PT = Provider(64522, "Onda Movel", "mobile")
CARRIER_AU = Provider(64523, "Southern Mobile", "mobile")
RELAY = Provider(64530, "Orchard Relay", "relay")
TUNNEL = Provider(64531, "Burrow VPN", "vpn")
TUNNEL_UNKNOWN = Provider(64532, "Lumen Transit")
SKY = Provider(64533, "Skyband", "satellite")
CLOUD = Provider(64534, "Cumulus Cloud", "hosting")
HOTELS = Provider(64535, "Gasthof Wifi")
CAMPUS = Provider(64536, "Congress Net")
TRAINS = Provider(64537, "Rail Wifi")
CAFES = Provider(64538, "Bean Networks")

PLACES_OF_HOMES = (UTRECHT, UTRECHT, AMERSFOORT, AMERSFOORT, AMSTERDAM, ROTTERDAM)
PLACES_OF_HOMES_PT = (LISBON, LISBON, SETUBAL)
TUNNEL_EXITS = (AMSTERDAM, FRANKFURT, BRUSSELS, LONDON, PARIS)


def spot(ip: str, city: City, provider: Provider, radius_km: float = 20.0) -> Spot:
    """An address of `provider` that the log places in `city`, give or take `radius_km`."""
    return Spot(
        ip,
        Place(
            latitude=city.latitude,
            longitude=city.longitude,
            radius_km=radius_km,
            country=city.country,
            city=city.name,
            asn=provider.asn,
            organisation=provider.organisation,
            network_class=provider.network_class,
            source="log",
        ),
    )


MAIN_HOUSE = (spot("192.0.2.4", UTRECHT, HOUSE, 5), spot("192.0.2.5", UTRECHT, HOUSE, 5))
CLINIC = (spot("192.0.2.18", AMERSFOORT, HOUSE, 5),)
LISBON_HOUSE = (spot("192.0.2.36", LISBON, HOUSE, 5),)
WAY_IN = (spot("192.0.2.66", FRANKFURT, GATEWAY), spot("192.0.2.67", AMSTERDAM, GATEWAY))


def house_v6(building: int, host: int) -> Spot:
    """A desk of the main house by IPv6: a network for each building, an address for each day."""
    return spot(f"2001:db8:e1de:{building:x}::{host & 0xFFFF:x}", UTRECHT, HOUSE, 5)


def ward(number: int, seat: int) -> Spot:
    """A workstation as the record system sees it: by its address inside the house, which is no place."""
    return Spot(f"10.20.{number}.{seat}", None)


def numbered(block: int, number: int) -> str:
    """An address of the range for benchmarks; `block` 0 to 511."""
    return f"198.{18 + block // 256}.{block % 256}.{number % 254 + 1}"


def cloud(number: int) -> Spot:
    """A machine in the cloud that works for the house, or for somebody in it."""
    return spot(numbered(300, number), (ASHBURN, DUBLIN)[number % 2], CLOUD, 50)
