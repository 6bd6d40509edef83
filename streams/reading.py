"""The one way in: PATHs to canonical session events, with everything accounted for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
import pydantic

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError, InputError
from streams.accounting import Accounting, Remark, What, what_of
from streams.adapters import adapters
from streams.adapters.adapter import Dropped
from streams.canonical import Canonical
from streams.deadletter import DeadLetter
from streams.sources.compression import ByteStream
from streams.sources.containers import DocumentTooLargeError, records_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.records import RECORD_BYTES_MAX, LineBlock, RawRecord
from streams.survey import Feed, survey

TOO_LARGE: Final = "record_too_large"
RECORDS_TOGETHER: Final = 400

CUT_SHORT: Final = "cut_short"
"""The reason for what is left of a record where its file ends too early."""
_TORN: Final = frozenset({"invalid_json", "wrong_width", "unclosed_quote"})
"""How what is left of a record shows."""

Progress = Callable[[int, int | None], None]
"""Told, after every block: bytes of files done, and in all (None where standard input is among them)."""

_KIND: Final = attrgetter("kind")
_ADAPTER_FAULTS: Final = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
_BLOCK_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ReadSettings(pydantic.BaseModel):
    """How to read.

    format: a format's name, or `auto`. mappings: files of mappings that are formats too. tenant: the customer's
    organisation. aliases: other names of users, to the one that counts. record_bytes_max: larger records go to the
    dead letter. document_bytes_max: a larger JSON document (unpacked) is not read; JSON Lines have no limit.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    format: str = "auto"
    mappings: tuple[Path, ...] = ()
    tenant: str = pydantic.Field("default", min_length=1)
    aliases: dict[str, str] = {}
    record_bytes_max: int = pydantic.Field(RECORD_BYTES_MAX, ge=1024, le=64 * 1024 * 1024)
    document_bytes_max: int = pydantic.Field(DOCUMENT_BYTES_MAX, ge=1024)


def read(
    paths: Iterable[str | Path],
    settings: ReadSettings | None = None,
    accounting: Accounting | None = None,
    dead_letter: DeadLetter | None = None,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[SessionEvent]:
    """The events of all that `paths` name, in the order they stand there; nothing is sorted, no duplicate removed.

    Every PATH is looked at before the first event comes, so that a wrong one is refused with nothing done. Then
    nothing stops the reading: a bad record goes to `dead_letter` and is counted in `accounting`, a file that ends too
    early is remarked there with what was read until then. `stop` is asked after every block; true ends the reading.

    Raises:
        InputError: a PATH names nothing, a named file cannot be read or is of no known format, or all are empty.
        AmbiguousFormatError: a file fits several formats.
        UsageError: there is no such format.
        MappingError: a mapping has faults.
    """
    return itertools.chain.from_iterable(
        read_blocks(paths, settings, accounting, dead_letter, progress=progress, stop=stop)
    )


def read_blocks(
    paths: Iterable[str | Path],
    settings: ReadSettings | None = None,
    accounting: Accounting | None = None,
    dead_letter: DeadLetter | None = None,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[list[SessionEvent]]:
    """As `read`, in lists of events as they were decoded; sums are exact whenever a list has been given."""
    settings = settings or ReadSettings()
    accounting = Accounting() if accounting is None else accounting
    formats = adapters(settings.mappings)
    feeds = survey(paths, settings.format, settings.record_bytes_max, accounting, formats)
    reader = _Reader(settings, accounting, dead_letter or DeadLetter(), progress, stop)
    return reader.events(feeds)


class _Reader:
    """Turns feeds into lists of events."""

    def __init__(
        self,
        settings: ReadSettings,
        accounting: Accounting,
        dead_letter: DeadLetter,
        progress: Progress | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        self._settings = settings
        self._accounting = accounting
        self._dead_letter = dead_letter
        self._progress = progress
        self._stop = stop
        self._canonical = Canonical(settings.tenant, settings.aliases, accounting)
        self._bytes_done = 0
        self._bytes_total: int | None = None
        self._cut = False

    def events(self, feeds: Sequence[Feed]) -> Iterator[list[SessionEvent]]:
        sizes = [feed.file.size_bytes for feed in feeds]
        self._bytes_total = None if None in sizes else sum(size or 0 for size in sizes)
        for feed in feeds:
            for events in self._feed(feed):
                if events:
                    yield events
                if self._stop is not None and self._stop():
                    return

    def _feed(self, feed: Feed) -> Iterator[list[SessionEvent]]:
        read, dead = self._accounting.records_read, self._accounting.dead_letter
        fragments = self._accounting.dead_letters[CUT_SHORT]
        try:
            stream = feed.stream or ByteStream(feed.file)
        except InputError as error:
            self._remark(feed, "skipped", str(error), 0)
            return
        chunks = itertools.chain(feed.begun, feed.rest) if feed.stream else stream.chunks()
        limits = (self._settings.record_bytes_max, self._settings.document_bytes_max)
        done = self._bytes_done
        gathered: list[SessionEvent] = []
        try:
            for n, block in enumerate(records_of(feed.container, chunks, *limits, feed.table), start=1):
                self._cut = bool(stream.fault)
                gathered += self._block(feed, block)
                # Single records, out of a document, are given as many at a time as a block of lines holds.
                if isinstance(block, RawRecord) and n % RECORDS_TOGETHER:
                    continue
                yield gathered
                gathered = []
                self._told(done + stream.bytes_read)
            yield gathered
            self._told(done + stream.bytes_read)
        except DocumentTooLargeError:
            limit_mib = self._settings.document_bytes_max // (1024 * 1024)
            self._remark(feed, "skipped", f"a JSON document of more than {limit_mib} MiB; give JSON Lines instead", 0)
        finally:
            stream.close()
        self._ended(feed, stream.fault, read, dead, fragments)

    def _ended(self, feed: Feed, fault: str, read: int, dead: int, fragments: int) -> None:
        """Remark on what is wrong with a whole file; `read`, `dead` and `fragments` are the sums from before it."""
        accounting = self._accounting
        read, dead = accounting.records_read - read, accounting.dead_letter - dead
        fragments = accounting.dead_letters[CUT_SHORT] - fragments
        if fault:
            self._remark(feed, what_of(fault), fault, read - fragments)
        elif fragments:
            self._remark(feed, "cut_short", "the JSON document has no end", read - fragments)
        if feed.told and 0 < read == dead:
            alike = f"; they look like {' or '.join(feed.alike) or 'no known format'}"
            if feed.name in feed.alike:
                alike = ", though they look like it; the dead letter says why"
            self._remark(feed, "misread", f"no record fits {feed.name}{alike}", read)

    def _told(self, bytes_done: int) -> None:
        self._bytes_done = bytes_done
        if self._progress is not None:
            self._progress(bytes_done, self._bytes_total)

    def _remark(self, feed: Feed, what: What, why: str, records: int) -> None:
        self._accounting.remarks.append(Remark(feed.file.path, what, why, records))

    def _block(self, feed: Feed, block: LineBlock | RawRecord) -> list[SessionEvent]:
        events: list[SessionEvent] = []
        if isinstance(block, RawRecord):
            self._record(feed, block, events)
            return events
        try:
            records = feed.adapter.decode_lines(block.data)
        except _BLOCK_FAULTS:
            records = []
        if len(records) != block.lines or not block.plain:
            for record in block.records():
                self._record(feed, record, events)
        elif feed.adapter.record_type is SessionEvent:
            return self._native(feed, block, records)
        else:
            self._decoded(feed, block, records, events)
        return events

    def _native(self, feed: Feed, block: LineBlock, events: list[SessionEvent]) -> list[SessionEvent]:
        """Events that were decoded as they are: all at once, since there is nothing to map."""
        accounting = self._accounting
        accounting.records_read += len(events)
        accounting.formats[feed.name] += len(events)
        bad = self._canonical.make_all(events, feed.name)
        for index, fault in reversed(bad):
            self._bury(feed, next(itertools.islice(block.records(), index, None)), fault)
            del events[index]
        accounting.kinds.update(map(_KIND, events))
        accounting.mapped += len(events)
        accounting.events_made += len(events)
        return events

    def _decoded(self, feed: Feed, block: LineBlock, records: list[Any], events: list[SessionEvent]) -> None:
        accounting = self._accounting
        accounting.records_read += len(records)
        accounting.formats[feed.name] += len(records)
        for index, record in enumerate(records):
            try:
                self._adapted(feed, record, events)
            except BadRecordError as fault:
                found = next(itertools.islice(block.records(), index, None))
                self._bury(feed, found, fault)

    def _record(self, feed: Feed, record: RawRecord, events: list[SessionEvent]) -> None:
        self._accounting.records_read += 1
        self._accounting.formats[feed.name] += 1
        if record.fault:
            limit = f"more than {self._settings.record_bytes_max:,} bytes" if record.fault == TOO_LARGE else ""
            self._bury(feed, record, BadRecordError(record.fault, record.detail or limit))
            return
        try:
            self._adapted(feed, feed.adapter.decode(record.raw), events)
        except BadRecordError as fault:
            self._bury(feed, record, fault)

    def _adapted(self, feed: Feed, record: Any, events: list[SessionEvent]) -> None:
        """Map one decoded record, whole or not at all.

        Raises:
            BadRecordError: it cannot be read. Nothing was counted then.
        """
        name = feed.name
        try:
            made = feed.adapter.adapt(record)
        except _ADAPTER_FAULTS as error:
            raise BadRecordError("adapter_fault", type(error).__name__) from error
        accounting = self._accounting
        if isinstance(made, Dropped):
            accounting.dropped[made.reason] += 1
            return
        for event in made:
            self._canonical.make(event, name)
        for event in made:
            accounting.kinds[event.kind] += 1
            events.append(event)
        accounting.mapped += 1
        accounting.events_made += len(made)

    def _bury(self, feed: Feed, record: RawRecord, fault: BadRecordError) -> None:
        if self._cut and fault.reason in _TORN:
            # What is left of the last line of a file whose packing ends early.
            fault = BadRecordError(CUT_SHORT, fault.detail)
        self._accounting.dead_letters[fault.reason] += 1
        self._dead_letter.add(feed.file.path, record, feed.name, fault)
