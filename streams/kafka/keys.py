"""Which partition a key belongs to: as Kafka's own clients by default choose it, so that all writers agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

REMEMBERED_MAX: Final = 100_000
"""Keys whose hash is remembered; when there are more, all are forgotten."""
_POSITIVE: Final = 0x7FFFFFFF


@cache
def _murmur2() -> Callable[[bytes], int]:
    from aiokafka.partitioner import murmur2  # of an extra that those without Kafka do not have

    hashed: Callable[[bytes], int] = murmur2
    return hashed


class Keys:
    """Remembers hashes: reckoning one costs more than anything else that is done for a record."""

    def __init__(self) -> None:
        """Nothing is remembered yet."""
        self._hashes: dict[bytes, int] = {}

    def partition(self, key: bytes, partitions: int) -> int:
        """The partition of `key` among so many."""
        found = self._hashes.get(key)
        if found is None:
            if len(self._hashes) >= REMEMBERED_MAX:
                self._hashes.clear()
            found = self._hashes[key] = _murmur2()(key) & _POSITIVE
        return found % partitions
