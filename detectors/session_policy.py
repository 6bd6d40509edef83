"""A session that lives longer than it may: after its end, beyond its greatest age, or after too long a rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import By, Finding, NotEvaluable, Verdict
from models.instants import DAY_US, SECOND_US, instant, span_us
from models.spans import Span, span_words

SESSIONS_MAX: Final = 48
"""Sessions remembered for a subject; the longest unused goes first."""
KEEP_US: Final = 30 * DAY_US
"""How long a session is remembered after its last event, in microseconds."""
ENDS: Final[frozenset[EventKind]] = frozenset({"logout", "timeout", "revoked"})
"""Kinds that end a session."""

Breach = Literal["after_end", "too_old", "too_idle"]


class PolicyParams(DetectorParams):
    """How long a session may live, and how long it may go on after its end."""

    grace: Span = Field(
        timedelta(minutes=5),
        ge=timedelta(0),
        le=timedelta(hours=24),
        description="How long after its end a session may still be seen: requests under way, clocks that differ.",
    )
    ends: tuple[Literal["logout", "timeout", "revoked"], ...] = Field(
        ("logout", "timeout", "revoked"), max_length=3, description="Kinds after which a session counts as ended."
    )
    lifetime_max: Span | None = Field(
        None, ge=timedelta(minutes=1), le=timedelta(days=30), description="The greatest age of a session; none: any."
    )
    idle_max: Span | None = Field(
        None, ge=timedelta(minutes=1), le=timedelta(days=30), description="The longest rest of a session; none: any."
    )


class Life(msgspec.Struct, array_like=True):
    """When a session began and was last seen; of one that has ended all that counts is the event that ended it."""

    first_us: int
    last_us: int
    end: EventRef | None = None


class PolicyState(DetectorState):
    """Sessions by their ids, the longest unused first; without limits of age and rest only those that have ended."""

    lives: dict[str, Life] = msgspec.field(default_factory=dict)


class PolicyEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """What was breached, and by how much: the seconds measured against the seconds allowed."""

    breach: str
    session: str
    seconds: int
    seconds_max: int
    since: datetime
    ended_by: str = ""


class SessionPolicy(Detector[PolicyParams, PolicyState]):
    """A session that is used after its end, beyond its greatest age, or after too long a rest.

    A sign-in begins a session anew, whatever came before. What ends a session is no use of it.
    """

    kind: ClassVar[str] = "session_policy"
    Params = PolicyParams
    State = PolicyState
    Evidence = PolicyEvidence
    sheds: ClassVar[tuple[str, ...]] = ("lives",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "session"})
    hears: ClassVar[frozenset[EventKind]] = ENDS

    def __init__(self, params: PolicyParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._grace_us = span_us(params.grace)
        self._ends = frozenset[EventKind](params.ends)
        self._lifetime_us = span_us(params.lifetime_max) if params.lifetime_max is not None else None
        self._idle_us = span_us(params.idle_max) if params.idle_max is not None else None

    @property
    def keep_us(self) -> int:
        """A month."""
        return KEEP_US

    def judge(self, event: PlacedEvent, state: PolicyState) -> Verdict:
        """Whether the session of `event` should no longer be there."""
        if not event.session:
            return NotEvaluable("no_session")
        life = state.lives.get(event.session)
        if life is None or event.kind == "login" or event.kind in ENDS:
            return None
        if life.end is not None:
            after_us = event.at_us - life.end.at_us
            return (
                self._found(event, "after_end", after_us, self._grace_us, life) if after_us > self._grace_us else None
            )
        age_us, idle_us = event.at_us - life.first_us, event.at_us - life.last_us
        if self._lifetime_us is not None and age_us > self._lifetime_us:
            return self._found(event, "too_old", age_us, self._lifetime_us, life)
        if self._idle_us is not None and idle_us > self._idle_us:
            return self._found(event, "too_idle", idle_us, self._idle_us, life)
        return None

    def learn(self, event: PlacedEvent, state: PolicyState, *, suspect: bool) -> None:
        """Note that the session is there, or has ended. A flagged use begins nothing anew."""
        if not event.session or (event.kind in ENDS and event.kind not in self._ends):
            return
        life = state.lives.pop(event.session, None)
        if event.kind in self._ends:
            if life is None or life.end is None:
                life = Life(event.at_us, event.at_us, EventRef.of(event))
        elif life is None or (event.kind == "login" and not suspect):
            life = Life(event.at_us, event.at_us)
        elif not suspect and life.end is None:
            life.last_us = event.at_us
        if life.end is None and self._lifetime_us is None and self._idle_us is None:
            return  # only ends can be breached, so of a session that goes on nothing needs to be known
        state.lives[event.session] = life
        if len(state.lives) > SESSIONS_MAX:
            del state.lives[next(iter(state.lives))]

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_policy(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How long the session went on, and how long it may."""
        measured = span_words(timedelta(seconds=evidence["seconds"]))
        allowed = span_words(timedelta(seconds=evidence["seconds_max"]))
        how = {
            "after_end": f"was used {measured} after it had ended ({evidence['ended_by']})",
            "too_old": f"was used {measured} after it began",
            "too_idle": f"was used after {measured} of rest",
        }[evidence["breach"]]
        return f"{who}: session {evidence['session']} {how} (alerts beyond {allowed})"

    @staticmethod
    def _found(event: PlacedEvent, breach: Breach, measured_us: int, allowed_us: int, life: Life) -> Finding:
        since_us = event.at_us - measured_us
        return Finding(
            evidence=PolicyEvidence(
                breach=breach,
                session=event.session,
                seconds=measured_us // SECOND_US,
                seconds_max=allowed_us // SECOND_US,
                since=instant(since_us),
                ended_by=life.end.kind if life.end is not None else "",
            ),
            key=f"{event.session}/{breach}",
            strength=max(1.0, measured_us / max(allowed_us, SECOND_US)),
            events=(life.end,) if life.end is not None else (),
        )
