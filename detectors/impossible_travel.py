"""Sign-ins of one person too far apart in too little time.

The distance that counts is the least possible one: the great circle less both radii. It is held against the time in
between without ever dividing by it, so two sign-ins within one second are judged like any others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, put_aside, released
from detectors.fixes import Fix, Profile, SuspectFix, anchor, candidates_of, fix_of, unplaceable
from detectors.wording import circumstances, severity_words, span_later
from geo.distance import great_circle_km
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import HOUR_US, SECOND_US, instant, span_us
from models.places import NetworkClass
from models.spans import Span

FIXES_MAX: Final = 6
"""Fixes that may be anchors. Of a stay at one address the first and the latest are kept, so six are three stays."""

STRENGTH_MAX: Final = 1000.0
"""No time in between makes the needed speed boundless; a strength is a number that can be written."""

Effect = Literal["ignore", "lower", "normal", "raise"]
"""What a circumstance does: neither judged nor an anchor; severity one step down; nothing; one step up."""

ClassEffect = Literal["ignore", "not_an_anchor", "lower", "normal", "raise"]
"""What a network class does: as `Effect`; `not_an_anchor` is judged, and nothing is measured from it later."""

STEP: Final[Mapping[ClassEffect, int]] = {"ignore": 0, "not_an_anchor": 0, "lower": -1, "normal": 0, "raise": 1}

_CLASS_EFFECTS: Final[Mapping[NetworkClass, ClassEffect]] = {
    "corporate": "ignore",
    "sase": "ignore",
    "relay": "ignore",
    "satellite": "ignore",
    "cloud_backend": "ignore",
    "vpn": "lower",
    "mobile": "lower",
    "tor": "raise",
}
_CLASS_RADIUS_KM: Final[Mapping[NetworkClass, float]] = {"mobile": 300.0}


class TravelParams(DetectorParams):
    """How far, how fast, and what takes the edge off."""

    speed_max_kmh: float = Field(
        900, gt=0, le=20_000, allow_inf_nan=False, description="Speed a person may need, in km/h; an airliner: 900."
    )
    distance_min_km: float = Field(
        300,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="Distance in km, less both radii, under which nothing is judged.",
    )
    radius_max_km: float = Field(
        1500,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="A place known less precisely than this, in km, is no evidence.",
    )
    failed_may_anchor: bool = Field(
        default=False,
        description="Whether failed sign-ins are judged and remembered; anybody can fail anywhere under any name.",
    )
    same_address: Effect = Field(
        "ignore", description="Effect of one address (IPv6: /64) at both ends: the database moved, not the person."
    )
    same_asn: Effect = Field("lower", description="Effect of one autonomous system at both ends: carriers route far.")
    same_device: Effect = Field("lower", description="Effect of one device id at both ends.")
    mobile_in_country: Effect = Field(
        "ignore",
        description="Effect of a mobile network at one end and one country at both: a carrier lets telephones out"
        " anywhere in its country.",
    )
    nothing_unfamiliar: Effect = Field(
        "lower", description="Effect of place, network and device of both ends being known for `familiar_after`."
    )
    network_classes: dict[NetworkClass, ClassEffect] = Field(
        default_factory=lambda: dict(_CLASS_EFFECTS),
        max_length=13,
        description="Effect of a network class at either end; classes not named are normal.",
    )
    class_radius_km: dict[NetworkClass, float] = Field(
        default_factory=lambda: dict(_CLASS_RADIUS_KM),
        max_length=13,
        description="Least radius in km that a network class leaves a place: a phone's exit may be far from the phone.",
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
        timedelta(days=90),
        gt=timedelta(0),
        le=timedelta(days=730),
        description="Silence after which all is forgotten.",
    )


class TravelState(DetectorState):
    """Where a person was lately, what is known of them, and what is kept aside."""

    fixes: list[Fix] = msgspec.field(default_factory=list)
    aside: list[SuspectFix] = msgspec.field(default_factory=list)
    profile: Profile = msgspec.field(default_factory=Profile)
    claims: list[str] = msgspec.field(default_factory=list)
    """Events kept aside for another rule's finding, which no place contradicts yet: a thief may have come first."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a journey, as evidence."""

    at: datetime
    event: str
    place: str
    country: str
    latitude: float
    longitude: float
    radius_km: float
    ip: str
    network: str
    asn: int
    organisation: str
    network_class: str
    device: str
    session: str

    @classmethod
    def of(cls, fix: Fix) -> Spot:
        """`fix` as evidence."""
        ref = fix.ref
        return cls(
            at=instant(ref.at_us),
            event=ref.id,
            place=ref.place,
            country=fix.country,
            latitude=round(fix.latitude, 4),
            longitude=round(fix.longitude, 4),
            radius_km=round(fix.radius_km, 1),
            ip=ref.ip,
            network=fix.network,
            asn=fix.asn,
            organisation=fix.organisation,
            network_class=fix.network_class,
            device=fix.device,
            session=ref.session,
        )


class TravelEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """Both ends, the distance, the time, the speed it would take; None where there is no time to divide by.

    `raised` names the circumstances that made it a step more severe each.
    """

    origin: Spot
    destination: Spot
    km: float
    minimum_km: float
    hours: float
    speed_kmh: float | None
    speed_max_kmh: float
    distance_min_km: float
    raised: tuple[str, ...] = ()


class Journey(msgspec.Struct, frozen=True):
    """Two fixes in order of time, and how far over the limit getting from one to the other would be."""

    origin: Fix
    destination: Fix
    minimum_km: float
    span_us: int
    strength: float


class ImpossibleTravel(Detector[TravelParams, TravelState]):
    """Sign-ins of one person too far apart for the time between them.

    Each sign-in is judged against the last few places of the same person. Only interactive events that did not fail
    are judged and become anchors (`failed_may_anchor` lets failures in). A flagged one is kept aside. Where the
    person's history knows the place of the flagged sign-in and not that of the anchor, the anchor loses its standing
    too: whoever came first is not believed for coming first.
    """

    kind: ClassVar[str] = "impossible_travel"
    Params = TravelParams
    State = TravelState
    Evidence = TravelEvidence
    sheds: ClassVar[tuple[str, ...]] = ("fixes",)
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: TravelParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._familiar_after_us = span_us(params.familiar_after)
        self._accept_after_us = span_us(params.accept_after)
        effects = params.network_classes.items()
        self._ignored = frozenset(name for name, effect in effects if effect == "ignore")
        self._no_anchors = frozenset(name for name, effect in effects if effect == "not_an_anchor")

    @property
    def keep_us(self) -> int:
        """As `forget_after` says."""
        return span_us(self.params.forget_after)

    def judge(self, event: PlacedEvent, state: TravelState) -> Verdict:
        """Whether `event` is too far from one of the last fixes for the time since."""
        if not self._travels(event):
            return None
        if reason := self._unfit(event):
            return NotEvaluable(reason)
        fixes = state.fixes
        if state.claims:
            fixes = [*fixes, *_claimed(state)]
        if not fixes or (self._address_vouches(event) and fixes[-1].network == event.network):
            return None
        fix = fix_of(event, self.params.class_radius_km)
        return self._verdict([self._journey(one, fix) for one in reversed(fixes) if self._far(one, fix)], state)

    def judge_late(self, event: PlacedEvent, state: TravelState) -> Finding | None:
        """Judge against the neighbours in time among the fixes still held, before and after."""
        if not self._travels(event) or self._unfit(event):
            return None
        fix = fix_of(event, self.params.class_radius_km)
        before = [one for one in state.fixes if one.ref.at_us <= event.at_us][-1:]
        after = [one for one in state.fixes if one.ref.at_us > event.at_us][:1]
        journeys = [self._journey(one, fix) for one in before if self._far(one, fix)]
        journeys += [self._journey(fix, one) for one in after if self._far(fix, one)]
        verdict = self._verdict(journeys, state)
        return verdict if isinstance(verdict, Finding) else None

    def learn(self, event: PlacedEvent, state: TravelState, *, suspect: bool) -> None:
        """Remember where the person was; flagged fixes stay aside until somebody vouches for them."""
        self.hear(event, state, suspect=suspect)
        if not self._travels(event) or self._unfit(event):
            return
        fix = fix_of(event, self.params.class_radius_km)
        if suspect:
            contradicted = isinstance(self.judge(event, state), Finding)
            claims = [one.ref.id for one in _claimed(state) if self._journey(one, fix).strength < 1]
            state.claims = claims if contradicted else [*claims, event.id]
            self._oust(fix, state)
            put_aside(state.aside, SuspectFix.of_fix(fix))
        else:
            state.profile.learn(fix)
            self._anchor(state.fixes, fix)

    def hear(self, event: PlacedEvent, state: TravelState, *, suspect: bool) -> None:
        """Let what `event` vouches for become known, and an anchor."""
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            state.profile.learn(one.fix, since_us=0)
            self._anchor(state.fixes, one.fix)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_travel(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """From where to where, how far at least, in what time, the speed that takes, and what moved its severity."""
        origin, destination = evidence["origin"], evidence["destination"]
        speed, limit = evidence["speed_kmh"], evidence["speed_max_kmh"]
        pace = (
            f"which takes at least {speed:,.0f} km/h (limit {limit:,.0f} km/h)"
            if speed is not None
            else f"which no speed allows (limit {limit:,.0f} km/h)"
        )
        near_km = evidence["distance_min_km"]
        too_near = f"; counts from {near_km:,.0f} km" if evidence["minimum_km"] < near_km else ""
        return (
            f"{who} signed in from {origin['place']} and {span_later(evidence['hours'])} from {destination['place']},"
            f" at least {evidence['minimum_km']:,.0f} km away, {pace}{too_near}"
            f"{severity_words(evidence, circumstances(origin['network_class'], destination['network_class']))}"
        )

    def _travels(self, event: PlacedEvent) -> bool:
        failed = event.outcome == "failure" or event.kind == "login_failed"
        return event.interactive and (not failed or self.params.failed_may_anchor)

    def _unfit(self, event: PlacedEvent) -> str:
        reason = unplaceable(event, self.params.radius_max_km)
        if not reason and event.place is not None and event.place.network_class in self._ignored:
            return f"{event.place.network_class}_network"
        return reason

    def _address_vouches(self, event: PlacedEvent) -> bool:
        return event.network != "" and self.params.same_address == "ignore"

    def _far(self, one: Fix, other: Fix) -> bool:
        """Worth measuring: not surely too near, unless near misses are asked for."""
        return self.near_misses or not one.is_surely_within(other, self.params.distance_min_km)

    def _journey(self, origin: Fix, destination: Fix) -> Journey:
        minimum_km = origin.minimum_km(destination)
        taken_us = max(0, destination.ref.at_us - origin.ref.at_us)
        reach_km = self.params.speed_max_kmh * taken_us / HOUR_US
        over = minimum_km / reach_km if reach_km * STRENGTH_MAX > minimum_km else STRENGTH_MAX
        strength = min(over, minimum_km / self.params.distance_min_km)
        return Journey(origin, destination, minimum_km, taken_us, min(strength, STRENGTH_MAX))

    def _verdict(self, journeys: list[Journey], state: TravelState) -> Verdict:
        """The strongest journey that no circumstance takes out; of equals the one given first."""
        for journey in sorted(journeys, key=lambda one: -one.strength):
            if journey.strength < 1:
                return self._near_miss(journey) if self.near_misses else None
            effects = self._effects(journey, state)
            if "ignore" not in effects.values():
                return self._finding(journey, effects, state)
        return None

    def _effects(self, journey: Journey, state: TravelState) -> dict[str, ClassEffect]:
        """What there is to say for or against the journey, by name."""
        params, one, other = self.params, journey.origin, journey.destination
        found: dict[str, ClassEffect] = {}
        if one.network and one.network == other.network:
            found["same_address"] = params.same_address
        if one.asn and one.asn == other.asn:
            found["same_asn"] = params.same_asn
        if one.ref.device and one.ref.device == other.ref.device:
            found["same_device"] = params.same_device
        if one.country and one.country == other.country and "mobile" in {one.network_class, other.network_class}:
            found["mobile_in_country"] = params.mobile_in_country
        for name in sorted({one.network_class, other.network_class} - {""}):
            found[f"{name}_network"] = params.network_classes.get(name, "normal")
        if all(state.profile.knows(end, end.ref.at_us - self._familiar_after_us) for end in (one, other)):
            found["nothing_unfamiliar"] = params.nothing_unfamiliar
        return found

    def _finding(self, journey: Journey, effects: dict[str, ClassEffect], state: TravelState) -> Finding:
        ends = (journey.origin, journey.destination)
        return Finding(
            evidence=self._evidence(journey, tuple(name for name, effect in effects.items() if effect == "raise")),
            key=" - ".join(sorted(end.ref.place for end in ends)),
            strength=journey.strength,
            events=(journey.origin.ref,),
            candidates=candidates_of([*ends], state.profile, self._familiar_after_us),
            severity_shift=sum(STEP[effect] for effect in effects.values()),
            set_aside=tuple(f"{name}: {effect}" for name, effect in effects.items() if effect != "raise"),
        )

    def _near_miss(self, journey: Journey) -> NearMiss:
        return NearMiss(evidence=self._evidence(journey), strength=journey.strength, events=(journey.origin.ref,))

    def _evidence(self, journey: Journey, raised: tuple[str, ...] = ()) -> TravelEvidence:
        one, other = journey.origin, journey.destination
        hours = journey.span_us / HOUR_US
        return TravelEvidence(
            origin=Spot.of(one),
            destination=Spot.of(other),
            km=round(great_circle_km(one.latitude, one.longitude, other.latitude, other.longitude), 1),
            minimum_km=round(journey.minimum_km, 1),
            hours=round(round(journey.span_us / SECOND_US) * SECOND_US / HOUR_US, 4),
            speed_kmh=round(journey.minimum_km / hours, 1) if journey.span_us >= SECOND_US else None,
            speed_max_kmh=self.params.speed_max_kmh,
            distance_min_km=self.params.distance_min_km,
            raised=raised,
        )

    def _anchor(self, fixes: list[Fix], fix: Fix) -> None:
        if fix.network_class not in self._no_anchors:
            anchor(fixes, fix, FIXES_MAX)

    def _oust(self, fix: Fix, state: TravelState) -> None:
        """Take their standing from unfamiliar anchors that the flagged `fix`, at a familiar place, contradicts."""
        by_us = fix.ref.at_us - self._familiar_after_us
        if not state.profile.knows_place(fix, by_us):
            return
        for one in [one for one in state.fixes if self._journey(one, fix).strength >= 1]:
            if "place" in state.profile.unfamiliar(one, one.ref.at_us - self._familiar_after_us):
                state.fixes.remove(one)
                state.profile.unlearn(one, by_us)
                put_aside(state.aside, SuspectFix.of_fix(one))


def _claimed(state: TravelState) -> list[Fix]:
    return [one.fix for one in state.aside if one.event in state.claims]
