"""Where the people of the example sign in from.

All addresses are private or from the ranges set aside for documentation (RFC 5737, RFC 3849); the coordinates are
those of the cities, the networks and organisations are invented.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.places import NetworkClass, Place


@dataclass(frozen=True)
class Spot:
    """An address, and the place that the log gives with it; None where the log gives none."""

    ip: str
    place: Place | None


def spot(  # noqa: PLR0913, PLR0917, a table row: one argument a column
    ip: str,
    city: str,
    country: str,
    latitude: float,
    longitude: float,
    radius_km: float,
    asn: int,
    organisation: str,
    network_class: NetworkClass = "",
) -> Spot:
    """A spot on the map."""
    return Spot(
        ip,
        Place(
            latitude=latitude,
            longitude=longitude,
            radius_km=radius_km,
            country=country,
            city=city,
            asn=asn,
            organisation=organisation,
            network_class=network_class,
            source="log",
        ),
    )


HOSPITAL = (64500, "Thames Hospitals")
BROADBAND = (64501, "Estuary Broadband")
CARRIER = (64502, "Pennine Mobile", "mobile")

# The main house stands on the meridian: its longitude is 0, and 0 is a place.
GREENWICH = spot("203.0.113.10", "Greenwich", "GB", 51.4779, 0.0, 5, *HOSPITAL)
CROYDON = spot("203.0.113.20", "Croydon", "GB", 51.3762, -0.0982, 5, *HOSPITAL)

# A carrier's gateway says where the carrier is, not where the phone is.
PHONE_LONDON = spot("198.51.100.11", "London", "GB", 51.5074, -0.1278, 100, *CARRIER)
PHONE_MANCHESTER = spot("198.51.100.12", "Manchester", "GB", 53.4808, -2.2426, 100, *CARRIER)

# The hospital's own way in from outside: everybody who uses it seems to sit in Frankfurt.
TUNNEL_FRANKFURT = spot("198.51.100.200", "Frankfurt am Main", "DE", 50.1109, 8.6821, 20, 64503, "Harbour", "sase")
HOTEL_COPENHAGEN = spot("198.51.100.80", "Copenhagen", "DK", 55.6761, 12.5683, 20, 64504, "Sund Hotels")

# The mail and calendar servers that refresh a session on their own, under the name of the user.
BACKEND_ASHBURN = spot("192.0.2.130", "Ashburn", "US", 39.0438, -77.4874, 50, 64505, "Cumulus Cloud", "hosting")
BACKEND_DUBLIN = spot("192.0.2.131", "Dublin", "IE", 53.3498, -6.2603, 50, 64505, "Cumulus Cloud", "hosting")

AUCKLAND = spot("192.0.2.17", "Auckland", "NZ", -36.8509, 174.7645, 30, 64510, "Southern Cross Net")
EDINBURGH = spot("192.0.2.21", "Edinburgh", "GB", 55.9533, -3.1883, 20, 64511, "Forth Fibre")
AMSTERDAM = spot("192.0.2.33", "Amsterdam", "NL", 52.3676, 4.9041, 20, 64512, "Polder Hosting", "hosting")
BUENOS_AIRES = spot("192.0.2.49", "Buenos Aires", "AR", -34.6037, -58.3816, 30, 64513, "Plata Telecom")
ATHENS = spot("192.0.2.62", "Athens", "GR", 37.9838, 23.7275, 30, 64524, "Attica Net")
MADRID = spot("192.0.2.63", "Madrid", "ES", 40.4168, -3.7038, 30, 64525, "Meseta Cable")
HELSINKI = spot("192.0.2.64", "Helsinki", "FI", 60.1699, 24.9384, 30, 64526, "Saari Data")
LISBON = spot("192.0.2.65", "Lisbon", "PT", 38.7223, -9.1393, 30, 64514, "Tejo Net")
ROOM_LONDON = spot("192.0.2.81", "London", "GB", 51.5074, -0.1278, 20, 64515, "Borough Fibre")
CAFE_LONDON = spot("192.0.2.82", "London", "GB", 51.5155, -0.0922, 20, 64516, "Cafe Networks")
RACK_LONDON = spot("192.0.2.97", "London", "GB", 51.5072, -0.1276, 20, 64517, "Dock Hosting", "hosting")

# Many countries in minutes: one guesser behind rented machines.
GUESSERS = (
    spot("192.0.2.101", "Toronto", "CA", 43.6532, -79.3832, 30, 64518, "Lakeshore Cable"),
    spot("192.0.2.102", "Singapore", "SG", 1.3521, 103.8198, 30, 64519, "Straits Online"),
    spot("192.0.2.103", "Oslo", "NO", 59.9139, 10.7522, 30, 64520, "Fjord Bredband"),
    spot("192.0.2.104", "Santiago", "CL", -33.4489, -70.6693, 30, 64521, "Andes Net"),
    spot("192.0.2.105", "Nairobi", "KE", -1.2921, 36.8219, 30, 64522, "Savanna Telecom"),
    spot("192.0.2.106", "Perth", "AU", -31.9523, 115.8613, 30, 64523, "Swan Internet"),
)


def home(number: int) -> Spot:
    """The broadband connection of the person with this number, somewhere in south-east London."""
    return spot(f"203.0.113.{64 + number}", "London", "GB", 51.45 + number % 5 / 100, -0.02, 20, *BROADBAND)


def home_v6(prefix: int, host: int) -> Spot:
    """A home where each device takes a new IPv6 address every day, within one /64."""
    return spot(f"2001:db8:64:{prefix:x}::{host:x}", "London", "GB", 51.45, -0.02, 20, *BROADBAND)


def ward(number: int) -> Spot:
    """A workstation inside the hospital, known by its private address alone."""
    return Spot(f"10.20.4.{number}", None)
