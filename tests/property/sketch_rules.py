"""Four small detectors that together touch all that the engine promises: anchors, novelty, windows and timers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from geo.distance import great_circle_km
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import Finding, Severity, Verdict
from models.instants import DAY_US, HOUR_US, SECOND_US
from sessionwatch.ruleset.compiled import CompiledRule, Ruleset


class NoParams(DetectorParams):
    """No parameters."""


class Measured(DetectorEvidence):
    """One number."""

    value: float


class Travel(Detector[NoParams, "Travel.State"]):
    """Too fast between two logins; a suspect login is no anchor."""

    kind = "sketch_travel"
    Params = NoParams
    Evidence = Measured

    class State(DetectorState):
        """The last fix."""

        fix: tuple[int, float, float] | None = None
        ref: EventRef | None = None

    def judge(self, event: PlacedEvent, state: State) -> Verdict:
        """Speed from the last fix."""
        if state.fix is None or event.place is None or event.place.latitude is None or event.place.longitude is None:
            return None
        at_us, latitude, longitude = state.fix
        km = max(0.0, great_circle_km(latitude, longitude, event.place.latitude, event.place.longitude) - 100)
        if km <= 300 or km <= 900 * (event.at_us - at_us) / HOUR_US:
            return None
        shift = 1 if km > 8000 else 0
        return Finding(
            evidence=Measured(value=round(km, 1)),
            strength=km / 300,
            events=(state.ref,) if state.ref else (),
            severity_shift=shift,
        )

    def learn(self, event: PlacedEvent, state: State, *, suspect: bool) -> None:
        """Anchor where nothing fired."""
        if not suspect and event.place is not None and event.place.latitude is not None:
            assert event.place.longitude is not None
            state.fix = (event.at_us, event.place.latitude, event.place.longitude)
            state.ref = EventRef.of(event)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Kilometres."""
        return f"{who} moved {evidence['value']} km"


class NewDevice(Detector[NoParams, "NewDevice.State"]):
    """A device not seen before, a day after the first login."""

    kind = "sketch_device"
    Params = NoParams
    Evidence = Measured

    class State(DetectorState):
        """Devices seen."""

        first_us: int = 0
        seen: dict[str, int] = msgspec.field(default_factory=dict)

    def judge(self, event: PlacedEvent, state: State) -> Verdict:
        """Unseen."""
        if state.first_us and event.device not in state.seen and event.at_us - state.first_us > DAY_US // 8:
            return Finding(evidence=Measured(value=len(state.seen)), key=event.device)
        return None

    def learn(self, event: PlacedEvent, state: State, *, suspect: bool) -> None:
        """Known unless suspect."""
        state.first_us = state.first_us or event.at_us
        if not suspect:
            state.seen[event.device] = event.at_us

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Devices."""
        return f"{who} came with a device beside {evidence['value']} known"


class Export(Detector[NoParams, "Export.State"]):
    """More than 1,000 objects in ten minutes."""

    kind = "sketch_export"
    Params = NoParams
    Evidence = Measured
    subjects = frozenset({"user", "ip"})

    class State(DetectorState):
        """The window."""

        ring: list[tuple[int, int]] = msgspec.field(default_factory=list)

    def judge(self, event: PlacedEvent, state: State) -> Verdict:
        """Sum of the window."""
        total = sum(n for at_us, n in state.ring if at_us >= event.at_us - 600 * SECOND_US) + event.count
        return Finding(evidence=Measured(value=total), strength=total / 1000) if total > 1000 else None

    def learn(self, event: PlacedEvent, state: State, *, suspect: bool) -> None:
        """Keep the window."""
        since = event.at_us - 600 * SECOND_US
        state.ring = [*(x for x in state.ring if x[0] >= since), (event.at_us, event.count)]

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Objects."""
        return f"{who} took {evidence['value']} objects"


class Idle(Detector[NoParams, "Idle.State"]):
    """A session without a logout for a quarter of an hour: a finding made by a timer."""

    kind = "sketch_idle"
    Params = NoParams
    Evidence = Measured
    hears = frozenset({"activity", "logout", "export"})
    has_timers = True

    class State(DetectorState):
        """Live sessions."""

        live: dict[str, int] = msgspec.field(default_factory=dict)

    def judge(self, event: PlacedEvent, state: State) -> Verdict:
        """Never by an event."""
        return None

    def learn(self, event: PlacedEvent, state: State, *, suspect: bool) -> None:
        """Open, extend, close."""
        if event.kind == "login" or (event.kind != "logout" and event.session in state.live):
            state.live[event.session] = event.at_us
        elif event.kind == "logout":
            state.live.pop(event.session, None)

    def due(self, state: State) -> int | None:
        """The first session to idle out."""
        return min(state.live.values()) + 900 * SECOND_US if state.live else None

    def on_time(self, at_us: int, state: State) -> Iterable[Finding]:
        """Every session whose deadline this is."""
        idle = sorted(session for session, last_us in state.live.items() if last_us + 900 * SECOND_US == at_us)
        for session in idle:
            del state.live[session]
        return [Finding(evidence=Measured(value=900), key=session) for session in idle]

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Seconds."""
        return f"{who} was idle for {evidence['value']} s"


def rule(name: str, detector: Detector[Any, Any], kinds: set[EventKind], fold_us: int, **more: Any) -> CompiledRule:
    """A compiled rule around a sketch detector."""
    severity: Severity = "medium"
    return CompiledRule(
        id=name,
        version="1",
        title=name,
        severity=severity,
        by=more.pop("by", "user"),
        detector=detector,
        kinds=frozenset(kinds),
        fold_us=fold_us,
        definition=name,
        **more,
    )


def ruleset(fold_us: int) -> Ruleset:
    """All of them, with one fold period, and one rule by address."""
    rules = (
        rule("device", NewDevice(NoParams()), {"login"}, fold_us),
        rule("export", Export(NoParams()), {"export"}, fold_us),
        rule("export_by_ip", Export(NoParams()), {"export"}, fold_us, by="ip"),
        rule("idle", Idle(NoParams()), {"login"}, fold_us),
        rule("travel", Travel(NoParams()), {"login"}, fold_us),
    )
    return Ruleset(rules=rules, version="1")
