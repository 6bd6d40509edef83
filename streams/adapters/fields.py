"""Reading fields out of records that may hold anything: paths, text, numbers, instants, places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from geo.completion import is_coordinate, usual_radius_km
from geo.countries import country_code
from models.places import Place
from sessionwatch.errors import BadRecordError

Pick = tuple[str, str]
"""The first object of an array whose key, the first of the two, says the second."""
Path = tuple[str | int | Pick, ...]
"""Steps into nested objects (by key) and arrays (by index, or by what an object in it says)."""

TEXT_LENGTH_MAX: Final = 1024
"""Characters of a text; a longer one is cut: state keeps it, alerts show it, and nothing that matters is longer."""
DEPTH_MAX: Final = 64
"""Objects in objects; the deepest real record seen has nine."""
COUNT_MAX: Final = 2**53
"""The largest count or number of bytes that is read as a number."""
_ASN_MAX: Final = 2**32
_CIRCLE: Final = 360
_NESTED: Final = (dict, list)

_STEP: Final = re.compile(r"\['([^']+)'\]|\[(\d+)\]|\[([^\[\]'=]+)=([^\[\]]*)\]|([^.\[\]]+)")
_BRACKETS: Final = r"\['[^']+'\]|\[\d+\]|\[[^\[\]'=]+=[^\[\]]*\]"
_PATH: Final = re.compile(rf"(?:[^.\[\]]+|{_BRACKETS})(?:\.[^.\[\]]+|{_BRACKETS})*")
_ISO_LENGTH_MIN: Final = len("2024-01-01T00:00")
_NUMBER: Final = re.compile(r"\d{1,18}(\.\d{1,18})?", re.ASCII)
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT_MAX: Final = datetime(9999, 12, 31, tzinfo=UTC) - _1970
_UNITS: Final = {timedelta(seconds=1): "seconds", timedelta(milliseconds=1): "milliseconds"}
_NOTHING: Final = frozenset({"", "-", "null", "unknown", "n/a", "none"})


def compiled(path: str) -> Path:
    """The steps of a written path. A key with dots or brackets in it stands in brackets and quotes.

    >>> compiled("resources[0].websession")
    ('resources', 0, 'websession')
    >>> compiled("agent[requestor=true].name"), compiled("details['.tag']")
    (('agent', ('requestor', 'true'), 'name'), ('details', '.tag'))
    """
    return tuple(
        (pick, said) if pick else int(index) if index else quoted or key
        for quoted, index, pick, said, key in _STEP.findall(path)
    )


def is_path(written: str) -> bool:
    """Whether `written` is a path, from its first character to its last.

    >>> is_path("agent[requestor=true].name"), is_path("a..b"), is_path("a[")
    (True, False, False)
    """
    return _PATH.fullmatch(written) is not None


def find(node: Any, path: Path) -> Any:
    """What stands at `path`; None where nothing does."""
    for step in path:
        if isinstance(step, str):
            node = node.get(step) if isinstance(node, dict) else None
        elif isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
        else:
            node = _picked(node, step)
        if node is None:
            return None
    return node


def _picked(node: Any, pick: Pick) -> Any:
    key, said = pick
    for each in node if isinstance(node, list) else ():
        if isinstance(each, dict) and text(each.get(key)) == said:
            return each
    return None


def text(value: Any) -> str:
    """A scalar as text without blanks around it, cut to 1,024 characters; empty for anything else.

    >>> text(" a "), text(7), text(True), text(None), text([1])
    ('a', '7', 'true', '', '')
    """
    if isinstance(value, str):
        return value.strip()[:TEXT_LENGTH_MAX].rstrip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:TEXT_LENGTH_MAX] if isinstance(value, int | float) else ""


def texts(node: Mapping[str, Any], rows: Iterable[tuple[str, Path]]) -> dict[str, str]:
    """Text by our names, the first row that says something for each; empty ones are left out."""
    said: dict[str, str] = {}
    for ours, path in rows:
        if ours not in said and (value := find(node, path)) is not None and (written := text(value)):
            said[ours] = written
    return said


def meaningful(written: str) -> str:
    """`written`, or nothing where it only says that nothing is known.

    >>> meaningful("N/A"), meaningful("VPN")
    ('', 'VPN')
    """
    return "" if written.casefold() in _NOTHING else written


def whole_number(value: Any) -> int | None:
    """An integer from 0 to 2**53 out of a number or digits; None for anything else.

    >>> whole_number(89.0), whole_number("7"), whole_number(-1), whole_number("x")
    (89, 7, None, None)
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(COUNT_MAX)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= COUNT_MAX else None


def truth(value: Any) -> bool | None:
    """A yes or no, written as JSON, text, or AWS's Yes and No; None for anything else.

    >>> truth("FALSE"), truth("Yes"), truth(True), truth("maybe")
    (False, True, True, None)
    """
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(text(value).casefold())


def opened(value: Any) -> Any:
    """`value`, or what JSON stands in it: some exports write objects and arrays as text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value


def folded(value: Any, depth_max: int = DEPTH_MAX) -> Any:
    """`value` with all keys in lower case; of two keys that become one, the last stays.

    Raises:
        BadRecordError: `value` is nested deeper than `depth_max`.
    """
    if not isinstance(value, _NESTED):
        return value
    if depth_max <= 0:
        raise BadRecordError("nested_too_deep", f"more than {DEPTH_MAX} objects in objects")
    left = depth_max - 1
    if isinstance(value, dict):
        return {
            key.lower(): folded(inner, left) if isinstance(inner, _NESTED) else inner for key, inner in value.items()
        }
    return [folded(inner, left) if isinstance(inner, _NESTED) else inner for inner in value]


def instant_of(value: Any, where: str) -> datetime:
    """An aware UTC instant out of ISO 8601 text; without a zone it is UTC. Finer than a microsecond is cut off.

    Raises:
        BadRecordError: `no_time` or `bad_time`; the detail names `where`.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadRecordError("no_time", f"`{where}` is missing") if value in (None, "") else _bad_time(where)
    written = value.strip()
    try:
        at = datetime.fromisoformat(written) if len(written) >= _ISO_LENGTH_MIN else None
        if at is not None:
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad_time(where)


def instant_since_1970(value: Any, where: str, unit: timedelta) -> datetime:
    """An aware UTC instant out of a number, or digits, of `unit` since 1970, rounded to a microsecond.

    >>> instant_since_1970("1772442000.5", "ts", timedelta(seconds=1)).isoformat()
    '2026-03-02T09:00:00.500000+00:00'

    Raises:
        BadRecordError: `no_time` or `bad_time`; the detail names `where`.
    """
    if value in (None, ""):
        raise BadRecordError("no_time", f"`{where}` is missing")
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _INSTANT_MAX / unit:
        raise BadRecordError("bad_time", f"`{where}` is no number of {_UNITS.get(unit, unit)} since 1970")
    return _1970 + value * unit


def _bad_time(where: str) -> BadRecordError:
    return BadRecordError("bad_time", f"`{where}` is no instant in ISO 8601")


def instant_or_none(value: Any) -> datetime | None:
    """As `instant_of`, None where that would raise: for instants that an event can do without."""
    try:
        return instant_of(value, "")
    except BadRecordError:
        return None


def log_place(node: Mapping[str, Any], paths: Mapping[str, Path]) -> Place | None:
    """The place that a log gives, by the paths of latitude, longitude, city, region, country, asn, organisation.

    The radius is the usual one for the smallest thing named: 50 km for a city, 200 for a region, by its size and 500
    or more for a country. None where the log says nothing.
    """
    said = {name: find(node, path) for name, path in paths.items()}
    city, region, country, organisation = (
        meaningful(text(said.get(name))) for name in ("city", "region", "country", "organisation")
    )
    latitude, longitude = _degrees(said.get("latitude")), _degrees(said.get("longitude"))
    # Null Island: a source that knows no coordinate and writes 0, 0 names no place with it either.
    if not is_coordinate(latitude, longitude) or (not latitude and not longitude and not (city or region or country)):
        latitude = longitude = None
    asn = whole_number(said.get("asn")) or 0
    if latitude is None and not (city or region or country or organisation or asn):
        return None
    return Place(
        latitude=latitude,
        longitude=longitude,
        radius_km=0.0 if latitude is None else usual_radius_km(country, region, city),
        country=country_code(country),
        region=region,
        city=city,
        asn=asn if asn < _ASN_MAX else 0,
        organisation=organisation,
        source="log",
    )


def _degrees(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _CIRCLE:
        return None
    return float(value)
