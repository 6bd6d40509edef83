"""Instants as logs write them: ISO 8601, counts since an epoch, or a pattern; in a zone where the text has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.rules import instant_of
from sessionwatch.errors import BadRecordError
from streams.adapters.fields import Path, find, text

Instant = Callable[[Any], datetime]
"""The aware UTC instant that a record tells; raises BadRecordError."""
_Reading = Callable[[Any], datetime | None]

UNITS_US: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Ways of counting time, with the length of one count in microseconds."""

_NUMBER: Final = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_ISO_LENGTH_MIN: Final = len("2024-01-01T00:00")
_PROBE: Final = datetime(2001, 12, 23, 14, 35, 56)  # noqa: DTZ001  # what a pattern without a zone keeps of it
_MINUTE_LENGTH: Final = timedelta(minutes=1)


def zone_of(written: str) -> tzinfo:
    """The zone called `written`: UTC, an offset such as +02:00, or an IANA name such as Europe/Rome.

    Raises:
        ValueError: there is none.
    """
    if written == "UTC":
        return UTC
    if matched := _OFFSET.fullmatch(written):
        minutes = int(matched[2]) * 60 + int(matched[3])
        return timezone(timedelta(minutes=-minutes if matched[1] == "-" else minutes))
    try:
        return ZoneInfo(written)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f'there is no zone "{written}"') from error


def check_way(written: str) -> str:
    """What is wrong with a way to write an instant; empty where nothing is.

    >>> check_way("epoch_s"), check_way("%d/%m/%Y %H:%M:%S"), check_way("%H:%M")
    ('', '', 'does not tell a day and a time to the minute')
    """
    if written == "iso" or written in UNITS_US:
        return ""
    if "%" not in written:
        return "is no way to write an instant"
    try:
        kept = datetime.strptime(_PROBE.strftime(written), written).replace(tzinfo=None)  # noqa: DTZ007  # only compared
    except ValueError:
        return "is no pattern that can be read back"
    return "" if abs(kept - _PROBE) < _MINUTE_LENGTH else "does not tell a day and a time to the minute"


def instants(where: str, steps: Sequence[Path], ways: Sequence[str], zone: tzinfo, since: datetime) -> Instant:
    """Reads the first of the paths `steps` that says something, in the first of `ways` that fits.

    `where` names the paths in what is said of a record without such an instant.
    """
    readings = [_reading(way, zone, since) for way in ways]

    def read(record: Any) -> datetime:
        value = next((found for path in steps if text(found := find(record, path))), None)
        if value is None:
            raise BadRecordError("no_time", f"`{where}` is missing")
        for reading in readings:
            try:
                at = reading(value)
            except (ValueError, OverflowError):
                continue
            if at is not None:
                return at
        raise BadRecordError("bad_time", f"`{where}` is no instant as the mapping says it is written")

    return read


def _reading(way: str, zone: tzinfo, since: datetime) -> _Reading:
    unit_us = UNITS_US.get(way)
    if unit_us is not None:

        def counted(value: Any) -> datetime | None:
            written = text(value)
            if isinstance(value, bool) or not _NUMBER.fullmatch(written):
                return None
            return since + timedelta(microseconds=int(Decimal(written) * unit_us))

        return counted

    def read(value: Any) -> datetime | None:
        if not isinstance(value, str):
            return None
        written = value.strip()
        if way == "iso":
            at = datetime.fromisoformat(written) if len(written) >= _ISO_LENGTH_MIN else None
        else:
            at = datetime.strptime(written, way)  # noqa: DTZ007  # the zone is added below where there is none
        if at is None:
            return None
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)

    return read


def since_of(written: str) -> datetime:
    """The instant that counts begin at.

    Raises:
        ValueError: it is not written in full.
    """
    return instant_of(written)
