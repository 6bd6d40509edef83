"""The one way in: PATHs to canonical session events, with everything accounted for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pydantic

from models.events import SessionEvent
from sessionwatch.errors import InputError
from streams.accounting import Accounting, Remark, What, what_of
from streams.adapters import adapters
from streams.canonical import Canonical
from streams.deadletter import DeadLetter
from streams.decoding import CUT_SHORT, Decoding
from streams.sources.compression import ByteStream
from streams.sources.containers import DocumentTooLargeError, records_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.records import RECORD_BYTES_MAX, RawRecord
from streams.survey import Feed, survey

RECORDS_TOGETHER: Final = 400

Progress = Callable[[int, int | None], None]
"""Told, after every block: bytes of files done, and in all (None where standard input is among them)."""


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
        self._progress = progress
        self._stop = stop
        canonical = Canonical(settings.tenant, settings.aliases, accounting)
        self._decoding = Decoding(canonical, settings.record_bytes_max, accounting, dead_letter.add)
        self._bytes_done = 0
        self._bytes_total: int | None = None

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
            self._remark(feed, "skipped", str(error), 0, is_lost=True)
            return
        chunks = itertools.chain(feed.begun, feed.rest) if feed.stream else stream.chunks()
        limits = (self._settings.record_bytes_max, self._settings.document_bytes_max)
        done = self._bytes_done
        gathered: list[SessionEvent] = []
        try:
            for n, block in enumerate(records_of(feed.container, chunks, *limits, feed.table), start=1):
                self._decoding.cut = bool(stream.fault)
                gathered += self._decoding.events(feed.file.path, feed.adapter, block)
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
            why = f"a JSON document of more than {limit_mib} MiB; give JSON Lines instead"
            self._remark(feed, "skipped", why, 0, is_lost=True)
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

    def _remark(self, feed: Feed, what: What, why: str, records: int, *, is_lost: bool = False) -> None:
        self._accounting.remarks.append(Remark(feed.file.path, what, why, records, is_lost))
