"""Whom places are owed to: what the licences of databases ask to be said wherever their answers are shown."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import as_file, files
from typing import Final

from geo.bundled import BUILD_PREFIX, MAP_NAME
from geo.packed import read_header

CREDITS: Final = {
    "DBIP-": "IP Geolocation by DB-IP (https://db-ip.com)",
    "GeoLite2-": "This product includes GeoLite2 data created by MaxMind (https://www.maxmind.com)",
}
"""By how the type of a database begins. Those that are paid for ask for nothing."""


def credit(database_type: str) -> str:
    """What the licence of a database of this type asks for; empty where that is nothing.

    >>> credit("DBIP-City-Lite"), credit("GeoIP2-City")
    ('IP Geolocation by DB-IP (https://db-ip.com)', '')
    """
    return next((said for begin, said in CREDITS.items() if database_type.startswith(begin)), "")


def attributions(builds: Iterable[str]) -> set[str]:
    """Whom to thank for places of these `builds`, as alerts name them; the bundled map among them."""
    named = {build.strip() for one in builds for build in one.split(",")}
    owed = {said for build in named if (said := credit(build))}
    if any(build.startswith(BUILD_PREFIX) for build in named):
        with as_file(files(__package__).joinpath(MAP_NAME)) as packed:
            owed.add(read_header(packed)[0].title.attribution)
    return owed
