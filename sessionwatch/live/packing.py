"""A subject's blob as a store keeps it: without what all such blobs have in common, where that makes it smaller.

A packed blob is `MARK`, one byte that says how it was packed, and a frame of zstandard without its magic number. A
blob that is not packed begins with what msgpack writes for an array, which `MARK` never is: those of earlier versions
are read as they are.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import zstandard

from sessionwatch.errors import StateError

MARK: Final = b"\xc1"
"""No msgpack begins with this byte."""
PACKING: Final = 1
"""How blobs are packed now: its number is that of the dictionary. Newer ones are refused rather than guessed at."""
LEVEL: Final = 4
"""The next saves a twentieth and takes twice as long."""
_FORMAT: Final = zstandard.FORMAT_ZSTD1_MAGICLESS
"""Frames do not say that they are frames: `MARK` does."""
UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of a blob once unpacked: a frame that claims more is damaged, and is not unpacked."""


@cache
def dictionary(packing: int) -> zstandard.ZstdCompressionDict:
    """What blobs packed so have in common: made by `python -m bench.dictionary`, and never changed once in use."""
    name = f"subjects-{packing}.zdict"
    return zstandard.ZstdCompressionDict(files("sessionwatch.live").joinpath("dictionaries", name).read_bytes())


class Packing:
    """Packs blobs and unpacks them. One thread at a time."""

    def __init__(self) -> None:
        """Ready for blobs of every packing up to `PACKING`."""
        common = dictionary(PACKING)
        how = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, format=_FORMAT, dict_size=len(common), write_dict_id=False, write_checksum=False
        )
        self._compress = zstandard.ZstdCompressor(dict_data=common, compression_params=how).compress
        self._decompressors = {PACKING: zstandard.ZstdDecompressor(dict_data=common, format=_FORMAT)}

    def packed(self, blob: bytes) -> bytes:
        """`blob` packed; as it is where that would not make it smaller."""
        frame = self._compress(blob)
        return MARK + bytes((PACKING,)) + frame if len(frame) + 2 < len(blob) else blob

    def unpacked(self, stored: bytes, who: str) -> bytes:
        """The blob of `who` that was stored as `stored`, packed or not.

        Raises: StateError where it was packed by a newer version, or is damaged.
        """
        if stored[:1] != MARK:
            return stored
        packing = stored[1] if len(stored) > 1 else 0
        if packing > PACKING:
            message = f"the blob of {who!r} is packed in way {packing}, not up to {PACKING}; upgrade first"
            raise StateError(message)
        try:
            size = zstandard.get_frame_parameters(stored[2:], format=_FORMAT).content_size
            blob = self._decompressor(packing).decompress(stored[2:]) if size <= UNPACKED_BYTES_MAX else None
        except (zstandard.ZstdError, FileNotFoundError) as error:
            raise StateError(f"the blob of {who!r} cannot be unpacked: {error}; restore an older one") from error
        if blob is None:
            raise StateError(f"the blob of {who!r} claims to have {size:,} bytes; restore an older one")
        return blob

    def _decompressor(self, packing: int) -> zstandard.ZstdDecompressor:
        if packing not in self._decompressors:
            self._decompressors[packing] = zstandard.ZstdDecompressor(dict_data=dictionary(packing), format=_FORMAT)
        return self._decompressors[packing]
