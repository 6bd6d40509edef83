"""The public test databases of MaxMind, read as their makers' own reader reads them; the broken ones refused."""

from __future__ import annotations

import geoip2.database
import pytest

from geo.addresses import address
from geo.countries import country_radius_km, is_centre
from geo.databases import Database, Databases
from models.places import Place
from sessionwatch.errors import DatabaseError


def look_up(databases: Databases, ip: str) -> Place:
    """The joint answer."""
    return databases.look_up(address(ip))[0]


@pytest.mark.real_logs
@pytest.mark.parametrize("name", ["GeoIP2-City", "GeoLite2-City", "GeoIP2-Enterprise"])
def test_every_network_of_the_public_test_databases_is_read_as_their_makers_own_reader_does(real_logs, name):
    """geoip2 is that reader; ours is faster and checks more, and must not say anything else."""
    path = real_logs / "maxmind_test" / f"{name}-Test.mmdb"
    ours, compared = Database(path), 0
    with geoip2.database.Reader(path) as theirs:
        for network, _ in ours._reader:
            where = address(str(network[0]))
            if not where.bits:
                continue
            place = ours.look_up(where)[0]
            said = theirs.enterprise(where.text) if "Enterprise" in name else theirs.city(where.text)
            assert (place.latitude, place.longitude) == (said.location.latitude, said.location.longitude), network
            widest = 0.0
            alone = place.country and not place.region and not place.city
            at_centre = place.located and is_centre(place.latitude, place.longitude, place.country)
            if place.located and (alone or (at_centre and not place.city)):
                widest = country_radius_km(place.country)  # it stands for the whole country, whatever is stated
            assert place.radius_km == max(said.location.accuracy_radius or 0, widest), network
            assert (place.country, place.city) == (said.country.iso_code or "", said.city.name or ""), network
            assert place.region == (said.subdivisions[0].name if said.subdivisions else ""), network
            compared += 1
    assert compared > 10


@pytest.mark.real_logs
@pytest.mark.parametrize(("name", "ask"), [("GeoLite2-ASN", "asn"), ("GeoIP2-ISP", "isp")])
def test_every_network_has_the_number_that_its_makers_own_reader_reads(real_logs, name, ask):
    """The same for databases of numbers."""
    path = real_logs / "maxmind_test" / f"{name}-Test.mmdb"
    ours = Database(path)
    with geoip2.database.Reader(path) as theirs:
        for network, _ in ours._reader:
            place, said = ours.look_up(address(str(network[0])))[0], getattr(theirs, ask)(str(network[0]))
            assert place.asn == (said.autonomous_system_number or 0), network
            assert place.organisation == (said.autonomous_system_organization or ""), network


@pytest.mark.real_logs
def test_the_city_test_database_answers_as_published(real_logs):
    """MaxMind's published test file, by a reader of ours."""
    databases = Databases.open([real_logs / "maxmind_test" / "GeoIP2-City-Test.mmdb"])
    london, tokyo = look_up(databases, "81.2.69.142"), look_up(databases, "2001:218::1")
    assert (london.city, london.country, london.latitude, london.radius_km) == ("London", "GB", 51.5142, 10)
    assert (tokyo.city, tokyo.country, tokyo.radius_km) == ("", "JP", country_radius_km("JP"))
    assert look_up(databases, "214.1.1.1").network_class == "anycast"
    assert databases.build.startswith("GeoIP2-City 20")


@pytest.mark.real_logs
@pytest.mark.parametrize("fault", ["Broken-Double-Format", "Invalid-Node-Count"])
def test_the_public_broken_databases_are_refused_when_they_are_opened(real_logs, fault):
    """The first of them opens without complaint, and fails only when its records are read."""
    path = real_logs / "maxmind_test" / f"GeoIP2-City-Test-{fault}.mmdb"
    with pytest.raises(DatabaseError) as caught:
        Databases.open([path])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.real_logs
@pytest.mark.parametrize(
    ("name", "ask"),
    [("GeoIP2-Anonymous-IP", "anonymous_ip"), ("GeoIP-Anonymous-Plus", "anonymous_plus")],
)
def test_every_network_has_the_class_that_its_makers_own_reader_tells(real_logs, name, ask):
    """The same for databases of what hides behind an address."""
    path = real_logs / "maxmind_test" / f"{name}-Test.mmdb"
    ours, classes = Database(path), set()
    with geoip2.database.Reader(path) as theirs:
        for network, _ in ours._reader:
            said = getattr(theirs, ask)(str(network[0]))
            elsewhere = said.is_anonymous_vpn or said.is_public_proxy or said.is_residential_proxy
            wanted = "tor" if said.is_tor_exit_node else "vpn" if elsewhere else "hosting" * said.is_hosting_provider
            assert ours.look_up(address(str(network[0])))[0].network_class == wanted, network
            classes.add(wanted)
    assert "vpn" in classes


@pytest.mark.real_logs
def test_the_public_connection_types_are_read(real_logs):
    """Telephones have a class, wires have none."""
    ours = Database(real_logs / "maxmind_test" / "GeoIP2-Connection-Type-Test.mmdb")
    classes = {ours.look_up(address(str(network[0])))[0].network_class for network, _ in ours._reader}
    assert classes == {"", "mobile", "satellite"}
