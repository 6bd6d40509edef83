"""A store in memory, as a partition's dict is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

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

    def blobs(self, kind: By, subjects: Collection[tuple[str, str]], /) -> Mapping[tuple[str, str], bytes]:
        """See `sessionwatch.live.entries.Store`."""
        found = {subject: self.held.get((kind, *subject)) for subject in subjects}
        return {subject: one.blob for subject, one in found.items() if one is not None and one.blob is not None}

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """See there."""
        return [(e.tenant, e.value) for e in self.held.values() if e.kind == kind and e.wake_us <= until_us]

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """See there."""
        return [entry for entry in self.held.values() if entry.kind == kind]
