"""The events of a rule's test: short to write, and whole `SessionEvent`s when read.

`at` is a time of the test day (`"10:00"`), a span after the event before (`"+30m"`), or an instant in full. Without
`id`, events are numbered e1, e2 and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from models.events import SessionEvent
from models.places import Place
from models.rules import instant_of
from models.spans import span
from models.written.texts import Misfit, Path, close_to, listed, said_type

TEST_DAY: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""The day that times without a date mean: a Monday."""

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_LIKE_TIME: Final = re.compile(r"[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2})?")
_HOW: Final = 'write "10:00" for a time of the test day, "+30m" for a span after the event before, or a full instant'
_EVENT_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(SessionEvent)}
_PLACE_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(Place)}
_WANTED: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a mapping",
    "array": "a list",
}


def read_sequence(said: Sequence[Any], path: Path) -> tuple[tuple[SessionEvent, ...], list[Misfit]]:
    """The events that `said` writes, and what is wrong in them; paths of misfits begin with `path`."""
    events: list[SessionEvent] = []
    misfits: list[Misfit] = []
    before: datetime | None = None
    for index, item in enumerate(said):
        if not isinstance(item, dict):
            continue  # said by whoever checks the shape of the file
        reader = _EventReader((*path, index), before)
        values = reader.event(item)
        # Where a time is wrong any will do, or each span after it would be called wrong too.
        before = values.get("at", TEST_DAY)
        misfits += reader.misfits
        if not reader.misfits:
            events.append(SessionEvent(**{"id": f"e{index + 1}", **values}))
    return tuple(events), misfits


class _EventReader:
    """Reads one event, gathering misfits."""

    def __init__(self, path: Path, before: datetime | None) -> None:
        self.path = path
        self.before = before
        self.misfits: list[Misfit] = []

    def event(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the event's fields, as far as they are right."""
        lacking = [f'"{name}"' for name in ("at", "kind") if name not in said]
        if lacking:
            self._misfit((), f"an event needs {listed(lacking, 'and')}")
        return self._fields(said, _EVENT_TYPES, ())

    def _fields(self, said: Mapping[str, Any], types: Mapping[str, Any], inside: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in said.items():
            path = (*inside, name)
            if name not in types:
                noun = "place" if inside else "event"
                self._misfit(
                    path,
                    f'an event\'s place has no "{name}"' if inside else f'an {noun} has no field "{name}"',
                    close_to(name, types),
                    on_key=True,
                )
            elif name in {"at", "received_at"}:
                self._at(name, value, path, values)
            elif name == "place" and isinstance(value, dict):
                place = self._fields(value, _PLACE_TYPES, path)
                values[name] = Place(**place)
            else:
                self._value(types[name], value, path, values)
        return values

    def _at(self, name: str, value: Any, path: Path, values: dict[str, Any]) -> None:
        if not isinstance(value, str):
            self._misfit(path, f'"{name}" must be a time, not {said_type(value)}', _HOW)
            return
        try:
            values[name] = self._instant(value)
        except ValueError as error:
            self._misfit(path, f'"{name}" is no time: {error}', _HOW)

    def _instant(self, text: str) -> datetime:
        """The instant that `text` means.

        Raises:
            ValueError: it means none, or is a span after no event.
        """
        if found := _TIME.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return TEST_DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if _LIKE_TIME.fullmatch(text):
            raise ValueError("a time of day is two digits each, from 00:00 to 23:59:59")
        if not text.startswith("+"):
            return instant_of(text)
        if self.before is None:
            raise ValueError("there is no event before it")
        return self.before + span(text.removeprefix("+"))

    def _value(self, wanted: Any, value: Any, path: Path, values: dict[str, Any]) -> None:
        try:
            values[str(path[-1])] = msgspec.convert(value, wanted, strict=True)
        except msgspec.ValidationError as error:
            inner = path
            if path[-1] == "attributes" and isinstance(value, dict):
                inner = (*path, next((key for key, text in value.items() if not isinstance(text, str)), ""))
                value = value.get(inner[-1])
            message, hint = _told(str(inner[-1]), wanted, value, str(error))
            self._misfit(inner, message, hint)

    def _misfit(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        self.misfits.append(Misfit(self.path + path, message, hint, on_key))


def _told(name: str, wanted: Any, value: Any, said: str) -> tuple[str, str]:
    """What msgspec `said` about `value`, in plain English, and a hint."""
    choices = _choices(wanted)
    if choices:
        shown = f'"{value}"' if isinstance(value, str) else said_type(value)
        return f'"{name}" is never {shown}', close_to(str(value), choices)
    found = re.match(r"Expected `(\w+)(?: \| null)?`(?: (>=|<=) (\S+))?", said)
    if found is None:
        return f'"{name}": {said}', ""
    type_name, bound, limit = found.groups()
    if bound is not None:
        return f'"{name}" must be {"at least" if bound == ">=" else "at most"} {limit}', ""
    quotes = type_name == "str" and isinstance(value, int | float) and not isinstance(value, bool)
    hint = f'put it in quotes: "{value}"' if quotes else ""
    return f'"{name}" must be {_WANTED.get(type_name, type_name)}, not {said_type(value)}', hint


def _choices(wanted: Any) -> list[str]:
    if get_origin(wanted) is Literal:
        return [word for word in get_args(wanted) if word]
    return []
