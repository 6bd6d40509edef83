"""Standard input as it comes: whole lines at once, a last one at the end, and no line that fills the memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

import pytest

from sessionwatch.errors import InputError
from streams.adapters import adapters
from streams.sources.pipe import Pipe
from streams.sources.records import LineBlock
from streams.sources.segments import Segment

RECORD_BYTES_MAX = 100_000
LINE = b'{"id": "a", "at": "2026-03-02T10:00:00Z", "kind": "login"}'


def read(pieces: Iterable[bytes]) -> list[Segment]:
    """All that comes out of a pipe that these pieces are written to."""
    source, sink = os.pipe()
    wake = threading.Event()
    pipe = Pipe("auto", adapters(), RECORD_BYTES_MAX, wake, source)

    def write() -> None:
        with os.fdopen(sink, "wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    found: list[Segment] = []
    try:
        while not pipe.ended:
            assert wake.wait(60)
            wake.clear()
            found += [segment for _, _, segment in pipe.pending()]
    finally:
        writer.join(60)
        pipe.reader.join(60)
        os.close(source)
    return found


def shown(segments: Iterable[Segment]) -> list[tuple[str, int, int]]:
    """Fault, line and offset of every record."""
    blocks = [block for segment in segments for block in segment.blocks]
    records = [one for block in blocks for one in (block.records() if isinstance(block, LineBlock) else [block])]
    return [(record.fault, record.line, record.offset) for record in records]


def test_lines_come_with_their_places() -> None:
    """However the pieces are cut, and the last line needs no end."""
    size = len(LINE) + 1
    assert shown(read([LINE[:9], LINE[9:] + b"\n" + LINE + b"\n", LINE])) == [
        ("", 1, 0),
        ("", 2, size),
        ("", 3, 2 * size),
    ]


@pytest.mark.parametrize("end", [b"\n" + LINE, b""])
def test_a_line_too_long_is_one_bad_record(end: bytes) -> None:
    """With its place; what comes after it is read."""
    size = len(LINE) + 1
    long = b"x" * 300_000
    after = [("", 3, size + len(long) + 1)] if end else []
    assert shown(read([LINE + b"\n", long[:150_000], long[150_000:] + end])) == [
        ("", 1, 0),
        ("record_too_large", 2, size),
        *after,
    ]


def test_what_is_no_log_is_refused() -> None:
    """With what it is, and how to give it instead."""
    with pytest.raises(InputError, match="of no known format"):
        read([b"dear diary\n"])
    with pytest.raises(InputError, match="zcat FILE"):
        read([b"\x1f\x8b\x08\x00\x00\x00\x00\x00\n"])
    assert read([]) == []
