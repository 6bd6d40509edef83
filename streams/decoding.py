"""Records to canonical session events, by an adapter: each one mapped, dropped for a reason, or in the dead letter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter, Dropped
from streams.canonical import Canonical
from streams.sources.records import LineBlock, RawRecord

TOO_LARGE: Final = "record_too_large"
CUT_SHORT: Final = "cut_short"
"""The reason for what is left of a record where its file ends too early."""
_TORN: Final = frozenset({"invalid_json", "wrong_width", "unclosed_quote"})
"""How what is left of a record shows."""
_KIND: Final = attrgetter("kind")
_ADAPTER_FAULTS: Final = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
_BLOCK_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Bury = Callable[[str, RawRecord, str, BadRecordError], None]
"""Keeps a bad record: where it came from, the record, the format's name, what is wrong with it."""


class _Feed(NamedTuple):
    where: str
    adapter: Adapter

    @property
    def name(self) -> str:
        return self.adapter.name


class Decoding:
    """Makes events of records; counts in `accounting`, whose sums are exact whenever a list has been given.

    `cut`: the input ends too early, so that what is left of a record is told as that.
    """

    def __init__(self, canonical: Canonical, record_bytes_max: int, accounting: Accounting, bury: Bury) -> None:
        """Hold the sums, and where bad records go. Records longer than `record_bytes_max` come with their fault."""
        self._canonical = canonical
        self._record_bytes_max = record_bytes_max
        self._accounting = accounting
        self._bury_in = bury
        self.cut = False

    def events(self, where: str, adapter: Adapter, block: LineBlock | RawRecord) -> list[SessionEvent]:
        """The events of a block of lines, or of one record, in the order they stand there; `where` names its source."""
        return self._events(_Feed(where, adapter), block)

    def _events(self, feed: _Feed, block: LineBlock | RawRecord) -> list[SessionEvent]:
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

    def _native(self, feed: _Feed, block: LineBlock, events: list[SessionEvent]) -> list[SessionEvent]:
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

    def _decoded(self, feed: _Feed, block: LineBlock, records: list[Any], events: list[SessionEvent]) -> None:
        accounting = self._accounting
        accounting.records_read += len(records)
        accounting.formats[feed.name] += len(records)
        for index, record in enumerate(records):
            try:
                self._adapted(feed, record, events)
            except BadRecordError as fault:
                found = next(itertools.islice(block.records(), index, None))
                self._bury(feed, found, fault)

    def _record(self, feed: _Feed, record: RawRecord, events: list[SessionEvent]) -> None:
        self._accounting.records_read += 1
        self._accounting.formats[feed.name] += 1
        if record.fault:
            limit = f"more than {self._record_bytes_max:,} bytes" if record.fault == TOO_LARGE else ""
            self._bury(feed, record, BadRecordError(record.fault, record.detail or limit))
            return
        try:
            self._adapted(feed, feed.adapter.decode(record.raw), events)
        except BadRecordError as fault:
            self._bury(feed, record, fault)

    def _adapted(self, feed: _Feed, record: Any, events: list[SessionEvent]) -> None:
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

    def _bury(self, feed: _Feed, record: RawRecord, fault: BadRecordError) -> None:
        if self.cut and fault.reason in _TORN:
            # What is left of the last line of a file whose packing ends early.
            fault = BadRecordError(CUT_SHORT, fault.detail)
        self._accounting.dead_letters[fault.reason] += 1
        self._bury_in(feed.where, record, feed.name, fault)
