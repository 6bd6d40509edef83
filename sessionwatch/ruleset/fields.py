"""The fields of an event that conditions may name: their type, and how to read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal, get_args

from models.events import KINDS, Outcome, PlacedEvent
from models.places import NetworkClass

FieldType = Literal["text", "user", "address", "number", "flag", "choice", "place"]
Reader = Callable[[PlacedEvent], Any]

ATTRIBUTES: Final = "attributes."


@dataclass(frozen=True, slots=True)
class EventField:
    """A field of an event.

    `read` gives its value. Where `may_lack`, None is "nobody knows", on which every test but `known` is false; other
    text that a source does not say is empty text, which equals nothing that a rule may write and is in no list.
    `choices` are the values of a closed set.
    """

    name: str
    type: FieldType
    read: Reader
    may_lack: bool = False
    choices: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that make sense of it."""
        can_be_unknown = self.may_lack or self.type in {"text", "user"} or "" in self.choices
        return OPERATORS[self.type] + (("known",) if can_be_unknown else ())


_EQUAL: Final = ("is", "in", "not_in")
_LISTED: Final = ("in_list", "not_in_list")

OPERATORS: Final[dict[FieldType, tuple[str, ...]]] = {
    "text": (*_EQUAL, *_LISTED, "starts_with", "ends_with", "contains"),
    "user": (*_EQUAL, *_LISTED, "starts_with", "ends_with"),
    "address": (*_EQUAL, *_LISTED, "cidr"),
    "number": (*_EQUAL, *_LISTED, "at_least", "at_most"),
    "flag": ("is",),
    "choice": _EQUAL,
    "place": (),
}
"""What may be asked of each type of field, `known` apart."""

_TEXTS: Final = (
    "id",
    "source",
    "tenant",
    "user_label",
    "session",
    "action",
    "target",
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
_NUMBERS: Final = ("at_us", "sequence", "rank", "count", "bytes")
_PLACE_TEXTS: Final = ("country", "region", "city", "organisation")


def _user(event: PlacedEvent) -> str:
    return event.user.casefold()


def _address(event: PlacedEvent) -> str | None:
    return event.ip or None


def _of_place(name: str) -> Reader:
    """The place's `name`, None where there is no place or where it says nothing there."""
    get = attrgetter(name)

    def read(event: PlacedEvent) -> Any:
        place = event.place
        return (get(place) or None) if place is not None else None

    return read


def _network_class(event: PlacedEvent) -> str | None:
    place = event.place
    return place.network_class if place is not None else None


def _attribute(key: str) -> Reader:
    def read(event: PlacedEvent) -> str:
        return event.attributes.get(key, "")

    return read


def _fields() -> dict[str, EventField]:
    fields = [
        EventField("kind", "choice", attrgetter("kind"), choices=KINDS),
        EventField("outcome", "choice", attrgetter("outcome"), choices=get_args(Outcome)),
        EventField("user", "user", _user),
        EventField("ip", "address", _address, may_lack=True),
        EventField("mfa", "flag", attrgetter("mfa"), may_lack=True),
        EventField("interactive", "flag", attrgetter("interactive")),
        EventField("received_us", "number", attrgetter("received_us"), may_lack=True),
        EventField("place", "place", attrgetter("place"), may_lack=True),
        EventField("place.asn", "number", _of_place("asn"), may_lack=True),
        EventField("place.network_class", "choice", _network_class, may_lack=True, choices=get_args(NetworkClass)),
    ]
    fields += [EventField(name, "text", attrgetter(name)) for name in _TEXTS]
    fields += [EventField(name, "number", attrgetter(name)) for name in _NUMBERS]
    fields += [EventField(f"place.{name}", "text", _of_place(name), may_lack=True) for name in _PLACE_TEXTS]
    return {field.name: field for field in sorted(fields, key=lambda field: field.name)}


FIELDS: Final = _fields()
"""Every field that has a name of its own; `attributes.KEY` are fields too."""


def field_named(name: str) -> EventField | None:
    """The field called `name`, `attributes.KEY` included; None where there is none."""
    if name.startswith(ATTRIBUTES) and len(name) > len(ATTRIBUTES):
        return EventField(name, "text", _attribute(name.removeprefix(ATTRIBUTES)))
    return FIELDS.get(name)
