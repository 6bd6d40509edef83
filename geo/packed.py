"""How the bundled map is written: small on its way to the user, ready to be mapped into memory on their disk.

A packed file is a line of JSON and then sections compressed with xz. Starts of ranges are kept as gaps, each as its
trailing zero bits and what is left of it in a varying number of bytes. An unpacked file is a line of JSON and then
plain arrays, little-endian, the same on every machine. In it starts of 64 bits stand in two halves, because high ones
repeat, and texts have the offsets of their lines beside them. Both name the map by the hash of the packed sections.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sessionwatch.errors import DatabaseError

PACKED_MAGIC: Final = b"sessionwatch map 1\n"
UNPACKED_MAGIC: Final = b"sessionwatch unpacked map 1\n"

HEADER_MAX_BYTES: Final = 16_384
"""The line of JSON at the start of either file, so that a file of another kind is never read whole."""

ALIGNED_BYTES: Final = 8


class MapTitle(msgspec.Struct, frozen=True):
    """What a map says of itself: its build as alerts show it, when its source was made, and whom to thank."""

    build: str
    built_at: str
    attribution: str


class Section(msgspec.Struct, frozen=True):
    """One array: its type (`u4`: 32 bits unsigned), how many entries, where its bytes begin and how many they are."""

    type: str
    count: int
    begins: int
    size_bytes: int


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line of JSON: the title, the name of the map, and the sections in order.

    `body`: the SHA-256 of all that follows the line; only an unpacked map has it, a packed one is named by it.
    """

    title: MapTitle
    hash: str
    sections: dict[str, Section]
    body: str = ""


def read_header(path: Path, magic: bytes = PACKED_MAGIC) -> tuple[Header, int]:
    """The line of JSON, and where the sections begin.

    Raises:
        DatabaseError: the file is no map, or its first line is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_MAX_BYTES)
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be read ({error.strerror}); install sessionwatch again") from error
    return header_in(head, magic, path)


def header_in(head: bytes, magic: bytes, path: Path) -> tuple[Header, int]:
    """The line of JSON in the first bytes of a map, and where the sections begin. `path` is named where it is none.

    Raises:
        DatabaseError: this is no map, or its first line is damaged.
    """
    end = head.find(b"\n", len(magic))
    if not head.startswith(magic) or end < 0:
        raise DatabaseError(f"{path}: not a map of sessionwatch, or cut short; install sessionwatch again")
    try:
        return msgspec.json.decode(head[len(magic) : end], type=Header), end + 1
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DatabaseError(f"{path}: its first line is damaged ({error}); install sessionwatch again") from error


def unpacked_size_bytes(header: Header, begin: int) -> int:
    """How long the unpacked file with this header is."""
    return begin + sum(s.size_bytes + -s.size_bytes % ALIGNED_BYTES for s in header.sections.values())
