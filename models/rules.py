"""What stands in a rule file and in a list file: the shape alone. The rule loader checks what needs a detector."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from models.findings import By, Severity
from models.places import KnownClass
from models.spans import Span

Status = Literal["experimental", "stable"]
Mode = Literal["off", "shadow", "alert", "enforce"]

NAME_PATTERN: Final = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
"""snake_case, of rules, lists and exemptions."""

TEST_EVENTS_MAX: Final = 1_000
"""Events of one of a rule's tests."""
LIST_ENTRIES_MAX: Final = 100_000
"""Entries of a list file."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def instant_of(text: str) -> datetime:
    """The UTC instant that `text` writes in full, with its zone: `2026-03-02T10:00:00Z`, `2026-03-02T11:00+01:00`.

    Raises:
        ValueError: `text` is no such instant, or there is no such day.

    >>> instant_of("2026-03-02T11:00+01:00").isoformat()
    '2026-03-02T10:00:00+00:00'
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError("write an instant in full and with its zone: 2026-03-02T10:00:00Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such day or time") from error


def _until(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        return instant_of(f"{value}T00:00Z")
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return instant_of(value)
    raise ValueError('write a day or an instant: "2027-03-01" or "2027-03-01T18:00:00Z"')


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=80)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\n]*$")]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Until = Annotated[
    datetime,
    BeforeValidator(_until),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}(T.+)?$", "examples": ["2027-03-01"]}),
]
"""A day (its first instant, UTC) or an instant; in event time."""

Said = Annotated[dict[str, Any], Field(min_length=1)]
"""A condition as it was written; the loader compiles it."""

Technique = Annotated[str, StringConstraints(pattern=r"^(T[0-9]{4}(\.[0-9]{3})?|TA[0-9]{4})$")]
Paragraph = Annotated[str, StringConstraints(pattern=r"^164\.[0-9]{3}(\([0-9A-Za-z]{1,5}\))*$")]
Control = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[0-9]{1,2}(\([0-9]{1,2}\))?$")]


class Written(pydantic.BaseModel):
    """The base of what people write in YAML: no unknown keys, no change after it is read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class MapsTo(Written):
    """What a rule answers to: MITRE ATT&CK techniques, HIPAA paragraphs, NIST SP 800-53 controls."""

    attack: tuple[Technique, ...] = ()
    hipaa: tuple[Paragraph, ...] = ()
    nist: tuple[Control, ...] = ()


class Exemption(Written):
    """Findings on events that `when` selects raise no alert, for a reason that has an owner and an end.

    `until` is in event time and excluded: from that instant on findings count again.
    """

    name: Name
    when: Said
    reason: Prose
    owner: Line
    until: Until


class ExpectedAlert(Written):
    """What a rule's test asks of one alert; what is left out is not asked. `evidence` is compared field by field."""

    severity: Severity | None = None
    key: str | None = None
    user: str | None = None
    session: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    evidence: dict[str, Any] = {}


class RuleTest(Written):
    """A sequence of events, and the alerts that must come of it: in number and order, and no others."""

    name: Line
    events: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=TEST_EVENTS_MAX)]
    alerts: tuple[ExpectedAlert, ...]


class RuleFile(Written):
    """One rule, as written in one file named for its `id`."""

    id: Annotated[Name, Field(description="begins with the plain name of what the rule finds; the file's name")]
    title: Line
    status: Status
    severity: Severity
    mode: Mode = "alert"
    by: Annotated[By, Field(description="the kind of subject that is judged")]
    why: Annotated[Prose, Field(description="what it finds and why that matters, for a person")]
    false_positives: Annotated[tuple[Prose, ...], Field(min_length=1)]
    maps_to: MapsTo
    when: Annotated[Said, Field(description="which events are judged")]
    detector: Name
    params: dict[str, Any] = {}
    defaults: Annotated[dict[str, Prose], Field(description="the reason for each parameter that is set")] = {}
    fold: Annotated[Span, Field(description="0s: every finding is an alert of its own")] = timedelta(hours=1)
    exemptions: tuple[Exemption, ...] = ()
    tests: Annotated[tuple[RuleTest, ...], Field(min_length=1)]


class NetworkEntry(Written):
    """What is known of one network or autonomous system: its class, why, and for how long.

    `until` is in event time and excluded: from that instant on the entry says nothing.
    """

    network: Annotated[str, Field(description="192.0.2.0/24, 2001:db8::/32, or an autonomous system: AS64500")]
    network_class: Annotated[KnownClass, Field(alias="class", description="what kind of network it is")]
    organisation: Annotated[str, StringConstraints(max_length=200)] = ""
    reason: Prose
    source: Annotated[Line | None, Field(description="where that is known from")] = None
    owner: Annotated[Line | None, Field(description="who answers for the entry")] = None
    until: Until | None = None


class NetworkListFile(Written):
    """Networks and their classes: a site's own (`--networks FILE`), or in `lists/` beside the rules."""

    id: Name
    title: Line
    type: Literal["network_classes"]
    entries: Annotated[tuple[NetworkEntry, ...], Field(max_length=LIST_ENTRIES_MAX)]


class ListFile(Written):
    """Names or networks that rules refer to with `in_list`; in `lists/`, the file named for its `id`."""

    id: Name
    title: Line
    type: Literal["values", "networks"]
    entries: Annotated[tuple[str | int, ...], Field(min_length=1, max_length=LIST_ENTRIES_MAX)]
