"""A path over many places within a span of time: its least length, its countries, its mean speed.

Each step may be a possible journey, and all of them together not: somebody changes exits, or several people share one
password. Impossible travel looks at pairs; this looks at the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, put_aside, released
from detectors.fixes import Fix, Profile, SuspectFix, candidates_of, fix_anywhere, fix_of, unplaceable
from detectors.wording import many
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import By, Candidate, Finding, NearMiss, NotEvaluable, Verdict
from models.instants import HOUR_US, SECOND_US, instant, span_us
from models.places import NetworkClass
from models.spans import Span, span_words

STOPS_MAX: Final = 32
"""Stops kept of a path; beyond it the oldest goes, and with it its leg: the path is then too short, never too long."""
REFS_MAX: Final = 9
"""Events that a finding rests on, at most."""
STRENGTH_MAX: Final = 1000.0
"""No time in between makes the speed boundless; a strength is a number that can be written."""

_IGNORED: Final[frozenset[NetworkClass]] = frozenset(
    {"corporate", "sase", "vpn", "relay", "satellite", "cloud_backend"}
)
_CLASS_RADIUS_KM: Final[Mapping[NetworkClass, float]] = {"mobile": 300.0}


class PathParams(DetectorParams):
    """How far, through how many countries and how fast within the window; all three must be reached."""

    window: Span = Field(
        timedelta(hours=24), gt=timedelta(0), le=timedelta(days=7), description="Length of the sliding window."
    )
    distance_min_km: float = Field(
        2000,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Least length of the path in km: the sum of its legs, each less both radii.",
    )
    countries_min: int = Field(3, ge=1, le=20, description="Least number of different countries on the path.")
    speed_max_kmh: float = Field(
        500,
        gt=0,
        le=20_000,
        allow_inf_nan=False,
        description="Mean speed over the path in km/h, from its first stop to its last, waits included.",
    )
    radius_max_km: float = Field(
        1500,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="A place known less precisely than this, in km, is no stop.",
    )
    failed_may_count: bool = Field(
        default=False,
        description="Whether failed sign-ins are stops; then the path is the guesser's, not the person's.",
    )
    ignored_classes: frozenset[NetworkClass] = Field(
        default=_IGNORED, max_length=13, description="Network classes whose places are no stops."
    )
    class_radius_km: dict[NetworkClass, float] = Field(
        default_factory=lambda: dict(_CLASS_RADIUS_KM),
        max_length=13,
        description="Least radius in km that a network class leaves a place.",
    )
    familiar_after: Span = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="How long a value must have been seen to be familiar.",
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged value becomes known without anybody vouching for it.",
    )
    forget_after: Span = Field(
        timedelta(days=90), gt=timedelta(0), le=timedelta(days=730), description="Silence after which all is forgotten."
    )


class Stop(msgspec.Struct, array_like=True):
    """One place on the path, how far it is at least from the one before, in m, and until when it lasted."""

    fix: Fix
    leg_m: int
    until_us: int


class PathState(DetectorState):
    """The stops in order, with their legs; what is known of the subject; what is kept aside."""

    stops: list[Stop] = msgspec.field(default_factory=list)
    profile: Profile = msgspec.field(default_factory=Profile)
    aside: list[SuspectFix] = msgspec.field(default_factory=list)


class Waypoint(msgspec.Struct, frozen=True, kw_only=True):
    """One stop, as evidence."""

    at: datetime
    place: str
    country: str
    ip: str
    session: str
    km_from_last: float


class PathEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """The path and its limits; `missed` names those that it stays under, of `length`, `countries` and `speed`.

    `mean_kmh` is None where there is no time to divide by. `failed` of the stops are failed sign-ins.
    """

    path: tuple[Waypoint, ...]
    minimum_km: float
    countries: tuple[str, ...]
    hours: float
    mean_kmh: float | None
    distance_min_km: float
    countries_min: int
    speed_max_kmh: float
    window_seconds: int
    missed: tuple[str, ...] = ()
    failed: int = 0


class GeoVelocity(Detector[PathParams, PathState]):
    """Sign-ins under one name along a path too long, through too many countries, too fast for one person.

    Flagged stops stay on the path: the alert grows with it, and the window forgets it. What they show of place,
    network and device stays aside. A failed sign-in opens no session and teaches nothing of the person: where it
    counts as a stop it is no candidate, for there is nothing to end.
    """

    kind: ClassVar[str] = "geo_velocity"
    Params = PathParams
    State = PathState
    Evidence = PathEvidence
    sheds: ClassVar[tuple[str, ...]] = ("stops",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "session", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: PathParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._window_us = span_us(params.window)
        self._familiar_after_us = span_us(params.familiar_after)
        self._accept_after_us = span_us(params.accept_after)

    @property
    def keep_us(self) -> int:
        """As `forget_after` says, and never less than the window."""
        return max(self._window_us, span_us(self.params.forget_after))

    def judge(self, event: PlacedEvent, state: PathState) -> Verdict:
        """Whether `event` makes the path too long, too wide and too fast."""
        if not self._travels(event):
            return None
        if reason := self._unfit(event):
            return NotEvaluable(reason)
        stops = self._live(state.stops, event.at_us)
        if not stops or (event.network and stops[-1].fix.network == event.network):
            return None
        fix = fix_of(event, self.params.class_radius_km)
        leg_m = _leg_m(stops[-1].fix, fix)
        return self._judge_path([*stops, Stop(fix, leg_m, event.at_us)], state.profile) if leg_m else None

    def _judge_path(self, whole: list[Stop], profile: Profile) -> Verdict:
        """The part of the path, up to now, that is most over the limits; the longer of equals."""
        parts = [whole[start:] for start in range(len(whole) - 1)]
        strength, start = max((min(self._ratios(part).values()), -start) for start, part in enumerate(parts))
        path = parts[-start]
        if strength < 1 and not self.near_misses:
            return None
        evidence = self._evidence(path)
        refs = tuple(stop.fix.ref for stop in path[:-1][-REFS_MAX:])
        if strength < 1:
            return NearMiss(evidence=evidence, strength=strength, events=refs)
        return Finding(evidence=evidence, strength=strength, events=refs, candidates=self._candidates(path, profile))

    def _candidates(self, path: list[Stop], profile: Profile) -> tuple[Candidate, ...]:
        """Every session on the path, once, with what is unfamiliar about it; what has no session is none."""
        fixes = [stop.fix for stop in path if stop.fix.ref.session and not _failed(stop.fix.ref)]
        return candidates_of(fixes, profile, self._familiar_after_us)

    def learn(self, event: PlacedEvent, state: PathState, *, suspect: bool) -> None:
        """Add the stop to the path; learn place, network and device, also where the place makes no stop."""
        self.hear(event, state, suspect=suspect)
        if not self._travels(event):
            return
        fit = not self._unfit(event)
        fix = fix_of(event, self.params.class_radius_km) if fit else fix_anywhere(event)
        if suspect:
            put_aside(state.aside, SuspectFix.of_fix(fix))
        elif not _failed(event):
            state.profile.learn(fix)
        if fit:
            self._add_stop(fix, state)

    def hear(self, event: PlacedEvent, state: PathState, *, suspect: bool) -> None:
        """Let what `event` vouches for become known."""
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            if not _failed(one.fix.ref):
                state.profile.learn(one.fix, since_us=0)

    def _add_stop(self, fix: Fix, state: PathState) -> None:
        """Put `fix` at the end of the path; where it may be the last stop, that lasts until now."""
        at_us = fix.ref.at_us
        stops = state.stops = self._live(state.stops, at_us)
        at_last = bool(stops) and fix.network != "" and stops[-1].fix.network == fix.network
        leg_m = _leg_m(stops[-1].fix, fix) if stops and not at_last else 0
        if stops and not leg_m:
            stops[-1].until_us = at_us
            return
        stops.append(Stop(fix, leg_m, at_us))
        if len(stops) > STOPS_MAX:
            del stops[0]

    def prune(self, state: PathState, now_us: int) -> None:
        """Stops that the window has left behind."""
        state.stops = self._live(state.stops, now_us)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_path(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How far, through which countries, in what time, and which limits that reaches or misses."""
        speed = evidence["mean_kmh"]
        pace = f"{speed:,.0f} km/h on average" if speed is not None else "in no time at all"
        window = span_words(timedelta(seconds=evidence["window_seconds"]))
        countries = f" ({', '.join(evidence['countries'])})" if evidence["countries"] else ""
        texts = {
            "length": f"length {evidence['minimum_km']:,.0f} of {evidence['distance_min_km']:,.0f} km",
            "countries": f"countries {len(evidence['countries'])} of {evidence['countries_min']}",
            "speed": f"mean speed {speed or 0:,.0f} of {evidence['speed_max_kmh']:,.0f} km/h",
        }
        missed = ", ".join(texts[name] for name in evidence["missed"])
        stops, failed = len(evidence["path"]), evidence["failed"]
        what = (
            "failed sign-ins" if failed == stops else f"sign-ins ({failed} of {stops} failed)" if failed else "sign-ins"
        )
        return (
            f"{who}: {what} at {many(stops, 'places')} in"
            f" {many(len(evidence['countries']), 'countries')}{countries} within {window}, at least"
            f" {evidence['minimum_km']:,.0f} km apart along the way, {pace} (alerts from"
            f" {evidence['distance_min_km']:,.0f} km, {many(evidence['countries_min'], 'countries')} and"
            f" {evidence['speed_max_kmh']:,.0f} km/h together; {f'missed: {missed}' if missed else 'all reached'})"
        )

    def _travels(self, event: PlacedEvent) -> bool:
        return event.interactive and (not _failed(event) or self.params.failed_may_count)

    def _unfit(self, event: PlacedEvent) -> str:
        reason = unplaceable(event, self.params.radius_max_km)
        if not reason and event.place is not None and event.place.network_class in self.params.ignored_classes:
            return f"{event.place.network_class}_network"
        return reason

    def _live(self, stops: list[Stop], at_us: int) -> list[Stop]:
        """The stops that the window at `at_us` still holds."""
        line_us = at_us - self._window_us
        gone = 0
        for stop in stops:
            if stop.until_us > line_us:
                break
            gone += 1
        return stops[gone:] if gone else stops

    def _ratios(self, path: list[Stop]) -> dict[str, float]:
        """The three measures over their limits. All must be reached, so the least is the strength."""
        params = self.params
        length_km = _length_km(path)
        countries = len({stop.fix.country for stop in path} - {""})
        reach_km = params.speed_max_kmh * _taken_us(path) / HOUR_US
        over = length_km / reach_km if reach_km * STRENGTH_MAX > length_km else STRENGTH_MAX
        return {
            "length": min(length_km / params.distance_min_km, STRENGTH_MAX),
            "countries": countries / params.countries_min,
            "speed": over,
        }

    def _evidence(self, path: list[Stop]) -> PathEvidence:
        taken_us, length_km = _taken_us(path), _length_km(path)
        return PathEvidence(
            path=tuple(
                Waypoint(
                    at=instant(stop.fix.ref.at_us),
                    place=stop.fix.ref.place,
                    country=stop.fix.country,
                    ip=stop.fix.ref.ip,
                    session=stop.fix.ref.session,
                    km_from_last=round(stop.leg_m / 1000, 1) if index else 0.0,
                )
                for index, stop in enumerate(path)
            ),
            minimum_km=round(length_km, 1),
            countries=tuple(sorted({stop.fix.country for stop in path} - {""})),
            hours=round(round(taken_us / SECOND_US) * SECOND_US / HOUR_US, 4),
            mean_kmh=round(length_km * HOUR_US / taken_us, 1) if taken_us >= SECOND_US else None,
            distance_min_km=self.params.distance_min_km,
            countries_min=self.params.countries_min,
            speed_max_kmh=self.params.speed_max_kmh,
            window_seconds=self._window_us // SECOND_US,
            missed=tuple(name for name, ratio in self._ratios(path).items() if ratio < 1),
            failed=sum(_failed(stop.fix.ref) for stop in path),
        )


def _failed(event: PlacedEvent | EventRef) -> bool:
    return event.outcome == "failure" or event.kind == "login_failed"


def _leg_m(origin: Fix, destination: Fix) -> int:
    """Whole metres, so that sums do not depend on how they were added up; 0 where one may be the other."""
    if origin.is_surely_within(destination, 0):
        return 0
    return round(origin.minimum_km(destination) * 1000)


def _length_km(path: list[Stop]) -> float:
    return sum(stop.leg_m for stop in path[1:]) / 1000


def _taken_us(path: list[Stop]) -> int:
    """From leaving the first stop to reaching the last."""
    return max(0, path[-1].fix.ref.at_us - path[0].until_us)
