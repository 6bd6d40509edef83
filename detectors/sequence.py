"""One thing and then another: A, so many times, then B within a span of time, without C in between; perhaps a third."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, Seen, Suspect, familiar, has_history, put_aside, released, see
from detectors.fields import SAYS, FieldName, attributes_of, reader, told
from detectors.steps import SequenceEvidence, Step
from detectors.windows import Distinct
from detectors.wording import many
from models.conditions import Condition
from models.events import EventKind, EventRef, PlacedEvent
from models.findings import By, Candidate, Finding, NearMiss, NotEvaluable, Unfamiliar, Verdict
from models.instants import DAY_US, SECOND_US, instant, span_us
from models.spans import Span, span_words

CHAINS_MAX: Final = 16
"""Begun sequences kept for a subject, one for each combination of `same`; the longest untouched goes first."""
TIMES_MAX: Final = 100
"""First steps kept of one begun sequence; the oldest goes first."""
REFS_MAX: Final = 4
"""First steps that a finding can point to: the latest."""
VALUES_MAX: Final = 16
"""Values of `differs` kept of one begun sequence; the longest unseen goes first."""
FAMILIAR_MAX: Final = 32
"""Known values of `unfamiliar` kept for a subject; the longest unseen goes."""
BETWEEN: Final = "\x1f"
"""Stands between the parts of a key: a character that no source writes."""
FORGET_US: Final = 90 * DAY_US
"""How long known values matter, in microseconds."""


def _no_condition(said: str) -> Condition:
    return Condition({"kind": said}, lambda event: event.kind == said, leaves=())


class SequenceParams(DetectorParams):
    """The steps, how often the first must come, how soon the last must follow, and what ties them together."""

    first: Condition = Field(
        _no_condition("login_failed"), description="The first step: a condition on an event, written as `when` is."
    )
    times: int = Field(1, ge=1, le=25, description="How many first steps there must be.")
    distinct: FieldName | None = Field(
        None, description="Count different values of this field in the first steps, not the steps: names tried."
    )
    cleared_by_then: bool = Field(
        default=False,
        description="`distinct`: whether a second step takes its own value out of the count: who signs in mistyped.",
    )
    then: Condition = Field(_no_condition("login"), description="The second step, which comes after the first.")
    third: Condition | None = Field(
        None, description="A third step after the second; left out, the second is the last."
    )
    without: Condition | None = Field(
        None, description="An event that ends a begun sequence, so that the first step must come again."
    )
    within: Span = Field(
        timedelta(minutes=30),
        gt=timedelta(0),
        le=timedelta(days=30),
        description="All steps, from the first that counts to the last, lie within this span.",
    )
    same: tuple[FieldName, ...] = Field(
        (),
        max_length=3,
        description="Fields that are equal in all steps: `session`; a missing one fits nothing.",
    )
    differs: tuple[FieldName, ...] = Field(
        (), max_length=3, description="Fields that, in the last step, have a value that no first step had: `network`."
    )
    unfamiliar: tuple[FieldName, ...] = Field(
        (), max_length=3, description="Fields that, in the last step, have a value new to the subject in such steps."
    )
    familiar_after: Span = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="`unfamiliar`: how long a value must have been seen to be known.",
    )
    history_min: Span = Field(
        timedelta(0),
        ge=timedelta(0),
        le=timedelta(days=180),
        description="`unfamiliar`: since when something must be known, for anything to be called unfamiliar.",
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="`unfamiliar`: how long until a flagged value becomes known without anybody vouching for it.",
    )
    first_noun: str = Field(
        "first steps", min_length=1, max_length=60, description="What the alert calls the first steps, in the plural."
    )
    then_noun: str = Field(
        "the second step", min_length=1, max_length=60, description="What the alert calls the second step: a sign-in."
    )
    third_noun: str = Field(
        "the third step", min_length=1, max_length=60, description="What the alert calls the third step."
    )


class Chain(msgspec.Struct, array_like=True):
    """One begun sequence: when the first steps came, the latest of them, what they had, and the second step."""

    times_us: list[int] = msgspec.field(default_factory=list)
    refs: list[EventRef] = msgspec.field(default_factory=list)
    values: dict[str, int] = msgspec.field(default_factory=dict)
    distinct: Distinct = msgspec.field(default_factory=Distinct)
    second: EventRef | None = None


class SequenceState(DetectorState):
    """Begun sequences by their values of `same`, known values of `unfamiliar`, and what is kept aside."""

    chains: dict[str, Chain] = msgspec.field(default_factory=dict)
    known: Seen = msgspec.field(default_factory=dict)
    aside: list[Suspect] = msgspec.field(default_factory=list)


class Found(NamedTuple):
    """A sequence as it stands when its last step comes: its key, the chain, how many first steps, since when."""

    key: str
    chain: Chain
    counted: int
    since_us: int


class Sequence(Detector[SequenceParams, SequenceState]):
    """One thing after another: A, as often as asked, then B within a span, without C in between; perhaps a third.

    Fields can tie the steps together (`same`), set the last apart from the first (`differs`), or ask that it be new to
    the subject (`unfamiliar`). A missing field is never a difference. First steps count whether flagged or not, since
    they are no baseline; a flagged last step makes nothing known.
    """

    kind: ClassVar[str] = "sequence"
    Params = SequenceParams
    State = SequenceState
    Evidence = SequenceEvidence
    sheds: ClassVar[tuple[str, ...]] = ("chains",)
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "account", "session", "ip", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: SequenceParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._first, self._then = params.first.holds, params.then.holds
        self._third = params.third.holds if params.third is not None else None
        self._last = self._third or self._then
        self._without = params.without.holds if params.without is not None else None
        self._within_us = span_us(params.within)
        self._familiar_us = span_us(params.familiar_after)
        self._history_us = span_us(params.history_min)
        self._accept_us = span_us(params.accept_after)
        self._same = tuple((name, reader(name)) for name in params.same)
        self._differs = tuple((name, reader(name)) for name in params.differs)
        self._unfamiliar = tuple((name, reader(name)) for name in params.unfamiliar)
        self._distinct = reader(params.distinct) if params.distinct is not None else None
        self.asks = tuple(one for one in (params.first, params.then, params.third, params.without) if one is not None)
        self.reads = attributes_of((*params.same, *params.differs, *params.unfamiliar, params.distinct or "")).union(
            *(one.reads for one in self.asks)
        )

    @property
    def keep_us(self) -> int:
        """The span; with `unfamiliar`, as long as known values matter."""
        return max(FORGET_US, self._within_us) if self._unfamiliar else self._within_us

    def judge(self, event: PlacedEvent, state: SequenceState) -> Verdict:
        """Whether `event` is the last step of a sequence that has all before it."""
        if not state.chains or not self._last(event):
            return None
        key = self._key(event)
        if key is None:
            return NotEvaluable(f"no_{self._lacking(event)}")
        chain = state.chains.get(key)
        if chain is None or (self._third is not None and chain.second is None):
            return None
        counted, since_us = self._counted(chain, event.at_us)
        found = Found(key, chain, counted, since_us)
        if counted == 0 or (counted < self.params.times and not self.near_misses):
            return None
        return self._verdict(event, found, self._unfit(event, found, state))

    def _verdict(self, event: PlacedEvent, found: Found, unfit: str | None) -> Verdict:
        if unfit != "":
            return NotEvaluable(unfit) if unfit is not None else None
        counted, key = found.counted, found.key
        evidence = self._evidence(event, found)
        if counted < self.params.times:
            return NearMiss(evidence=evidence, key=self._told(key), strength=counted / self.params.times)
        return Finding(
            evidence=evidence,
            key=self._told(key),
            strength=counted / self.params.times,
            events=self._refs(found),
            candidates=self._candidates(event),
        )

    def learn(self, event: PlacedEvent, state: SequenceState, *, suspect: bool) -> None:
        """Take the step that `event` is: end, go on with or begin a sequence; note what the last step shows."""
        if state.chains:
            self._go_on(event, state)
        if self._unfamiliar:
            self._learn_known(event, state, suspect=suspect)
        if self._first(event):
            self._begin(event, state)

    def hear(self, event: PlacedEvent, state: SequenceState, *, suspect: bool) -> None:
        """Let what `event` vouches for become known."""
        for one in released(state.aside, event, self._accept_us, suspect=suspect):
            for value in one.values:
                see(state.known, value, event.at_us, FAMILIAR_MAX, since_us=one.at_us)

    def prune(self, state: SequenceState, now_us: int) -> None:
        """Sequences whose first steps have run out; with `same` they stay, as they tell whose value is missing."""
        line_us = now_us - self._within_us
        if not self._same:
            state.chains = {key: chain for key, chain in state.chains.items() if chain.times_us[-1] > line_us}

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_sequence(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """The steps in order, how soon, within what span, and what sets the last apart."""
        first, *rest = evidence["steps"]
        counted = f"{many(evidence['counted'], evidence['distinct'])} in " if evidence["distinct"] else ""
        steps = ", then ".join([f"{counted}{many(first['count'], first['step'])}", *(step["step"] for step in rest)])
        took = span_words(timedelta(seconds=evidence["seconds"]))
        allowed = span_words(timedelta(seconds=evidence["within_seconds"]))
        said = f"{who}: {steps}, all in {took} (alerts from {evidence['times']} within {allowed})"
        for which, words in (("differs", "not the one before"), ("unfamiliar", "not seen before")):
            said += "".join(
                f"; {name.rpartition('.')[2].replace('_', ' ')} {value} was {words}"
                for name, value in evidence[which].items()
            )
        return said

    def _learn_known(self, event: PlacedEvent, state: SequenceState, *, suspect: bool) -> None:
        self.hear(event, state, suspect=suspect)
        if not self._last(event):
            return
        values = tuple(f"{name}={value}" for name, read in self._unfamiliar if (value := read(event)))
        new = tuple(value for value in values if value not in state.known)
        if suspect and new:
            put_aside(state.aside, Suspect.of(event, BETWEEN.join(new), new))
            return
        for value in values:
            see(state.known, value, event.at_us, FAMILIAR_MAX)

    def _go_on(self, event: PlacedEvent, state: SequenceState) -> None:
        """A begun sequence ends by `without`, or by having come to its end; else it may take its second step."""
        key = self._key(event)
        chain = state.chains.get(key) if key is not None else None
        if key is None or chain is None:
            return
        is_last = self._last(event) and (self._third is None or chain.second is not None)
        counted, since_us = self._counted(chain, event.at_us)
        is_enough = counted >= self.params.times
        ended = self._without is not None and self._without(event)
        if is_last and is_enough and not ended:
            ended = self._unfit(event, Found(key, chain, counted, since_us), state) == ""
        if ended:
            del state.chains[key]
        elif self._third is not None and is_enough and self._then(event):
            chain.second = EventRef.of(event)
        if self.params.cleared_by_then and self._distinct is not None and self._then(event):
            chain.distinct.last_us.pop(self._distinct(event), None)

    def _begin(self, event: PlacedEvent, state: SequenceState) -> None:
        key = self._key(event)
        if key is None:
            return
        chain = state.chains.pop(key, None) or Chain()
        state.chains[key] = chain
        if len(state.chains) > CHAINS_MAX:
            del state.chains[next(iter(state.chains))]
        line_us = event.at_us - self._within_us
        if chain.times_us and chain.times_us[-1] <= line_us:
            chain = state.chains[key] = Chain()
        chain.times_us.append(event.at_us)
        chain.refs.append(EventRef.of(event))
        del chain.times_us[:-TIMES_MAX], chain.refs[:-REFS_MAX]
        if self._distinct is not None and (value := self._distinct(event)):
            chain.distinct.add(value, event.at_us, self._within_us, TIMES_MAX)
        for name, read in self._differs:
            if value := read(event):
                chain.values.pop(f"{name}={value}", None)
                chain.values[f"{name}={value}"] = event.at_us
        while len(chain.values) > VALUES_MAX:
            del chain.values[next(iter(chain.values))]

    def _counted(self, chain: Chain, at_us: int) -> tuple[int, int]:
        """How many first steps, or different values in them, lie within the span that ends at `at_us`; since when."""
        line_us = at_us - self._within_us
        gone = bisect_right(chain.times_us, line_us)
        steps = len(chain.times_us) - gone
        if not steps:
            return 0, at_us
        counted = steps
        if self._distinct is not None:
            counted = sum(last_us > line_us for last_us in chain.distinct.last_us.values())
        return counted, chain.times_us[gone]

    def _unfit(self, event: PlacedEvent, found: Found, state: SequenceState) -> str | None:
        """Empty: the last step fits. None: it does not. Else the reason why nobody can tell."""
        line_us = event.at_us - self._within_us
        for name, read in self._differs:
            before = [one for one, last_us in found.chain.values.items() if last_us > line_us]
            before = [one for one in before if one.startswith(f"{name}=")]
            if not (value := read(event)) or not before:
                return f"no_{name.rpartition('.')[2]}"
            if f"{name}={value}" in before:
                return None
        by_us = event.at_us - self._familiar_us
        history_us = event.at_us - max(self._familiar_us, self._history_us)
        for name, read in self._unfamiliar:
            if not (value := read(event)):
                return f"no_{name.rpartition('.')[2]}"
            if not has_history(state.known, history_us):
                return "too_little_history"
            if familiar(state.known, (f"{name}={value}",), by_us):
                return None
        return ""

    def _key(self, event: PlacedEvent) -> str | None:
        """The values of `same`, joined; None where one is missing."""
        if not self._same:
            return ""
        values = [read(event) for _, read in self._same]
        return BETWEEN.join(values) if all(values) else None

    def _lacking(self, event: PlacedEvent) -> str:
        return next(name.rpartition(".")[2] for name, read in self._same if not read(event))

    def _parts(self, key: str) -> dict[str, str]:
        values = key.split(BETWEEN) if self._same else []
        return {name: told(name, value) for (name, _), value in zip(self._same, values, strict=False)}

    def _told(self, key: str) -> str:
        return " / ".join(self._parts(key).values())

    def _refs(self, found: Found) -> tuple[EventRef, ...]:
        refs = [ref for ref in found.chain.refs if ref.at_us >= found.since_us]
        second = found.chain.second
        if second is not None:
            refs.append(second)
        return tuple(sorted(refs, key=lambda ref: ref.at_us))

    def _evidence(self, event: PlacedEvent, found: Found) -> SequenceEvidence:
        chain, params = found.chain, self.params
        steps = len(chain.times_us) - bisect_right(chain.times_us, found.since_us - 1)
        first = Step(
            step=params.first_noun,
            count=steps,
            first_at=instant(found.since_us),
            last_at=instant(chain.times_us[-1]),
        )
        later = [(params.then_noun, event.at_us)]
        if self._third is not None and chain.second is not None:
            later = [(params.then_noun, chain.second.at_us), (params.third_noun, event.at_us)]
        return SequenceEvidence(
            steps=(
                first,
                *(Step(step=noun, count=1, first_at=instant(at), last_at=instant(at)) for noun, at in later),
            ),
            times=params.times,
            counted=found.counted,
            seconds=round((event.at_us - found.since_us) / SECOND_US),
            within_seconds=self._within_us // SECOND_US,
            same=self._parts(found.key),
            differs={name: told(name, read(event)) for name, read in self._differs},
            unfamiliar={name: told(name, read(event)) for name, read in self._unfamiliar},
            distinct=f"{params.distinct.rpartition('.')[2].replace('_', ' ')}s" if params.distinct else "",
        )

    def _candidates(self, event: PlacedEvent) -> tuple[Candidate, ...]:
        odd = {SAYS[name] for name in (*self.params.differs, *self.params.unfamiliar) if name in SAYS}
        if not odd:
            return ()
        unfamiliar: tuple[Unfamiliar, ...] = tuple(name for name in ("place", "network", "device") if name in odd)
        return (Candidate(event.session, event.id, event.at_us, event.ip, event.device, unfamiliar),)
