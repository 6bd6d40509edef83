"""Records with their positions: lines in blocks, so that the common case is decoded a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

RECORD_BYTES_MAX: Final = 1024 * 1024
"""The largest record that is read, 1 MiB; a larger one goes to the dead letter. The largest real one seen is 0.3 MiB."""
RAW_KEPT_BYTES: Final = 64 * 1024
"""How much of a record that is too large is kept to show."""

BOM: Final = b"\xef\xbb\xbf"


class RawRecord(NamedTuple):
    """One record as it stands in its source: bytes, line (from 1) and byte offset (from 0), both in the unpacked data.

    `fault` is empty, or says why these bytes are no whole record; then `raw` may be only their beginning.
    """

    raw: bytes
    line: int
    offset: int
    fault: str = ""


class LineBlock(NamedTuple):
    """Whole lines: `data`, the number of its first line, the offset of its first byte, how many (blank ones too)."""

    data: bytes
    line: int
    offset: int
    lines: int

    def records(self) -> Iterator[RawRecord]:
        """The lines that are not blank, each with its position."""
        start, line, size = 0, self.line, len(self.data)
        while start < size:
            end = self.data.find(b"\n", start)
            end = size if end < 0 else end
            raw = self.data[start:end].strip()
            if raw:
                yield RawRecord(raw, line, self.offset + start)
            start, line = end + 1, line + 1


def line_blocks(chunks: Iterable[bytes], record_bytes_max: int = RECORD_BYTES_MAX) -> Iterator[LineBlock | RawRecord]:
    """Cut `chunks` at line ends into blocks of about a chunk; a line too long comes as a `RawRecord` with its fault.

    A byte order mark at the very start is left out and counts as three bytes. Memory: one chunk and one record.
    """
    return _LineCutter(record_bytes_max).cut(chunks)


class _LineCutter:
    """Carries the unfinished last line of a chunk over to the next."""

    def __init__(self, record_bytes_max: int) -> None:
        self._record_bytes_max = record_bytes_max
        self._line = 1
        self._offset = 0
        self._carried: list[bytes] = []
        self._carried_bytes = 0
        self._overlong = False

    def cut(self, chunks: Iterable[bytes]) -> Iterator[LineBlock | RawRecord]:
        first = True
        for chunk in chunks:
            data = chunk
            if first and data:
                first = False
                if data.startswith(BOM):
                    data, self._offset = data[len(BOM) :], len(BOM)
            end = data.rfind(b"\n") + 1
            if not end:
                self._carry(data)
                continue
            if self._carried_bytes:
                # The carried line is finished apart from the rest, so that its length can be told.
                finished = data.find(b"\n") + 1
                yield self._finished(data[:finished])
                data, end = data[finished:], end - finished
            if end:
                yield self._block(data[:end])
            self._carry(data[end:])
        if self._carried_bytes:
            yield self._finished(b"")

    def _carry(self, data: bytes) -> None:
        if not data:
            return
        self._carried_bytes += len(data)
        if not self._overlong:
            self._carried.append(data)
        if self._carried_bytes > self._record_bytes_max and not self._overlong:
            self._overlong = True
            self._carried = [b"".join(self._carried)[:RAW_KEPT_BYTES]]

    def _block(self, data: bytes) -> LineBlock:
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        block = LineBlock(data, self._line, self._offset, lines)
        self._line += lines
        self._offset += len(data)
        return block

    def _finished(self, last: bytes) -> LineBlock | RawRecord:
        self._carry(last)
        data, size, overlong = b"".join(self._carried), self._carried_bytes, self._overlong
        self._carried, self._carried_bytes, self._overlong = [], 0, False
        if not overlong:
            return self._block(data)
        record = RawRecord(data, self._line, self._offset, "record_too_large")
        self._line += 1
        self._offset += size
        return record
