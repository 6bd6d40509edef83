"""Instants: on the hot path integer microseconds since the epoch (`at_us`), at the edges aware UTC datetimes (`at`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
NEVER_US: Final = 2**62
"""A deadline that no event reaches."""


def to_us(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    >>> to_us(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_US + since.microseconds


def instant(at_us: int) -> datetime:
    """The aware UTC datetime of `at_us` microseconds since the epoch.

    >>> instant(86_400_000_000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=at_us)


def span_us(span: timedelta) -> int:
    """A span of time in microseconds.

    >>> span_us(timedelta(minutes=2))
    120000000
    """
    return (span.days * 86_400 + span.seconds) * SECOND_US + span.microseconds
