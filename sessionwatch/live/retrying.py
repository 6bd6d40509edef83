"""Dead letters tried once more, after a mapping or a program was mended: what can be read now becomes events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from sessionwatch.live.records import Records
from sessionwatch.live.state_file import StateFile, Step
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter
from streams.canonical import Canonical
from streams.deadletter import Entry
from streams.decoding import Decoding
from streams.sources.records import RECORD_BYTES_MAX, RawRecord

RETRIED_MAX: Final = 10_000
"""Dead letters that one retry takes, the oldest first, unless told otherwise."""


@dataclass(slots=True)
class Retried:
    """What became of them. `unfit`: kept without their whole text, so that nothing can be made of them."""

    read: int = 0
    dropped: int = 0
    unread: int = 0
    unfit: int = 0
    events: list[SessionEvent] = field(default_factory=list)


def record_in(entry: Entry) -> RawRecord | None:
    """The record that an entry was made of; None where its text was cut or left out."""
    if entry.raw is None or entry.cut:
        return None
    return RawRecord(entry.raw.encode(), entry.line, entry.offset)


def readable(entry: Entry, record: RawRecord, formats: Mapping[str, Adapter]) -> bool:
    """Whether `record` can be read now, as the format of `entry`: it becomes events, or is dropped for a reason."""
    adapter = formats.get(entry.adapter)
    if adapter is None:
        return False
    buried: list[str] = []

    def bury(_where: str, _record: RawRecord, _adapter: str, fault: BadRecordError) -> None:
        buried.append(fault.reason)

    accounting = Accounting()
    Decoding(Canonical("", {}, accounting), RECORD_BYTES_MAX, accounting, bury).events(entry.file, adapter, record)
    return not buried


def chosen(entries: Iterable[Entry], reason: str, adapter: str) -> list[Entry]:
    """Those of one reason and format; empty words choose all."""
    return [one for one in entries if reason in {"", one.reason} and adapter in {"", one.adapter}]


def retry_state(file: StateFile, records: Records, reason: str, adapter: str, retried_max: int) -> Retried:
    """Try the dead letters of a watch again, in one transaction: their events wait in the file for the next start.

    The sums follow: what can be read now is no dead letter any more. Raises: StateError where it cannot be written.
    """
    told = Retried()
    step = Step()
    for n, raw in file.letters():
        entry = msgspec.json.decode(raw, type=Entry)
        if not chosen([entry], reason, adapter):
            continue
        if told.read + told.dropped + told.unread >= retried_max:
            break
        record = record_in(entry)
        if record is None:
            told.unfit += 1
        elif not readable(entry, record, records.formats):
            told.unread += 1
        else:
            events = records.again(entry, record)
            step.retried.append(n)
            told.events += events
            told.read += bool(events)
            told.dropped += not events
    step.held = told.events
    step.meta["sums"] = records.stored()
    file.commit(step, notices=False)
    return told
