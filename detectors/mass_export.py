"""More data than one person needs at a time: objects, bytes and different resources, against limits and a habit.

The habit is robust: for each past day with exports the fullest window of that day; of these the median, and the median
distance from it (MAD). One unusual day, or a slow poisoning by a few, does not move it far.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from pydantic import Field, model_validator

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, Suspect, put_aside, released
from detectors.fields import attributes_of, known_field, reader
from detectors.habit import Habit
from detectors.windows import Distinct, Sums
from detectors.wording import many
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import By, Finding, NearMiss, Verdict
from models.instants import DAY_US, SECOND_US, instant, span_us
from models.spans import Span, span_words

ONE: Final = 1000
"""Objects are counted in thousandths, so that weighted sums are exact whatever order they were added in."""
RESOURCES_MAX: Final = 2_000
"""Different resources counted in a window, at most."""
REFS_MAX: Final = 9
"""Events that a finding rests on, at most."""


class ExportParams(DetectorParams):
    """The window, the limits that hold for everybody, and what a person's own habit adds."""

    window: Span = Field(
        timedelta(hours=1), gt=timedelta(0), le=timedelta(days=1), description="Length of the sliding window."
    )
    objects_max: int | None = Field(1000, ge=1, le=2**40, description="Objects, weighted, in a window; none: no limit.")
    bytes_max: int | None = Field(None, ge=1, le=2**53, description="Bytes in a window; none: no limit.")
    resources_max: int | None = Field(
        None, ge=1, le=RESOURCES_MAX, description="Different resources in a window; none: no limit."
    )
    habit_factor: float | None = Field(
        8,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="Spreads (MAD) above the median of their own days that are too much; none: habit does not count.",
    )
    habit_days_min: int = Field(5, ge=2, le=60, description="Past days with exports below which there is no habit.")
    habit_days_max: int = Field(30, ge=2, le=60, description="Past days with exports that make up the habit.")
    habit_floor_objects: int = Field(
        100, ge=1, le=2**40, description="Objects in a window below which no habit makes them too many."
    )
    habit_floor_bytes: int = Field(
        100_000_000, ge=1, le=2**53, description="Bytes in a window below which no habit makes them too many."
    )
    quiet_days: bool = Field(
        default=False, description="Whether days with a sign-in and no export are days of the habit, at 0."
    )
    habit_top_factor: float | None = Field(
        None,
        ge=1,
        le=1000,
        allow_inf_nan=False,
        description="Times the fullest past day that are still habit; none: only spreads count.",
    )
    weight_field: Annotated[str, Field(max_length=100)] = Field(
        "",
        description="The field that says how sensitive an object is, such as `attributes.sensitivity`, or `resource`.",
    )
    weights: dict[str, Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        max_length=100,
        description="How many ordinary objects one counts for, by how the field's value begins; else 1.",
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged amount becomes part of the habit without anybody vouching for it.",
    )
    forget_after: Span = Field(
        timedelta(days=90), gt=timedelta(days=1), le=timedelta(days=730), description="Silence that ends a habit."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.weights) != bool(self.weight_field):
            raise ValueError("weights and weight_field go together")
        if self.weight_field:
            known_field(self.weight_field)
        if self.habit_days_min > self.habit_days_max:
            raise ValueError("habit_days_min is at most habit_days_max")
        return self


class SuspectAmount(Suspect, array_like=True, frozen=True, kw_only=True):
    """A flagged amount, kept aside."""

    objects: int
    bytes: int

    @classmethod
    def of_amounts(cls, event: PlacedEvent, objects: int, moved: int) -> SuspectAmount:
        """The amounts of a window that `event` ends."""
        return cls(
            event.at_us,
            event.id,
            event.session,
            event.network,
            event.device,
            since_us=event.at_us,
            objects=objects,
            bytes=moved,
        )


class ExportState(DetectorState):
    """The window's sums, today's fullest window, the habit, and flagged amounts kept aside."""

    objects: Sums = msgspec.field(default_factory=Sums)
    bytes: Sums = msgspec.field(default_factory=Sums)
    resources: Distinct = msgspec.field(default_factory=Distinct)
    refs: list[EventRef] = msgspec.field(default_factory=list)
    day: int = 0
    day_objects: int = 0
    day_bytes: int = 0
    clean_from_us: int = 0
    newest_us: int = 0
    habit_objects: Habit = msgspec.field(default_factory=Habit)
    habit_bytes: Habit = msgspec.field(default_factory=Habit)
    aside: list[SuspectAmount] = msgspec.field(default_factory=list)


class ExportEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """What left within the window and every limit; None where a limit does not apply."""

    over: tuple[str, ...]
    objects: float
    bytes: int
    resources: int | None
    objects_max: int | None
    bytes_max: int | None
    resources_max: int | None
    usual_objects: float | None
    usual_bytes: int | None
    habit_objects_max: float | None
    habit_bytes_max: int | None
    habit_days: int
    weighted: bool
    window_seconds: int
    since: datetime


class MassExport(Detector[ExportParams, ExportState]):
    """More data leaving within a span of time than anybody, or than this person, should move.

    Adds up what leaves, against limits for all and against the person's own habit. Flagged amounts stay in the
    window, for the alert grows with them, but make no habit.

    Days are those of UTC. Up to 256 events a window is exact; beyond, it may count too little by what its oldest
    1/64 holds, never too much.
    """

    kind: ClassVar[str] = "mass_export"
    Params = ExportParams
    State = ExportState
    Evidence = ExportEvidence
    sheds: ClassVar[tuple[str, ...]] = ("refs",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "session", "ip", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING | {"login"}

    def __init__(self, params: ExportParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._window_us = span_us(params.window)
        self._accept_after_us = span_us(params.accept_after)
        self._forget_after_us = span_us(params.forget_after)
        self._weigh = reader(params.weight_field) if params.weight_field else None
        # The longest beginning that fits decides.
        self._weights = sorted(
            ((k, round(w * ONE)) for k, w in params.weights.items()), key=lambda kw: (-len(kw[0]), kw[0])
        )
        self.reads = attributes_of((params.weight_field,))

    @property
    def keep_us(self) -> int:
        """As `forget_after` says."""
        return self._forget_after_us

    def judge(self, event: PlacedEvent, state: ExportState) -> Verdict:
        """Whether with `event` too much has left within the window."""
        objects = state.objects.within(event.at_us, self._window_us) + self._objects(event)
        moved = state.bytes.within(event.at_us, self._window_us) + event.bytes
        resources = self._resources(event, state)
        ratios = self._ratios(objects, moved, resources, event.at_us, state)
        strength = max(ratios.values(), default=0.0)
        if strength < 1 and not self.near_misses:
            return None
        over = tuple(name for name, ratio in ratios.items() if ratio >= 1)
        evidence = self._evidence(event.at_us, over, (objects, moved, resources), state)
        line_us = event.at_us - self._window_us
        refs = tuple(ref for ref in state.refs if ref.at_us > line_us)
        if strength < 1:
            return NearMiss(evidence=evidence, strength=strength, events=refs)
        return Finding(evidence=evidence, strength=strength, events=refs)

    def judge_late(self, event: PlacedEvent, state: ExportState) -> Finding | None:
        """Judge objects and bytes against the limits for everybody, in the windows still held; a habit is not asked."""
        params = self.params
        objects = self._objects(event) + state.objects.fullest_around(event.at_us, self._window_us)
        moved = event.bytes + state.bytes.fullest_around(event.at_us, self._window_us)
        ratios = {
            "objects": objects / (params.objects_max * ONE) if params.objects_max is not None else 0.0,
            "bytes": moved / params.bytes_max if params.bytes_max is not None else 0.0,
        }
        over = tuple(name for name, ratio in ratios.items() if ratio >= 1)
        if not over:
            return None
        return Finding(
            evidence=self._evidence(event.at_us, over, (objects, moved, None), state),
            strength=max(ratios.values()),
            events=tuple(ref for ref in state.refs if abs(ref.at_us - event.at_us) < self._window_us),
        )

    def learn(self, event: PlacedEvent, state: ExportState, *, suspect: bool) -> None:
        """Add `event` to the window, and what is not flagged to today's fullest window."""
        self.hear(event, state, suspect=suspect)
        self._begin_day(event.at_us, state)
        state.objects.add(event.at_us, self._objects(event), self._window_us)
        state.bytes.add(event.at_us, event.bytes, self._window_us)
        if self.params.resources_max is not None and event.resource:
            most = self.params.resources_max * 2
            state.resources.add(_digest(event.resource), event.at_us, self._window_us, most)
        state.refs.append(EventRef.of(event))
        del state.refs[:-REFS_MAX]
        state.newest_us = event.at_us
        if suspect:
            state.clean_from_us = event.at_us + self._window_us
            self._put_aside(event, state)
        elif event.at_us >= state.clean_from_us:
            state.day_objects = max(state.day_objects, state.objects.total)
            state.day_bytes = max(state.day_bytes, state.bytes.total)

    def hear(self, event: PlacedEvent, state: ExportState, *, suspect: bool) -> None:
        """Let what `event` vouches for become part of the habit; begin the day of a sign-in."""
        if self.params.quiet_days and event.kind == "login" and event.outcome != "failure":
            self._begin_day(event.at_us, state)
            state.newest_us = event.at_us
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            state.habit_objects = state.habit_objects.with_day(one.objects, self.params.habit_days_max)
            state.habit_bytes = state.habit_bytes.with_day(one.bytes, self.params.habit_days_max)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_export(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """What left, in how long, over which limits."""
        objects = "weighted objects" if evidence["weighted"] else "objects"
        texts = {
            "objects": f"alerts from {many(evidence['objects_max'], 'objects')}" if evidence["objects_max"] else "",
            "bytes": f"alerts from {evidence['bytes_max'] / 1e6:,.1f} MB" if evidence["bytes_max"] else "",
            "resources": f"{evidence['resources']} different, alerts from {evidence['resources_max']}",
            "habit_objects": f"usual {evidence['usual_objects'] or 0:,.0f} on {many(evidence['habit_days'], 'days')}",
            "habit_bytes": (
                f"usual {(evidence['usual_bytes'] or 0) / 1e6:,.1f} MB on {many(evidence['habit_days'], 'days')}"
            ),
        }
        return (
            f"{who} moved {many(evidence['objects'], objects)}, {evidence['bytes'] / 1e6:,.1f} MB, within"
            f" {span_words(timedelta(seconds=evidence['window_seconds']))}"
            f" ({'; '.join(texts[name] for name in evidence['over']) or 'within all limits'})"
        )

    def _objects(self, event: PlacedEvent) -> int:
        """In thousandths, weighted."""
        if self._weigh is None:
            return event.count * ONE
        value = self._weigh(event)
        return event.count * next((weight for begin, weight in self._weights if value.startswith(begin)), ONE)

    def _resources(self, event: PlacedEvent, state: ExportState) -> int | None:
        if self.params.resources_max is None:
            return None
        if not event.resource:
            return 0
        return state.resources.within(_digest(event.resource), event.at_us, self._window_us)

    def _ratios(
        self, objects: int, moved: int, resources: int | None, at_us: int, state: ExportState
    ) -> dict[str, float]:
        """Each measure over its limit, where it has one."""
        params = self.params
        found: dict[str, float] = {}
        if params.objects_max is not None:
            found["objects"] = objects / (params.objects_max * ONE)
        if params.bytes_max is not None:
            found["bytes"] = moved / params.bytes_max
        if params.resources_max is not None and resources is not None:
            found["resources"] = resources / params.resources_max
        habit_objects, habit_bytes = self._habits(at_us, state)
        if params.habit_factor is not None and len(habit_objects.peaks) >= params.habit_days_min:
            limit = max(
                habit_objects.limit(params.habit_factor, params.habit_top_factor), params.habit_floor_objects * ONE
            )
            found["habit_objects"] = objects / limit
            found["habit_bytes"] = moved / max(
                habit_bytes.limit(params.habit_factor, params.habit_top_factor), params.habit_floor_bytes
            )
        return found

    def _habits(self, at_us: int, state: ExportState) -> tuple[Habit, Habit]:
        """The habits at `at_us`: with the last day where that has ended, and none after a long silence."""
        if at_us // DAY_US == state.day:
            return state.habit_objects, state.habit_bytes
        if at_us - state.newest_us > self._forget_after_us:
            return Habit(), Habit()
        if not (state.day_objects or state.day_bytes or (self.params.quiet_days and state.day)):
            return state.habit_objects, state.habit_bytes
        most = self.params.habit_days_max
        return state.habit_objects.with_day(state.day_objects, most), state.habit_bytes.with_day(state.day_bytes, most)

    def _begin_day(self, at_us: int, state: ExportState) -> None:
        """On the first export of a day, the day before goes into the habit."""
        state.habit_objects, state.habit_bytes = self._habits(at_us, state)
        if at_us // DAY_US != state.day:
            state.day, state.day_objects, state.day_bytes = at_us // DAY_US, 0, 0

    def _put_aside(self, event: PlacedEvent, state: ExportState) -> None:
        """One entry a day, the fullest window, with the latest event that may be vouched for."""
        objects, moved = state.objects.total, state.bytes.total
        if state.aside and state.aside[-1].at_us // DAY_US == state.day:
            last = state.aside.pop()
            objects, moved = max(objects, last.objects), max(moved, last.bytes)
        put_aside(state.aside, SuspectAmount.of_amounts(event, objects, moved))

    def _evidence(
        self, at_us: int, over: tuple[str, ...], sums: tuple[int, int, int | None], state: ExportState
    ) -> ExportEvidence:
        params, (objects, moved, resources) = self.params, sums
        habit_objects, habit_bytes = self._habits(at_us, state)
        has_habit = params.habit_factor is not None and len(habit_objects.peaks) >= params.habit_days_min
        factor, top = params.habit_factor or 0.0, params.habit_top_factor
        line_us = at_us - self._window_us
        since_us = next((time_us for time_us in state.objects.times_us if time_us > line_us), at_us)
        return ExportEvidence(
            over=over,
            objects=round(objects / ONE, 1),
            bytes=moved,
            resources=resources,
            objects_max=params.objects_max,
            bytes_max=params.bytes_max,
            resources_max=params.resources_max,
            usual_objects=round(habit_objects.median / ONE, 1) if has_habit else None,
            usual_bytes=habit_bytes.median if has_habit else None,
            habit_objects_max=(
                round(max(habit_objects.limit(factor, top) / ONE, params.habit_floor_objects), 1) if has_habit else None
            ),
            habit_bytes_max=(
                round(max(habit_bytes.limit(factor, top), params.habit_floor_bytes)) if has_habit else None
            ),
            habit_days=len(habit_objects.peaks),
            weighted=self._weigh is not None,
            window_seconds=self._window_us // SECOND_US,
            since=instant(since_us),
        )


def _digest(resource: str) -> str:
    """What is remembered of a resource: nothing that names it."""
    return hashlib.blake2b(resource.encode(), digest_size=8).hexdigest()
