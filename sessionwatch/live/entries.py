"""State as a store keeps it: one entry a subject, a session, a bucket, and one for the stream itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal, NamedTuple, Protocol

from models.findings import By
from models.instants import NEVER_US

EntryKind = By | Literal["owners", "bucket", "stream", "inflow"]
"""What an entry holds: a subject's blob, by the kind of subject (a tenant has none: its buckets are); a session's
owners; an open bucket; the stream; what is known of those who write into a partition."""

STREAM_KEY: Final = ("", "")
"""The tenant and value of the one entry of kind `stream`."""


class Entry(NamedTuple):
    """One entry of a store; the key is (kind, tenant, value). `blob` None: the entry is gone.

    `wake_us`: the watermark has nothing to do here before this instant. `seen`: rises with each batch that changed it.
    """

    kind: EntryKind
    tenant: str
    value: str
    blob: bytes | None
    wake_us: int = NEVER_US
    seen: int = 0


class Store(Protocol):
    """Where entries are read from; whoever calls `LiveJudge.judge` writes them.

    A store in memory (a partition's dict), or on disk. What `judge` returned as changed must be seen here before the
    next call.
    """

    def blobs(self, kind: By, subjects: Collection[tuple[str, str]], /) -> Mapping[tuple[str, str], bytes]:
        """The blobs of those of `subjects` (tenant, value) that have one. Called for those not in memory."""

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """The (tenant, value) of every subject of `kind` whose `wake_us` is at or before `until_us`, in any order."""

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """Every entry of `kind`, by `seen`. Called at the start for `owners`, `bucket` and `stream`."""
