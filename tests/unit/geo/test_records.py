"""Records of databases, read into places."""

from __future__ import annotations

import msgspec
import pytest

from geo.completion import NOWHERE
from geo.records import anonymous_place, city_place, connection_place, network_place

MADRID = {
    "city": {"names": {"en": "Madrid", "de": "Madrid"}},
    "country": {"iso_code": "ES", "names": {"en": "Spain (the Kingdom)"}},
    "subdivisions": [{"iso_code": "MD", "names": {"en": "Community of Madrid"}}, {"names": {"en": "Centro"}}],
    "location": {"latitude": 40.42, "longitude": -3.7, "accuracy_radius": 20},
}


def test_codes_name_countries_and_words_name_regions():
    """The widest region; where only a name or only a code is there, that."""
    place = city_place(MADRID, "b")
    assert (place.country, place.region, place.city, place.radius_km) == ("ES", "Community of Madrid", "Madrid", 20)
    bare = city_place({"country": {"names": {"en": "Spain"}}, "subdivisions": [{"iso_code": "MD"}]}, "b")
    assert (bare.country, bare.region, bare.located) == ("ES", "MD", False)


def test_a_radius_is_at_most_half_the_way_round_the_world():
    """Anything beyond is another unit, or broken."""
    for radius_km, sound in ((20_038, True), (20_039, False), (0, True), (-1, False)):
        record = MADRID | {"location": MADRID["location"] | {"accuracy_radius": radius_km}}
        if sound:
            assert city_place(record, "b").located
        else:
            with pytest.raises(msgspec.ValidationError, match="accuracy_radius"):
                city_place(record, "b")


def test_a_system_number_has_32_bits():
    """RFC 6793."""
    assert network_place({"autonomous_system_number": 2**32 - 1}, "b").asn == 2**32 - 1
    with pytest.raises(msgspec.ValidationError, match="autonomous_system_number"):
        network_place({"autonomous_system_number": 2**32}, "b")


@pytest.mark.parametrize(
    ("traits", "network_class"),
    [
        ({"is_anycast": True, "is_satellite_provider": True}, "anycast"),
        ({"is_satellite_provider": True, "user_type": "hosting"}, "satellite"),
        ({"user_type": "hosting"}, "hosting"),
        ({"user_type": "cellular"}, "mobile"),
        ({"user_type": "residential"}, ""),
        ({"connection_type": "Satellite", "user_type": "hosting"}, "satellite"),
        ({"connection_type": "Cellular"}, "mobile"),
        ({"connection_type": "Cellular", "user_type": "hosting"}, "hosting"),
        ({"connection_type": "Cable/DSL", "mobile_country_code": "222"}, ""),
        ({"mobile_country_code": "222"}, "mobile"),
    ],
)
def test_traits_say_the_class_and_the_one_that_says_the_most_is_taken(traits, network_class):
    """What is in many places at once is in none."""
    assert city_place(MADRID | {"traits": traits}, "b").network_class == network_class


def test_a_network_of_telephones_is_known_by_its_country_code():
    """In ISP databases, as text or as a number; others have none."""
    assert (
        network_place({"autonomous_system_number": 64500, "mobile_country_code": "222"}, "b").network_class == "mobile"
    )
    assert network_place({"mobile_country_code": 222}, "b").network_class == "mobile"
    assert network_place({"autonomous_system_number": 64500}, "b").network_class == ""


@pytest.mark.parametrize(
    ("said", "network_class"),
    [("Cellular", "mobile"), ("Satellite", "satellite"), ("Corporate", ""), ("Cable/DSL", ""), ("", "")],
)
def test_connections_without_a_wire_are_classes(said, network_class):
    """Others say nothing of a person, not even that there is a record."""
    place = connection_place({"connection_type": said}, "b")
    assert (place.network_class, place is NOWHERE) == (network_class, not network_class)


@pytest.mark.parametrize(
    ("flags", "network_class"),
    [
        ({"is_tor_exit_node", "is_anonymous_vpn", "is_hosting_provider"}, "tor"),
        ({"is_anonymous_vpn", "is_hosting_provider"}, "vpn"),
        ({"is_public_proxy"}, "vpn"),
        ({"is_residential_proxy"}, "vpn"),
        ({"is_hosting_provider"}, "hosting"),
        ({"is_anonymous"}, ""),
    ],
)
def test_of_what_hides_somebody_the_most_telling_is_taken(flags, network_class):
    """Each flag by itself, and together."""
    place = anonymous_place(dict.fromkeys(flags, True), "b")
    assert (place.network_class, place is NOWHERE) == (network_class, not network_class)
