"""What an adapter is: a table first and code second. It turns records of one log format into session events.

To add a format, put one file with one subclass of `Adapter` into this folder; nothing else needs to know of it.
`tests/contract/test_adapters.py` holds every adapter to what stands here.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from models.events import EventKind, Outcome, SessionEvent
from models.places import Place
from sessionwatch.errors import BadRecordError
from streams.adapters.faults import misfit, no_json, no_utf8
from streams.adapters.fields import Path, compiled, find, text, texts
from streams.sources.tables import TableForm

ID_LENGTH_MAX: Final = 512
"""Characters of an event id; a longer one is replaced by its hash."""
ATTRIBUTE: Final = "attributes."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an adapter's table: their field becomes ours.

    `theirs` is a path (`client.ipAddress`, `actors[0].name`) into the record as `Adapter.view` shows it; `ours` a
    field of `SessionEvent`, or `attributes.<key>`. `example` is a value of theirs, from one of the adapter's
    examples. Where `gives` is None the text is copied as it is, and of several rows for one field the first that says
    something counts; else code makes `gives` of it, and `note` says how.
    """

    theirs: str
    ours: str
    example: Any
    gives: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A record, and what comes of it: fields of each event (those that matter), or the reason why it is dropped."""

    title: str
    record: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...] = ()
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that is understood and is no session event; `reason` is one of `Adapter.drops`, and is counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much a record looks like a format: `score` from 0 to 1, and why."""

    score: float
    why: str = ""


UNLIKE: Final = Likeness(0.0)


@dataclass(slots=True)
class Draft:
    """What an adapter knows of an event so far: `said` holds text by our field names, the rest has its own type.

    `at` is aware UTC. `count` and `moved_bytes` are how much was moved.
    """

    id: str
    at: datetime
    kind: EventKind
    said: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = "unknown"
    received_at: datetime | None = None
    mfa: bool | None = None
    interactive: bool = True
    count: int = 1
    moved_bytes: int = 0
    place: Place | None = None

    def event(self, source: str) -> SessionEvent:
        """The event, as the feed `source` says it."""
        attributes = {
            key[len(ATTRIBUTE) :]: value for key, value in self.said.items() if value and key.startswith(ATTRIBUTE)
        }
        fields: dict[str, Any] = {key: value for key, value in self.said.items() if not key.startswith(ATTRIBUTE)}
        return SessionEvent(
            id=self.id,
            at=self.at,
            kind=self.kind,
            source=source,
            received_at=self.received_at,
            outcome=self.outcome,
            mfa=self.mfa,
            interactive=self.interactive,
            count=self.count,
            bytes=self.moved_bytes,
            place=self.place,
            attributes=attributes,
            **fields,
        )


class Adapter(ABC):
    """Records of one format to events. An adapter holds nothing between records, so that order never matters.

    What is the same for all formats is done afterwards for all of them, in `streams.canonical`: the user's key, the
    address, the tenant. So an adapter gives user names and addresses as the source writes them.

    name: what `--format` and an event's `source` call it. title: what people call it. lateness: how long after it
    happened a record may usually still arrive. table, drops (reason to why), examples: see `Row`, `Example`.
    signatures: each a set of paths that together are found in no other format; `path=value` also fixes the value.
    beside: formats whose records come mixed with its own in one stream; it reads them too, as those formats do.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    lateness: ClassVar[timedelta]
    table: ClassVar[tuple[Row, ...]]
    drops: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[tuple[Example, ...]]
    signatures: ClassVar[tuple[tuple[str, ...], ...]]
    beside: ClassVar[frozenset[str]] = frozenset()
    keys_folded: ClassVar[bool] = False
    """Whether `view` shows all keys in lower case, for sources that do not agree with themselves on it."""
    record_type: ClassVar[Any] = dict[str, Any]
    table_form: ClassVar[TableForm | None] = None
    """How its records stand in a table of text (CSV), for a format whose records may; a row is then an object."""

    def __init__(self) -> None:
        """Make the table ready to run."""
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.record_type)
        self._copied: tuple[tuple[str, Path], ...] = tuple(
            (row.ours, self.path(row.theirs)) for row in self.table if row.gives is None
        )
        self._signatures = [[self._mark(mark) for mark in signature] for signature in self.signatures]

    @abstractmethod
    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """The events of one decoded record, or why it is dropped. Called once a record, in any order.

        Times are aware UTC. Must not keep anything, look at a clock, or raise anything but what is named here.

        Raises:
            BadRecordError: the record is of this format and cannot be read.
        """

    def decode(self, raw: bytes) -> Any:
        """One record's bytes as `adapt` takes them.

        Raises:
            BadRecordError: not JSON, or not the shape that this format has.
        """
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise BadRecordError(*misfit(error)) from error
        except msgspec.DecodeError as error:
            raise BadRecordError("invalid_json", no_json(raw, error)) from error
        except UnicodeDecodeError as error:
            raise BadRecordError("invalid_utf8", no_utf8(raw)) from error
        except RecursionError as error:
            raise BadRecordError("nested_too_deep") from error

    def decode_lines(self, data: bytes) -> list[Any]:
        """All records of a block of lines; raises what the decoder raises when a single one is bad."""
        return self._decoder.decode_lines(data)

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record as the table's paths see it."""
        return record

    def recognise(self, record: Mapping[str, Any]) -> Likeness:
        """How much `record`, any JSON object, looks like this format. Must not raise."""
        try:
            seen = self.view(record)
        except BadRecordError:
            return UNLIKE
        for signature, marks in zip(self.signatures, self._signatures, strict=True):
            if all(_bears(seen, path, value) for path, value in marks):
                return Likeness(1.0, "has " + ", ".join(signature))
        return UNLIKE

    def path(self, theirs: str) -> Path:
        """A path of the table, ready to be followed in what `view` shows."""
        return compiled(theirs.lower() if self.keys_folded else theirs)

    def copied(self, view: Mapping[str, Any]) -> dict[str, str]:
        """What the table's plain rows give: text by our field names, without those that say nothing."""
        return texts(view, self._copied)

    def identity(self, own: str, record: Mapping[str, Any]) -> str:
        """The event's id: the source's own, else (or where it is too long) a hash of format and canonical record."""
        if own and len(own) <= ID_LENGTH_MAX:
            return own
        try:
            canonical = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        except RecursionError as error:
            raise BadRecordError("nested_too_deep") from error
        return f"{self.name}:{hashlib.blake2b(canonical, digest_size=16, person=b'record').hexdigest()}"

    def _mark(self, mark: str) -> tuple[Path, str | None]:
        path, _, value = mark.partition("=")
        return self.path(path), value or None


def numbered(identity: str, n: int) -> str:
    """The id of the n-th object of one record: the first keeps the record's own.

    >>> numbered("a1", 1), numbered("a1", 2)
    ('a1', 'a1#2')
    """
    return identity if n == 1 else f"{identity[: ID_LENGTH_MAX - 8]}#{n}"


def _bears(view: Mapping[str, Any], path: Path, value: str | None) -> bool:
    found = find(view, path)
    return found is not None if value is None else text(found).casefold() == value.casefold()
