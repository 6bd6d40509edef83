"""How records stand in a file: one a line, one envelope a line, or a whole JSON document; told by its beginning."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from streams.sources.documents import document_records, held_in
from streams.sources.records import BOM, LineBlock, RawRecord, line_blocks

Container = Literal["lines", "envelopes", "document"]

SAMPLE_RECORDS: Final = 50
"""Records that the format is recognised from."""
_LINES_SURE: Final = 2
_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Beginning(msgspec.Struct, frozen=True):
    """What the beginning of a file shows: the container and up to 50 records; `why` says what it is if not ours.

    `container` is None where no JSON record stands there. `blank`: nothing stands there but blanks, or an empty array.
    """

    container: Container | None
    records: list[dict[str, Any]] = []
    blank: bool = False
    why: str = ""


def beginning_of(head: bytes, *, whole: bool) -> Beginning:
    r"""Tell the container from `head`, the first bytes of a file, unpacked; `whole`: there are no more.

    >>> beginning_of(b'{"id": 1}\n{"id": 2}\n', whole=True).container
    'lines'
    >>> beginning_of(b'{"Records": [{"id": 1}, {"i', whole=False)
    Beginning(container='document', records=[{'id': 1}], blank=False, why='')
    """
    data = head.removeprefix(BOM)
    start = data.lstrip()[:1]
    if not start:
        return Beginning("lines", blank=True)
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Beginning(None, why="text in UTF-16; save it as UTF-8")
    if start == b"[":
        return _document(data, whole=whole)
    lines = [line for line in data.split(b"\n")[: None if whole else -1] if line.strip()]
    values = [_decoded(line) for line in itertools.islice(lines, SAMPLE_RECORDS)]
    objects = [value for value in values if isinstance(value, dict)]
    if values and isinstance(values[0], dict):
        return _lines(lines, objects)
    if start == b"{":
        document = _document(data, whole=whole)
        if document.container and not (len(objects) >= _LINES_SURE and len(objects) > len(document.records)):
            return document
    return _lines(lines, objects) if objects else Beginning(None, why=_foreign(data))


def records_of(
    container: Container, chunks: Iterable[bytes], record_bytes_max: int, document_bytes_max: int
) -> Iterator[LineBlock | RawRecord]:
    """Blocks of lines, or single records, of a file with this container; a record with a fault is for the dead letter.

    Raises:
        DocumentTooLargeError: a document is larger than `document_bytes_max`; nothing of it was given.
    """
    if container == "document":
        yield from document_records(_whole(chunks, document_bytes_max), record_bytes_max)
        return
    for block in line_blocks(chunks, record_bytes_max):
        if container == "envelopes" and isinstance(block, LineBlock):
            for record in block.records():
                yield from _opened(record)
        else:
            yield block


class DocumentTooLargeError(Exception):
    """A JSON document is larger than what is held in memory. Caught where the file is named."""


def _whole(chunks: Iterable[bytes], document_bytes_max: int) -> bytes:
    held, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > document_bytes_max:
            raise DocumentTooLargeError
        held.append(chunk)
    return b"".join(held)


def _opened(envelope: RawRecord) -> Iterator[RawRecord]:
    """The records in one line's envelope; a line that is none, or is broken, is a record itself."""
    try:
        held = held_in(envelope.raw)
    except _FAULTS:
        held = None
    if held is None:
        yield envelope
        return
    start = 0
    for view in held:
        raw = bytes(view)
        start = envelope.raw.index(raw, start)
        yield RawRecord(raw, envelope.line, envelope.offset + start)
        start += len(raw)


def _decoded(raw: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except _FAULTS:
        return None


def _lines(lines: list[bytes], objects: list[dict[str, Any]]) -> Beginning:
    enclosed = [held for line in lines[:SAMPLE_RECORDS] if (held := _enclosed(line)) is not None]
    inside = [record for held in enclosed for raw in held if isinstance(record := _decoded(raw), dict)]
    if inside:
        return Beginning("envelopes", inside[:SAMPLE_RECORDS])
    if enclosed and not any(enclosed) and len(enclosed) == len(lines):
        return Beginning("envelopes", blank=True)
    return Beginning("lines", objects)


def _enclosed(line: bytes) -> list[msgspec.Raw] | None:
    try:
        return held_in(line)
    except _FAULTS:
        return None


def _document(data: bytes, *, whole: bool) -> Beginning:
    records: list[dict[str, Any]] = []
    faults = 0
    for found in itertools.islice(document_records(data), SAMPLE_RECORDS + 1):
        value = None if found.fault else _decoded(found.raw)
        if isinstance(value, dict):
            records.append(value)
        else:
            faults += 1
    if records:
        return Beginning("document", records[:SAMPLE_RECORDS])
    if whole and not faults:
        return Beginning("document", blank=True)
    return Beginning(None, why=_foreign(data))


def _foreign(data: bytes) -> str:
    if b"\0" in data:
        return "binary data"
    return "text without JSON records"
