"""An account that nobody used for long, and that is used again: a leaver's, or one that was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, Suspect, put_aside, released
from detectors.wording import many
from models.events import EventKind, PlacedEvent
from models.findings import By, Candidate, Finding, NearMiss, Verdict
from models.instants import DAY_US, instant, span_us
from models.spans import Span

KEEP_US = 730 * DAY_US
"""How long a last sign of life is remembered, in microseconds: two years."""


class DormantParams(DetectorParams):
    """How long is dormant, and how long until a return counts without anybody vouching for it."""

    idle_min: Span = Field(
        timedelta(days=60),
        ge=timedelta(days=1),
        le=timedelta(days=365),
        description="Silence after which a sign of life is a finding.",
    )
    accept_after: Span = Field(
        timedelta(days=7),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged return makes the account awake without anybody vouching for it.",
    )


class DormantState(DetectorState):
    """The last sign of life, and the returns that are kept aside."""

    last_us: int = 0
    aside: list[Suspect] = msgspec.field(default_factory=list)


class DormantEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """How long the account was silent, in whole days, against how long it may be."""

    last_seen: datetime
    idle_days: int
    idle_days_min: int


class DormantAccount(Detector[DormantParams, DormantState]):
    """The first signs of life of an account that was silent for long. An account never seen before is none."""

    kind: ClassVar[str] = "dormant_account"
    Params = DormantParams
    State = DormantState
    Evidence = DormantEvidence
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: DormantParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._idle_us = span_us(params.idle_min)
        self._accept_us = span_us(params.accept_after)

    @property
    def keep_us(self) -> int:
        """Two years: an account silent for longer is as new."""
        return KEEP_US

    def judge(self, event: PlacedEvent, state: DormantState) -> Verdict:
        """Whether the account was silent for long enough before `event`."""
        idle_us = event.at_us - state.last_us
        if not state.last_us or (idle_us < self._idle_us and not self.near_misses):
            return None
        evidence = DormantEvidence(
            last_seen=instant(state.last_us),
            idle_days=idle_us // DAY_US,
            idle_days_min=self._idle_us // DAY_US,
        )
        strength = idle_us / self._idle_us
        key = f"{instant(state.last_us):%Y-%m-%d}"
        if strength < 1:
            return NearMiss(evidence=evidence, key=key, strength=strength)
        candidate = Candidate(event.session, event.id, event.at_us, event.ip, event.device)
        return Finding(evidence=evidence, key=key, strength=strength, candidates=(candidate,))

    def learn(self, event: PlacedEvent, state: DormantState, *, suspect: bool) -> None:
        """Note the sign of life; a flagged return of a dormant account wakes nothing until vouched for."""
        if state.aside:
            self.hear(event, state, suspect=suspect)
        if suspect and state.last_us and event.at_us - state.last_us >= self._idle_us:
            put_aside(state.aside, Suspect.of(event, "return", ()))
        else:
            state.last_us = event.at_us

    def hear(self, event: PlacedEvent, state: DormantState, *, suspect: bool) -> None:
        """Let what `event` vouches for be a sign of life."""
        for one in released(state.aside, event, self._accept_us, suspect=suspect):
            state.last_us = max(state.last_us, one.at_us)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_dormant(self._idle_us, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How long the account was silent, and since when."""
        return (
            f"{who} was silent for {many(evidence['idle_days'], 'days')}, since {str(evidence['last_seen'])[:10]}, "
            f"and is used again (alerts from {many(evidence['idle_days_min'], 'days')})"
        )
