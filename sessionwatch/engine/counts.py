"""What the engine counted: every event, and every rule's evaluations, once each."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models.findings import NearMiss
from models.instants import instant

NEAR_MISSES_MAX = 10
"""Near misses kept for each rule: the closest to the limit."""


@dataclass(slots=True)
class RuleCounts:
    """One rule's counters. `evaluated` includes `not_evaluable`; `fired` are findings that may alert.

    `capped`: events settled early by the cap. `crowded`: folds ended early because their subject had too many open, or
    they took too much. `shed`: times that something learned was given up because its subject's state was too large.
    """

    evaluated: int = 0
    fired: int = 0
    shadowed: int = 0
    capped: int = 0
    crowded: int = 0
    shed: int = 0
    late: int = 0
    not_evaluable: Counter[str] = field(default_factory=Counter)
    exempted: Counter[str] = field(default_factory=Counter)
    near_misses: list[tuple[float, int, str, dict[str, Any]]] = field(default_factory=list)
    """A heap of (strength, -at_us, event id, what was measured), the weakest first."""

    def miss(self, miss: NearMiss, at_us: int, event_id: str, subject: str, who: str) -> None:
        """Keep `miss` if it is among the closest."""
        rank = (miss.strength, -at_us, event_id)
        if len(self.near_misses) >= NEAR_MISSES_MAX and rank <= self.near_misses[0][:3]:
            return
        told = {
            "strength": round(miss.strength, 3),
            "at": msgspec.to_builtins(instant(at_us)),
            "subject": subject,
            "who": who,
            "event": event_id,
            "evidence": msgspec.to_builtins(miss.evidence),
        }
        heapq.heappush(self.near_misses, (*rank, told))
        if len(self.near_misses) > NEAR_MISSES_MAX:
            heapq.heappop(self.near_misses)

    def merge(self, other: RuleCounts) -> None:
        """Add what another worker counted for the same rule."""
        self.evaluated += other.evaluated
        self.fired += other.fired
        self.shadowed += other.shadowed
        self.capped += other.capped
        self.crowded += other.crowded
        self.shed += other.shed
        self.late += other.late
        self.not_evaluable.update(other.not_evaluable)
        self.exempted.update(other.exempted)
        self.near_misses = heapq.nlargest(NEAR_MISSES_MAX, [*self.near_misses, *other.near_misses], key=lambda m: m[:3])


@dataclass(slots=True)
class EngineCounts:
    """What one engine counted. `events` are distinct; `duplicates` the further copies of an event.

    `clock_skew`: dated more than 5 minutes after the source took them in, and held out of state. `unresolved_sessions`:
    name a session whose user nobody has named. `late`: beyond the lateness bound. `relearned`: parts of state dropped
    because their rule's detector, subject or `when` had changed.
    """

    events: int = 0
    duplicates: int = 0
    clock_skew: int = 0
    unresolved_sessions: int = 0
    late: int = 0
    relearned: int = 0
    rules: dict[str, RuleCounts] = field(default_factory=dict)

    def merge_rules(self, other: EngineCounts) -> None:
        """Add another worker's rule counters; what is counted for each event is the same in every worker."""
        for rule, counts in other.rules.items():
            self.rules.setdefault(rule, RuleCounts()).merge(counts)
