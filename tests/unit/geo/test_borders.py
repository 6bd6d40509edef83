"""Coordinates that cannot be in the country named beside them, and those that must not be doubted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from geo import borders
from geo.borders import lies_outside
from geo.completion import vetted
from geo.countries import COUNTRIES
from models.places import Place


@pytest.mark.parametrize(
    ("latitude", "longitude", "country", "outside"),
    [
        (37.77, -122.42, "Argentina", True),
        (37.77, -122.42, "Japan", True),
        (37.77, -122.42, "France", True),
        (37.77, -122.42, "US", False),
        (21.3, -157.9, "US", False),
        (51.48, 0.0, "GB", False),
        (0.0, 32.5, "UG", False),
        (0.0, 0.0, "IT", True),
        (-16.5, 179.9, "FJ", False),
        (-16.5, -179.9, "FJ", False),
        (64.2, -173.3, "RU", False),
        (48.5, 9.0, "FR", False),
        (37.77, -122.42, "Atlantis", False),
        (37.77, -122.42, "", False),
    ],
)
def test_only_a_coordinate_that_is_surely_elsewhere_contradicts_its_country(latitude, longitude, country, outside):
    """Islands, overseas states and the date line included; a neighbouring country is not surely elsewhere."""
    assert lies_outside(latitude, longitude, 50, country) is outside


@pytest.mark.parametrize(
    ("latitude", "longitude", "country"),
    [
        (51.51, -0.13, "FR"),
        (40.42, -3.7, "FR"),
        (52.37, 4.9, "GB"),
        (60.17, 24.94, "SE"),
        (48.14, 11.58, "IT"),
        (35.7, 51.4, "AZ"),
        (55.75, 37.62, "UA"),
        (52.52, 13.4, "CZ"),
    ],
)
def test_a_coordinate_across_the_border_is_outside(latitude, longitude, country):
    """London and Madrid are not in France, however near; a place as wide as the way there may still be."""
    assert lies_outside(latitude, longitude, 50, country)
    assert not lies_outside(latitude, longitude, 50, country, borders=False)
    assert not lies_outside(latitude, longitude, 600, country)
    assert vetted(Place(latitude, longitude, 20.0, country, "", "Anytown"), "log").label == f"Anytown, {country}"
    assert not vetted(Place(latitude, longitude, 20.0, country, "", "Anytown"), "log").located


@pytest.mark.parametrize(
    ("latitude", "longitude", "codes"),
    [
        (16.24, -61.53, "FR GP"), (14.6, -61.07, "FR MQ"), (-20.88, 55.45, "FR RE"), (4.94, -52.33, "FR GF"),
        (-12.78, 45.23, "FR YT"), (-22.27, 166.44, "FR NC"), (-17.54, -149.57, "FR PF"), (46.78, -56.18, "FR PM"),
        (41.93, 8.74, "FR"), (61.22, -149.9, "US"), (21.31, -157.86, "US"), (13.47, 144.75, "US GU"),
        (18.47, -66.12, "US PR"), (51.88, -176.66, "US"), (12.11, -68.93, "NL CW"), (12.52, -70.03, "NL AW"),
        (12.15, -68.27, "NL BQ"), (17.63, -63.25, "BQ"), (78.22, 15.65, "NO SJ"), (70.94, -8.66, "NO"),
        (37.74, -25.67, "PT"), (32.65, -16.91, "PT"), (28.12, -15.43, "ES"), (35.29, -2.94, "ES"), (35.89, -5.31, "ES"),
        (-0.74, -90.31, "EC"), (-27.15, -109.43, "CL"), (12.58, -81.7, "CO"), (11.67, 92.74, "IN"), (5.55, 95.32, "ID"),
        (27.09, 142.19, "JP"), (36.15, 29.59, "GR"), (35.5, 12.6, "IT"), (54.71, 20.51, "RU"), (55.1, 14.7, "DK"),
        (62.01, -6.77, "DK FO"), (60.1, 19.93, "FI AX"), (39.21, 45.41, "AZ"), (-5.55, 12.2, "AO"),
        (24.43, 118.32, "TW"),
        (22.28, 114.16, "HK CN"), (36.14, -5.35, "GI GB"), (49.19, -2.1, "JE GB"), (44.6, 33.52, "UA RU"),
        (31.78, 35.22, "IL PS"), (42.66, 21.17, "RS XK"), (27.15, -13.2, "MA EH"), (35.19, 33.36, "CY"),
        (9.56, 44.06, "SO"), (43.74, 7.42, "MC"), (41.9, 12.45, "VA"), (4.18, 73.51, "MV"), (1.33, 103.8, "SG"),
    ],
)  # fmt: skip
def test_overseas_parts_islands_and_claimed_lands_are_kept(latitude, longitude, codes):
    """Under their own code and under that of the country: islets that the outline leaves out accuse nobody."""
    for code in codes.split():
        assert not lies_outside(latitude, longitude, 20, code), code


def test_the_parts_of_countries_are_lands_with_codes():
    """A part that is no code would be an error when its country is asked for."""
    assert {part for parts in borders.PARTS.values() for part in parts} <= COUNTRIES.keys()
    assert borders.PARTS.keys() | borders.CLAIMED.keys() <= COUNTRIES.keys()


def test_the_outline_is_read_when_the_first_place_asks_and_a_coordinate_is_measured_once():
    """Neither a start nor an event pays for it again."""
    asked = "import geo.completion, geo.outline as o; print(o.outline.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout.strip() == b"0"
    borders._beyond_km.cache_clear()
    for radius_km in (20, 30, 40):
        assert lies_outside(51.51, -0.13, radius_km, "FR")
    assert borders._beyond_km.cache_info().misses == 1
