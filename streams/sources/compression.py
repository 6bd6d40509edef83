"""The bytes of a file, unpacked: plain, gzip, zstd or bz2, told by their first bytes and never by the name."""

from __future__ import annotations

import bz2
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

import zstandard

from sessionwatch.errors import InputError
from streams.sources.paths import STDIN, InputFile

Compression = Literal["plain", "gzip", "zstd", "bz2"]

CHUNK_BYTES: Final = 128 * 1024
"""About how much is read, unpacked and decoded at once; larger pieces fall out of the processor's cache."""
PACKED_BYTES: Final = 16 * 1024
ZSTD_PACKED_BYTES: Final = 2 * 1024
"""Input given to zstd at once: its decoder has no limit on output, and 2 KiB can unpack to 64 MiB at most."""


class _Unpacker(Protocol):
    """One member (gzip), stream (bz2) or frame (zstd) being unpacked."""

    eof: bool
    unused: bytes

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Unpack `packed`; what stands after the end of the member is left in `unused`."""
        ...

    def rest(self) -> bytes:
        """What is still inside when the input ends early."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.eof = False
        self.unused = b""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while packed and not self.eof:
            yield self._inner.decompress(packed, CHUNK_BYTES)
            packed = self._inner.unconsumed_tail
            self.eof = self._inner.eof
        self.unused = self._inner.unused_data

    def rest(self) -> bytes:
        return self._inner.flush()


class _Bz2:
    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()
        self.eof = False
        self.unused = b""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        yield self._inner.decompress(packed, CHUNK_BYTES)
        while not self._inner.eof and not self._inner.needs_input:
            yield self._inner.decompress(b"", CHUNK_BYTES)
        self.eof = self._inner.eof
        self.unused = self._inner.unused_data if self.eof else b""

    def rest(self) -> bytes:
        return b""


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self.eof = False
        self.unused = b""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        for start in range(0, len(packed), ZSTD_PACKED_BYTES):
            yield self._inner.decompress(packed[start : start + ZSTD_PACKED_BYTES])
            if self._inner.eof:
                self.eof = True
                self.unused = self._inner.unused_data + packed[start + ZSTD_PACKED_BYTES :]
                return

    def rest(self) -> bytes:
        return b""


_UNPACKERS: Final[dict[Compression, type[_Gzip | _Bz2 | _Zstd]]] = {"gzip": _Gzip, "bz2": _Bz2, "zstd": _Zstd}
_BROKEN: Final = (zlib.error, OSError, EOFError, ValueError, zstandard.ZstdError)
_ZSTD_SKIPPABLE: Final = frozenset(range(0x50, 0x60))


def compression_of(head: bytes) -> Compression:
    """How a file that begins with `head` (four bytes or more) is packed.

    >>> compression_of(b"{"), compression_of(bytes.fromhex("1f8b0800"))
    ('plain', 'gzip')
    """
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bz2"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] in _ZSTD_SKIPPABLE):
        return "zstd"
    return "plain"


class ByteStream:
    """A file's unpacked bytes, in chunks of about 128 KiB.

    After the last chunk `fault` says what was wrong with the packing, or is empty: "cut short" where the packed data
    ends before its end mark, "damaged" where it cannot be unpacked further. Nothing that could be unpacked before is
    lost. `bytes_read` counts bytes of the file itself, as it is packed.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, file: InputFile) -> None:
        """Open `file` and look at its first bytes."""
        self.file = file
        self.bytes_read = 0
        self.fault = ""
        self._handle = _opened(file)
        self._first = b""
        while len(self._first) < len(b"BZh9") and (more := self._raw(CHUNK_BYTES)):
            self._first += more
        self.compression: Compression = compression_of(self._first)

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes; call once."""
        if self.compression == "plain":
            yield from self._pieces(CHUNK_BYTES)
            return
        held: list[bytes] = []
        size = 0
        for piece in self._unpacked(_UNPACKERS[self.compression]):
            held.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES // 2:
                yield b"".join(held)
                held, size = [], 0
        if size:
            yield b"".join(held)

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self.file.path != STDIN:
            self._handle.close()

    def _unpacked(self, make: type[_Gzip | _Bz2 | _Zstd]) -> Iterator[bytes]:
        unpacker: _Unpacker | None = None
        try:
            for piece in self._pieces(PACKED_BYTES):
                packed = piece
                while packed:
                    if unpacker is None:
                        # Tapes and block devices pad with zeros after the end mark.
                        packed = packed.lstrip(b"\0")
                        unpacker = make() if packed else None
                        continue
                    yield from unpacker.feed(packed)
                    packed, unpacker = (unpacker.unused, None) if unpacker.eof else (b"", unpacker)
            if unpacker is not None:
                yield unpacker.rest()
                self.fault = self.fault or f"cut short: the {self.compression} data ends before its end mark"
        except _BROKEN as error:
            self.fault = f"damaged: the {self.compression} data cannot be unpacked further ({error})"

    def _pieces(self, size: int) -> Iterator[bytes]:
        for start in range(0, len(self._first), size):
            yield self._first[start : start + size]
        self._first = b""
        while more := self._raw(size):
            yield more

    def _raw(self, size: int) -> bytes:
        try:
            # One system call: a pipe gives what it has, so that nobody waits for a full block.
            more = self._handle.read(size) or b""
        except OSError as error:
            self.fault = f"damaged: reading stopped ({error.strerror})"
            return b""
        self.bytes_read += len(more)
        return more


def _opened(file: InputFile) -> BinaryIO:
    try:
        if file.path == STDIN:
            return sys.stdin.buffer.raw if hasattr(sys.stdin.buffer, "raw") else sys.stdin.buffer
        return Path(file.path).open("rb", buffering=0)
    except OSError as error:
        raise InputError(f"{file.path}: cannot be read: {error.strerror}") from error
