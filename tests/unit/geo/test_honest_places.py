"""Places that contradict themselves, or are less sure than they say, accuse nobody of a journey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detectors.impossible_travel import ImpossibleTravel, TravelParams
from detectors.worlds import feed
from geo.databases import Databases
from geo.locator import Locator
from models.events import SessionEvent
from models.findings import Finding
from models.places import Place
from tests.unit.geo.mmdb import city, write

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def accused(locator: Locator, *ends: tuple[str, Place | None]) -> bool:
    """Whether sign-ins of one person from `ends` (address, the log's place), ten minutes apart, are a journey."""
    events = [
        SessionEvent(
            id=f"e{n}",
            at=AT + timedelta(minutes=10 * n),
            kind="login",
            user="ann",
            session=f"s{n}",
            ip=ip,
            outcome="success",
            place=place,
        )
        for n, (ip, place) in enumerate(ends)
    ]
    detector = ImpossibleTravel(TravelParams(radius_max_km=8000))
    return any(isinstance(said, Finding) for said in feed(detector, [locator.locate(event) for event in events]))


@pytest.mark.parametrize(
    ("country", "known", "alone"),
    [("DE", (48.14, 11.58), (53.55, 9.99)), ("TR", (41.01, 28.98), (39.06, 34.91)), ("GB", (50.72, -3.53), (57.1, -4))],
)
def test_two_records_of_one_country_are_no_journey_where_one_knows_the_country_alone(tmp_path, country, known, alone):
    """Whatever radius it states; a city of its own on another continent still is one."""
    records = {
        "192.0.2.0/24": city(country, city="Anytown", at=known, radius_km=20),
        "198.51.100.0/24": city(country, at=alone, radius_km=100),
        "203.0.113.0/24": city("JP", city="Tokyo", at=(35.68, 139.75), radius_km=20),
    }
    locator = Locator(Databases.open([write(tmp_path / "city.mmdb", records)]))
    assert not accused(locator, ("192.0.2.1", None), ("198.51.100.1", None))
    assert accused(locator, ("192.0.2.1", None), ("203.0.113.1", None))


@pytest.mark.real_logs
def test_the_public_database_accuses_nobody_within_one_country_that_it_knows_alone(real_logs: Path):
    """An address in Japan of which nothing else is known, and one in Tokyo or Naha by the log."""
    locator = Locator(Databases.open([real_logs / "maxmind_test" / "GeoIP2-City-Test.mmdb"]))
    naha = Place(26.21, 127.68, 20.0, "JP", "", "Naha")
    assert not accused(locator, ("192.0.2.1", naha), ("2001:218::1", None))
    assert accused(locator, ("192.0.2.1", Place(48.86, 2.35, 20.0, "FR", "", "Paris")), ("2001:218::1", None))


LONDON, MARSEILLE = (51.5, -0.12, 20.0), (43.3, 5.37, 20.0)


@pytest.mark.parametrize("other", ["FR", "France", "fra"])
def test_london_with_the_name_of_marseille_is_no_journey_from_marseille(other):
    """The log contradicts itself; the same coordinate with its own names is one."""
    home = ("192.0.2.1", Place(*MARSEILLE, "FR", "", "Marseille"))
    assert not accused(Locator(), home, ("192.0.2.2", Place(*LONDON, other, "", "Lyon")))
    assert accused(Locator(), home, ("192.0.2.2", Place(*LONDON, "GB", "", "London")))


def test_two_places_of_a_log_with_one_city_are_no_journey():
    """One of the coordinates is wrong, both of them in the country; another city there is a journey."""
    boston, seattle = (42.36, -71.06, 20.0), (47.61, -122.33, 20.0)
    home = ("192.0.2.1", Place(*boston, "US", "", "Boston"))
    for country, name in (("US", "Boston"), ("United States", "boston")):
        assert not accused(Locator(), home, ("192.0.2.2", Place(*seattle, country, "", name)))
    assert accused(Locator(), home, ("192.0.2.2", Place(*seattle, "US", "", "Seattle")))
    assert accused(Locator(), home, ("192.0.2.2", Place(*seattle, "US")))
