"""Where an address is, how sure that is, and what kind of network it belongs to."""

from __future__ import annotations

from typing import Literal

import msgspec

KnownClass = Literal[
    "corporate",
    "sase",
    "vpn",
    "relay",
    "hosting",
    "mobile",
    "satellite",
    "tor",
    "anycast",
    "cloud_backend",
    "private",
    "loopback",
]
"""What kind of network an address belongs to. A class never erases an event.

`cloud_backend`: a provider's own machines that act in a user's name, so that their place says nothing of a person.
"""

NetworkClass = Literal["", KnownClass]
"""A known class, or nothing: ordinary, or unknown."""

PlaceSource = Literal["", "log", "database"]
"""Who said where it is: the log itself, or a database of ours."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A place as known from one address or one log record.

    Units and bounds: `latitude` -90..90 and `longitude` -180..180 in degrees, or both None where nobody knows;
    0 is a coordinate like any other, so test with `located`, never for truth. `radius_km` > 0 is how wrong the
    coordinate may be. `country` is ISO 3166-1 alpha-2 in capitals where the source gives one, else the name it
    gives. `source` says who gave the place, `build` every database, with its build, that anything here came from: the
    network beside a log's own place may come from one.
    """

    latitude: float | None = None
    longitude: float | None = None
    radius_km: float = 0.0
    country: str = ""
    region: str = ""
    city: str = ""
    asn: int = 0
    organisation: str = ""
    network_class: NetworkClass = ""
    source: PlaceSource = ""
    build: str = ""

    @property
    def located(self) -> bool:
        """Whether there is a coordinate to measure from."""
        return self.latitude is not None and self.longitude is not None

    @property
    def label(self) -> str:
        """City and country as a person would write them.

        >>> Place(city="Liège", country="BE").label
        'Liège, BE'
        """
        where = self.city or self.region
        if where and self.country:
            return f"{where}, {self.country}"
        return where or self.country or "unknown place"
