"""Counters that outlast a process: what was counted, as plain data beside the state that it belongs to."""

from __future__ import annotations

import msgspec

from sessionwatch.engine.counts import EngineCounts, RuleCounts


class RuleTally(msgspec.Struct):
    """One rule's counters; see `RuleCounts`."""

    evaluated: int = 0
    fired: int = 0
    shadowed: int = 0
    capped: int = 0
    crowded: int = 0
    shed: int = 0
    late: int = 0
    not_evaluable: dict[str, int] = {}
    exempted: dict[str, int] = {}


class Tally(msgspec.Struct):
    """What one lane, or the stream, counted; see `EngineCounts`."""

    events: int = 0
    duplicates: int = 0
    clock_skew: int = 0
    unresolved_sessions: int = 0
    late: int = 0
    relearned: int = 0
    rules: dict[str, RuleTally] = {}


_PLAIN = ("events", "duplicates", "clock_skew", "unresolved_sessions", "late", "relearned")
_OF_RULE = ("evaluated", "fired", "shadowed", "capped", "crowded", "shed", "late")


def tally_of(counts: EngineCounts) -> Tally:
    """`counts` as plain data; near misses are not kept."""
    rules = {
        rule: RuleTally(
            **{name: getattr(one, name) for name in _OF_RULE},
            not_evaluable=dict(one.not_evaluable),
            exempted=dict(one.exempted),
        )
        for rule, one in counts.rules.items()
    }
    return Tally(**{name: getattr(counts, name) for name in _PLAIN}, rules=rules)


def count_on(counts: EngineCounts, tally: Tally) -> None:
    """Set `counts` to what `tally` holds: counting goes on from there. Rules that are gone keep what they counted."""
    for name in _PLAIN:
        setattr(counts, name, getattr(tally, name))
    for one in counts.rules.values():
        for name in _OF_RULE:
            setattr(one, name, 0)
        one.not_evaluable.clear()
        one.exempted.clear()
    for rule, kept in tally.rules.items():
        one = counts.rules.setdefault(rule, RuleCounts())
        for name in _OF_RULE:
            setattr(one, name, getattr(kept, name))
        one.not_evaluable.update(kept.not_evaluable)
        one.exempted.update(kept.exempted)
