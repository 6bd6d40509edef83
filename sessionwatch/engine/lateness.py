"""How late each source may be, and from that the line behind which a subject's events have settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from models.instants import DAY_US, MINUTE_US, span_us

SOURCE_SEEN_WITHIN_US = DAY_US
"""A source counts for a subject's lateness bound while it was seen there within this span of event time."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Lateness bounds by source, in microseconds; `default_us` for a source that is not named.

    `mode` "seen": a subject waits for the slowest source it was seen in during the last day. "all": every subject waits
    for the slowest of all configured sources; only then is a live run comparable with a replay byte for byte.
    """

    by_source: Mapping[str, int] = field(default_factory=dict)
    default_us: int = 2 * MINUTE_US
    mode: Literal["seen", "all"] = "seen"
    largest_us: int = field(init=False, compare=False)
    """The largest bound of any configured source."""

    def __post_init__(self) -> None:
        """Look for the largest bound once; it is asked for at each event."""
        object.__setattr__(self, "largest_us", max((*self.by_source.values(), self.default_us)))

    @classmethod
    def of(cls, bounds: Mapping[str, timedelta], mode: Literal["seen", "all"] = "seen") -> Lateness:
        """From spans of time by source."""
        return cls({source: span_us(bound) for source, bound in bounds.items()}, mode=mode)

    def bound_us(self, newest_by_source: Mapping[str, int], newest_us: int) -> int:
        """The bound in force for a subject seen in these sources, each at its newest time."""
        if self.mode == "all":
            return self.largest_us
        return self.largest_among(s for s, at in newest_by_source.items() if newest_us - at <= SOURCE_SEEN_WITHIN_US)

    def largest_among(self, sources: Iterable[str]) -> int:
        """The largest bound among `sources`; the default where there are none."""
        return max((self.by_source.get(source, self.default_us) for source in sources), default=self.default_us)
