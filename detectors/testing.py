"""`check_detector`: the promises of a detector, tried on any detector, ours or a plugin's.

In a test of your own: `check_detector(MyDetector)`. It makes up its own streams of events; give `streams` of your own
where those do not make your detector find anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, get_args, get_origin

import annotated_types
import msgspec
from pydantic.fields import FieldInfo

from detectors.detector import GROWTH_BYTES_MAX, GROWTH_TEXTS_MAX, BucketDetector, Detector, DetectorEvidence
from detectors.worlds import burst, feed, flood, in_order, office, restless
from models.events import KINDS, EventKind, PlacedEvent, text_bytes
from models.findings import Candidate, Finding, NearMiss, NotEvaluable, Verdict
from models.instants import DAY_US
from sessionwatch.errors import DetectorError

STATE_BYTES_MAX: Final = 64 * 1024
"""What one rule may remember of one subject, in bytes as written; a subject's rules together have 128 KiB."""

KEEP_MAX_US: Final = 3660 * DAY_US
"""How long a detector may want its state kept after the last event, in microseconds."""
SEEDS: Final = (1, 2)
SENTENCE_MAX: Final = 1000
"""Characters of a sentence."""

AnyDetector = Detector[Any, Any]
_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True)
class Trial:
    """One detector class with parameters, and the streams to try it on."""

    cls: type[AnyDetector]
    params: Mapping[str, Any]
    streams: tuple[tuple[str, tuple[PlacedEvent, ...]], ...]
    kinds: frozenset[EventKind]
    alone_is_proof: bool
    spoken: list[Finding] = field(default_factory=list)

    def made(self, *, near_misses: bool = False) -> AnyDetector:
        """A new object, with nothing in common with any before it."""
        return self.cls(self.cls.Params(**self.params), near_misses=near_misses)

    def run(self, events: Sequence[PlacedEvent], state: Any = None, *, near_misses: bool = False) -> list[Verdict]:
        """Judge and learn in order, with a new object."""
        return feed(self.made(near_misses=near_misses), events, state, kinds=self.kinds)

    def broken(self, promise: str, how: str) -> DetectorError:
        """What to raise when a promise is not kept."""
        given = f" with {dict(self.params)}" if self.params else ""
        return DetectorError(f'detector "{self.cls.kind}"{given} breaks the promise that {promise}: {how}')


def check_detector(
    detector: type[AnyDetector],
    params: Mapping[str, Any] | None = None,
    *,
    streams: Iterable[Sequence[PlacedEvent]] = (),
    kinds: frozenset[EventKind] | None = None,
    alone_is_proof: bool = False,
) -> None:
    """Try every promise of `detectors.detector` on `detector` with `params` (default: its own defaults).

    `streams` are further streams of one subject's events, in order. `kinds` are those that a rule would select
    (default: every kind that the detector does not only hear). `alone_is_proof`: an event without any history may be a
    finding, as one export of a million records is.

    Raises:
        DetectorError: a promise is broken; the message names the promise and the event.
    """
    judged = kinds if kinds is not None else frozenset(KINDS) - detector.hears
    own = [("yours", tuple(in_order(stream))) for stream in streams]
    made = [(f"{make.__name__}({s})", tuple(make(s))) for make in (restless, burst, office) for s in SEEDS]
    made.append(("flood(1)", tuple(flood(1, many=300))))
    trial = Trial(detector, dict(params or {}), (*own, *made), judged, alone_is_proof)
    _check_params(trial)
    _check_keeping(trial)
    for name, events in trial.streams:
        _check_verdicts(trial, name, events)
        _check_sameness(trial, name, events)
        _check_purity(trial, name, events)
        _check_pruning(trial, name, events)
        _check_restoring(trial, name, events)
        _check_empty_history(trial, name, events)
        _check_timers(trial, name, events)
        _check_growth(trial, name, events)
    _check_apart(trial)
    _check_bounds(trial)
    if issubclass(detector, BucketDetector):
        _check_buckets(trial)
    _check_sentence(trial)


def _check_params(trial: Trial) -> None:
    promise = "every parameter is documented, with bounds"
    model = trial.cls.Params
    if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
        raise trial.broken(promise, 'Params must keep extra="forbid" and frozen=True')
    for name, info in model.model_fields.items():
        if not (info.description or "").strip():
            raise trial.broken(promise, f"`{name}` has no description")
        if lacking := _lacking(info):
            raise trial.broken(promise, f"`{name}` has no {lacking}")


def _lacking(info: FieldInfo) -> str:
    """Which bound a parameter of this type should have and has not."""
    marks = [
        mark for one in info.metadata for mark in (one if isinstance(one, annotated_types.GroupedMetadata) else [one])
    ]
    types = {get_origin(one) or one for one in (get_args(info.annotation) or (info.annotation,))} | {
        get_origin(info.annotation) or info.annotation
    }
    if types & {int, float, timedelta} and not types & {dict, list, tuple, set, frozenset}:
        if not any(isinstance(mark, annotated_types.Ge | annotated_types.Gt) for mark in marks):
            return "lower bound (`ge=` or `gt=`)"
        if not any(isinstance(mark, annotated_types.Le | annotated_types.Lt) for mark in marks):
            return "upper bound (`le=` or `lt=`)"
    if types & {dict, list, tuple, set, frozenset} and not any(
        isinstance(mark, annotated_types.MaxLen) or getattr(mark, "max_length", None) is not None for mark in marks
    ):
        return "greatest length (`max_length=`)"
    return ""


def _check_keeping(trial: Trial) -> None:
    promise = "`keep_us` says how long the state matters"
    one = trial.made()
    before: Any = one.keep_us
    if not isinstance(before, int) or not 0 < before <= KEEP_MAX_US:
        raise trial.broken(promise, f"it is {before!r}, not microseconds from 1 to ten years")
    feed(one, trial.streams[0][1], kinds=trial.kinds)
    if one.keep_us != before:
        raise trial.broken(promise, "it changed while events were judged; it may depend on the parameters alone")


def _check_verdicts(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "`judge` returns a finding, a near miss, that it cannot tell, or None, each well formed"
    for near_misses in (False, True):
        verdicts = trial.run(events, near_misses=near_misses)
        for event, verdict in zip(events, verdicts, strict=True):
            if how := _malformed(trial.cls, verdict, near_misses=near_misses):
                raise trial.broken(promise, f"{how}, at {event.id} of {name}")
            if isinstance(verdict, Finding):
                trial.spoken.append(verdict)


def _malformed(cls: type[AnyDetector], verdict: Any, *, near_misses: bool) -> str:
    """What is wrong with a verdict; empty where nothing is."""
    if isinstance(verdict, Finding | NearMiss):
        if not (isinstance(verdict.evidence, cls.Evidence) and isinstance(verdict.evidence, DetectorEvidence)):
            return f"its evidence is {type(verdict.evidence).__name__}, not its own `Evidence`"
        faults = _faults_of_finding(verdict) if isinstance(verdict, Finding) else _faults_of_miss(verdict, near_misses)
        return next((how for how, is_so in faults if is_so), "")
    if isinstance(verdict, NotEvaluable):
        return "" if verdict.reason.isidentifier() else f"the reason {verdict.reason!r} is no snake_case word"
    return "" if verdict is None else f"it returned {type(verdict).__name__}"


def _faults_of_finding(finding: Finding) -> list[tuple[str, bool]]:
    times = [ref.at_us for ref in finding.events]
    strength = finding.strength
    return [
        (f"a finding has the strength {strength}", not math.isfinite(strength) or strength < 1),
        ("a candidate is no `Candidate`", not all(isinstance(one, Candidate) for one in finding.candidates)),
        ("its events are not oldest first", times != sorted(times)),
    ]


def _faults_of_miss(miss: NearMiss, asked: bool) -> list[tuple[str, bool]]:  # noqa: FBT001 - private, and called once
    return [
        ("it returned a near miss, and was not asked for any", not asked),
        (f"a near miss has the strength {miss.strength}", not 0 <= miss.strength < 1),
    ]


def _check_sameness(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "the same events and parameters give the same findings"
    one, other = trial.cls.State(), trial.cls.State()
    first, second = trial.run(events, one), trial.run(events, other)
    for event, a, b in zip(events, first, second, strict=True):
        if _encode(a) != _encode(b):
            raise trial.broken(promise, f"two runs over {name} differ at {event.id}: {a} and {b}")
    if _encode(one) != _encode(other):
        raise trial.broken(promise, f"two runs over {name} leave different states")


def _check_pruning(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "`prune` changes no later verdict"
    one, other = trial.made(near_misses=True), trial.made(near_misses=True)
    state, pruned = trial.cls.State(), trial.cls.State()
    for event in events:
        other.prune(pruned, event.at_us)
        (a,), (b,) = feed(one, [event], state, kinds=trial.kinds), feed(other, [event], pruned, kinds=trial.kinds)
        if _encode(a) != _encode(b):
            raise trial.broken(promise, f"pruned before {event.id} of {name} it says {b}, else {a}")


def _check_purity(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "`judge` and `judge_late` change nothing"
    one, state = trial.made(near_misses=True), trial.cls.State()
    for event in events:
        before, said = _encode(state), _encode(event)
        for ask in (one.judge, one.judge_late):
            if event.kind in trial.kinds:
                ask(event, state)
            if _encode(state) != before:
                raise trial.broken(promise, f"`{ask.__name__}` changed the state at {event.id} of {name}")
            if _encode(event) != said:
                raise trial.broken(promise, f"`{ask.__name__}` changed the event {event.id} of {name}")
        feed(one, [event], state, kinds=trial.kinds)
        if _encode(event) != said:
            raise trial.broken("`learn` changes only the state", f"it changed the event {event.id} of {name}")


def _check_restoring(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "state written and read back at any point changes nothing"
    plain = trial.cls.State()
    packed = trial.cls.State()
    one, other = trial.made(), trial.made()
    for event in events:
        packed = msgspec.msgpack.decode(_encode(packed), type=trial.cls.State)
        (a,), (b,) = feed(one, [event], plain, kinds=trial.kinds), feed(other, [event], packed, kinds=trial.kinds)
        if _encode(a) != _encode(b):
            raise trial.broken(promise, f"restored before {event.id} of {name} it says {b}, else {a}")
        if _encode(plain) != _encode(packed):
            raise trial.broken(promise, f"restored before {event.id} of {name} the state goes another way")


def _check_empty_history(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    if trial.alone_is_proof:
        return
    one = trial.made()
    for event in events:
        if event.kind in trial.kinds and isinstance(one.judge(event, trial.cls.State()), Finding):
            raise trial.broken("an empty history accuses nobody", f"{event.id} of {name} is a finding on a new state")


def _check_timers(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = "a timer comes once, within `keep_us`, and moves on"
    one, state = trial.made(), trial.cls.State()
    for event in events:
        feed(one, [event], state, kinds=trial.kinds)
        due = one.due(state)
        if due is None:
            continue
        if not trial.cls.has_timers:
            raise trial.broken(promise, "`due` names a deadline, and `has_timers` is False")
        if due > state.touched_us + one.keep_us:
            raise trial.broken(promise, f"the deadline after {event.id} of {name} lies beyond `keep_us`")
        aside = msgspec.msgpack.decode(_encode(state), type=trial.cls.State)
        trial.spoken.extend(one.on_time(due, aside))
        after = one.due(aside)
        if after is not None and after <= due:
            raise trial.broken(promise, f"`on_time` leaves the deadline after {event.id} of {name} where it was")


def _check_apart(trial: Trial) -> None:
    promise = "subjects do not touch each other"
    (name_a, ann), (name_b, bob) = trial.streams[0], trial.streams[-1]
    alone = [trial.run(ann), trial.run(bob)]
    one, states = trial.made(), (trial.cls.State(), trial.cls.State())
    mixed: list[list[Verdict]] = [[], []]
    turns = sorted([(event.order, 0, event) for event in ann] + [(event.order, 1, event) for event in bob])
    for _, who, event in turns:
        mixed[who] += feed(one, [event], states[who], kinds=trial.kinds)
    if _encode(alone) != _encode(mixed):
        raise trial.broken(promise, f"{name_a} and {name_b} judged in turns by one object give other findings")


def _check_bounds(trial: Trial) -> None:
    promise = f"the state of one subject stays under {STATE_BYTES_MAX:,} bytes"
    for suspect in (False, True):
        one, state = trial.made(), trial.cls.State()
        for number, event in enumerate(flood(SEEDS[0])):
            if event.kind in trial.kinds:
                one.learn(event, state, suspect=suspect)
            elif event.kind in trial.cls.hears:
                one.hear(event, state, suspect=suspect)
            state.touched_us = event.at_us
            if number % 100 == 0 and (size := len(_encode(state))) > STATE_BYTES_MAX:
                flagged = ", all of them flagged" if suspect else ""
                raise trial.broken(promise, f"after {number} events of new values{flagged} it has {size:,}")


def _check_growth(trial: Trial, name: str, events: Sequence[PlacedEvent]) -> None:
    promise = f"one event adds {GROWTH_BYTES_MAX} bytes to a state at most, and its texts {GROWTH_TEXTS_MAX} times"
    for suspects in (0, 1, 3):
        one, state = trial.made(), trial.cls.State()
        before = len(_encode(state))
        for number, event in enumerate(events):
            suspect = bool(suspects) and number % suspects == 0
            if event.kind in trial.kinds:
                one.learn(event, state, suspect=suspect)
            elif event.kind in trial.cls.hears:
                one.hear(event, state, suspect=suspect)
            state.touched_us = event.at_us
            size = len(_encode(state))
            if size - before > GROWTH_BYTES_MAX + GROWTH_TEXTS_MAX * text_bytes(event):
                raise trial.broken(promise, f"{event.id} of {name} adds {size - before:,}")
            before = size


def _check_buckets(trial: Trial) -> None:
    promise = "a bucket is the same whatever order its events come in, and bounded"
    one: Any = trial.made()
    if not isinstance(one.bucket_us, int) or one.bucket_us <= 0:
        raise trial.broken(promise, f"`bucket_us` is {one.bucket_us!r}")
    for name, events in (*trial.streams, ("flood(2)", tuple(flood(2)))):
        states = (trial.cls.State(), trial.cls.State())
        for event, other in zip(events, reversed(events), strict=True):
            one.add(event, states[0])
            one.add(other, states[1])
        forwards, backwards = (one.close(0, state) for state in states)
        if _encode(forwards) != _encode(backwards):
            raise trial.broken(promise, f"{name} backwards closes with {backwards}, else {forwards}")
        if (size := len(_encode(states[0]))) > STATE_BYTES_MAX:
            raise trial.broken(promise, f"after {name} the bucket has {size:,} bytes")


def _check_sentence(trial: Trial) -> None:
    promise = "`sentence` says a finding in one plain line"
    if not trial.spoken:
        raise trial.broken(promise, "nothing made it find anything; give `streams=` of events that do")
    for finding in trial.spoken:
        told = msgspec.to_builtins(finding.evidence)
        told["set_aside"] = list(finding.set_aside)
        for evidence in (told, msgspec.json.decode(msgspec.json.encode(told))):
            said: Any = trial.cls.sentence(evidence, "Ann Example")
            if not isinstance(said, str) or not said.strip() or "\n" in said or len(said) > SENTENCE_MAX:
                raise trial.broken(promise, f"it says {said!r}")
            if "Ann Example" not in said:
                raise trial.broken(promise, f"it does not name the subject: {said!r}")
            if said.endswith("."):
                raise trial.broken(promise, f"the full stop is the alert's to add: {said!r}")
