"""Whom places are owed to."""

from __future__ import annotations

import pytest

from geo.addresses import address
from geo.credits import attributions
from geo.databases import Databases
from tests.unit.geo.mmdb import asn, city, write

DB_IP, MAXMIND = "https://db-ip.com", "https://www.maxmind.com"


@pytest.mark.parametrize(
    ("builds", "named"),
    [
        ([], []),
        (["GeoIP2-City 2024-05-01", ""], []),
        (["DBIP-City-Lite 2026-06-01"], [DB_IP]),
        (["GeoIP2-ASN 2024-05-02, GeoLite2-City 2024-05-01"], [MAXMIND]),
        (["GeoLite2-ASN 2024-05-02, dbip-lite-2026-06"], [DB_IP, MAXMIND]),
    ],
)
def test_alerts_of_a_build_owe_thanks_to_who_made_it(builds, named):
    """Where their licence asks for it: a report of old alerts has nothing but the builds."""
    said = sorted(attributions(builds))
    assert len(said) == len(named)
    assert all(any(name in line for line in said) for name in named)


def test_thanks_are_due_once_something_came_from_a_database_and_not_before(tmp_path):
    """Also for a file of one's own; the twin that looks through a log first counts too."""
    cities = write(tmp_path / "c.mmdb", {"81.2.69.0/24": city("IT")}, type="DBIP-City-Lite")
    numbers = write(tmp_path / "n.mmdb", {"81.2.70.0/24": asn(1, "one")}, type="GeoLite2-ASN")
    databases = Databases.open([cities, numbers])
    assert databases.attributions == set()
    databases.twin().look_up(address("81.2.69.1"))
    (said,) = databases.attributions
    assert DB_IP in said
    databases.look_up(address("81.2.70.1"))
    assert len(databases.attributions) == 2
