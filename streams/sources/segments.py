"""Whole records of a file from where it was read to: a piece at a time, with the position after each piece."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from streams.sources.containers import Container, records_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.records import RAW_KEPT_BYTES, LineBlock, RawRecord
from streams.sources.tables import ROW_LINES_MAX, Table

SEGMENT_BYTES: Final = 256 * 1024
"""About how much of a file is read and decoded at once."""
FINGERPRINT_BYTES: Final = 256
"""How much of a file's beginning tells it from another one that took its inode."""

Block = LineBlock | RawRecord


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file is read: up to byte `offset` (unpacked), which begins line `line`.

    `device` and `inode` find it under another name; `mark` is a hash of its first `mark_bytes`. `format`, `container`
    and `table` are what it was recognised as; empty: not yet. `size` is of a file that is read whole, `done` when it
    was. `path` is where it was last seen.
    """

    path: str
    device: int
    inode: int
    offset: int = 0
    line: int = 1
    mark: bytes = b""
    mark_bytes: int = 0
    format: str = ""
    container: Container | None = None
    table: Table | None = None
    size: int = -1
    done: bool = False

    @property
    def key(self) -> str:
        """What tells this file from others, whatever it is called."""
        return f"{self.device}:{self.inode}"

    def marked(self, handle: BinaryIO) -> Position:
        """With the hash of as much of the beginning as was read."""
        if self.mark_bytes >= FINGERPRINT_BYTES or self.offset == self.mark_bytes:
            return self
        size = min(self.offset, FINGERPRINT_BYTES)
        return msgspec.structs.replace(self, mark=_mark(handle, size), mark_bytes=size)

    def fits(self, handle: BinaryIO) -> bool:
        """Whether the file behind `handle` is the one that was read, and not cut since."""
        if self.size < 0 and os.fstat(handle.fileno()).st_size < self.offset:
            return False
        return not self.mark_bytes or _mark(handle, self.mark_bytes) == self.mark


class Segment(msgspec.Struct, frozen=True):
    """A piece of a file: its records, and the position after it. `cut`: the file ends too early."""

    blocks: list[Block]
    position: Position
    cut: bool = False


def segments(handle: BinaryIO, at: Position, record_bytes_max: int, *, final: bool) -> Iterator[Segment]:
    """What stands in a plain file after `at`, as far as it reaches now; `at.container` is none but a document.

    An unfinished last line waits, and so does a row whose quotes are open; `final`: nothing more will come.
    """
    size = os.fstat(handle.fileno()).st_size
    wanted = SEGMENT_BYTES
    while at.offset < size:
        handle.seek(at.offset)
        data = handle.read(min(wanted, size - at.offset))
        ends = at.offset + len(data) >= size
        if not data:
            return
        if not (ends and final):
            data = data[: data.rfind(b"\n") + 1]
        if not data:
            if ends:
                return
            if wanted <= record_bytes_max:
                wanted *= 2
                continue
            found = _overlong(handle, at, final=final)
            if found is None:
                return
            at = found.position
            yield found
            continue
        segment = segment_of(data, at, record_bytes_max, final=ends and final)
        if segment.position.offset == at.offset:
            if ends:
                return
            wanted *= 2
            continue
        wanted = SEGMENT_BYTES
        at = segment.position
        yield segment


def segment_of(data: bytes, at: Position, record_bytes_max: int, *, final: bool) -> Segment:
    """The records of `data`, whole lines that begin at `at`; a last row with open quotes waits unless `final`."""
    table = at.table if at.table is None or at.offset == 0 else msgspec.structs.replace(at.table, has_header=False)
    container = at.container or "lines"
    blocks = list(
        records_of(container, [data], record_bytes_max, DOCUMENT_BYTES_MAX, table, line=at.line, offset=at.offset)
    )
    end, line = at.offset + len(data), at.line + data.count(b"\n")
    if table is not None and not final:
        waits = _open_row(blocks, end, line, record_bytes_max)
        if waits is not None:
            blocks, end, line = blocks[:waits], blocks[waits].offset, blocks[waits].line
    return Segment(blocks, msgspec.structs.replace(at, offset=end, line=line))


def _open_row(blocks: list[Block], end: int, line: int, record_bytes_max: int) -> int | None:
    """Where a row begins whose closing quote may still come."""
    for index, block in enumerate(blocks):
        if not isinstance(block, RawRecord) or block.fault != "unclosed_quote":
            continue
        if line - block.line < ROW_LINES_MAX and end - block.offset <= record_bytes_max:
            return index
    return None


def _overlong(handle: BinaryIO, at: Position, *, final: bool) -> Segment | None:
    """A line that is too long, as a bad record; None where its end is yet to come."""
    handle.seek(at.offset)
    kept, end, more = b"", at.offset, b""
    while not more.endswith(b"\n"):
        more = handle.readline(SEGMENT_BYTES)
        if not more:
            break
        kept += more[: RAW_KEPT_BYTES - len(kept)]
        end += len(more)
    if not more.endswith(b"\n") and not final:
        return None
    record = RawRecord(kept, at.line, at.offset, "record_too_large")
    return Segment([record], msgspec.structs.replace(at, offset=end, line=at.line + 1))


def _mark(handle: BinaryIO, size: int) -> bytes:
    handle.seek(0)
    return hashlib.blake2b(handle.read(size), digest_size=16).digest()
