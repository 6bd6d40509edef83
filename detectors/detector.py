"""The contract of a detector: what it is given, what it must return, and what it must never do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec
import pydantic

from detectors.columns import Bounds, Columns
from models.conditions import Condition
from models.events import EventKind, PlacedEvent
from models.findings import By, Finding, Verdict
from models.instants import DAY_US

GROWTH_BYTES_MAX: Final = 256
"""Bytes by which one event may make what a rule remembers of a subject larger, beside `GROWTH_TEXTS_MAX`."""
GROWTH_TEXTS_MAX: Final = 2
"""How many times over a rule may remember the texts of one event."""


class DetectorParams(pydantic.BaseModel):
    """The base of a detector's parameters: strict, frozen; units last in each name, bounds and a description on each.

    Spans of time are `timedelta` and are written in rule files as `90s`, `15m`, `8h`, `30d`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class DetectorState(msgspec.Struct, array_like=True):
    """The base of what a detector remembers of one subject under one rule. Bounded; plain data; msgpack both ways.

    Fields hold numbers, strings, bytes, tuples, lists, dicts and structs of these, all with defaults. `touched_us` is
    the engine's: the time of the last event learned from.
    """

    touched_us: int = 0


class DetectorEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The base of a detector's evidence: the numbers with their units and limits, as they will stand in the alert.

    Distances rounded to 0.1 km, spans to 1 s, so that the bytes stay equal; instants as aware datetimes; None where
    a value does not apply.
    """


P = TypeVar("P", bound=DetectorParams)
S = TypeVar("S", bound=DetectorState)


class Detector(ABC, Generic[P, S]):
    """One object per rule: it holds the rule's parameters and nothing of any subject.

    The engine hands over one subject's events in order, always; for one event first every rule judges, then every
    rule learns. A detector never sees lateness, other subjects, the clock, the disk or the network, and never changes
    an event. The same events and parameters give the same findings on any machine.
    """

    kind: ClassVar[str]
    """The word that a rule file uses in `detector:`."""

    Params: ClassVar[type[DetectorParams]]
    State: ClassVar[type[DetectorState]]
    Evidence: ClassVar[type[DetectorEvidence]]

    state_version: ClassVar[int] = 1
    """Raise it when the meaning of `State` changes: what was learned under another version is dropped, and said."""

    subjects: ClassVar[frozenset[By]] = frozenset({"user"})
    """The kinds of subject that a rule with this detector may judge (`by:`)."""

    hears: ClassVar[frozenset[EventKind]] = frozenset()
    """Kinds of which `hear` is told even where the rule's `when` does not select the event; those are never judged."""

    has_timers: ClassVar[bool] = False
    """Whether `due` and `on_time` mean anything; the engine asks no other detector for deadlines."""

    sheds: ClassVar[tuple[str, ...]] = ()
    """Fields of `State`, lists or dicts with the oldest first, whose oldest entries may go at any time without making
    anything look new: first of all where a subject's state outgrows its bound. Without any, all that the rule has
    learned of the subject goes then.
    """

    reads: frozenset[str] = frozenset()
    """Keys of `attributes` that it reads; others may have been dropped before it sees an event.

    Where parameters name the keys, the object sets its own in `__init__`.
    """

    asks: tuple[Condition, ...] = ()
    """Conditions in its parameters, whose answers `bounds` wants to see."""

    def __init__(self, params: P, *, near_misses: bool = False) -> None:
        """Hold `params`. `near_misses`: also return `NearMiss` for evaluations under the limit; costs time."""
        self.params = params
        self.near_misses = near_misses

    @property
    def keep_us(self) -> int:
        """How long after the last event learned from the state still matters, in microseconds of event time.

        After that the engine starts the subject anew. Override where a parameter (a window, `forget_after`) says it.
        """
        return 30 * DAY_US

    @abstractmethod
    def judge(self, event: PlacedEvent, state: S) -> Verdict:
        """Ask whether `event`, after what `state` remembers, is what the rule looks for.

        Called for each event the rule's `when` selects, before anything has learned from it. Must not change `state`.
        Return a `Finding`, `NotEvaluable` where evidence about the person is missing or too weak, or None. On a
        fresh state (`State()`) it must not return a finding unless the event alone is proof.
        """

    @abstractmethod
    def learn(self, event: PlacedEvent, state: S, *, suspect: bool) -> None:
        """Remember what `judge` will need; change `state` in place.

        Called after all rules of the subject judged `event`, for each event the rule's `when` selects. `suspect`:
        a rule that may alert fired on this event, so it must become neither baseline nor anchor; keep it aside,
        bounded, until MFA passed from it, a `verdict` event, or `accept_after` makes it known. Must keep `state`
        bounded: shed here, the oldest or least telling first; one event may add `GROWTH_BYTES_MAX` and its texts
        `GROWTH_TEXTS_MAX` times. Usual mistake: learning a suspect value as known.
        """

    def hear(self, event: PlacedEvent, state: S, *, suspect: bool) -> None:
        """Take note of an event of a kind in `hears` that the rule's `when` did not select; change `state` in place.

        Called in place of `learn`, at the same moment and under the same promises. Leave it out where a heard event
        teaches what a selected one does. Usual mistake: taking the place or device of an MFA result, which may be
        the phone's, for that of the sign-in.
        """
        self.learn(event, state, suspect=suspect)

    def due(self, state: S) -> int | None:
        """The earliest deadline that `state` waits for, in microseconds; None: it waits for nothing.

        Called after each `learn`, `hear` and `on_time`, only when `has_timers`. A pure function of `state`.
        """
        return None

    def on_time(self, at_us: int, state: S) -> Iterable[Finding]:
        """Absence and expiry: the deadline `at_us`, that `due` named, has come with no event before it.

        Must change `state` so that `due` moves beyond `at_us`. An event at the very deadline comes after it.
        """
        return ()

    def judge_late(self, event: PlacedEvent, state: S) -> Finding | None:
        """Judge an event that came later than the lateness bound, against settled state; it teaches nothing.

        The engine marks the alert `late`, and it never acts. Leave it at None unless what `state` still holds is
        enough to judge from both sides of the event's time.
        """
        return None

    def prune(self, state: S, now_us: int) -> None:
        """Forget what no event from `now_us` on can need any more; called before `state` is stored.

        Must change no later verdict, so that it never matters when, or whether, it was called. Leave it out where
        `learn` leaves nothing behind that has run out.
        """
        return

    def bounds(self, events: Columns) -> Bounds | None:
        """Of which subjects `judge` surely says nothing, told from all their events at once; None: it cannot tell.

        Called in a replay before anything is judged, so that subjects of whom no rule says anything can be left out.
        Must be sound, whatever the order of events of equal time: a subject without a loud event has no finding, and
        is not evaluable for exactly what is returned. May assume that nothing is suspect, and that `keep_us` holds.
        Leave it at None unless that can be told for sure; then the engine judges everybody.
        """
        return None

    @classmethod
    @abstractmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """One plain sentence for a person at 3 a.m., from the evidence as it stands in the alert's JSON.

        `who` is the subject's name. No jargon, units spelled, the limit beside the measured value. No full stop.
        """


class BucketDetector(ABC):
    """What a detector adds to serve `by: tenant`: closed buckets of event time, judged whole, in no order.

    Buckets begin at multiples of `bucket_us` since the epoch. Adding must commute: any order, the same bucket.
    """

    @property
    @abstractmethod
    def bucket_us(self) -> int:
        """The length of a bucket in microseconds."""

    @abstractmethod
    def add(self, event: PlacedEvent, state: Any) -> None:
        """Count `event` into the bucket; bounded."""

    @abstractmethod
    def close(self, start_us: int, state: Any) -> Finding | None:
        """Judge the bucket that began at `start_us` and has closed."""
