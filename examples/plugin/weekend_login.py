"""Somebody who never works at weekends signs in on a Saturday or a Sunday."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

from pydantic import Field

from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from models.events import PlacedEvent
from models.findings import Finding, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US, instant, span_us
from models.spans import Span

WEEKEND = {5: "Saturday", 6: "Sunday"}


class WeekendParams(DetectorParams):
    """Whose weekend, and how much history makes a habit."""

    utc_offset_hours: int = Field(
        0, ge=-12, le=14, description="Local time less UTC, in hours, for where a day begins."
    )
    history_min: Span = Field(
        timedelta(days=14),
        ge=timedelta(days=7),
        le=timedelta(days=90),
        description="Time since the first sign-in seen, before which nothing is judged.",
    )
    weekends_quiet_max: int = Field(
        0, ge=0, le=20, description="Weekend days worked before that still count as never working at weekends."
    )


class WeekendState(DetectorState):
    """When the person was first seen, and the weekend days worked: how many, and the last of them."""

    first_us: int | None = None
    weekend_days: int = 0
    last_day: int = -1


class WeekendEvidence(DetectorEvidence):
    """What the alert says."""

    day: date
    weekday: str
    weekend_days_before: int
    known_for_days: int


class WeekendLogin(Detector[WeekendParams, WeekendState]):
    """A sign-in on a Saturday or Sunday of somebody who does not work at weekends."""

    kind: ClassVar[str] = "weekend_login"
    Params = WeekendParams
    State = WeekendState
    Evidence = WeekendEvidence

    @property
    def keep_us(self) -> int:
        """A habit that was not seen for a quarter is a habit no more."""
        return 90 * DAY_US

    def judge(self, event: PlacedEvent, state: WeekendState) -> Verdict:
        """A finding on a weekend day, once there is history enough to speak of a habit."""
        day = self._day(event.at_us)
        if day.weekday() not in WEEKEND:
            return None
        if state.first_us is None or event.at_us - state.first_us < span_us(self.params.history_min):
            return NotEvaluable("too_little_history")
        if state.weekend_days > self.params.weekends_quiet_max:
            return None
        return Finding(
            key=day.isoformat(),
            evidence=WeekendEvidence(
                day=day,
                weekday=WEEKEND[day.weekday()],
                weekend_days_before=state.weekend_days,
                known_for_days=(event.at_us - state.first_us) // DAY_US,
            ),
        )

    def learn(self, event: PlacedEvent, state: WeekendState, *, suspect: bool) -> None:
        """Count weekend days; a flagged one is no habit."""
        if state.first_us is None:
            state.first_us = event.at_us
        day = self._day(event.at_us)
        if day.weekday() in WEEKEND and day.toordinal() != state.last_day and not suspect:
            state.weekend_days += 1
            state.last_day = day.toordinal()

    def _day(self, at_us: int) -> date:
        return instant(at_us + self.params.utc_offset_hours * HOUR_US).date()

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """One sentence."""
        return (
            f"{who} signed in on {evidence['weekday']} {evidence['day']}, after {evidence['known_for_days']} days "
            f"with {evidence['weekend_days_before']} weekend days worked"
        )
