"""What stands in the headers of events, and the marks between them: where an event came from, how far its writers are.

Whoever writes events into a topic says from which record each was made (`Origin`), so that what is written again after
a crash can be told from what is new, and how far it has come itself (`Progress`), so that a backlog settles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast, get_args

import msgspec

from sessionwatch.errors import BadRecordError
from streams.kafka.batches import Record

ORIGIN: Final = "origin"
"""The header that says from which record an event was made: topic/partition/offset/n."""
MARK: Final = "mark"
"""The header of a record that is no event."""
PROGRESS_SCHEMA: Final = 1

MarkKind = Literal["progress", "retract", "end"]
"""progress: how far its writer has come. retract: an event of before that turned out to be somebody else's. end: the
raw input of a partition ends here."""


class Origin(NamedTuple):
    """The record that an event was made from, and the place of the event in it."""

    source: str
    offset: int
    n: int

    def header(self) -> tuple[str, bytes]:
        """As a header."""
        return ORIGIN, f"{self.source}/{self.offset}/{self.n}".encode()


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one source partition has come.

    newest_us: the newest event time written so far, None before any. caught_up: nothing more was there a moment ago.
    ended: its input has ended. follows: it is behind by nature, because it makes its events out of others' that are
    written elsewhere at the same time. settled_us: for such a one, until when all is said.
    """

    newest_us: int | None = None
    caught_up: bool = False
    ended: bool = False
    follows: bool = False
    settled_us: int | None = None


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a writer says of the source partitions that it reads.

    `topics`: the number of partitions of every topic that is read for this, by anybody. `told_ms`: when, by the
    writer's clock, compared with other writers' alone.
    """

    told_ms: int
    sources: dict[str, Told]
    topics: dict[str, int] = {}
    schema: int = PROGRESS_SCHEMA


def source_name(topic: str, partition: int) -> str:
    """A source partition as origins and progress name it."""
    return f"{topic}/{partition}"


def header(record: Record, name: str) -> str | None:
    """A header's text; None where it is not there."""
    for key, value in record.headers:
        if key == name:
            return value.decode("utf-8", "replace")
    return None


def origin_of(record: Record) -> Origin | None:
    """Where an event came from; None where nobody says so."""
    said = header(record, ORIGIN)
    if said is None:
        return None
    source, _, rest = said.rpartition("/")[0].rpartition("/")
    n = said.rpartition("/")[2]
    return Origin(source, int(rest), int(n)) if rest.isdigit() and n.isdigit() else None


def mark_of(record: Record) -> MarkKind | None:
    """What a record is, if it is no event.

    Raises: BadRecordError where it is a mark of a kind that is not known here.
    """
    if not record.headers:
        return None
    said = header(record, MARK)
    if said is None or said in get_args(MarkKind):
        return cast("MarkKind | None", said)
    raise BadRecordError("unknown_mark", "a newer version may have written it")


def is_mark(headers: Sequence[tuple[str, bytes]] | None) -> bool:
    """Whether a record with these headers is no event."""
    return any(key == MARK for key, _ in headers or ())


def progress_of(record: Record) -> Progress:
    """What a progress record says.

    Raises: BadRecordError where it is none.
    """
    try:
        progress = msgspec.json.decode(record.value or b"", type=Progress)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecordError("bad_progress", str(error)) from error
    if progress.schema > PROGRESS_SCHEMA:
        raise BadRecordError("unknown_schema", f"progress of schema {progress.schema}; upgrade this process")
    return progress


def marked(kind: MarkKind) -> tuple[str, bytes]:
    """The header of a mark."""
    return MARK, kind.encode()


def ended(until_us: int, told_ms: int, topics: Mapping[str, int]) -> Progress:
    """What ends the input of a partition into which events are written directly, by nobody who tells of himself.

    `topics`: those whose lanes still make events for it, with their partitions.
    """
    said = Told(newest_us=until_us, caught_up=True, ended=True)
    return Progress(told_ms, {source_name(DIRECT, 0): said}, {DIRECT: 1, **topics})


DIRECT: Final = "direct"
"""The source of events that somebody keyed and wrote himself."""
