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


class _Scores:
    """How many records look like each format, and by which fields."""

    def __init__(self, records: Sequence[Mapping[str, Any]], formats: Iterable[Adapter]) -> None:
        self.records = len(records)
        self.alike: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {}
        scores: dict[str, float] = {}
        beside: dict[str, frozenset[str]] = {}
        for adapter in formats:
            beside[adapter.name] = adapter.beside
            for record in records:
                likeness = adapter.recognise(record)
                if likeness.score > 0:
                    scores[adapter.name] = scores.get(adapter.name, 0.0) + likeness.score
                    self.alike[adapter.name] += 1
                    self.reasons.setdefault(adapter.name, Counter())[likeness.why] += 1
        self.ranked = sorted(scores.items(), key=lambda item: -item[1])
        self.beside = beside

    def readable(self, name: str) -> float:
        """How many records look like the format `name`, or like one that it reads beside its own."""
        return sum(score for other, score in self.ranked if other == name or other in self.beside[name])

    def likely(self) -> list[tuple[str, float]]:
        """The formats that enough of the records look like, best first."""
        return [(name, score) for name, score in self.ranked if self.readable(name) >= SHARE_MIN * self.records]


def lookalikes(records: Sequence[Mapping[str, Any]], formats: Iterable[Adapter]) -> tuple[str, ...]:
    """The names of the formats that most of `records` look like, best first; for telling, not for choosing."""
    return tuple(name for name, _ in _Scores(records, formats).likely())


def recognise(records: Sequence[Mapping[str, Any]], formats: Iterable[Adapter], file: str = "") -> Recognition | None:
    """The format that most of `records` look like; None where they look like none.

    Of formats that come mixed in one stream it is the more frequent one, which reads the other too.

    Raises:
        AmbiguousFormatError: they look like several.
    """
    scores = _Scores(records, formats)
    if not scores.likely():
        return None
    best, score = scores.likely()[0]
    alike = scores.alike
    beside = scores.beside[best]
    rivals = [name for name, rival in scores.ranked if score < LEAD_MIN * rival and name not in beside]
    if len(rivals) > 1:
        told = ", ".join(f"{name} ({alike[name]} of {len(records)})" for name in sorted(rivals))
        where = file or "the input"
        raise AmbiguousFormatError(f"{where}: the first records fit several formats: {told}. Name one with --format")
    return Recognition(best, alike[best], len(records), scores.reasons[best].most_common(1)[0][0])
