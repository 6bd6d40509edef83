"""How records stand in a file: one a line, one envelope a line, a whole JSON document, or rows of a table.

Told by its beginning; that a text is a table only the formats that may stand in one can tell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from streams.sources.documents import document_records, held_in, is_closed
from streams.sources.records import BOM, RECORD_BYTES_MAX, WHITESPACE, LineBlock, RawRecord, line_blocks
from streams.sources.tables import Table, table_records

Container = Literal["lines", "envelopes", "document", "table"]

SAMPLE_RECORDS: Final = 50
"""Records that the format is recognised from."""
_LINES_SURE: Final = 2
_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Beginning(msgspec.Struct, frozen=True):
    """What the beginning of a file shows: the container and up to 50 records; `why` says what it is if not ours.

    `container` is None where no JSON record stands there; `is_text`: it may be a table. `blank`: nothing stands there
    but blanks, or an empty array.
    """

    container: Container | None
    records: list[dict[str, Any]] = []
    blank: bool = False
    why: str = ""
    is_text: bool = False


def beginning_of(head: bytes, *, whole: bool, record_bytes_max: int = RECORD_BYTES_MAX) -> Beginning:
    r"""Tell the container from `head`, the first bytes of a file, unpacked; `whole`: there are no more.

    Records longer than `record_bytes_max` are looked past, as they will not be read.

    >>> beginning_of(b'{"id": 1}\n{"id": 2}\n', whole=True).container
    'lines'
    >>> beginning_of(b'{"Records": [{"id": 1}, {"i', whole=False).records
    [{'id': 1}]
    """
    data = head.removeprefix(BOM)
    start = data.lstrip(WHITESPACE)[:1]
    if not start:
        return Beginning("lines", blank=True)
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Beginning(None, why="text in UTF-16; save it as UTF-8")
    lines = [line for line in data.split(b"\n")[: None if whole else -1] if line.strip(WHITESPACE)]
    lines = [line for line in lines if len(line) < record_bytes_max]
    if lines and _object(lines[0]) is not None:
        return _lines(lines)
    whole_lines = sum(_object(line) is not None for line in lines)
    if start in {b"{", b"["}:
        document = _document(data, record_bytes_max, whole=whole)
        more_in_lines = whole_lines >= _LINES_SURE and whole_lines > len(document.records)
        # A bad first line makes no document of lines: where each record of a document has lines of its own, others,
        # with the commas between them, are as many.
        in_lines = whole_lines and (is_closed(lines[0]) or 2 * whole_lines > len(lines))
        if document.container and not (more_in_lines or in_lines):
            return document
    return _lines(lines) if whole_lines else _foreign(data)


def records_of(
    container: Container,
    chunks: Iterable[bytes],
    record_bytes_max: int,
    document_bytes_max: int,
    table: Table | None = None,
    *,
    line: int = 1,
    offset: int = 0,
) -> Iterator[LineBlock | RawRecord]:
    """Blocks of lines, or single records, of a file with this container; a record with a fault is for the dead letter.

    `table`: the columns, where the container is a table. `line`, `offset`: where the first chunk begins in its file,
    which is its start where the container is a document.

    Raises:
        DocumentTooLargeError: a document is larger than `document_bytes_max`; nothing of it was given.
    """
    if table is not None:
        yield from table_records(chunks, table, record_bytes_max, line=line, offset=offset)
        return
    if container == "document":
        yield from document_records(_whole(chunks, document_bytes_max), record_bytes_max)
        return
    for block in line_blocks(chunks, record_bytes_max, line=line, offset=offset):
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


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except _FAULTS:
        return None


def _object(raw: bytes) -> dict[str, Any] | None:
    # Most lines of foreign text are told by their ends, which costs less than the decoder's complaints.
    bare = raw.strip(WHITESPACE)
    value = _decoded(bare) if bare[:1] == b"{" and bare[-1:] == b"}" else None
    return value if isinstance(value, dict) else None


def _first(values: Iterable[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return list(itertools.islice((value for value in values if value is not None), SAMPLE_RECORDS))


def _lines(lines: list[bytes]) -> Beginning:
    enclosed = [held for line in lines if (held := _enclosed(line)) is not None]
    if records := _first(_object(bytes(raw)) for held in enclosed for raw in held):
        return Beginning("envelopes", records)
    if enclosed and not any(enclosed) and len(enclosed) == len(lines):
        return Beginning("envelopes", blank=True)
    return Beginning("lines", _first(map(_object, lines)))


def _enclosed(line: bytes) -> list[msgspec.Raw] | None:
    try:
        return held_in(line)
    except _FAULTS:
        return None


def _document(data: bytes, record_bytes_max: int, *, whole: bool) -> Beginning:
    records: list[dict[str, Any]] = []
    faults = 0
    for found in document_records(data, record_bytes_max):
        value = None if found.fault else _object(found.raw)
        if value is not None:
            records.append(value)
        else:
            faults += 1
        if len(records) == SAMPLE_RECORDS:
            break
    if records:
        return Beginning("document", records)
    if whole and not faults:
        return Beginning("document", blank=True)
    return _foreign(data)


def _foreign(data: bytes) -> Beginning:
    # A row of a table may hold a byte that text does not, so that what is binary may still be one.
    why = "binary data" if b"\0" in data else "text without JSON records"
    return Beginning(None, why=why, is_text=True)
