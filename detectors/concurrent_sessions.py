"""Live sessions of one subject at the same time: how many, on how many devices, networks and places.

A login opens a session, what is done in it keeps it alive, a logout, time-out or revocation ends it. Where a source
logs no end, `idle_max` does. A session that roams is one session; the sessions of one device are where it was last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import prod
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, put_aside, released
from detectors.fixes import ANYWHERE_KM, Fix, Profile, SuspectFix, candidates_of, fix_anywhere, fix_of, unplaceable
from detectors.wording import many, severity_words
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import SECOND_US, instant, span_us
from models.places import NetworkClass
from models.spans import Span

LIVE_MAX: Final = 32
"""Live sessions kept of a subject; the longest idle goes first."""
SHOWN_MAX: Final = 10
"""Sessions told in evidence."""
REFS_MAX: Final = 9
"""Events that a finding rests on, at most."""

Measure = Literal["sessions", "devices", "networks", "places"]
ENDS: Final[frozenset[EventKind]] = frozenset({"logout", "timeout", "revoked"})
LIVES: Final[frozenset[EventKind]] = frozenset({"activity", "refresh", "export"})

_AT_LEAST: Final[Mapping[Measure, int]] = {"devices": 3, "networks": 3}
_PLACELESS: Final[frozenset[NetworkClass]] = frozenset(
    {"corporate", "sase", "vpn", "relay", "satellite", "cloud_backend"}
)
_CLASS_RADIUS_KM: Final[Mapping[NetworkClass, float]] = {"mobile": 300.0}

_INSIDE: Final[frozenset[NetworkClass]] = frozenset({"private", "loopback", "corporate"})
"""Applications see a desk by its address inside, the sign-in sees it by the gateway's: one desk, one network."""


class ConcurrentParams(DetectorParams):
    """How much at once is too much, and when a session counts as live."""

    at_least: dict[Measure, Annotated[int, Field(ge=2, le=LIVE_MAX)]] = Field(
        default_factory=lambda: dict(_AT_LEAST),
        min_length=1,
        max_length=4,
        description="Least number of live sessions, or of their different devices, networks or places, by measure.",
    )
    needs: Literal["all", "any"] = Field("all", description="Whether all measures must be reached, or any of them.")
    idle_max: Span = Field(
        timedelta(minutes=30),
        gt=timedelta(0),
        le=timedelta(days=7),
        description="A session without a sign of life for this long counts as ended, whatever the source logs.",
    )
    apart_min_km: float = Field(
        100,
        gt=0,
        le=20_038,
        allow_inf_nan=False,
        description="Least distance in km, less both radii, between what counts as different places.",
    )
    radius_max_km: float = Field(
        1500, gt=0, le=20_038, allow_inf_nan=False, description="A place known less precisely, in km, is none."
    )
    placeless_classes: frozenset[NetworkClass] = Field(
        default=_PLACELESS, max_length=13, description="Network classes whose places are no evidence."
    )
    class_radius_km: dict[NetworkClass, float] = Field(
        default_factory=lambda: dict(_CLASS_RADIUS_KM),
        max_length=13,
        description="Least radius in km that a network class leaves a place.",
    )
    nothing_unfamiliar: Literal["ignore", "lower", "normal"] = Field(
        "ignore", description="Effect of no session having an unfamiliar network or device; without history none has."
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


class Live(msgspec.Struct, array_like=True):
    """A live session: since when, its last sign of life, and where it was seen last."""

    opened_us: int
    last_us: int
    fix: Fix


class ConcurrentState(DetectorState):
    """Live sessions by id, the longest idle first; what is known of the subject; what is kept aside."""

    live: dict[str, Live] = msgspec.field(default_factory=dict)
    profile: Profile = msgspec.field(default_factory=Profile)
    aside: list[SuspectFix] = msgspec.field(default_factory=list)


class LiveSession(msgspec.Struct, frozen=True, kw_only=True):
    """One live session, as evidence."""

    session: str
    opened_at: datetime
    last_at: datetime
    device: str
    network: str
    place: str


class ConcurrentEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """What was live at once, counted each way, against the limits."""

    sessions: int
    devices: int
    networks: int
    places: int
    at_least: dict[str, int]
    needs: str
    idle_max_seconds: int
    live: tuple[LiveSession, ...]


class ConcurrentSessions(Detector[ConcurrentParams, ConcurrentState]):
    """One person live in more sessions, on more devices, networks or places, than one person can be at once.

    Counts what is live when a session opens or acts. A flagged session is live all the same.

    A near miss is measured from one of everything, where everybody begins: each measure's steps from there, of the
    steps to its limit. Where all measures are needed these shares multiply, for each is a thing still lacking; where
    any is enough the greatest counts. So desk and telephone on two networks, half the way to three of each on both
    counts, are a quarter of the way, and three devices on two networks half.
    """

    kind: ClassVar[str] = "concurrent_sessions"
    Params = ConcurrentParams
    State = ConcurrentState
    Evidence = ConcurrentEvidence
    sheds: ClassVar[tuple[str, ...]] = ("live",)
    hears: ClassVar[frozenset[EventKind]] = LIVES | ENDS | VOUCHING

    def __init__(self, params: ConcurrentParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._idle_max_us = span_us(params.idle_max)
        self._familiar_after_us = span_us(params.familiar_after)
        self._accept_after_us = span_us(params.accept_after)
        self._fewest = min(params.at_least.values()) if params.needs == "any" else max(params.at_least.values())

    @property
    def keep_us(self) -> int:
        """As `forget_after` says."""
        return span_us(self.params.forget_after)

    def judge(self, event: PlacedEvent, state: ConcurrentState) -> Verdict:
        """Whether too much is live at once, with the session of `event`."""
        if not event.interactive or event.kind in ENDS:
            return None
        if not event.session:
            return NotEvaluable("no_session")
        line_us = event.at_us - self._idle_max_us
        others = [one for name, one in state.live.items() if one.last_us > line_us and name != event.session]
        if len(others) + 1 < self._fewest and not (self.near_misses and others):
            return None
        own = state.live.get(event.session)
        opened_us = own.opened_us if own is not None and own.last_us > line_us else event.at_us
        return self._judge_live([*others, Live(opened_us, event.at_us, self._fix(event))], state)

    def learn(self, event: PlacedEvent, state: ConcurrentState, *, suspect: bool) -> None:
        """Open, keep alive or end the session of `event`; learn its network and device."""
        self._release(event, state, suspect=suspect)
        if event.kind in ENDS:
            state.live.pop(event.session, None)
        elif event.interactive and event.session:
            fix = self._fix(event)
            self._note(event, state, fix)
            if suspect:
                put_aside(state.aside, SuspectFix.of_fix(fix))
            else:
                state.profile.learn(fix)

    def hear(self, event: PlacedEvent, state: ConcurrentState, *, suspect: bool) -> None:
        """Keep alive, end, or let become known."""
        self._release(event, state, suspect=suspect)
        if event.kind in ENDS:
            state.live.pop(event.session, None)
        elif event.kind in LIVES and event.session:
            live = state.live.get(event.session)
            if live is not None and event.at_us - live.last_us < self._idle_max_us:
                live.last_us = event.at_us
                moved = event.network and event.network != live.fix.network
                if event.interactive and (moved or (event.device and not live.fix.device)):
                    live.fix = self._fix(event)
            elif event.interactive:
                self._note(event, state, self._fix(event))

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_concurrent(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How much was live at once, and the limits."""
        counts = ", ".join(many(evidence[name], name) for name in ("devices", "networks", "places"))
        limits = (" or " if evidence["needs"] == "any" else " and ").join(
            many(limit, name) for name, limit in sorted(evidence["at_least"].items())
        )
        lower = severity_words(evidence, {"nothing_unfamiliar": "network and device of each are the person's own"})
        sessions = many(evidence["sessions"], "sessions")
        return f"{who} had {sessions} live at once, on {counts} (alerts from {limits}){lower}"

    def _release(self, event: PlacedEvent, state: ConcurrentState, *, suspect: bool) -> None:
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            state.profile.learn(one.fix, since_us=0)

    def _note(self, event: PlacedEvent, state: ConcurrentState, fix: Fix) -> None:
        line_us = event.at_us - self._idle_max_us
        old = state.live.pop(event.session, None)
        opened_us = old.opened_us if old is not None and old.last_us > line_us else event.at_us
        state.live[event.session] = Live(opened_us, event.at_us, fix)
        for name in [name for name, one in state.live.items() if one.last_us <= line_us]:
            del state.live[name]
        if len(state.live) > LIVE_MAX:
            del state.live[min(state.live, key=lambda name: (state.live[name].last_us, name))]

    def _fix(self, event: PlacedEvent) -> Fix:
        place = event.place
        if unplaceable(event, self.params.radius_max_km) or (
            place is not None and place.network_class in self.params.placeless_classes
        ):
            return fix_anywhere(event)
        return fix_of(event, self.params.class_radius_km)

    def _judge_live(self, live: list[Live], state: ConcurrentState) -> Verdict:
        counts = self._counts([one.fix for one in live])
        ratios = [counts[name] / limit for name, limit in self.params.at_least.items()]
        strength = max(ratios) if self.params.needs == "any" else min(ratios)
        if strength < 1:
            return self._near_miss(live, counts) if self.near_misses else None
        fixes = [one.fix for one in live]
        candidates = candidates_of(fixes, state.profile, self._familiar_after_us)
        at_home = not any(one.unfamiliar for one in candidates)
        effect = self.params.nothing_unfamiliar if at_home else "normal"
        if effect == "ignore":
            return None
        return Finding(
            evidence=self._evidence(live, counts),
            strength=strength,
            events=tuple(sorted((fix.ref for fix in fixes[:-1]), key=lambda ref: (ref.at_us, ref.id))[-REFS_MAX:]),
            candidates=candidates,
            severity_shift=-1 if effect == "lower" else 0,
            set_aside=(f"nothing_unfamiliar: {effect}",) if at_home else (),
        )

    def _near_miss(self, live: list[Live], counts: dict[Measure, int]) -> NearMiss:
        """How near it came, counted from one of everything; see the class for why."""
        limits = self.params.at_least.items()
        shares = [(min(max(counts[name], 1), limit) - 1) / (limit - 1) for name, limit in limits]
        strength = max(shares) if self.params.needs == "any" else prod(shares)
        return NearMiss(evidence=self._evidence(live, counts), strength=strength)

    def _counts(self, fixes: list[Fix]) -> dict[Measure, int]:
        """By measure; networks and places of a device's several sessions count where it was seen last."""
        latest: dict[str, Fix] = {}
        for fix in sorted(fixes, key=lambda one: (one.ref.at_us, one.ref.id)):
            latest[fix.device or f"\0{fix.ref.session}"] = fix
        apart: list[Fix] = []
        for fix in latest.values():
            if fix.radius_km < ANYWHERE_KM and all(
                fix.minimum_km(other) >= self.params.apart_min_km for other in apart
            ):
                apart.append(fix)
        return {
            "sessions": len(fixes),
            "devices": len({fix.device for fix in fixes} - {""}),
            "networks": len({_network(fix) for fix in latest.values()} - {""}),
            "places": len(apart),
        }

    def _evidence(self, live: list[Live], counts: dict[Measure, int]) -> ConcurrentEvidence:
        return ConcurrentEvidence(
            sessions=counts["sessions"],
            devices=counts["devices"],
            networks=counts["networks"],
            places=counts["places"],
            at_least={str(name): limit for name, limit in sorted(self.params.at_least.items())},
            needs=self.params.needs,
            idle_max_seconds=self._idle_max_us // SECOND_US,
            live=tuple(
                LiveSession(
                    session=one.fix.ref.session,
                    opened_at=instant(one.opened_us),
                    last_at=instant(one.last_us),
                    device=one.fix.device,
                    network=one.fix.network,
                    place=one.fix.ref.place,
                )
                for one in live[-SHOWN_MAX:]
            ),
        )


def _network(fix: Fix) -> str:
    """What counts as one network: a system, else an address; the house, inside and at its gateway, is one."""
    if fix.network_class in _INSIDE:
        return "inside"
    return f"AS{fix.asn}" if fix.asn else fix.network
