"""The numbers of an alert beside the limits that they broke, in words and units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pydantic

from models.spans import span_words

_NAMES: Final[Mapping[str, str]] = {
    "minimum_km": "distance, at least",
    "km": "distance between the middles",
    "speed_kmh": "speed that takes, at least",
    "mean_kmh": "mean speed along the way, at least",
    "hours": "time between",
    "countries": "countries",
    "objects": "objects moved",
    "bytes": "bytes moved",
    "resources": "different resources",
    "usual_objects": "usual objects a day",
    "usual_bytes": "usual bytes a day",
    "habit_days": "days that make up the habit",
    "known": "values known before",
    "known_values": "known before",
    "learned_events": "events learned from",
    "learned_since": "learned since",
    "since": "counted since",
    "window_seconds": "within",
    "within_seconds": "within",
    "seconds": "time",
    "idle_max_seconds": "a session counts as ended after",
    "seconds_since": "time since the last",
    "before_devices": "devices known before",
    "before_networks": "networks known before",
    "before_place": "place before",
    "value": "new",
    "failed": "failed sign-ins among them",
    "agent": "browser and system",
}
"""Fields of evidence in words; others are said by their names."""

_LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    "distance_min_km": ("minimum_km",),
    "speed_max_kmh": ("speed_kmh", "mean_kmh"),
    "at_least": ("counted",),
    "times": ("counted",),
    "habit_objects_max": ("objects",),
    "habit_bytes_max": ("bytes",),
}
"""Limits that bear another name than what they limit."""

_UNSAID: Final = frozenset(
    {
        "set_aside",
        "raised",
        "missed",
        "origin",
        "destination",
        "path",
        "live",
        "noun",
        "measure",
        "field",
        "over",
        "scope",
    }
)
"""What the story tells elsewhere, or what says how to read the rest."""

_UNITS: Final[Mapping[str, str]] = {"kmh": "km/h", "km": "km", "hours": "hours"}
_KILO: Final = 1000.0
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


class Measure(pydantic.BaseModel):
    """One number of the evidence: what it is, its value, and its limit where it has one, in words and units.

    `over` tells whether it broke that limit; None where there is no limit.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str
    value: str
    limit: str = ""
    over: bool | None = None


def measures(evidence: Mapping[str, Any]) -> list[Measure]:
    """What stands in `evidence`, those with a limit first; what applies to nothing is left out.

    >>> [str(one.value + " of " + one.limit) for one in measures({"speed_kmh": 1471.2, "speed_max_kmh": 900.0})]
    ['1,471 km/h of 900 km/h']
    """
    limits = dict(_limits(evidence))
    spent = {limit for pairs in limits.values() for limit, _ in pairs}
    told = [
        one
        for name, value in evidence.items()
        if name not in _UNSAID and name not in spent and value is not False and value not in (None, "", [], {}, ())
        for one in _told(name, value, limits.get(name, []), evidence)
    ]
    return sorted(told, key=lambda one: one.over is None)


def words(name: str, value: Any) -> str:
    """A value in words, with the unit that its field's name ends in.

    >>> words("window_seconds", 3600), words("bytes", 43_200_000), words("km", 539.9), words("learning", False)
    ('1 hour', '43.2 MB', '540 km', 'no')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(name, value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key.split('.')[-1].replace('_', ' ')} {words(key, one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(words("", one) for one in value)
    text = str(value)
    return _instant(text) if _INSTANT.match(text) else text.replace("_and_", " and ")


def _limits(evidence: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """What is limited, and its limits: the field that holds each, and its value."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, value in evidence.items():
        if value is None:
            continue
        if name == "at_least" and isinstance(value, Mapping):
            for measured, least in value.items():
                found.setdefault(measured, []).append((name, least))
            continue
        for measured in _LIMITS.get(name, (_less_bound(name),)):
            if measured != name and evidence.get(measured) is not None:
                found.setdefault(measured, []).append((name, value))
    yield from found.items()


def _less_bound(name: str) -> str:
    parts = name.split("_")
    return "_".join(part for part in parts if part not in {"min", "max"})


def _told(name: str, value: Any, limits: list[tuple[str, Any]], evidence: Mapping[str, Any]) -> Iterator[Measure]:
    if isinstance(value, list | tuple) and value and all(isinstance(one, Mapping) for one in value):
        # Parts of one whole, such as the steps of a sequence: a row each, named by what comes first in it.
        for one in value:
            (_, first), *rest = one.items()
            yield Measure(name=str(first), value=words("", dict(rest)))
        return
    said = words(name, value)
    measured = len(value) if isinstance(value, list | tuple) else value
    if isinstance(value, list | tuple) and limits:
        said = f"{len(value)} ({said})"
    numeric = isinstance(measured, int | float)
    if name == "counted" and evidence.get("noun"):
        name = str(evidence["noun"])
    title = _NAMES.get(name, _plain(name))
    if not limits or not numeric:
        yield Measure(name=title, value=said)
        return
    for limit_name, limit in limits:
        of = "usual for this person, at most " if limit_name.startswith("habit_") else ""
        yield Measure(name=title, value=said, limit=of + words(name, limit), over=measured >= limit)


def _plain(name: str) -> str:
    parts = name.split("_")
    return " ".join(parts[:-1] if parts[-1] in {*_UNITS, "seconds", "bytes"} and len(parts) > 1 else parts)


def _number(name: str, value: float) -> str:
    unit = name.rsplit("_", 1)[-1]
    if unit == "seconds" or name == "seconds_since":
        return span_words(timedelta(seconds=round(value)))
    if unit == "hours":
        return span_words(timedelta(seconds=round(value * 3600)))
    if "bytes" in name.split("_"):
        return _bytes(value)
    shown = f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 10 else f"{value:,.1f}"  # noqa: PLR2004  # two digits say enough
    return f"{shown} {_UNITS[unit]}" if unit in _UNITS else shown


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < _KILO or unit == "TB":
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= _KILO
    raise AssertionError("the last unit ends the loop")


def _instant(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text
