"""Packing a map small, and unpacking it into plain arrays: needed, with numpy, at the first use of a map only."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from geo.packed import ALIGNED_BYTES, PACKED_MAGIC, UNPACKED_MAGIC, Header, MapTitle, Section, read_header
from sessionwatch.errors import DatabaseError

_TYPES: Final = {"u1": np.uint8, "u2": np.uint16, "i2": np.int16, "u4": np.uint32, "u8": np.uint64}
_STARTS: Final = "starts"
_TEXTS: Final = "texts"


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
    whole_body = b"".join(array.tobytes() + bytes(-array.nbytes % ALIGNED_BYTES) for array in arrays)
    written = Header(header.title, header.hash, sections, hashlib.sha256(whole_body).hexdigest())
    first = UNPACKED_MAGIC + msgspec.json.encode(written)
    out.write(first + b" " * (-(len(first) + 1) % ALIGNED_BYTES) + b"\n")
    out.write(whole_body)


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
