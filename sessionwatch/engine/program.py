"""A ruleset compiled for one subject kind: a dispatch table per event kind, and the codec of a subject's state."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec

from detectors.detector import BucketDetector, Detector, DetectorState
from models.events import KINDS, EventKind, PlacedEvent, account_of
from models.findings import By, Verdict
from models.instants import HOUR_US, NEVER_US
from sessionwatch.engine.folds import Fold
from sessionwatch.errors import DetectorError, StateError
from sessionwatch.ruleset.compiled import CompiledRule, Predicate, Ruleset

STATE_SCHEMA: Final = 1
"""The schema of encoded state. Newer bytes are refused rather than guessed at."""

STATE_BYTES_MAX: Final = 128 * 1024
"""Bytes of one subject's state as encoded, all rules and open folds together. Beyond it the oldest of what takes most
goes, as soon as an event has been learned from; what has nothing older than the rest starts learning anew. It is
counted by rule."""

LATE_JUDGED_US: Final = 4 * HOUR_US
"""How long after its window has passed a rule can still judge an event that came beyond its lateness bound, in
microseconds of event time: as late as the slowest bundled source (Microsoft 365) may be in order."""
EMPTY_BYTES_MAX: Final = 64
"""Bytes of a state in which nothing was learned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule's interest in one event kind: judged where `when` holds, else only heard where `hears`.

    `judge`, `learn` and `hear` are the detector's, found once and not at each event.
    """

    index: int
    rule: CompiledRule
    detector: Detector[Any, Any]
    when: Predicate | None
    judges: bool
    hears: bool
    alerts: bool
    keep_us: int
    new_state: type[DetectorState]
    judge: Callable[[PlacedEvent, Any], Verdict]
    learn: Callable[..., None]
    hear: Callable[..., None]
    timed: bool


class SubjectState:
    """All that is known of one subject up to `now_us`: a part for each rule, open folds, the next deadline.

    `room` is by how many bytes it may surely grow before it must be looked at whether it is too large.
    """

    __slots__ = ("due_us", "folds", "now_us", "parts", "room")

    def __init__(self, parts: list[Any], folds: dict[str, Fold], now_us: int, due_us: int) -> None:
        """Hold the parts, one for each rule of the program, None where a rule has met nothing yet."""
        self.parts = parts
        self.folds = folds
        self.now_us = now_us
        self.due_us = due_us
        self.room = STATE_BYTES_MAX - EMPTY_BYTES_MAX


class Program:
    """The rules of one subject kind, ready to run. Holds no subject's data."""

    def __init__(self, ruleset: Ruleset, by: By) -> None:
        """Compile the rules `by` this subject kind.

        Raises: DetectorError where two rules' state would share a tag.
        """
        self.by = by
        self.rules = tuple(rule for rule in ruleset.rules if rule.by == by and rule.mode != "off")
        self.table = {kind: _entries(self.rules, kind) for kind in KINDS}
        self.entries = tuple(_entry(i, rule, None) for i, rule in enumerate(self.rules))
        self.timed = tuple(i for i, rule in enumerate(self.rules) if rule.detector.has_timers)
        self.tags = tuple(_tag(rule) for rule in self.rules)
        self.kept_us = tuple(_kept_us(rule) for rule in self.rules)
        """How long after its last event each rule's part is kept, in microseconds; None: as long as the subject."""
        self._expiring = tuple((i, kept_us) for i, kept_us in enumerate(self.kept_us) if kept_us is not None)
        self._pruning = tuple(
            (i, rule.detector.prune)
            for i, rule in enumerate(self.rules)
            if type(rule.detector).prune is not Detector.prune
        )
        if len(set(self.tags)) != len(self.tags):
            raise DetectorError(
                f"two rules by {by} share a state tag; rename one of {[rule.id for rule in self.rules]}"
            )
        versions = "".join([*(rule.id + rule.version for rule in self.rules), *self.tags])
        self.pack = hashlib.blake2b(versions.encode(), digest_size=6).digest()
        self.by_id = {rule.id: rule for rule in self.rules}
        self._parts_type = _parts_type(self.tags, [rule.detector.State for rule in self.rules])
        encoded = msgspec.defstruct(
            "EncodedState",
            [("schema", int), ("parts", self._parts_type), ("folds", dict[str, Fold]), ("now_us", int)],
            array_like=True,
        )
        self._encoded: Any = encoded
        self._encode = msgspec.msgpack.Encoder().encode
        decoder: Any = msgspec.msgpack.Decoder(encoded)
        self._decode = decoder.decode

    def new(self) -> SubjectState:
        """The state of a subject never met."""
        return SubjectState([None] * len(self.rules), {}, -NEVER_US, NEVER_US)

    def concerns(self, event: PlacedEvent) -> bool:
        """Whether any rule judges or hears `event`: one that none does leaves nothing behind."""
        for entry in self.table[event.kind]:
            when = entry.when
            if entry.hears or when is None or when(event):
                return True
        return False

    def encode(self, state: SubjectState) -> bytes:
        """State to bytes; each rule's part under its tag, so that other rules can read what is still theirs.

        A part that the next event would find expired is dropped, and of others what has run out.
        """
        now_us, parts = state.now_us, state.parts
        for i, kept_us in self._expiring:
            part = parts[i]
            if part is not None and now_us - part.touched_us > kept_us:
                parts[i] = None
        for i, prune in self._pruning:
            part = parts[i]
            if part is not None:
                prune(part, now_us)
        return self._encode(self._encoded(STATE_SCHEMA, self._parts_type(*parts), state.folds, now_us))

    def decode(self, data: bytes) -> SubjectState:
        """Bytes to state; parts of unknown tags are left out, rules without a part start anew.

        Raises: StateError where the bytes are of a newer schema or cut short.
        """
        try:
            found = self._decode(data)
        except msgspec.DecodeError as error:
            message = f"state of a subject by {self.by} cannot be read: {error}; restore an older snapshot"
            raise StateError(message) from error
        if found.schema > STATE_SCHEMA:
            message = f"state has schema {found.schema}, this engine reads up to {STATE_SCHEMA}; upgrade it first"
            raise StateError(message)
        state = SubjectState(list(msgspec.structs.astuple(found.parts)), found.folds, found.now_us, NEVER_US)
        state.due_us = self.next_due(state)
        state.room = STATE_BYTES_MAX - len(data)
        return state

    def forgotten(self, data: bytes) -> int:
        """How many parts of encoded state belong to no rule of this program: those rules start learning anew."""
        return sum(tag not in self.tags for tag in msgspec.msgpack.decode(data)[1])

    def next_due(self, state: SubjectState) -> int:
        """The earliest deadline: a fold's end or a detector's timer."""
        due = min((fold.end_us for fold in state.folds.values()), default=NEVER_US)
        for i in self.timed:
            part = state.parts[i]
            if part is not None and (at := self.rules[i].detector.due(part)) is not None and at < due:
                due = at
        return due


def value_of(by: By) -> Callable[[PlacedEvent], str]:
    """Reads an event's subject of the kind `by`; empty where it has none."""
    return account_of if by == "account" else attrgetter({"ip": "network"}.get(by, by))


class BucketProgram:
    """The rules by tenant: each judges closed buckets of event time."""

    def __init__(self, ruleset: Ruleset) -> None:
        """Compile the rules by tenant.

        Raises: DetectorError where a detector cannot judge buckets.
        """
        self.rules = tuple(rule for rule in ruleset.rules if rule.by == "tenant" and rule.mode != "off")
        self.detectors = tuple(_bucket_detector(rule) for rule in self.rules)
        self.table = {kind: tuple((i, r) for i, r in enumerate(self.rules) if kind in r.kinds) for kind in KINDS}


def _bucket_detector(rule: CompiledRule) -> BucketDetector:
    if not isinstance(rule.detector, BucketDetector):
        raise DetectorError(f"rule {rule.id}: detector {rule.detector.kind} cannot judge by tenant; judge by user")
    return rule.detector


def _entries(rules: Sequence[CompiledRule], kind: EventKind) -> tuple[Entry, ...]:
    return tuple(
        _entry(i, rule, kind) for i, rule in enumerate(rules) if kind in rule.kinds or kind in rule.detector.hears
    )


def _entry(index: int, rule: CompiledRule, kind: EventKind | None) -> Entry:
    return Entry(
        index=index,
        rule=rule,
        detector=rule.detector,
        when=rule.when,
        judges=kind in rule.kinds,
        hears=kind in rule.detector.hears,
        alerts=rule.mode in {"alert", "enforce"},
        keep_us=rule.detector.keep_us,
        new_state=rule.detector.State,
        judge=rule.detector.judge,
        learn=rule.detector.learn,
        hear=rule.detector.hear,
        timed=rule.detector.has_timers,
    )


def _kept_us(rule: CompiledRule) -> int | None:
    """How long the rule's part may be asked for after its last event: longer where late events ask; None: for ever."""
    if rule.detector.has_timers:
        return None
    asked_late = type(rule.detector).judge_late is not Detector.judge_late
    return rule.detector.keep_us + (LATE_JUDGED_US if asked_late else 0)


def _tag(rule: CompiledRule) -> str:
    meaning = f"{rule.id}|{rule.definition}|{rule.detector.kind}|{rule.detector.state_version}"
    return base64.b64encode(hashlib.blake2b(meaning.encode(), digest_size=6).digest()).decode()


def _parts_type(tags: Sequence[str], states: Sequence[type[DetectorState]]) -> Any:
    names = [f"part_{i}" for i in range(len(tags))]
    fields: list[tuple[str, Any, Any]] = [(n, state | None, None) for n, state in zip(names, states, strict=True)]
    return msgspec.defstruct("Parts", fields, rename=dict(zip(names, tags, strict=True)), omit_defaults=True)
