"""A page of addresses on a map: what `where --map` writes. The same addresses give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from models.places import NetworkClass, Place
from sessionwatch.drawing.world_map import Spot, world_map
from sessionwatch.report.page import style_and_digest, template

NO_PLACES: Final[frozenset[NetworkClass]] = frozenset(
    {"anycast", "cloud_backend", "loopback", "private", "relay", "sase", "satellite"}
)
"""Classes whose coordinate says where a gateway is, or nothing: told in the table, and not drawn."""


class Row(NamedTuple):
    """One address, as the table tells it, and its place."""

    address: str
    where: str
    operator: str
    network_class: str
    build: str
    place: Place


def places_page(rows: Sequence[Row], thanks: Sequence[str]) -> bytes:
    """The whole page, in UTF-8; it asks no network for anything. `thanks` is whom the places are owed to."""
    style, digest = style_and_digest()
    spots = [
        Spot(place.latitude, place.longitude, place.radius_km, f"{row.address} {place.label}")
        for row in rows
        if (place := row.place).latitude is not None
        and place.longitude is not None
        and place.network_class not in NO_PLACES
    ]
    drawn = Markup(world_map(spots)) if spots else None  # noqa: S704  # made by an XML library
    context = {"style": style, "style_digest": digest, "rows": rows, "map": drawn, "thanks": thanks}
    return template("places.html").render(context).encode()
