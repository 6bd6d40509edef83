"""So many of something within a span of time: events, a sum, or different values of a field, by group or together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import msgspec
from pydantic import AfterValidator, Field, model_validator

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import BucketDetector, Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.fields import PUBLISHABLE, FieldName, attributes_of, known_field, reader, told
from detectors.windows import Distinct, Sums
from models.conditions import Condition
from models.events import EventRef, PlacedEvent
from models.findings import By, Finding, NearMiss, NotEvaluable, Verdict
from models.instants import SECOND_US, instant, span_us
from models.spans import Span, span_words

GROUPS_MAX: Final = 64
"""Groups kept for a subject; the longest untouched goes first."""
REFS_MAX: Final = 9
"""Events that a finding can point to, beside the one being judged."""
DISTINCT_AT_LEAST_MAX: Final = 2_000
"""The largest limit on different values: each value within the window is kept."""
BETWEEN: Final = "\x1f"
"""Stands between the values of a group's key: a character that no source writes."""
SAMPLE_MAX: Final = 10
"""Different values shown in evidence."""


def _measurable(name: str) -> str:
    return name if name in {"", "count", "bytes"} else known_field(name)


class ThresholdParams(DetectorParams):
    """What is counted, over how long, and how much is too much."""

    measure: Literal["count", "sum", "distinct"] = Field(
        "count", description="`count`: events; `sum`: the numbers in `field`; `distinct`: different values of `field`."
    )
    field: Annotated[str, AfterValidator(_measurable)] = Field(
        "",
        description="`sum`: `count` (objects) or `bytes`; `distinct`: a field of text, such as `place.country`.",
    )
    group: tuple[FieldName, ...] = Field(
        (), max_length=4, description="Fields whose values are counted apart; at most 64 groups are kept for a subject."
    )
    window: Span = Field(
        timedelta(minutes=10),
        gt=timedelta(0),
        le=timedelta(days=7),
        description="Length of the sliding window; what was exactly so long ago has left it.",
    )
    at_least: int = Field(
        20,
        ge=1,
        le=2**53,
        description="The least count, sum or number of values that is a finding; `distinct`: 2000 at most.",
    )
    cleared_by: Condition | None = Field(
        None,
        description="`distinct`: an event, written as `when` is and selected by it, whose value of `field` does not "
        "count: the sign-in of somebody who mistyped.",
    )
    cleared_within: Span = Field(
        timedelta(hours=1),
        gt=timedelta(0),
        le=timedelta(days=7),
        description="`cleared_by`: how long before or after what would count it may come.",
    )
    noun: str = Field(
        "events",
        min_length=1,
        max_length=60,
        description="What the alert calls what is counted, in plain words and the plural: failed sign-ins.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.measure == "sum" and self.field not in {"count", "bytes"}:
            raise ValueError("measure: sum needs field: count or field: bytes")
        if self.measure == "distinct" and self.field in {"", "count", "bytes"}:
            raise ValueError("measure: distinct needs field: a field of text, such as place.country")
        if self.measure == "count" and self.field:
            raise ValueError("measure: count takes no field; did you mean measure: distinct?")
        if self.measure != "distinct" and self.cleared_by is not None:
            raise ValueError("cleared_by takes values out of the count: it needs measure: distinct")
        if self.measure == "distinct" and self.at_least > DISTINCT_AT_LEAST_MAX:
            raise ValueError(f"measure: distinct counts up to at_least: {DISTINCT_AT_LEAST_MAX}")
        return self


class Group(msgspec.Struct, array_like=True):
    """What one group counted, the latest events that it rests on, and the values that `cleared_by` named of late."""

    sums: Sums = msgspec.field(default_factory=Sums)
    distinct: Distinct = msgspec.field(default_factory=Distinct)
    refs: list[EventRef] = msgspec.field(default_factory=list)
    cleared: Distinct = msgspec.field(default_factory=Distinct)


class ThresholdState(DetectorState):
    """Groups by their values, the longest untouched first."""

    groups: dict[str, Group] = msgspec.field(default_factory=dict)


class ThresholdEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """How much was counted against how much is allowed; some of the different values, where they may be told."""

    noun: str
    measure: str
    field: str
    group: dict[str, str]
    counted: int
    at_least: int
    window_seconds: int
    since: datetime
    values: tuple[str, ...] = ()


class Threshold(Detector[ThresholdParams, ThresholdState], BucketDetector):
    """Too many of something within a span of time: events, a sum, or different values of a field.

    Counts in a sliding window; for `by: tenant`, in closed buckets as long as the window.

    With `cleared_by`, whoever fails and then signs in is no longer counted, nor who signed in shortly before; an alert
    that stands is not taken back. At most twice `at_least` such values are remembered, once something counts.

    A count is no baseline, so flagged events count like others: the alert grows with the attack. Up to 256 entries a
    window is exact; beyond, it may count too little by what its oldest 1/64 holds, never too much.
    """

    kind: ClassVar[str] = "threshold"
    Params = ThresholdParams
    State = ThresholdState
    Evidence = ThresholdEvidence
    sheds: ClassVar[tuple[str, ...]] = ("groups",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "account", "session", "ip", "device", "tenant"})

    def __init__(self, params: ThresholdParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._window_us = span_us(params.window)
        self._group = tuple(reader(name) for name in params.group)
        self._value = reader(params.field) if params.measure == "distinct" else None
        self._distinct_max = params.at_least * 2
        self._clears = params.cleared_by.holds if params.cleared_by is not None else None
        self._cleared_within_us = span_us(params.cleared_within)
        self.asks = (params.cleared_by,) if params.cleared_by is not None else ()
        self.reads = attributes_of((*params.group, params.field)).union(*(one.reads for one in self.asks))

    @property
    def keep_us(self) -> int:
        """The window: what is older counts no more."""
        return self._window_us

    def judge(self, event: PlacedEvent, state: ThresholdState) -> Verdict:
        """Whether `event` brings its group to the limit."""
        if self._clears is not None and self._clears(event):
            return None
        value = self._value(event) if self._value is not None else ""
        if self._value is not None and not value:
            return NotEvaluable(f"no_{self.params.field.rpartition('.')[2]}")
        key = self._key(event)
        group = state.groups.get(key)
        if group is not None and self._is_cleared(group, value, event.at_us):
            return None
        counted = self._counted(event, value, group)
        if counted < self.params.at_least:
            if not self.near_misses:
                return None
            strength = counted / self.params.at_least
            evidence = self._evidence(event.at_us, key, counted, group, value)
            return NearMiss(evidence=evidence, key=self._told(key), strength=strength)
        line_us = event.at_us - self._window_us
        return Finding(
            evidence=self._evidence(event.at_us, key, counted, group, value),
            key=self._told(key),
            strength=counted / self.params.at_least,
            events=tuple(ref for ref in group.refs if ref.at_us > line_us) if group is not None else (),
        )

    def learn(self, event: PlacedEvent, state: ThresholdState, *, suspect: bool) -> None:
        """Count `event` into its group, or take the value that it clears out of it."""
        value = self._value(event) if self._value is not None else ""
        if self._value is not None and not value:
            return
        key = self._key(event)
        if self._clears is not None and self._clears(event):
            self._clear(state.groups.get(key), value, event.at_us)
            return
        if key in state.groups and self._is_cleared(state.groups[key], value, event.at_us):
            return
        group = state.groups.pop(key, None) or Group()
        state.groups[key] = group
        if len(state.groups) > GROUPS_MAX:
            del state.groups[next(iter(state.groups))]
        if self._value is not None:
            group.distinct.add(value, event.at_us, self._window_us, self._distinct_max)
        else:
            group.sums.add(event.at_us, self._amount(event), self._window_us)
        group.refs.append(EventRef.of(event))
        if len(group.refs) > REFS_MAX:
            del group.refs[0]

    def judge_late(self, event: PlacedEvent, state: ThresholdState) -> Finding | None:
        """Judge against the windows still held that the event belongs to; different values are not kept for that."""
        group = state.groups.get(self._key(event))
        if self._value is not None or group is None:
            return None
        counted = self._amount(event) + group.sums.fullest_around(event.at_us, self._window_us)
        if counted < self.params.at_least:
            return None
        key = self._key(event)
        return Finding(
            evidence=self._evidence(event.at_us, key, counted, group, ""),
            key=self._told(key),
            strength=counted / self.params.at_least,
            events=tuple(ref for ref in group.refs if abs(ref.at_us - event.at_us) < self._window_us),
        )

    @property
    def bucket_us(self) -> int:
        """The window."""
        return self._window_us

    def add(self, event: PlacedEvent, state: ThresholdState) -> None:
        """Count `event` into the bucket; beyond a bound the least by name or time are kept, whatever the order."""
        value = self._value(event) if self._value is not None else ""
        if self._value is not None and not value:
            return
        key = self._key(event)
        group = state.groups.setdefault(key, Group())
        if len(state.groups) > GROUPS_MAX:
            del state.groups[max(state.groups)]
        clears = self._clears is not None and self._clears(event)
        if self._value is not None:
            last_us = (group.cleared if clears else group.distinct).last_us
            last_us[value] = max(event.at_us, last_us.get(value, event.at_us))
            if len(last_us) > self._distinct_max:
                del last_us[max(last_us)]
        else:
            group.sums.total += self._amount(event)
        if clears:
            return
        group.refs.append(EventRef.of(event))
        group.refs.sort(key=lambda ref: (ref.at_us, ref.id))
        del group.refs[REFS_MAX:]

    def close(self, start_us: int, state: ThresholdState) -> Finding | None:
        """Judge the bucket that began at `start_us`: its fullest group, the first by name among equals."""
        fullest = max(sorted(state.groups), key=lambda key: self._total(state.groups[key]), default=None)
        if fullest is None or (counted := self._total(state.groups[fullest])) < self.params.at_least:
            return None
        group = state.groups[fullest]
        return Finding(
            evidence=self._evidence(start_us + self._window_us, fullest, counted, group, ""),
            key=self._told(fullest),
            strength=counted / self.params.at_least,
            events=tuple(group.refs),
        )

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_threshold(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How many of what, in how long, and from how many on that is an alert.

        A rule says its noun in the plural alone, so one of them is written behind it: `failed sign-ins: 1`.
        """
        told = ", ".join((*evidence["group"].values(), *evidence["values"]))
        span = span_words(timedelta(seconds=evidence["window_seconds"]))
        counted, noun = evidence["counted"], evidence["noun"]
        much = f"{noun}: 1" if counted == 1 else f"{counted:,} {noun}"
        return f"{who}: {much}{f' ({told})' if told else ''} within {span} (alerts from {evidence['at_least']:,})"

    def _key(self, event: PlacedEvent) -> str:
        return BETWEEN.join(read(event) for read in self._group)

    def _parts(self, key: str) -> dict[str, str]:
        names = self.params.group
        values = key.split(BETWEEN, len(names) - 1) if names else ()
        return {name: told(name, value) for name, value in zip(names, values, strict=True)}

    def _told(self, key: str) -> str:
        return " / ".join(self._parts(key).values())

    def _amount(self, event: PlacedEvent) -> int:
        if self.params.measure == "count":
            return 1
        return event.count if self.params.field == "count" else event.bytes

    def _counted(self, event: PlacedEvent, value: str, group: Group | None) -> int:
        if self._value is not None:
            return 1 if group is None else group.distinct.within(value, event.at_us, self._window_us)
        return self._amount(event) + (0 if group is None else group.sums.within(event.at_us, self._window_us))

    def _total(self, group: Group) -> int:
        return group.sums.total if self._value is None else len(group.distinct.last_us.keys() - group.cleared.last_us)

    def _is_cleared(self, group: Group, value: str, at_us: int) -> bool:
        cleared_us = group.cleared.last_us.get(value)
        return cleared_us is not None and at_us - cleared_us < self._cleared_within_us

    def _clear(self, group: Group | None, value: str, at_us: int) -> None:
        """Without a group nothing counts yet, and an address where nobody failed needs no memory."""
        if group is None:
            return
        counted_us = group.distinct.last_us.get(value)
        if counted_us is not None and at_us - counted_us < self._cleared_within_us:
            del group.distinct.last_us[value]
        group.cleared.add(value, at_us, self._cleared_within_us, self._distinct_max)

    def _evidence(self, at_us: int, key: str, counted: int, group: Group | None, value: str) -> ThresholdEvidence:
        line_us = at_us - self._window_us
        values: set[str] = {value} - {""}
        since_us = at_us
        if group is not None:
            values |= {one for one, last_us in group.distinct.last_us.items() if last_us > line_us}
            times_us = (*group.sums.times_us, *group.distinct.last_us.values(), *(ref.at_us for ref in group.refs))
            since_us = min((time_us for time_us in times_us if time_us > line_us), default=at_us)
        return ThresholdEvidence(
            noun=self.params.noun,
            measure=self.params.measure,
            field=self.params.field,
            group=self._parts(key),
            counted=counted,
            at_least=self.params.at_least,
            window_seconds=self._window_us // SECOND_US,
            since=instant(since_us),
            values=tuple(sorted(values)[:SAMPLE_MAX]) if self.params.field in PUBLISHABLE else (),
        )
