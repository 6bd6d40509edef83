"""A store in memory, as a partition's dict is one."""

from __future__ import annotations

from collections.abc import Iterable

from models.findings import By
from sessionwatch.live.entries import Entry, EntryKind


class MemoryStore:
    """Entries by key; what it was given last is what it says."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, str], Entry] = {}

    def write(self, changed: Iterable[Entry]) -> None:
        """Take in what changed."""
        for entry in changed:
            self.held.pop(entry[:3], None)
            if entry.blob is not None:
                self.held[entry[:3]] = entry

    def blob(self, kind: By, tenant: str, value: str, /) -> bytes | None:
        """See `sessionwatch.live.entries.Store`."""
        entry = self.held.get((kind, tenant, value))
        return None if entry is None else entry.blob

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """See there."""
        return [(e.tenant, e.value) for e in self.held.values() if e.kind == kind and e.wake_us <= until_us]

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """See there."""
        return [entry for entry in self.held.values() if entry.kind == kind]
