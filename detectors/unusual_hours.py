"""An hour at which somebody never works: learned from what they do, in local time, so that shifts accuse nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from pydantic import AfterValidator, Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, Suspect, put_aside, released, vouches
from detectors.wording import many
from models.conditions import Condition
from models.events import EventKind, PlacedEvent
from models.findings import By, Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, MINUTE_US, NEVER_US, instant, span_us
from models.spans import Span

QUARTER_US: Final = 15 * MINUTE_US
"""All zones in use differ from UTC by whole quarters of an hour, in microseconds."""
ALOOF_US: Final = 12 * HOUR_US
"""How long after a flagged event nothing at a strange hour is learned, in microseconds: it goes on with that event."""
DAYS_KEPT_MAX: Final = 10
"""Days kept for an hour of the week: no rule asks for more."""
HALF_DAY_HOURS: Final = 12
"""The farthest that an hour of the day can be from another."""
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; write one as Europe/London")
    return name


class HoursParams(DetectorParams):
    """Whose clock, what makes an hour usual, and how much must be known before one is unusual."""

    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", max_length=64, description="The time zone of the site, by its IANA name: Europe/London."
    )
    weekdays: Literal["together", "weekend", "each"] = Field(
        "together", description="Whether days are held together, weekends apart, or each day of the week apart."
    )
    days_min: int = Field(
        2, ge=1, le=DAYS_KEPT_MAX, description="On how many different days an hour must have been met to be usual."
    )
    near_hours: int = Field(
        2, ge=0, le=6, description="Hours around one that count as it: who comes at seven may come at five."
    )
    early_hours: int | None = Field(
        None, ge=0, le=6, description="Hours before a usual one that count as it; not given: as `near_hours`."
    )
    off_day_hours: int | None = Field(
        None,
        ge=0,
        le=6,
        description="The same on a day of the week on which the subject was never met; not given: as on others.",
    )
    rest_days: frozenset[Weekday] = Field(
        default=frozenset(),
        max_length=3,
        description="Days of rest: no hour of one is usual for whoever was never met on any of them.",
    )
    awake_for: Span | None = Field(
        None,
        ge=timedelta(minutes=1),
        le=timedelta(hours=12),
        description="How long after a second factor that passed nothing is judged: its owner is about.",
    )
    hours_usual_max: int = Field(
        16, ge=1, le=24, description="Whoever was met at more different hours of the day has no fixed hours."
    )
    learn_for: Span = Field(
        timedelta(days=28),
        ge=timedelta(days=1),
        le=timedelta(days=180),
        description="Learning ends after this long and `learn_min_days` and `learn_min_events`, all three.",
    )
    learn_min_days: int = Field(
        10, ge=1, le=180, description="On how many different days the subject must have been met."
    )
    learn_min_events: int = Field(20, ge=1, le=10_000, description="How many quarters of an hour must have been met.")
    forget_after: Span = Field(
        timedelta(days=84),
        ge=timedelta(days=7),
        le=timedelta(days=730),
        description="How long a day counts; silence this long begins the learning anew.",
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged hour counts as met without anybody vouching for it.",
    )
    unless: Condition | None = Field(
        None, description="Events that teach and are never judged: those inside the house, where somebody is on shift."
    )


class HoursState(DetectorState):
    """The latest days on which each hour of the week was met, and how much was learned."""

    hours: dict[int, list[int]] = msgspec.field(default_factory=dict)
    since_us: int = 0
    newest_us: int = 0
    days: int = 0
    day: int = -1
    quarters: int = 0
    quarter: int = -1
    weekdays: dict[int, int] = msgspec.field(default_factory=dict)
    passed_us: int = -NEVER_US
    aside: list[Suspect] = msgspec.field(default_factory=list)


class HoursEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """The local time against the hours that are usual, as `07-17`; how far off, and what is known.

    `new_weekday`: whether the subject was never met on that day of the week; `rest_day`: whether it is a day of rest,
    and the subject was never met on one.
    """

    local_time: str
    weekday: str
    new_weekday: bool
    rest_day: bool
    zone: str
    usual_hours: tuple[str, ...]
    hours_off: int
    near_hours: int
    days_min: int
    learned_days: int
    learned_since: datetime


class UnusualHours(Detector[HoursParams, HoursState]):
    """An hour at which somebody was hardly ever met, in the site's local time.

    An hour is usual that was met on enough different days, itself or near it. Local time follows the zone through its
    changes, so a shift at seven stays at seven. Whoever works around the clock is never judged, nor whoever passed a
    second factor just before.
    """

    kind: ClassVar[str] = "unusual_hours"
    Params = HoursParams
    State = HoursState
    Evidence = HoursEvidence
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: HoursParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._zone = ZoneInfo(params.zone)
        self._unless = params.unless.holds if params.unless is not None else None
        self._learn_for_us = span_us(params.learn_for)
        self._forget_us = span_us(params.forget_after)
        self._accept_us = span_us(params.accept_after)
        self._awake_us = span_us(params.awake_for) if params.awake_for is not None else 0
        self._rest = frozenset(i for i, name in enumerate(WEEKDAYS) if name.lower() in params.rest_days)
        self._forget_days = self._forget_us // DAY_US
        self._latest = (-1, instant(0).astimezone(self._zone))
        self.asks = (params.unless,) if params.unless is not None else ()
        self.reads = params.unless.reads if params.unless is not None else frozenset()

    @property
    def keep_us(self) -> int:
        """As `forget_after` says."""
        return self._forget_us

    def judge(self, event: PlacedEvent, state: HoursState) -> Verdict:
        """Whether the subject was hardly ever met at this hour, once enough is known to say so."""
        if not state.quarters or (self._unless is not None and self._unless(event)):
            return None
        if not self._is_known(event, state):
            return NotEvaluable("too_little_history")
        local = instant(event.at_us).astimezone(self._zone)
        today = local.toordinal()
        met = {hour % 24 for hour, days in state.hours.items() if today - days[-1] <= self._forget_days}
        if len(met) > self.params.hours_usual_max:
            return NotEvaluable("no_fixed_hours")
        if event.at_us - state.passed_us <= self._awake_us:
            return None
        return self._verdict(local, state, met)

    def _is_known(self, event: PlacedEvent, state: HoursState) -> bool:
        """Whether enough was learned of the subject."""
        params = self.params
        return (
            event.at_us - state.since_us >= self._learn_for_us
            and state.days >= params.learn_min_days
            and state.quarters >= params.learn_min_events
        )

    def _verdict(self, local: datetime, state: HoursState, met: set[int]) -> Verdict:
        today = local.toordinal()
        week = {weekday for weekday, day in state.weekdays.items() if today - day <= self._forget_days}
        at_rest = local.weekday() in self._rest and not week & self._rest
        off, near = self._nearest(local, state, new_weekday=local.weekday() not in week)
        if not at_rest and (off == 0 or (off <= near and not self.near_misses)):
            return None
        evidence = HoursEvidence(
            local_time=f"{local:%H:%M}",
            weekday=WEEKDAYS[local.weekday()],
            new_weekday=local.weekday() not in week,
            rest_day=at_rest,
            zone=self.params.zone,
            usual_hours=ranges(met),
            hours_off=off,
            near_hours=near,
            days_min=self.params.days_min,
            learned_days=state.days,
            learned_since=instant(state.since_us),
        )
        key, strength = f"{local:%H}:00", off / (near + 1)
        if at_rest:
            return Finding(evidence=evidence, key=key, strength=max(strength, 1.0))
        if off <= near:
            return NearMiss(evidence=evidence, key=key, strength=strength)
        return Finding(evidence=evidence, key=key, strength=strength)

    def _nearest(self, local: datetime, state: HoursState, *, new_weekday: bool) -> tuple[int, int]:
        """How many hours off `local` is, and how many count as usual: before usual hours, after them, or either way."""
        params = self.params
        if new_weekday and params.off_day_hours is not None:
            return self._hours_off(local, state), params.off_day_hours
        if params.early_hours is None:
            return self._hours_off(local, state), params.near_hours
        early = self._hours_off(local, state, (1,)), params.early_hours
        late = self._hours_off(local, state, (-1,)), params.near_hours
        return min(late, early, key=lambda side: side[0] / (side[1] + 1))

    def learn(self, event: PlacedEvent, state: HoursState, *, suspect: bool) -> None:
        """Note the day and hour, once in a quarter of an hour; keep a flagged one aside."""
        self._wake(event, state, suspect=suspect)
        quarter = event.at_us // QUARTER_US
        if quarter == state.quarter and not suspect and not state.aside:
            return
        self._release(event, state, suspect=suspect)
        local = self._quarter_of(event.at_us)
        if suspect:
            put_aside(state.aside, Suspect.of(event, f"{local:%H}", ()))
            return
        if state.aside and event.at_us - state.aside[-1].at_us < ALOOF_US and self._hours_off(local, state):
            return
        if state.quarters and event.at_us - state.newest_us > self._forget_us:
            state.hours, state.days, state.day, state.quarters, state.weekdays = {}, 0, -1, 0, {}
        if not state.quarters:
            state.since_us = event.at_us
        state.newest_us = event.at_us
        if quarter != state.quarter:
            state.quarter = quarter
            state.quarters += 1
        self._note(local, state)

    def hear(self, event: PlacedEvent, state: HoursState, *, suspect: bool) -> None:
        """Let what `event` vouches for count as met; note a second factor that passed."""
        self._wake(event, state, suspect=suspect)
        self._release(event, state, suspect=suspect)

    def _wake(self, event: PlacedEvent, state: HoursState, *, suspect: bool) -> None:
        if event.kind == "mfa_result" and self._awake_us and vouches(event) and not suspect:
            state.passed_us = event.at_us

    def _release(self, event: PlacedEvent, state: HoursState, *, suspect: bool) -> None:
        for one in released(state.aside, event, self._accept_us, suspect=suspect):
            self._note(instant(one.at_us).astimezone(self._zone), state)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_hours(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """When, by whose clock, and which hours are usual."""
        usual = ", ".join(evidence["usual_hours"]) or "none"
        if evidence["rest_day"]:
            return (
                f"{who} at {evidence['local_time']} on a {evidence['weekday']} ({evidence['zone']}), a day of rest on "
                f"which they were never met; met at: {usual}, on {many(evidence['learned_days'], 'days')}"
            )
        never = f"; never met on a {evidence['weekday']} before"
        return (
            f"{who} at {evidence['local_time']} on a {evidence['weekday']} ({evidence['zone']}), "
            f"{many(evidence['hours_off'], 'hours')} from any hour met on {many(evidence['days_min'], 'days')} "
            f"(alerts beyond {many(evidence['near_hours'], 'hours')}"
            f"{never * evidence['new_weekday']}); met at: {usual}, on {many(evidence['learned_days'], 'days')}"
        )

    def _quarter_of(self, at_us: int) -> datetime:
        """The local time of `at_us`, or of the quarter's beginning: day and hour are the same, and many share it."""
        quarter = at_us // QUARTER_US
        if quarter != self._latest[0]:
            local = instant(quarter * QUARTER_US).astimezone(self._zone)
            if (local.utcoffset() or timedelta()) % timedelta(minutes=15):
                return instant(at_us).astimezone(self._zone)
            self._latest = (quarter, local)
        return self._latest[1]

    def _slot(self, local: datetime) -> int:
        """The hour of the week, in which days that are held together share theirs."""
        weekday = local.weekday()
        apart = self.params.weekdays
        group = 0 if apart == "together" else weekday if apart == "each" else int(weekday >= 5)  # noqa: PLR2004 - Saturday
        return group * 24 + local.hour

    def _note(self, local: datetime, state: HoursState) -> None:
        day = local.toordinal()
        if day > state.day:
            state.day = day
            state.days += 1
        state.weekdays[local.weekday()] = max(state.weekdays.get(local.weekday(), day), day)
        days = state.hours.setdefault(self._slot(local), [])
        if day not in days:
            days.append(day)
            days.sort()
            del days[: -self.params.days_min]

    def _hours_off(self, local: datetime, state: HoursState, ways: tuple[int, ...] = (1, -1)) -> int:
        """How many hours from `local` one must look, ahead (1) or back (-1), to have met the subject on enough days."""
        oldest = local.toordinal() - self._forget_days
        wall = local.replace(tzinfo=None)
        met: set[int] = set()
        for off in range(HALF_DAY_HOURS + 1):
            for way in ways:
                days = state.hours.get(self._slot(wall + timedelta(hours=way * off)), ())
                met.update(day for day in days if day >= oldest)
            if len(met) >= self.params.days_min:
                return off
        return HALF_DAY_HOURS


def ranges(hours: set[int]) -> tuple[str, ...]:
    """Hours of the day as a person would write them.

    >>> ranges({7, 8, 9, 13})
    ('07-10', '13-14')
    """
    found: list[list[int]] = []
    for hour in sorted(hours):
        if found and found[-1][1] == hour:
            found[-1][1] = hour + 1
        else:
            found.append([hour, hour + 1])
    return tuple(f"{begin:02}-{end:02}" for begin, end in found)
