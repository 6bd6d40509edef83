"""What was found is remembered, for good or between two instants: an event at a known address costs one probe."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from models.instants import NEVER_US

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

LASTING: Final = (-NEVER_US, NEVER_US)
"""From and until when something holds that always does."""


class Remembered(Generic[Key, Found]):
    """Answers by key. At most three times `most`: when as many were met, those not asked for since go.

    `lasting` is there to be probed at once; `find` looks in the rest. An answer never depends on what is remembered:
    what was forgotten is found again.
    """

    def __init__(self, most: int) -> None:
        """Remember nothing."""
        self.lasting: dict[Key, Found] = {}
        self._most = most
        self._older: dict[Key, Found] = {}
        self._dated: dict[Key, list[tuple[int, int, Found]]] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether what was found for `key` holds for good, and is remembered."""
        return key in self.lasting or key in self._older

    def unknown(self, keys: set[Key]) -> set[Key]:
        """Those of `keys` of which nothing is remembered."""
        new = keys.difference(self.lasting)
        return new.difference(self._older).difference(self._dated) if new else new

    def find(self, key: Key, at_us: int) -> Found | None:
        """What holds for `key` at an instant, where it is remembered."""
        found = self._older.get(key)
        if found is not None:
            self.put(key, found)
            return found
        for from_us, until_us, dated in self._dated.get(key, ()):
            if from_us <= at_us < until_us:
                return dated
        return None

    def put(self, key: Key, found: Found, from_us: int = -NEVER_US, until_us: int = NEVER_US) -> None:
        """Remember what was found, which holds from an instant until another (excluded)."""
        if (from_us, until_us) != LASTING:
            if len(self._dated) >= self._most:
                self._dated.clear()
            self._dated.setdefault(key, []).append((from_us, until_us, found))
            return
        if len(self.lasting) >= self._most:
            # Emptied in place: whoever shares this memory holds on to these very dicts.
            self._older.clear()
            self._older.update(self.lasting)
            self.lasting.clear()
        self.lasting[key] = found
