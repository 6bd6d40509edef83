"""Fields of an event by the names that rule files use: `user`, `attributes.bucket`, `place.country`."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from models.events import PlacedEvent
from models.findings import Unfamiliar

TEXTS: Final = (
    "source",
    "user",
    "session",
    "kind",
    "action",
    "target",
    "outcome",
    "ip",
    "network",
    "user_agent",
    "device",
    "app",
    "role",
    "auth_method",
    "resource",
    "workstation",
    "reason",
)
PLACE_TEXTS: Final = ("country", "city", "region", "asn", "organisation", "network_class")
NAMES: Final = (*TEXTS, *(f"place.{name}" for name in PLACE_TEXTS))

PUBLISHABLE: Final = frozenset(
    {"source", "user", "kind", "action", "outcome", "ip", "network", "device", "app", "role", "auth_method"}
    | {"workstation", *(f"place.{name}" for name in PLACE_TEXTS)}
)
"""Fields whose values may stand in evidence. A resource or an attribute may name a patient, so they may not."""

SAYS: Final[Mapping[str, Unfamiliar]] = {
    "place.country": "place",
    "place.region": "place",
    "place.city": "place",
    "place.asn": "network",
    "place.organisation": "network",
    "place.network_class": "network",
    "ip": "network",
    "network": "network",
    "device": "device",
    "workstation": "device",
    "user_agent": "device",
}
"""What a new value of a field says of a session."""

Reader = Callable[[PlacedEvent], str]
"""What a field says in an event; empty where it says nothing."""


def known_field(name: str) -> str:
    """`name`, when it is the name of a field of text.

    Raises:
        ValueError: it is none; the message may say which was meant.
    """
    if name in NAMES or (name.startswith("attributes.") and name != "attributes."):
        return name
    close = difflib.get_close_matches(name, NAMES, n=1)
    raise ValueError(f"{name!r} is no field" + (f"; did you mean {close[0]!r}?" if close else ""))


FieldName = Annotated[str, AfterValidator(known_field)]
"""A parameter's type: the name of a field of text, checked."""


def reader(name: str) -> Reader:
    """What reads the field `name`.

    >>> reader("place.country")(PlacedEvent(at_us=0, sequence=0, rank=4, id="1", kind="login"))
    ''
    """
    root, _, rest = name.partition(".")
    if root == "attributes":
        return lambda event: event.attributes.get(rest, "")
    if root == "place":
        if rest == "asn":
            return lambda event: f"AS{event.place.asn}" if event.place is not None and event.place.asn else ""
        return lambda event: str(getattr(event.place, rest)) if event.place is not None else ""
    return lambda event: str(getattr(event, name))


def told(name: str, value: str) -> str:
    """`value` of the field `name` as evidence may have it: itself, or a short digest where it might name a patient.

    >>> told("place.country", "IT"), told("resource", "ward-3/file-17")
    ('IT', '#6265bd5e')
    """
    if name in PUBLISHABLE or not value:
        return value
    return "#" + hashlib.blake2b(value.encode(), digest_size=4).hexdigest()


def attributes_of(names: Iterable[str]) -> frozenset[str]:
    """The keys of `attributes` among `names`.

    >>> attributes_of(["user", "attributes.bucket"])
    frozenset({'bucket'})
    """
    return frozenset(name.removeprefix("attributes.") for name in names if name.startswith("attributes."))
