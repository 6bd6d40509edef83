"""Geo databases: what they answer together, and what is refused instead of half read."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import databases as module
from geo.addresses import address
from geo.completion import NOWHERE
from geo.countries import country_radius_km
from geo.databases import Databases
from models.places import Place
from sessionwatch.errors import DatabaseError
from tests.unit.geo.mmdb import BROKEN, asn, city, write

MILAN = city("IT", city="Milan", region="Lombardy", at=(45.46, 9.19), radius_km=20)


def look_up(databases: Databases, ip: str) -> Place:
    """The joint answer, which must be final."""
    place, whole = databases.look_up(address(ip))
    assert whole
    return place


@pytest.fixture(scope="module")
def city_file(tmp_path_factory):
    """A City database with a place of every precision."""
    networks = {
        "81.2.69.0/24": MILAN,
        "81.2.70.0/24": city("GB", city="Greenwich", at=(51.48, 0.0), radius_km=5),
        "81.2.71.0/24": city("UG", at=(0.0, 32.5)),
        "81.2.72.0/24": city("IT", region="Lombardy", at=(45.46, 9.19)),
        "81.2.73.0/24": city("IT", city="Milan", at=(45.46, 9.19)),
        "81.2.74.0/24": city("US", at=(37.751, -97.822)),
        "81.2.75.0/24": city("IT", at=(45.46, 9.19), traits={"is_anycast": True}),
        "81.2.76.0/24": city("IT", at=(37.77, -122.4)),
        "2a02:1210::/32": city("CH", city="Bern", at=(46.95, 7.45), radius_km=50),
        "203.0.113.0/24": MILAN,
    }
    return write(tmp_path_factory.mktemp("city") / "GeoLite2-City.mmdb", networks)


def test_a_place_has_the_radius_of_the_database_else_that_of_the_smallest_thing_named(city_file):
    """No coordinate counts as exact because a database does not say how wrong it is."""
    databases = Databases.open([city_file])
    radii = [look_up(databases, f"81.2.{n}.1").radius_km for n in (69, 73, 72, 71, 74)]
    assert radii == [20, 50, 200, max(500, country_radius_km("UG")), country_radius_km("US")]
    assert country_radius_km("US") > 500


def test_a_place_says_all_that_the_record_says_and_by_which_build(city_file):
    """An alert quotes the build."""
    place = look_up(Databases.open([city_file]), "81.2.69.142")
    assert place == Place(
        45.46, 9.19, 20.0, "IT", "Lombardy", "Milan", source="database", build="GeoLite2-City 2024-05-01"
    )


def test_greenwich_and_the_equator_are_places(city_file):
    """0 is a coordinate."""
    databases = Databases.open([city_file])
    assert look_up(databases, "81.2.70.9").longitude == 0.0
    assert look_up(databases, "81.2.71.9").latitude == 0.0
    assert look_up(databases, "81.2.70.9").located
    assert look_up(databases, "81.2.71.9").located


def test_ipv6_addresses_have_places_and_unknown_ones_have_none(city_file):
    """IPv4 written as IPv6 is IPv4."""
    databases = Databases.open([city_file])
    assert look_up(databases, "2a02:1210:9::1").city == "Bern"
    assert look_up(databases, "::ffff:81.2.69.142").city == "Milan"
    assert look_up(databases, "2a03::1") is NOWHERE
    assert look_up(databases, "9.9.9.9") is NOWHERE
    assert look_up(databases, "no address") is NOWHERE


def test_anycast_is_named_and_a_coordinate_outside_its_country_left_out(city_file):
    """Neither is evidence of where a person is."""
    databases = Databases.open([city_file])
    assert look_up(databases, "81.2.75.1").network_class == "anycast"
    assert not look_up(databases, "81.2.76.1").located
    assert look_up(databases, "81.2.76.1").country == "IT"


def test_a_database_of_ipv4_alone_is_refused_unless_another_has_the_rest(tmp_path):
    """Else half of the world's addresses would silently have no place."""
    only_v4 = write(tmp_path / "v4.mmdb", {"81.2.69.0/24": MILAN}, ip_version=4)
    message = refused(only_v4)
    assert "v4.mmdb: GeoLite2-City: it holds IPv4 alone; name its IPv6 half as well" in message
    numbers = write(tmp_path / "asn.mmdb", {"2a02:1210::/32": asn(3303, "SWISSCOM")}, type="GeoLite2-ASN")
    assert "IPv4 alone" in refused(only_v4, numbers)
    rest = write(tmp_path / "v6.mmdb", {"2a02:1210::/32": MILAN})
    databases = Databases.open([only_v4, rest])
    assert look_up(databases, "2a02:1210::1").city == look_up(databases, "81.2.69.1").city == "Milan"
    assert look_up(databases, "2a02:1211::1") is NOWHERE
    assert databases.failed == {}


def test_classes_of_networks_come_from_the_databases_that_know_them(tmp_path, city_file):
    """Who hides behind an address, and how it is connected; beside the place that another database gives."""
    hidden = {
        "81.2.69.0/25": {"is_anonymous": True, "is_anonymous_vpn": True, "is_hosting_provider": True},
        "81.2.69.128/25": {"is_anonymous": True, "is_tor_exit_node": True, "is_anonymous_vpn": True},
        "81.2.70.0/24": {"is_anonymous": True, "is_hosting_provider": True},
        "81.2.71.0/24": {"is_anonymous": True, "is_residential_proxy": True},
        "81.2.72.0/24": {},
    }
    wires = {"81.2.72.0/24": {"connection_type": "Cellular"}, "81.2.73.0/24": {"connection_type": "Cable/DSL"}}
    databases = Databases.open(
        [
            city_file,
            write(tmp_path / "anonymous.mmdb", hidden, type="GeoIP2-Anonymous-IP"),
            write(tmp_path / "wires.mmdb", wires, type="GeoIP2-Connection-Type"),
        ]
    )
    addresses = ("81.2.69.1", "81.2.69.200", "81.2.70.1", "81.2.71.1", "81.2.72.1", "81.2.73.1")
    classes = [look_up(databases, ip).network_class for ip in addresses]
    assert classes == ["vpn", "tor", "hosting", "vpn", "mobile", ""]
    assert look_up(databases, "81.2.69.1").city == "Milan"
    assert look_up(databases, "81.2.69.1").build == "GeoIP2-Anonymous-IP 2024-05-01, GeoLite2-City 2024-05-01"


def test_the_flat_city_schema_is_read(tmp_path):
    """Two files, one for each family of addresses; without a radius of their own."""
    flat = {"city": "Milan", "country_code": "IT", "latitude": 45.46, "longitude": 9.19, "state1": "Lombardy"}
    v4 = write(tmp_path / "v4.mmdb", {"81.2.69.0/24": flat}, type="city ipv4", ip_version=4)
    v6 = write(tmp_path / "v6.mmdb", {"2a02:1210::/32": flat}, type="city ipv6")
    databases = Databases.open([v4, v6])
    for ip in ("81.2.69.1", "2a02:1210::1"):
        place = look_up(databases, ip)
        assert (place.city, place.region, place.country, place.radius_km) == ("Milan", "Lombardy", "IT", 50)


def test_several_databases_each_answer_what_they_know(tmp_path, city_file):
    """In whatever order they were named, also where only one knows the address."""
    networks = {"81.2.69.128/25": asn(3269, "ASN-IBSNAZ"), "9.9.9.0/24": asn(19281, "QUAD9")}
    numbers = write(tmp_path / "asn.mmdb", networks, type="GeoLite2-ASN", built=datetime(2024, 5, 2, tzinfo=UTC))
    for order in ([city_file, numbers], [numbers, city_file]):
        databases = Databases.open(order)
        both, city_only, asn_only = (look_up(databases, ip) for ip in ("81.2.69.142", "81.2.69.1", "9.9.9.9"))
        assert (both.city, both.asn, both.organisation) == ("Milan", 3269, "ASN-IBSNAZ")
        assert both.build == "GeoLite2-ASN 2024-05-02, GeoLite2-City 2024-05-01"
        assert (city_only.city, city_only.asn, city_only.build) == ("Milan", 0, "GeoLite2-City 2024-05-01")
        assert (asn_only.located, asn_only.asn, asn_only.build) == (False, 19281, "GeoLite2-ASN 2024-05-02")
        assert databases.build == "GeoLite2-ASN 2024-05-02, GeoLite2-City 2024-05-01"


def test_the_newest_build_wins_whatever_the_order_in_which_files_are_named(tmp_path, city_file):
    """And it alone is named, where nothing came from the other."""
    newer = write(
        tmp_path / "newer.mmdb",
        {"81.2.69.0/24": city("IT", city="Rome", at=(41.9, 12.5), radius_km=10)},
        built=datetime(2025, 1, 1, tzinfo=UTC),
    )
    for order in ([city_file, newer], [newer, city_file]):
        place = look_up(Databases.open(order), "81.2.69.142")
        assert (place.city, place.latitude, place.build) == ("Rome", 41.9, "GeoLite2-City 2025-01-01")


def test_an_older_coordinate_is_not_put_into_the_country_of_a_newer_database(tmp_path, city_file):
    """The block has moved since: half of each answer would be a place that neither names."""
    countries = {"81.2.69.0/24": city("FR"), "81.2.73.0/24": city("IT")}
    newer = write(tmp_path / "c.mmdb", countries, type="GeoLite2-Country", built=datetime(2025, 1, 1, tzinfo=UTC))
    databases = Databases.open([city_file, newer])
    assert (look_up(databases, "81.2.69.1").country, look_up(databases, "81.2.69.1").located) == ("FR", False)
    assert (look_up(databases, "81.2.73.1").country, look_up(databases, "81.2.73.1").city) == ("IT", "Milan")


def refused(*paths) -> str:
    """The message with which files are refused; it names the first."""
    with pytest.raises(DatabaseError) as caught:
        Databases.open(paths)
    assert str(paths[0]) in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_no_database_is_refused_with_what_it_is_instead(tmp_path, city_file):
    """So that the message says what to do."""
    whole = city_file.read_bytes()
    empty, cut, packed, text = (tmp_path / name for name in ("empty", "cut", "packed", "text"))
    empty.write_bytes(b"")
    cut.write_bytes(whole[: len(whole) // 2])
    packed.write_bytes(gzip.compress(whole))
    text.write_text("network,city\n", encoding="utf-8")
    assert "no such file" in refused(tmp_path / "missing.mmdb")
    assert "not a file" in refused(tmp_path)
    assert "empty" in refused(empty)
    assert "cut short" in refused(cut)
    assert "unpack it" in refused(packed)
    assert "cut short, or not in the MaxMind DB format" in refused(text)


def test_a_file_cut_inside_its_tree_or_its_metadata_is_refused(tmp_path, city_file):
    """Every shorter file is refused: no truncation passes for a smaller database."""
    whole = city_file.read_bytes()
    cut = tmp_path / "cut.mmdb"
    for length in range(1, len(whole), 97):
        cut.write_bytes(whole[:length])
        refused(cut)
    cut.write_bytes(whole[len(whole) // 3 :])
    refused(cut)


def test_a_database_of_another_type_is_refused_with_its_type_and_what_was_expected(tmp_path):
    """A database that answers nothing we ask is a mistake of the caller."""
    other = write(tmp_path / "x.mmdb", {"81.2.69.0/24": {"domain": "clinic.example"}}, type="GeoIP2-Domain")
    assert "GeoIP2-Domain" in refused(other)
    assert "expected a City, Country, Enterprise, ASN, ISP" in refused(other)


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"city": "Milan", "country_code": "IT"}, "$.city"),
        ({"country_code": "IT", "latitude": 45.46}, "'country'"),
        ({"country": {"iso_code": 5}}, "$.country.iso_code"),
        ({"country": {"iso_code": "IT"}, "location": {"latitude": 95.0, "longitude": 9.0}}, "$.location.latitude"),
        ({"country": {"iso_code": "IT"}, "location": {"latitude": "45"}}, "$.location.latitude"),
        ("Milan", "Expected `object`"),
        (BROKEN, "cannot be read"),
    ],
)
def test_records_of_another_shape_than_the_type_says_are_refused_by_the_field(tmp_path, record, named):
    """A wrong schema read with a right type would place everybody nowhere, in silence."""
    assert named in refused(write(tmp_path / "odd.mmdb", {"81.2.69.0/24": record}))


def test_one_broken_record_among_good_ones_refuses_a_small_file(tmp_path):
    """Every record of a small file is read."""
    refused(write(tmp_path / "odd.mmdb", {"81.2.69.0/24": MILAN, "9.9.9.0/24": BROKEN}))


def test_a_database_without_records_is_refused(tmp_path):
    """It would place nobody, in silence."""
    assert "no records" in refused(write(tmp_path / "none.mmdb", {}))


def test_all_unusable_files_are_named_at_once(tmp_path, city_file):
    """One run shows every fault."""
    with pytest.raises(DatabaseError) as caught:
        Databases.open([tmp_path / "one.mmdb", city_file, tmp_path / "two.mmdb"])
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        str(tmp_path / "one.mmdb"),
        str(tmp_path / "two.mmdb"),
    ]


@pytest.fixture
def large_with_a_broken_record(tmp_path):
    """Too large to be walked, and its broken network is narrower than the sample."""
    networks = {"81.2.0.0/16": MILAN, "81.2.69.0/28": BROKEN, "80.0.0.0/8": MILAN}
    return write(tmp_path / "large.mmdb", networks, padding_bytes=module.WALKED_MAX_BYTES)


def test_a_record_that_proves_broken_later_is_counted_and_stops_nothing(large_with_a_broken_record):
    """Each time it is asked for; the networks around it still answer."""
    databases = Databases.open([large_with_a_broken_record])
    assert look_up(databases, "81.2.70.1").city == "Milan"
    for asked in (1, 2):
        assert databases.look_up(address("81.2.69.1")) == (NOWHERE, False)
        assert databases.failed == {"GeoLite2-City 2024-05-01": asked}
    assert look_up(databases, "81.2.70.1").city == "Milan"


def test_the_other_databases_still_answer_for_an_address_over_which_one_failed(tmp_path, large_with_a_broken_record):
    """And the answer is known not to be final."""
    numbers = write(tmp_path / "asn.mmdb", {"81.2.0.0/16": asn(3269, "ASN-IBSNAZ")}, type="GeoLite2-ASN")
    place, whole = Databases.open([numbers, large_with_a_broken_record]).look_up(address("81.2.69.1"))
    assert (place.asn, place.located, whole) == (3269, False, False)


def test_a_large_file_with_a_record_of_the_sample_broken_is_refused(tmp_path):
    """A sample is read when the file is opened."""
    refused(
        write(tmp_path / "l.mmdb", {"80.0.0.0/5": BROKEN, "9.0.0.0/8": MILAN}, padding_bytes=module.WALKED_MAX_BYTES)
    )


def test_a_large_file_with_another_schema_is_refused_from_its_sample(tmp_path):
    """A right type with a wrong schema would place nobody."""
    flat = {"country_code": "IT"}
    refused(write(tmp_path / "l.mmdb", {"80.0.0.0/5": flat}, padding_bytes=module.WALKED_MAX_BYTES))


def cidrs(prefix_min: int) -> st.SearchStrategy[str]:
    """Networks inside 80.0.0.0/8, wide and narrow, so that they nest."""
    return st.builds(
        lambda low, length: f"{IPv4Address((80 << 24) + (low >> (32 - length) << (32 - length)))}/{length}",
        st.integers(0, 2**24 - 1),
        st.integers(prefix_min, 32),
    )


@given(
    st.dictionaries(
        cidrs(9), st.sampled_from([MILAN, city("FR"), city("IT", city="Rome", at=(41.9, 12.5))]), min_size=1
    ),
    st.dictionaries(cidrs(9), st.sampled_from([asn(1, "one"), asn(2, "two")]), min_size=1),
    st.lists(st.integers(0, 2**24 - 1), max_size=30),
    st.integers(1, 4),
)
def test_a_remembered_answer_is_the_one_that_asking_again_would_give(tmp_path_factory, cities, numbers, others, room):
    """Whatever was asked before, and however often the memory was full."""
    folder = tmp_path_factory.mktemp("pair")
    databases = Databases.open(
        [write(folder / "city.mmdb", cities), write(folder / "asn.mmdb", numbers, type="GeoLite2-ASN")]
    )
    starts = [int(ip_address(cidr.split("/")[0])) for cidr in (*cities, *numbers)]
    ends = [start + edge for start in starts for edge in (-1, 0, 1)]
    asked = [address(str(IPv4Address(number))) for number in (*ends, *((80 << 24) + low for low in others))]
    with mock.patch.object(module, "NETWORKS_CACHED_MAX", room):
        for where in asked + asked[::-1]:
            assert databases.look_up(where) == (databases._asked(where, Counter())[0], True)
            assert databases._answers[32].count <= room
    databases.close()


def test_one_network_is_remembered_once_for_all_its_addresses(city_file):
    """A telephone company's customers share a network: they cost one record read and one place in memory."""
    databases = Databases.open([city_file])
    places = {id(look_up(databases, f"81.2.69.{n}")) for n in range(256)}
    assert len(places) == 1
    assert databases._answers[32].count == 1


def test_no_database_has_no_build_and_no_answer():
    """The locator works without any."""
    assert Databases().build == ""
    assert look_up(Databases(), "81.2.69.1") is NOWHERE
