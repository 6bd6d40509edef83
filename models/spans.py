"""Spans of time as people write them in rule files: `90s`, `15m`, `8h`, `30d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

SPAN_MAX: Final = timedelta(days=3660)
"""The longest span of time, ten years: no rule waits longer, so a longer one is a slip of the pen."""

SPAN_PATTERN: Final = r"^(?=\d)(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?$"
_SPAN: Final = re.compile(r"(?=[0-9])(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_HOW: Final = "write a span of time as 90s, 15m, 8h, 30d or 1h30m"


def span(text: str) -> timedelta:
    """The span that `text` writes: whole days, hours, minutes and seconds, in that order, each at most once.

    Raises:
        ValueError: `text` is no such span, or it is longer than `SPAN_MAX`.

    >>> span("1h30m")
    datetime.timedelta(seconds=5400)
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(_HOW)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if whole_s > SPAN_MAX.total_seconds():
        raise ValueError(f"a span of time is at most {SPAN_MAX.days}d")
    return timedelta(seconds=whole_s)


def span_text(value: timedelta) -> str:
    """`value` as a rule file would write it, to the second (a part below a second is cut off).

    >>> span_text(timedelta(minutes=90)), span_text(timedelta(days=30)), span_text(timedelta(0))
    ('1h30m', '30d', '0s')
    """
    rest_s = value.days * 86_400 + value.seconds
    parts = []
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        whole, rest_s = divmod(rest_s, unit_s)
        if whole:
            parts.append(f"{whole}{unit}")
    return "".join(parts) or "0s"


def span_words(value: timedelta) -> str:
    """`value` as a person would say it, to the second.

    >>> span_words(timedelta(minutes=90)), span_words(timedelta(days=1)), span_words(timedelta(0))
    ('1 hour 30 minutes', '1 day', '0 seconds')
    """
    rest_s = value.days * 86_400 + value.seconds
    parts = []
    for unit, unit_s in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        whole, rest_s = divmod(rest_s, unit_s)
        if whole:
            parts.append(f"{whole} {unit}{'s' * (whole != 1)}")
    return " ".join(parts) or "0 seconds"


def _read(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return span(value)
    raise ValueError(_HOW)


Span = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(span_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": SPAN_PATTERN, "examples": ["90s", "15m", "8h", "30d", "1h30m"]}),
]
"""A field's type: in Python a `timedelta`, in YAML and JSON a text such as `15m`. A bare number has no unit: refused.

Bounds are `timedelta` too: `window: Span = Field(default=timedelta(hours=1), gt=timedelta(0), le=timedelta(days=1))`.
"""
