"""Standard input read as it comes, in a thread of its own, so that whoever judges it can wait for other things too."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from sessionwatch.errors import InputError
from streams.adapters.adapter import Adapter
from streams.sources.compression import compression_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.paths import STDIN
from streams.sources.records import RAW_KEPT_BYTES, RawRecord
from streams.sources.segments import Position, Segment, segment_of
from streams.survey import HEAD_BYTES_MAX, Feed, feed_of

PIECE_BYTES: Final = 64 * 1024
PIECES_MAX: Final = 64
"""Pieces of standard input (64 KiB each) read ahead of judgement; then its writer waits."""


class Pipe:
    """Standard input. What was taken from it before a crash and not committed is lost: a pipe cannot be read twice."""

    def __init__(
        self,
        format_name: str,
        formats: Mapping[str, Adapter],
        record_bytes_max: int,
        wake: threading.Event,
        descriptor: int = 0,
    ) -> None:
        """Begin to read; `wake` is set whenever there is something."""
        self._format, self._formats, self._record_bytes_max = format_name, formats, record_bytes_max
        self._position = Position(path=STDIN, device=0, inode=0)
        self._held = b""
        self._dropped = 0
        self._pieces: queue.Queue[bytes] = queue.Queue(PIECES_MAX)
        self._wake, self._descriptor = wake, descriptor
        self.ended = False
        self.reader = threading.Thread(target=self._read, daemon=True, name="pipe")
        self.reader.start()

    @property
    def sources(self) -> set[str]:
        """The format, once it is recognised."""
        return {self._position.format} - {""}

    def _read(self) -> None:
        piece = b" "
        while piece:
            try:
                piece = os.read(self._descriptor, PIECE_BYTES)
            except OSError:
                piece = b""
            self._pieces.put(piece)
            self._wake.set()

    def pending(self) -> Iterator[tuple[str, Adapter, Segment]]:
        """What has come so far; an unfinished last line waits for the end.

        Raises: InputError where it is of no known format.
        """
        while not self.ended:
            try:
                piece = self._pieces.get_nowait()
            except queue.Empty:
                return
            self.ended = not piece
            self._held += piece
            if self._position.container is None and not self._recognise():
                if len(self._held) > HEAD_BYTES_MAX:
                    raise InputError("standard input begins with a line too long to be read; give JSON Lines")
                continue
            if self._position.container != "document" and (overlong := self._overlong()) is not None:
                yield STDIN, self._formats[overlong.position.format], overlong
            lines = self._held if self.ended else self._held[: self._held.rfind(b"\n") + 1]
            if self._position.container == "document" and not self.ended:
                if len(self._held) > DOCUMENT_BYTES_MAX:
                    raise InputError("standard input: a JSON document too large to be read whole; give JSON Lines")
                continue
            if not lines or self._dropped:
                continue
            segment = segment_of(lines, self._position, self._record_bytes_max, final=self.ended)
            self._held = self._held[segment.position.offset - self._position.offset :]
            self._position = segment.position
            yield STDIN, self._formats[segment.position.format], segment

    def _overlong(self) -> Segment | None:
        """A line too long, once its end has come; until then all but its beginning is let go."""
        end = self._held.find(b"\n") + 1 or (len(self._held) if self.ended else 0)
        if not end and len(self._held) > self._record_bytes_max:
            self._dropped += len(self._held) - RAW_KEPT_BYTES
            self._held = self._held[:RAW_KEPT_BYTES]
        if not end or not self._dropped:
            return None
        at = self._position
        record = RawRecord(self._held[: min(end, RAW_KEPT_BYTES)], at.line, at.offset, "record_too_large")
        self._position = msgspec.structs.replace(at, offset=at.offset + self._dropped + end, line=at.line + 1)
        self._held, self._dropped = self._held[end:], 0
        return Segment([record], self._position)

    def _recognise(self) -> bool:
        if compression_of(self._held[:8]) != "plain":
            raise InputError("standard input is packed; unpack it first: zcat FILE | sessionwatch watch -")
        head = self._held if self.ended else self._held[: self._held.rfind(b"\n") + 1]
        if not head:
            return False
        limit = self._record_bytes_max
        made = feed_of(STDIN, head, self._format, self._formats, whole=self.ended, record_bytes_max=limit)
        if isinstance(made, Feed):
            self._position = msgspec.structs.replace(
                self._position, format=made.name, container=made.container, table=made.table
            )
            return True
        if made.what == "empty":
            return False
        raise InputError(f"standard input: {made.refusal}. Known: {', '.join(self._formats)}")
