"""Countries: their codes, their size, and coordinates that cannot be in them."""

from __future__ import annotations

import pytest

from geo.countries import COUNTRIES, countries_agree, country_code, country_radius_km


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("US", "US"), ("us", "US"), ("USA", "US"), ("United States", "US"), ("United States of America", "US"),
        ("UK", "GB"), ("United Kingdom", "GB"), ("Russia", "RU"), ("South Korea", "KR"), ("Côte d'Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"), ("Czech Republic", "CZ"), ("Czechia", "CZ"), (" france ", "FR"), ("Kosovo", "XK"),
        ("", ""), ("Europe", "Europe"), ("Ru", "RU"),
    ],
)  # fmt: skip
def test_the_ways_that_logs_write_a_country_come_to_one_code(written, code):
    """A person seen in `FR` by one source and in `France` by another has been in one country."""
    assert country_code(written) == code


def test_the_table_is_whole():
    """All 249 codes of ISO 3166-1 and Kosovo's, each circle on the globe."""
    assert len(COUNTRIES) == 250
    assert all(
        abs(c.latitude) <= 90 and abs(c.longitude) <= 180 and 0 <= c.radius_km < 10_000 for c in COUNTRIES.values()
    )


def test_a_fix_of_a_whole_country_is_never_surer_than_500_km():
    """However small the country."""
    assert min(country_radius_km(code) for code in COUNTRIES) == 500
    assert country_radius_km("nowhere") == 500
    assert country_radius_km("RU") > 4_000


def test_silence_contradicts_nothing():
    """Two sources disagree only where both name a country."""
    assert countries_agree("", "FR")
    assert countries_agree("France", "")
    assert countries_agree("france", "FRA")
    assert not countries_agree("FR", "DE")
