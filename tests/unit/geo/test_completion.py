"""One place of several answers, without contradictions."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.completion import NOWHERE, completed, vetted
from geo.countries import country_radius_km
from models.places import Place

MILAN = Place(45.46, 9.19, 20.0, "IT", "Lombardy", "Milan", source="database", build="City 2024-05-01")

PLACES = st.builds(
    Place,
    st.none() | st.floats(-200, 200) | st.just(nan),
    st.none() | st.floats(-400, 400) | st.just(0.0),
    st.sampled_from([0.0, -1.0, nan, inf, 5.0, 700.0]),
    st.sampled_from(["", "IT", "Italy", "FR", "Atlantis"]),
    st.sampled_from(["", "Lombardy", "Sicily"]),
    st.sampled_from(["", "Milan", "Palermo"]),
    st.sampled_from([0, 3269, 64512]),
    st.sampled_from(["", "ASN-IBSNAZ"]),
    st.sampled_from(["", "vpn", "private"]),
)


@pytest.mark.parametrize(("latitude", "longitude"), [(51.48, 0.0), (0.0, 32.5), (0.0, 0.0), (-0.0, 9.0)])
def test_zero_degrees_is_a_place(latitude, longitude):
    """Greenwich and the equator are inhabited."""
    place = vetted(Place(latitude, longitude, 10.0), "log")
    assert place.located
    assert (place.latitude, place.longitude) == (latitude, longitude)


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(None, 9.19), (45.46, None), (nan, 9.19), (45.46, inf), (91.0, 9.19), (45.46, -180.5)]
)
def test_half_a_coordinate_or_one_off_the_globe_is_none(latitude, longitude):
    """What else the log says of the place stays."""
    place = vetted(Place(latitude, longitude, 10.0, "IT", "", "Milan"), "log")
    assert not place.located
    assert (place.latitude, place.longitude, place.radius_km) == (None, None, 0.0)
    assert place.city == "Milan"


@pytest.mark.parametrize("radius_km", [0.0, -5.0, nan, inf])
def test_a_missing_radius_becomes_the_usual_one_of_the_smallest_thing_named(radius_km):
    """No coordinate counts as exact because nobody said how wrong it is."""
    at = (45.46, 9.19, radius_km)
    assert vetted(Place(*at, "IT", "Lombardy", "Milan"), "log").radius_km == 50
    assert vetted(Place(*at, "IT", "Lombardy"), "log").radius_km == 200
    assert vetted(Place(*at, "IT"), "log").radius_km == country_radius_km("IT")
    assert vetted(Place(*at), "log").radius_km == 500


def test_a_coordinate_outside_the_country_named_beside_it_is_no_evidence():
    """Seen in real logs: San Francisco's coordinate with Tokyo's name."""
    place = vetted(Place(37.7749, -122.4194, 50.0, "Japan", "", "Tokyo"), "log")
    assert not place.located
    assert place.label == "Tokyo, JP"


@given(PLACES)
def test_vetting_a_vetted_place_changes_nothing(place):
    """A place may pass through several stages."""
    once = vetted(place, "log")
    assert vetted(once, "log") == once


def test_a_log_that_has_a_coordinate_keeps_its_geography():
    """Not even the empty names are filled from elsewhere."""
    log = vetted(Place(41.9, 12.5, 5.0), "log")
    place = completed(log, MILAN)
    assert (place.latitude, place.longitude, place.radius_km, place.country, place.city) == (41.9, 12.5, 5.0, "", "")
    assert place.source == "log"


def test_a_log_that_names_the_country_only_takes_the_coordinate_of_a_database_that_agrees():
    """With its radius, its city and its build."""
    place = completed(vetted(Place(country="Italy"), "log"), MILAN)
    assert (place.latitude, place.longitude, place.radius_km) == (45.46, 9.19, 20.0)
    assert (place.country, place.city, place.source, place.build) == ("IT", "Milan", "database", "City 2024-05-01")


def test_a_database_that_names_another_country_gives_no_coordinate():
    """Nobody knows which of the two is right."""
    log = vetted(Place(country="FR"), "log")
    assert completed(log, MILAN) == log


def test_a_coordinate_of_another_city_of_the_country_is_as_wrong_as_the_country_is_large():
    """The database does not know where in the country the log's city is."""
    place = completed(vetted(Place(country="IT", city="Palermo"), "log"), MILAN)
    assert (place.city, place.region) == ("Palermo", "")
    assert place.radius_km == country_radius_km("IT")


def test_the_network_is_completed_whatever_the_geography_says():
    """Who announces an address is no matter of geography."""
    network = Place(
        asn=3269, organisation="ASN-IBSNAZ", network_class="mobile", source="database", build="ASN 2024-05-02"
    )
    log = vetted(Place(48.85, 2.35, 5.0, "FR"), "log")
    place = completed(log, network)
    assert (place.asn, place.organisation, place.network_class) == (3269, "ASN-IBSNAZ", "mobile")
    assert (place.latitude, place.source, place.build) == (48.85, "log", "ASN 2024-05-02")


def test_an_organisation_is_never_put_beside_the_number_of_another():
    """Half of each answer would be a network that nobody runs."""
    place = completed(
        Place(asn=64512, source="log"), Place(asn=3269, organisation="ASN-IBSNAZ", source="database", build="b")
    )
    assert (place.asn, place.organisation) == (64512, "")


def test_builds_are_named_once_each_in_the_order_in_which_they_were_asked():
    """An alert says what it was judged with."""
    network = Place(asn=3269, source="database", build="ASN 2024-05-02")
    place = completed(completed(network, MILAN), Place(organisation="X", source="database", build="City 2024-05-01"))
    assert place.build == "ASN 2024-05-02, City 2024-05-01"


@given(PLACES, PLACES)
def test_what_the_first_says_is_never_overruled(first, second):
    """And completing twice is completing once."""
    first, second = vetted(first, "log"), vetted(second, "database", "City 2024-05-01")
    place = completed(first, second)
    for field in ("country", "region", "city", "asn", "organisation", "network_class"):
        assert getattr(first, field) in ("", 0, getattr(place, field))
    if first.located:
        assert (place.latitude, place.longitude, place.radius_km) == (first.latitude, first.longitude, first.radius_km)
    assert completed(place, second) == place
    assert completed(first, NOWHERE) == first
    assert completed(place, place) == place


def test_the_known_centre_of_a_country_is_as_wide_as_the_country_whatever_is_stated():
    """It stands for all of it, and the city that happens to lie there is another matter."""
    centre = (37.751, -97.822, 1.0)
    assert vetted(Place(*centre, "US"), "database").radius_km == country_radius_km("US")
    assert vetted(Place(38.0, -97.0, 6_000.0, "US"), "database").radius_km == 6_000
    assert vetted(Place(*centre, "US", "Kansas", "Cheney"), "database").radius_km == 1
    assert vetted(Place(37.69, -97.34, 20.0, "US"), "log").radius_km == 20


@pytest.mark.parametrize(("country", "at"), [("DE", (51.29, 9.49)), ("TR", (39.06, 34.91)), ("GB", (54.76, -2.7))])
def test_a_database_that_knows_the_country_alone_is_as_wrong_as_the_country_is_large(country, at):
    """Wherever its coordinate lies and whatever it states; a region or a city is a smaller thing, and so is a log's."""
    assert vetted(Place(*at, 100.0, country), "database").radius_km == country_radius_km(country)
    assert vetted(Place(*at, 6_000.0, country), "database").radius_km == 6_000
    assert vetted(Place(*at, 100.0, country, "Somewhere"), "database").radius_km == 100
    assert vetted(Place(*at, 100.0, country, "", "Anytown"), "database").radius_km == 100
    assert vetted(Place(*at, 100.0, country), "log").radius_km == 100
    assert vetted(Place(*at, 100.0), "database").radius_km == 100
