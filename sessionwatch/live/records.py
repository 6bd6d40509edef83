"""What a watch reads, made into events: with the sums that outlast it, its dead letters, and the sources met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from models.events import SessionEvent
from models.instants import span_us
from sessionwatch.engine.lateness import Lateness
from sessionwatch.errors import BadRecordError, InputError
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import Entry, entry_of
from streams.decoding import Decoding
from streams.sources.containers import records_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.records import RECORD_BYTES_MAX, RawRecord
from streams.sources.segments import Segment
from streams.survey import Feed, feed_of

HTTP: Final = "http"
"""Where the dead letter says that a record of a POST came from."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How to read and how long to wait. `bounds`: lateness by source, over what adapters declare."""

    format: str = "auto"
    mappings: tuple[Path, ...] = ()
    tenant: str = "default"
    redact: bool = False
    lateness: Literal["seen", "all"] = "all"
    bounds: Mapping[str, timedelta] = field(default_factory=dict)


class Sums(msgspec.Struct):
    """An `Accounting` as it is stored, and the sources that were met."""

    records_read: int = 0
    mapped: int = 0
    events_made: int = 0
    placeholder_users: int = 0
    dropped: dict[str, int] = {}
    dead_letters: dict[str, int] = {}
    formats: dict[str, int] = {}
    kinds: dict[str, int] = {}
    addresses_unread: dict[str, int] = {}
    sources: list[str] = []


def sums_of(stored: bytes | None) -> Sums:
    """The sums as they were stored; none yet where nothing was."""
    return Sums() if stored is None else msgspec.msgpack.decode(stored, type=Sums)


class Records:
    """Decodes pieces of files and bodies of POSTs; what it counted goes on from `stored`."""

    def __init__(self, settings: WatchSettings, stored: bytes | None) -> None:
        """Load the formats.

        Raises: MappingError where a mapping has faults.
        """
        self.settings = settings
        self.formats: Mapping[str, Adapter] = adapters(settings.mappings)
        sums = sums_of(stored)
        self.accounting = Accounting()
        for name in Sums.__struct_fields__[:-1]:
            kept = getattr(sums, name)
            if isinstance(kept, int):
                setattr(self.accounting, name, kept)
            else:
                getattr(self.accounting, name).update(kept)
        self.sources = set(sums.sources)
        self._dead: list[Entry] = []
        self._heard: set[str] = set()
        canonical = Canonical(settings.tenant, {}, self.accounting)
        self._decoding = Decoding(canonical, RECORD_BYTES_MAX, self.accounting, self._bury)

    def stored(self) -> bytes:
        """The sums, to be kept in the transaction of the events that they count."""
        sums = Sums(sources=sorted(self.sources))
        for name in Sums.__struct_fields__[:-1]:
            kept = getattr(self.accounting, name)
            setattr(sums, name, kept if isinstance(kept, int) else dict(kept))
        return msgspec.msgpack.encode(sums)

    def dead_letters(self) -> list[Entry]:
        """What could not be read since this was last asked."""
        dead, self._dead = self._dead, []
        return dead

    def heard(self) -> set[str]:
        """The sources of events that came since this was last asked."""
        heard, self._heard = self._heard, set()
        return heard

    def of_segment(self, where: str, adapter: Adapter, segment: Segment) -> list[SessionEvent]:
        """The events of a piece of a file."""
        self._decoding.cut = segment.cut
        events = [event for block in segment.blocks for event in self._decoding.events(where, adapter, block)]
        self._met(adapter.name, events)
        return events

    def of_body(self, body: bytes, format_name: str) -> list[SessionEvent]:
        """The events of one body: JSON Lines, an array, or an envelope.

        Raises: InputError where it is of no known format, or there is no such format; nothing of it was taken then.
        """
        name = format_name or self.settings.format
        feed = feed_of(HTTP, body, name, self.formats, whole=True, record_bytes_max=RECORD_BYTES_MAX)
        if not isinstance(feed, Feed):
            why = "it holds no record" if feed.what == "empty" else feed.refusal
            raise InputError(f"the body: {why}; name its format: ?format=NAME")
        self._decoding.cut = False
        found = records_of(feed.container, [body], RECORD_BYTES_MAX, DOCUMENT_BYTES_MAX, feed.table)
        events = [event for block in found for event in self._decoding.events(HTTP, feed.adapter, block)]
        self._met(feed.name, events)
        return events

    def again(self, entry: Entry, record: RawRecord) -> list[SessionEvent]:
        """The events of a dead letter that can be read now; the sums are as if it had been read at once."""
        self.accounting.records_read -= 1
        self.accounting.formats[entry.adapter] -= 1
        self.accounting.dead_letters[entry.reason] -= 1
        events = self._decoding.events(entry.file, self.formats[entry.adapter], record)
        self._met(entry.adapter, events)
        return events

    def bounds(self) -> Lateness:
        """How late each source may be, of those that were met."""
        declared = {name: one.lateness for name, one in self.formats.items()} | dict(self.settings.bounds)
        mode = self.settings.lateness
        counted = declared.keys() if mode == "seen" else self.sources | self.settings.bounds.keys()
        by_source = {name: span_us(declared[name]) for name in counted if name in declared}
        return Lateness(by_source, mode=mode)

    def _met(self, name: str, events: list[SessionEvent]) -> None:
        met = {event.source for event in events}
        self.sources |= met | {name}
        self._heard |= met | ({name} if events else set())

    def _bury(self, where: str, record: RawRecord, adapter: str, fault: BadRecordError) -> None:
        self._dead.append(entry_of(where, record, adapter, fault, redact=self.settings.redact))
