"""What stands in a mapping file: the shape alone. The reader checks what its paths, conditions and texts mean."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from models.events import EventKind, Outcome
from models.rules import Line, Name, Prose, Said, Written
from models.spans import Span

Form = Literal["json", "csv"]

EXAMPLES_MAX: Final = 200
"""Examples of one mapping."""
KINDS_MAX: Final = 200
"""Entries of `kinds` of one mapping."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


def _delimiter(said: str) -> str:
    if len(said) != 1 or not said.isascii() or said.isalnum() or said in '"\r\n':
        raise ValueError("write one character such as , ; | or a tab")
    return said


class Input(Written):
    """How records stand in files: JSON objects, rows of a table of text, or either.

    `delimiter` and `columns` are of a table; without `columns` its first row names them. `ignore_case`: keys may be
    written in any case, paths are written in lower case. `opened`: paths of texts that are JSON themselves.
    """

    form: Form | tuple[Form, ...] = "json"
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    columns: Texts | None = None
    ignore_case: bool = False
    opened: Texts | None = None


class ValueForm(Written):
    """Where one field comes from. `path` gives text, of several the first that says something; `join` takes all.

    `after` and `before` cut the text, `lookup` translates it, `otherwise` stands in where nothing came of that.
    `value` is a constant, `length` the path of a list whose items are counted. `when`: only where that holds.
    """

    path: Text | Texts | None = None
    value: Text | bool | int | None = None
    length: Text | None = None
    join: Annotated[str, StringConstraints(max_length=8)] | None = None
    after: Text | None = None
    before: Text | None = None
    lookup: Name | None = None
    otherwise: Text | None = None
    when: Said | None = None
    note: Line | None = None


class TimeForm(Written):
    """Where an instant comes from, and how it is written: of several ways the first that fits.

    `zone` is that of texts without one. `since` is what epoch seconds, milliseconds or microseconds count from.
    """

    path: Text | Texts
    written: Text | Texts = "iso"
    zone: Text = "UTC"
    since: Text = "1970-01-01T00:00:00Z"


class KindForm(Written):
    """What a record is, where `when` holds: an event of this kind, or dropped for this reason."""

    when: Said | None = None
    kind: EventKind | None = None
    outcome: Outcome | None = None
    mfa: bool | None = None
    interactive: bool | None = None
    drop: Name | None = None


class Lookup(Written):
    """A table of texts of theirs and ours."""

    ignore_case: bool = False
    values: Annotated[dict[str, Text | bool], Field(min_length=1)]


class ExampleForm(Written):
    """A record, and what comes of it: events by those of their fields that matter, or a drop, or a dead letter."""

    title: Line
    record: dict[str, Any]
    events: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] | None = None
    dropped: Name | None = None
    refused: Name | None = None


class MappingFile(Written):
    """One log format, as written in one file named for its `name`."""

    name: Annotated[Name, Field(description="what `--format` and an event's `source` call it; the file's name")]
    title: Line
    about: Annotated[Prose, Field(min_length=100, description="what the log is, and what was decided in mapping it")]
    lateness: Annotated[Span, Field(description="how long after it happened a record may usually still arrive")]
    recognised_by: Annotated[tuple[Texts, ...], Field(min_length=1)]
    input: Input = Input()
    nothing: Annotated[tuple[str, ...], Field(description="texts that only say that nothing is known")] = ()
    for_each: Annotated[Text | None, Field(description="the path of a list: one event an `item` of it")] = None
    id: Any = None
    at: Any
    received_at: Any = None
    kinds: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=KINDS_MAX)]
    drops: Annotated[dict[Name, Annotated[Prose, Field(min_length=21)]], Field(default_factory=dict)]
    fields: Annotated[dict[str, Any], Field(min_length=1)]
    lookups: Annotated[dict[Name, Any], Field(default_factory=dict)]
    examples: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=EXAMPLES_MAX)]
