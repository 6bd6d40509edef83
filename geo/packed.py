"""How the bundled map is written: small on its way to the user, ready to be mapped into memory on their disk.

A packed file is a line of JSON and then sections compressed with xz. Starts of ranges are kept as gaps, each as its
trailing zero bits and what is left of it in a varying number of bytes. An unpacked file is a line of JSON and then
plain arrays, little-endian, the same on every machine. In it starts of 64 bits stand in two halves, because high ones
repeat, and texts have the offsets of their lines beside them. Both name the map by the hash of the packed sections.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessionwatch.errors import DatabaseError

PACKED_MAGIC: Final = b"sessionwatch map 1\n"
UNPACKED_MAGIC: Final = b"sessionwatch unpacked map 1\n"

HEADER_MAX_BYTES: Final = 16_384
"""The line of JSON at the start of either file, so that a file of another kind is never read whole."""

ALIGNED_BYTES: Final = 8

_TYPES: Final = {"u1": np.uint8, "u2": np.uint16, "i2": np.int16, "u4": np.uint32, "u8": np.uint64}
_STARTS: Final = "starts"
_TEXTS: Final = "texts"


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


class Header(msgspec.Struct, frozen=True):
    """The line of JSON: the title, the name of the map, and the sections in order."""

    title: MapTitle
    hash: str
    sections: dict[str, Section]


def pack(path: Path, title: MapTitle, arrays: Mapping[str, NDArray[Any]]) -> int:
    """Write `arrays` packed; returns the size in bytes.

    Arrays named `…starts` rise from 0; those named `…texts` are lines in UTF-8, each with its end.
    """
    sections: dict[str, Section] = {}
    packed: list[bytes] = []
    begins = 0
    for name, array in arrays.items():
        raw = _squeezed(name, array)
        sections[name] = Section(array.dtype.str[1:], len(array), begins, len(raw))
        packed.append(raw)
        begins += len(raw)
    body = b"".join(packed)
    header = Header(title, hashlib.sha256(body).hexdigest(), sections)
    whole = PACKED_MAGIC + msgspec.json.encode(header) + b"\n" + body
    path.write_bytes(whole)
    return len(whole)


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


def unpack(path: Path, out: BinaryIO) -> None:
    """Write the map of the packed file `path` to `out` as plain arrays.

    Raises:
        DatabaseError: the file is no map, or damaged.
    """
    header, begin = read_header(path)
    body = path.read_bytes()[begin:]
    if hashlib.sha256(body).hexdigest() != header.hash:
        raise DatabaseError(f"{path}: damaged: its contents are not those it was made with; install sessionwatch again")
    sections: dict[str, Section] = {}
    arrays: list[NDArray[Any]] = []
    begins = 0
    for name, section in header.sections.items():
        whole = _expanded(name, section, body[section.begins : section.begins + section.size_bytes])
        for part, array in _laid_out(name, whole):
            sections[part] = Section(array.dtype.str[1:], len(array), begins, array.nbytes)
            arrays.append(array)
            begins += array.nbytes + -array.nbytes % ALIGNED_BYTES
    first = UNPACKED_MAGIC + msgspec.json.encode(Header(header.title, header.hash, sections))
    out.write(first + b" " * (-(len(first) + 1) % ALIGNED_BYTES) + b"\n")
    for array in arrays:
        out.write(array.tobytes())
        out.write(bytes(-array.nbytes % ALIGNED_BYTES))


def unpacked_size_bytes(header: Header, begin: int) -> int:
    """How long the unpacked file with this header is."""
    return begin + sum(s.size_bytes + -s.size_bytes % ALIGNED_BYTES for s in header.sections.values())


def _squeezed(name: str, array: NDArray[Any]) -> bytes:
    if not name.endswith(_STARTS):
        return _xz(array.astype(array.dtype.newbyteorder("<")).tobytes(), array.dtype.itemsize)
    gaps = array[1:].astype(np.uint64) - array[:-1].astype(np.uint64)
    zeros = _trailing_zeros(gaps)
    return b"".join(
        len(part).to_bytes(4, "little") + part
        for part in (_xz(zeros.tobytes()), _xz(_varied(gaps >> zeros.astype(np.uint64) >> np.uint64(1)).tobytes()))
    )


def _expanded(name: str, section: Section, raw: bytes) -> NDArray[Any]:
    kind = _TYPES[section.type]
    if not name.endswith(_STARTS):
        return np.frombuffer(lzma.decompress(raw), np.dtype(kind).newbyteorder("<"))
    size = int.from_bytes(raw[:4], "little")
    zeros = np.frombuffer(lzma.decompress(raw[4 : 4 + size]), np.uint8).astype(np.uint64)
    odd = _unvaried(np.frombuffer(lzma.decompress(raw[8 + size :]), np.uint8))
    starts = np.zeros(section.count, np.uint64)
    np.cumsum((odd << np.uint64(1) | np.uint64(1)) << zeros, out=starts[1:])
    return starts.astype(np.dtype(kind).newbyteorder("<"))


def _laid_out(name: str, array: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of an unpacked file that one of a packed file becomes."""
    if name.endswith(_STARTS) and array.dtype.itemsize == np.dtype(np.uint64).itemsize:
        high, first = np.unique(array >> np.uint64(32), return_index=True)
        yield f"{name}_high", high.astype("<u4")
        yield f"{name}_from", np.append(first, len(array)).astype("<u4")
        yield f"{name}_low", (array & np.uint64(0xFFFF_FFFF)).astype("<u4")
        return
    yield name, array
    if name.endswith(_TEXTS):
        yield f"{name}_at", np.concatenate([[0], np.flatnonzero(array == ord("\n")) + 1]).astype("<u4")


def _trailing_zeros(numbers: NDArray[np.uint64]) -> NDArray[np.uint8]:
    lowest = numbers & (~numbers + np.uint64(1))
    # A power of two is exact as a float, so its logarithm is whole.
    return np.log2(lowest.astype(np.float64)).astype(np.uint8)


def _varied(numbers: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Each number in as few groups of seven bits as it needs, the low ones first; the last has no high bit."""
    groups = 10
    parts = np.empty((len(numbers), groups), np.uint8)
    rest = numbers.copy()
    wanted = np.ones((len(numbers), groups), bool)
    for n in range(groups):
        wanted[:, n] = (rest > 0) if n else True
        parts[:, n] = rest & np.uint64(127)
        rest >>= np.uint64(7)
    parts[:, :-1] |= wanted[:, 1:].astype(np.uint8) << 7
    return parts[wanted]


def _unvaried(raw: NDArray[np.uint8]) -> NDArray[np.uint64]:
    lasts = np.flatnonzero(raw < 128)  # noqa: PLR2004, the bit that says that more follows
    firsts = np.concatenate([[0], lasts[:-1] + 1]) if len(lasts) else lasts
    numbers = np.zeros(len(lasts), np.uint64)
    sizes = lasts - firsts + 1
    for n in range(int(sizes.max(initial=0))):
        longer = np.flatnonzero(sizes > n)
        numbers[longer] |= (raw[firsts[longer] + n].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * n)
    return numbers


def _xz(raw: bytes, width_bytes: int = 1) -> bytes:
    """Compressed; where entries are some bytes wide, bytes are told apart by their place in the entry."""
    place_bits = width_bytes.bit_length() - 1
    lzma2 = {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": max(4096, len(raw)),
        "lc": min(3, 4 - place_bits),
        "lp": place_bits,
        "pb": place_bits,
    }
    return lzma.compress(raw, filters=[lzma2])
