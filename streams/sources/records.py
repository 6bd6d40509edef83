"""Records with their positions: lines in blocks, so that the common case is decoded a block at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

RECORD_BYTES_MAX: Final = 1024 * 1024
"""The largest record that is read, 1 MiB with its line end; a larger one goes to the dead letter."""
RAW_KEPT_BYTES: Final = 64 * 1024
"""How much of a record that is too large is kept to show."""

_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"
BOM: Final = b"\xef\xbb\xbf"
WHITESPACE: Final = b" \t\r\n"
"""What may stand around a value of JSON (RFC 8259); `bytes.strip` takes vertical tabs and form feeds too, which may
not, so that a record with one would be read from some places and not from others."""


class RawRecord(NamedTuple):
    """One record as it stands in its source: bytes, line (from 1) and byte offset (from 0), both in the unpacked data.

    `fault` is empty, or says why these bytes are no whole record, and `detail` more for a person; then `raw` may be
    only their beginning. `written` is the record as it stands there, where `raw` was made of it.
    """

    raw: bytes
    line: int
    offset: int
    fault: str = ""
    detail: str = ""
    written: bytes = b""


class LineBlock(NamedTuple):
    """Whole lines: `data`, the number of its first line, the offset of its first byte, how many (blank ones too).

    `plain`: every line end stands between `}` and `{`. A decoder of blocks sees no lines, so that it takes two objects
    on one line, or one on two. But inside a value JSON wants a comma between `}` and `{`. So where `plain` holds and
    as many objects were decoded as there are lines, each line is one object.
    """

    data: bytes
    line: int
    offset: int
    lines: int
    plain: bool

    def records(self) -> Iterator[RawRecord]:
        """The lines that are not blank, each with its position."""
        start, line, size = 0, self.line, len(self.data)
        while start < size:
            end = self.data.find(b"\n", start)
            end = size if end < 0 else end
            raw = self.data[start:end].strip(WHITESPACE)
            if raw:
                yield RawRecord(raw, line, self.offset + start)
            start, line = end + 1, line + 1


def line_blocks(
    chunks: Iterable[bytes], record_bytes_max: int = RECORD_BYTES_MAX, *, line: int = 1, offset: int = 0
) -> Iterator[LineBlock | RawRecord]:
    """Cut `chunks` at line ends into blocks of about a chunk; a line too long comes as a `RawRecord` with its fault.

    The first chunk begins with line number `line` at byte `offset` of the file. A byte order mark at a file's very
    start is left out and counts as three bytes. Memory: one chunk and one record.
    """
    return _LineCutter(record_bytes_max, line, offset).cut(chunks)


class _LineCutter:
    """Carries the unfinished last line of a chunk over to the next."""

    def __init__(self, record_bytes_max: int, line: int, offset: int) -> None:
        self._record_bytes_max = record_bytes_max
        self._line = line
        self._offset = offset
        self._carried: list[bytes] = []
        self._carried_bytes = 0
        self._overlong = False

    def cut(self, chunks: Iterable[bytes]) -> Iterator[LineBlock | RawRecord]:
        first = self._offset == 0
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
            first_end = data.find(b"\n") + 1
            if self._carried_bytes + first_end > self._record_bytes_max:
                # The carried line is finished apart from the rest, since it is too long.
                yield self._finished(data[:first_end])
                data, end = data[first_end:], end - first_end
            if end:
                yield from self._blocks(b"".join([*self._carried, memoryview(data)[:end]]))
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

    def _blocks(self, data: bytes) -> Iterator[LineBlock | RawRecord]:
        """One block, or, where a line in it is too long (packed data can unpack to much at once), a line at a time."""
        self._carried, self._carried_bytes = [], 0
        lines = io.BytesIO(data).readlines() if len(data) > self._record_bytes_max else []
        if max(map(len, lines), default=0) > self._record_bytes_max:
            yield from map(self._finished, lines)
        else:
            yield self._block(data)

    def _block(self, data: bytes) -> LineBlock:
        # By numpy, because two searches for `}\n{` would cost as much as half the decoding.
        octets = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(octets == _NEWLINE)
        lines = len(ends) + (not data.endswith(b"\n"))
        inner = ends[: lines - 1]
        before, after = octets[inner - 1], octets[inner + 1]
        if len(inner) and before[0] == _RETURN:
            before = np.where(before == _RETURN, octets[inner - 2], before)
        plain = data.startswith(b"{") and bool((before == _CLOSE).all() and (after == _OPEN).all())
        block = LineBlock(data, self._line, self._offset, lines, plain)
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
