"""Pushes that nobody approves: sent and never answered, or denied, each counted once; perhaps one approved at last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from models.conditions import Condition
from models.events import EventRef, PlacedEvent
from models.findings import By, Finding, NearMiss, Verdict
from models.instants import SECOND_US, instant, span_us
from models.spans import Span, span_words

PUSHES_MAX: Final = 256
"""Pushes kept for a subject; the oldest goes first."""
REFS_MAX: Final = 9
"""Pushes whose events a finding can point to: the latest."""


class FatigueParams(DetectorParams):
    """What a push, a denial and an approval are; how many pushes within how long are too many."""

    sent: Condition = Field(
        Condition(
            {"kind": "mfa_challenge", "outcome": "unknown"},
            lambda event: event.kind == "mfa_challenge" and event.outcome == "unknown",
            leaves=(),
        ),
        description="A push that is sent: a condition on an event, written as `when` is.",
    )
    denied: Condition = Field(
        Condition({"outcome": "failure"}, lambda event: event.outcome == "failure", leaves=()),
        description="A push that is denied, failed, or that the source calls unanswered.",
    )
    approved: Condition = Field(
        Condition(
            {"kind": "mfa_result", "outcome": "success"},
            lambda event: event.kind == "mfa_result" and event.outcome == "success",
            leaves=(),
        ),
        description="An approval.",
    )
    answer_within: Span = Field(
        timedelta(minutes=5),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="How long after a push an approval may be the answer to it.",
    )
    window: Span = Field(
        timedelta(minutes=30), gt=timedelta(0), le=timedelta(days=7), description="Length of the sliding window."
    )
    at_least: int = Field(10, ge=1, le=100, description="The least number of pushes that is a finding.")
    then_approved: bool = Field(
        False, description="`false`: the pushes are the finding; `true`: the approval that comes after them is."
    )


class Push(msgspec.Struct, array_like=True):
    """A push: when it came, whether its answer is still awaited, and the event to point to."""

    at_us: int
    is_open: bool
    ref: EventRef | None = None


class FatigueState(DetectorState):
    """Pushes that nobody approved, the oldest first; the last one may yet be."""

    pushes: list[Push] = msgspec.field(default_factory=list)


class FatigueEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """How many pushes nobody approved against how many are allowed, and of how many a denial is recorded."""

    counted: int
    denied: int
    at_least: int
    window_seconds: int
    seconds: int
    since: datetime
    approved: bool


class MfaFatigue(Detector[FatigueParams, FatigueState]):
    """Too many pushes that nobody approves, within a span of time; with `then_approved`, followed by an approval.

    A push that is sent and its denial are one. The denial settles the newest open push, and is one of its own where
    none is open. An approval settles the newest open push, if that was sent within `answer_within`, and no other. A
    push that is sent while another is open shows that the other was not answered. The last push counts once something
    comes after it; until then its owner may be reaching for the telephone.

    Flagged events count like others: the alert grows with the attack.
    """

    kind: ClassVar[str] = "mfa_fatigue"
    Params = FatigueParams
    State = FatigueState
    Evidence = FatigueEvidence
    sheds: ClassVar[tuple[str, ...]] = ("pushes",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "account"})

    def __init__(self, params: FatigueParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._sent, self._denied, self._approved = params.sent.holds, params.denied.holds, params.approved.holds
        self._answer_us = span_us(params.answer_within)
        self._window_us = span_us(params.window)
        self.asks = (params.sent, params.denied, params.approved)
        self.reads = frozenset[str]().union(*(one.reads for one in self.asks))

    @property
    def keep_us(self) -> int:
        """The window: what is older counts no more."""
        return self._window_us

    def judge(self, event: PlacedEvent, state: FatigueState) -> Verdict:
        """Whether `event` shows one more push that nobody approved, or with `then_approved` is the approval."""
        pushes = self._within(event.at_us, state)
        if self.params.then_approved:
            if self._denied(event) or not self._approved(event):
                return None
            answered = self._answered(event.at_us, pushes)
            return self._verdict(event, [push for push in pushes if push is not answered])
        awaited = bool(pushes) and pushes[-1].is_open
        if self._denied(event):
            if not awaited:
                if any(push.is_open for push in pushes):
                    return None
                pushes = [*pushes, Push(event.at_us, is_open=False)]
            return self._verdict(event, pushes, denied=int(awaited))
        return self._verdict(event, pushes) if awaited and self._sent(event) else None

    def learn(self, event: PlacedEvent, state: FatigueState, *, suspect: bool) -> None:
        """Open or settle a push."""
        if self._denied(event):
            self._take_denial(event, self._shed(event.at_us, state))
        elif self._sent(event):
            self._shed(event.at_us, state).append(Push(event.at_us, True, EventRef.of(event)))
        elif self._approved(event):
            pushes = self._shed(event.at_us, state)
            answered = self._answered(event.at_us, pushes)
            if answered is not None:
                pushes.remove(answered)
            if self.params.then_approved and len(pushes) >= self.params.at_least:
                pushes.clear()
        for push in state.pushes[:-REFS_MAX]:
            push.ref = None
        del state.pushes[:-PUSHES_MAX]

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_fatigue(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How many pushes, in how long, and from how many on that is an alert."""
        counted = evidence["counted"]
        much = "pushes unanswered or denied: 1" if counted == 1 else f"{counted:,} pushes unanswered or denied"
        allowed = span_words(timedelta(seconds=evidence["window_seconds"]))
        if not evidence["approved"]:
            return f"{who}: {much} within {allowed} (alerts from {evidence['at_least']:,})"
        took = span_words(timedelta(seconds=evidence["seconds"]))
        return (
            f"{who}: {much}, then one approved, all in {took} (alerts from {evidence['at_least']:,} within {allowed})"
        )

    def _within(self, at_us: int, state: FatigueState) -> list[Push]:
        line_us = at_us - self._window_us
        return [push for push in state.pushes if push.at_us > line_us]

    def _shed(self, at_us: int, state: FatigueState) -> list[Push]:
        """What the window still holds, as the state now has it."""
        state.pushes = self._within(at_us, state)
        return state.pushes

    def _take_denial(self, event: PlacedEvent, pushes: list[Push]) -> None:
        settled = next((push for push in reversed(pushes) if push.is_open), None)
        if settled is None:
            pushes.append(Push(event.at_us, False, EventRef.of(event)))
        else:
            settled.is_open = False
            settled.ref = EventRef.of(event)

    def _answered(self, at_us: int, pushes: list[Push]) -> Push | None:
        """The push that an approval answers."""
        newest = next((push for push in reversed(pushes) if push.is_open), None)
        return newest if newest is not None and at_us - newest.at_us <= self._answer_us else None

    def _verdict(self, event: PlacedEvent, pushes: list[Push], *, denied: int = 0) -> Verdict:
        """The verdict on `pushes`; `denied`: how many more of them `event` denies."""
        counted, at_least = len(pushes), self.params.at_least
        if not counted or (counted < at_least and not self.near_misses):
            return None
        since_us = pushes[0].at_us
        evidence = FatigueEvidence(
            counted=counted,
            denied=denied + sum(not push.is_open for push in pushes),
            at_least=at_least,
            window_seconds=self._window_us // SECOND_US,
            seconds=round((event.at_us - since_us) / SECOND_US),
            since=instant(since_us),
            approved=self.params.then_approved,
        )
        if counted < at_least:
            return NearMiss(evidence=evidence, key="", strength=counted / at_least)
        refs = sorted((push.ref for push in pushes if push.ref is not None), key=lambda ref: (ref.at_us, ref.id))
        return Finding(evidence=evidence, key="", strength=counted / at_least, events=tuple(refs))
