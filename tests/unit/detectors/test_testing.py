"""`check_detector` finds the detector that breaks a promise, and says which: one broken detector for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pydantic
import pytest
from pydantic import Field

from detectors.detector import BucketDetector, Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.testing import check_detector
from detectors.worlds import an_event
from models.events import EventKind, PlacedEvent
from models.findings import Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US
from sessionwatch.errors import DetectorError


class TallyParams(DetectorParams):
    """How many."""

    at_least: int = Field(5, ge=2, le=100, description="Events, counted since the first.")


class TallyState(DetectorState):
    """How many so far."""

    count: int = 0


class TallyEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """How many."""

    count: int


class Tally(Detector[TallyParams, TallyState]):
    """The smallest detector that keeps every promise."""

    kind: ClassVar[str] = "tally"
    Params = TallyParams
    State = TallyState
    Evidence = TallyEvidence

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Whether `event` is one too many."""
        if state.count + 1 < self.params.at_least:
            return None
        return Finding(evidence=TallyEvidence(count=state.count + 1))

    def learn(self, event: PlacedEvent, state: TallyState, *, suspect: bool) -> None:
        """Count."""
        state.count += 1

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """How many."""
        return f"{who} did {evidence['count']} things"


def test_a_good_detector_passes() -> None:
    """The smallest one keeps every promise."""
    check_detector(Tally)


class Undocumented(Tally):
    """A parameter says nothing."""

    class Params(TallyParams):
        """Twice."""

        twice: bool = False


class Unbounded(Tally):
    """A parameter has no upper bound."""

    class Params(TallyParams):
        """More."""

        more: int | None = Field(None, ge=0, description="More.")


class Endless(Tally):
    """A list of any length."""

    class Params(TallyParams):
        """Names."""

        names: tuple[str, ...] = Field((), description="Names.")


class Lax(Tally):
    """Takes parameters it does not know."""

    class Params(TallyParams):
        """Anything."""

        model_config = pydantic.ConfigDict(extra="allow", frozen=True)


class Forgetless(Tally):
    """Never lets go."""

    @property
    def keep_us(self) -> int:
        """For ever."""
        return 2**62


class Impure(Tally):
    """Learns while judging."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Count at once."""
        state.count += 1
        return super().judge(event, state)


class ImpureLate(Tally):
    """Learns from late events."""

    def judge_late(self, event: PlacedEvent, state: TallyState) -> Finding | None:
        """Count."""
        state.count += 1
        return None


class Gossip(Tally):
    """Keeps what it learned of a subject in itself."""

    def __init__(self, params: TallyParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self.seen = 0

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Judge by everybody's events."""
        return Finding(evidence=TallyEvidence(count=self.seen)) if self.seen % 7 == 6 and state.count else None

    def learn(self, event: PlacedEvent, state: TallyState, *, suspect: bool) -> None:
        """Count in the wrong place."""
        super().learn(event, state, suspect=suspect)
        self.seen += 1


class Moody(Tally):
    """Depends on more than events and parameters."""

    moods: ClassVar[list[int]] = []

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Another answer each time."""
        self.moods.append(1)
        return Finding(evidence=TallyEvidence(count=len(self.moods))) if state.count > 3 else None


class Lossy(Tally):
    """Remembers what does not go to bytes."""

    class State(TallyState):
        """A set on the side."""

        aside: Any = None

    def learn(self, event: PlacedEvent, state: Any, *, suspect: bool) -> None:
        """A tuple comes back as a list."""
        state.count += 1 if isinstance(state.aside, tuple) else 2
        state.aside = (1, 2)


class Accuser(Tally):
    """Fires on the first event."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Always."""
        return Finding(evidence=TallyEvidence(count=1))


class Hoarder(Tally):
    """Keeps every session id."""

    class State(TallyState):
        """All of them."""

        sessions: list[str] = msgspec.field(default_factory=list)

    def learn(self, event: PlacedEvent, state: Any, *, suspect: bool) -> None:
        """Keep."""
        state.count += 1
        state.sessions.append(event.session)


class HoarderOfSuspects(Hoarder):
    """Keeps every flagged one."""

    def learn(self, event: PlacedEvent, state: Any, *, suspect: bool) -> None:
        """Keep the flagged."""
        if suspect:
            super().learn(event, state, suspect=suspect)
        else:
            state.count += 1


class Weak(Tally):
    """A finding under its own limit."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Half."""
        return Finding(evidence=TallyEvidence(count=1), strength=0.5) if state.count else None


class Boundless(Tally):
    """A finding that cannot be written."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Infinitely."""
        return Finding(evidence=TallyEvidence(count=1), strength=float("inf")) if state.count else None


class Pushy(Tally):
    """Near misses unasked."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Nearly."""
        return super().judge(event, state) or NearMiss(evidence=TallyEvidence(count=1), strength=0.5)


class Wordy(Tally):
    """A reason in prose."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Because."""
        return super().judge(event, state) or NotEvaluable("I do not know.")


class Foreign(Tally):
    """Another's evidence."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Something."""
        return Finding(evidence=TallyState()) if state.count else None


class Stopped(Tally):
    """Ends with a full stop."""

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Stop."""
        return super().sentence(evidence, who) + "."


class Nameless(Tally):
    """Does not say who."""

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Somebody."""
        return f"somebody did {evidence['count']} things"


class Silent(Tally):
    """Never finds anything."""

    def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
        """Never."""
        return None


class Stuck(Tally):
    """A timer that does not move."""

    has_timers: ClassVar[bool] = True

    def due(self, state: TallyState) -> int | None:
        """Always the same."""
        return state.touched_us + 1 if state.count else None


class Distant(Tally):
    """A timer after the state is forgotten."""

    has_timers: ClassVar[bool] = True

    def due(self, state: TallyState) -> int | None:
        """Next quarter."""
        return state.touched_us + 90 * DAY_US if state.count else None


class Unannounced(Tally):
    """A timer that no engine asks for."""

    def due(self, state: TallyState) -> int | None:
        """Soon."""
        return state.touched_us + 1 if state.count else None


class Heaped(Tally, BucketDetector):
    """A bucket that remembers who came last."""

    class State(TallyState):
        """The last one."""

        last: str = ""

    @property
    def bucket_us(self) -> int:
        """A day."""
        return DAY_US

    def add(self, event: PlacedEvent, state: Any) -> None:
        """The last counts."""
        state.last = event.id

    def close(self, start_us: int, state: Any) -> Finding | None:
        """Fires on even ids."""
        return Finding(evidence=TallyEvidence(count=1), key=state.last)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (Undocumented, "`twice` has no description"),
        (Unbounded, "`more` has no upper bound"),
        (Endless, "`names` has no greatest length"),
        (Lax, "extra="),
        (Forgetless, "`keep_us` says how long"),
        (Impure, "`judge` changed the state"),
        (ImpureLate, "`judge_late` changed the state"),
        (Gossip, "subjects do not touch each other"),
        (Moody, "the same events and parameters"),
        (Lossy, "written and read back"),
        (Accuser, "an empty history accuses nobody"),
        (Hoarder, "stays under"),
        (HoarderOfSuspects, "all of them flagged"),
        (Weak, "strength 0.5"),
        (Boundless, "strength inf"),
        (Pushy, "was not asked"),
        (Wordy, "no snake_case word"),
        (Foreign, "not its own `Evidence`"),
        (Stopped, "full stop"),
        (Nameless, "does not name the subject"),
        (Silent, "give `streams="),
        (Stuck, "leaves the deadline"),
        (Distant, "lies beyond `keep_us`"),
        (Unannounced, "`has_timers` is False"),
        (Heaped, "whatever order"),
    ],
)
def test_a_broken_promise_is_named(broken: type[Detector[Any, Any]], says: str) -> None:
    """Each is refused, with the promise it breaks and where."""
    with pytest.raises(DetectorError) as refused:
        check_detector(broken)
    assert says in str(refused.value)
    assert '"tally"' in str(refused.value)


def test_streams_of_your_own_are_tried_too() -> None:
    """A detector that speaks only of what made-up streams never hold can be given its own."""

    class Rare(Tally):
        """Speaks of one application only."""

        def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
            """Count that application."""
            return super().judge(event, state) if event.app == "rare" else None

    with pytest.raises(DetectorError, match="give `streams="):
        check_detector(Rare)
    check_detector(Rare, streams=[[an_event("login", n, app="rare") for n in range(9)]])


def test_only_the_kinds_of_the_rule_are_judged() -> None:
    """`kinds` stands for the rule's `when`."""

    class Strict(Tally):
        """Must never be asked about a logout."""

        def judge(self, event: PlacedEvent, state: TallyState) -> Verdict:
            """Fail on others."""
            assert event.kind == "login"
            return super().judge(event, state)

    logins: frozenset[EventKind] = frozenset({"login"})
    check_detector(Strict, kinds=logins)
    with pytest.raises(AssertionError):
        check_detector(Strict)
