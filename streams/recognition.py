"""Which format a file has, told from its first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from sessionwatch.errors import AmbiguousFormatError
from streams.adapters.adapter import Adapter

SHARE_MIN: Final = 0.5
"""The share of the first records that must look like a format, or the file is foreign."""
LEAD_MIN: Final = 2.0
"""How many times as many records must look like the best format as like the next, or the file is ambiguous."""


class Recognition(msgspec.Struct, frozen=True):
    """The format, how many of the first records look like it, and by which fields most of them do."""

    format: str
    alike: int
    seen: int
    why: str

    def __str__(self) -> str:
        """One clause for a person.

        >>> str(Recognition("okta", 50, 50, "has uuid, published"))
        '50 of the first 50 records have uuid, published'
        """
        return f"{self.alike} of the first {self.seen} records {self.why.replace('has ', 'have ', 1)}"


def recognise(records: Sequence[Mapping[str, Any]], formats: Iterable[Adapter], file: str = "") -> Recognition | None:
    """The format that most of `records` look like; None where they look like none.

    Raises:
        AmbiguousFormatError: they look like several.
    """
    scores: Counter[str] = Counter()
    alike: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for adapter in formats:
        for record in records:
            likeness = adapter.recognise(record)
            if likeness.score > 0:
                scores[adapter.name] += likeness.score  # type: ignore[assignment]  # a Counter sums fractions too
                alike[adapter.name] += 1
                reasons.setdefault(adapter.name, Counter())[likeness.why] += 1
    ranked = scores.most_common()
    if not ranked or ranked[0][1] < SHARE_MIN * len(records):
        return None
    best, score = ranked[0]
    rivals = [name for name, rival in ranked if score < LEAD_MIN * rival]
    if len(rivals) > 1:
        told = ", ".join(f"{name} ({alike[name]} of {len(records)})" for name in sorted(rivals))
        where = file or "the input"
        raise AmbiguousFormatError(f"{where}: the first records fit several formats: {told}. Name one with --format")
    return Recognition(best, alike[best], len(records), reasons[best].most_common(1)[0][0])
