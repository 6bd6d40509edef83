"""A value never seen for this subject: a country, an application, a combination of fields; after a time of learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from pydantic import Field

from detectors import bounds
from detectors.columns import Bounds, Columns
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from detectors.familiarity import VOUCHING, Learning, Seen, Suspect, familiar, put_aside, released, see
from detectors.fields import PUBLISHABLE, SAYS, FieldName, Reader, attributes_of, reader, told
from detectors.fingerprint import fingerprint
from detectors.wording import many, severity_words
from models.events import EventKind, PlacedEvent
from models.findings import By, Candidate, Finding, NotEvaluable, Unfamiliar, Verdict
from models.instants import instant, span_us
from models.spans import Span

BETWEEN: Final = "\x1f"
"""Stands between the values of a combination: a character that no source writes."""
DEVICES_MAX: Final = 8
"""Devices known of a subject, where `known_device` asks for them; the longest unseen goes."""
SAMPLE_MAX: Final = 10
"""Known values shown in evidence."""

Normal = Literal["fingerprint", "case_folded"]
_NORMALISED: Final[Mapping[Normal, Callable[[str], str]]] = {
    "fingerprint": lambda value: fingerprint(value).text,
    "case_folded": str.casefold,
}


class NewValueParams(DetectorParams):
    """Which fields, how long to learn, and how long to remember."""

    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=4)] = Field(
        ("place.country",), description="Fields whose values, taken together, are new or known."
    )
    normalise: dict[FieldName, Normal] = Field(
        default_factory=dict,
        max_length=4,
        description="How a field's value is made comparable: `fingerprint` (of a user agent), `case_folded`.",
    )
    learn_for: Span = Field(
        timedelta(days=14),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="Learning ends after this long, or after `learn_min_events`, whichever comes first.",
    )
    learn_min_events: int = Field(
        10, ge=1, le=10_000, description="Learning ends after this many events, or after `learn_for`."
    )
    while_learning: Literal["none", "low"] = Field(
        "none", description="Findings while learning: none, or two steps less severe than the rule says."
    )
    known_max: int = Field(64, ge=1, le=1_000, description="Known values kept for a subject; the longest unseen goes.")
    known_device: Literal["lower", "normal"] = Field(
        "normal", description="Effect of a device id that has been the subject's for `familiar_after`."
    )
    familiar_after: Span = Field(
        timedelta(days=1),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="How long a device must have been seen to be known.",
    )
    accept_after: Span = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="How long until a flagged value becomes known without anybody vouching for it.",
    )
    forget_after: Span = Field(
        timedelta(days=90),
        gt=timedelta(0),
        le=timedelta(days=730),
        description="A value unseen for this long is new again; silence this long begins the learning anew.",
    )


class NewValueState(DetectorState):
    """Known values, how far the learning is, and what is kept aside."""

    known: Seen = msgspec.field(default_factory=dict)
    learning: Learning = msgspec.field(default_factory=Learning)
    aside: list[Suspect] = msgspec.field(default_factory=list)
    devices: Seen = msgspec.field(default_factory=dict)


class NewValueEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """The new value by field, and the baseline that it is new against; `known_values` where they may be told."""

    value: dict[str, str]
    known: int
    known_values: tuple[str, ...]
    learned_events: int
    learned_since: datetime
    learning: bool


class NewValue(Detector[NewValueParams, NewValueState]):
    """A value never seen with somebody before: a country, an application, a combination of fields.

    Speaks up once enough was learned of what they are used to; a flagged value stays aside until vouched for.
    """

    kind: ClassVar[str] = "new_value"
    Params = NewValueParams
    State = NewValueState
    Evidence = NewValueEvidence
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "account", "session", "ip", "device"})
    hears: ClassVar[frozenset[EventKind]] = VOUCHING

    def __init__(self, params: NewValueParams, *, near_misses: bool = False) -> None:
        super().__init__(params, near_misses=near_misses)
        self._readers = tuple((name, self._reader(name)) for name in params.fields)
        self._learn_for_us = span_us(params.learn_for)
        self._accept_after_us = span_us(params.accept_after)
        self._familiar_after_us = span_us(params.familiar_after)
        self._forget_after_us = span_us(params.forget_after)
        self.reads = attributes_of(params.fields)

    @property
    def keep_us(self) -> int:
        """As `forget_after` says."""
        return self._forget_after_us

    def judge(self, event: PlacedEvent, state: NewValueState) -> Verdict:
        """Whether the value of `event` is new, and enough was learned to say so."""
        values = self._values(event)
        if isinstance(values, str):
            return NotEvaluable(values)
        if self._knows(state, BETWEEN.join(values), event.at_us):
            return None
        learning = state.learning
        if not learning.has_begun(event.at_us, self._forget_after_us):
            return None
        is_over = learning.is_over(event.at_us, self._learn_for_us, self.params.learn_min_events)
        if not is_over and self.params.while_learning == "none":
            return None
        own_device = self._is_own(event, state)
        shown = tuple(self._shown(name, value) for name, value in zip(self.params.fields, values, strict=True))
        return Finding(
            evidence=NewValueEvidence(
                value=dict(zip(self.params.fields, shown, strict=True)),
                known=len(state.known),
                known_values=self._known_values(state),
                learned_events=learning.events,
                learned_since=instant(learning.since_us),
                learning=not is_over,
            ),
            key=" / ".join(shown),
            candidates=self._candidates(event),
            severity_shift=(0 if is_over else -2) - own_device,
            set_aside=("known_device: lower",) if own_device else (),
        )

    def learn(self, event: PlacedEvent, state: NewValueState, *, suspect: bool) -> None:
        """Note the value as known, or keep it aside."""
        self.hear(event, state, suspect=suspect)
        values = self._values(event)
        if isinstance(values, str):
            return
        value = BETWEEN.join(values)
        if suspect and not self._knows(state, value, event.at_us):
            put_aside(state.aside, Suspect.of(event, value, (value,)))
            return
        if state.learning.events and not state.learning.has_begun(event.at_us, self._forget_after_us):
            state.learning = Learning()
            state.known.clear()
            state.devices.clear()
        state.learning.note(event.at_us)
        see(state.known, value, event.at_us, self.params.known_max)
        if event.device and self.params.known_device == "lower":
            see(state.devices, event.device, event.at_us, DEVICES_MAX)

    def hear(self, event: PlacedEvent, state: NewValueState, *, suspect: bool) -> None:
        """Let what `event` vouches for become known."""
        for one in released(state.aside, event, self._accept_after_us, suspect=suspect):
            for value in one.values:
                see(state.known, value, event.at_us, self.params.known_max, since_us=one.at_us)

    def bounds(self, events: Columns) -> Bounds | None:
        """As `detectors.bounds` says."""
        return bounds.of_new_value(self.params, events)

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """What is new, against how much that is known."""
        value = " and ".join(
            f"{name.rpartition('.')[2].replace('_', ' ')} {v}" for name, v in evidence["value"].items()
        )
        known = ", ".join(evidence["known_values"]) or many(evidence["known"], "others")
        learning = "; two steps less severe: still learning what is usual" if evidence["learning"] else ""
        events = many(evidence["learned_events"], "events")
        own = severity_words(evidence, {"known_device": "the device is the person's own"})
        return f"{who}: {value} for the first time in {events}; known: {known}{learning}{own}"

    def _is_own(self, event: PlacedEvent, state: NewValueState) -> bool:
        by_us = event.at_us - self._familiar_after_us
        return event.device != "" and familiar(state.devices, (event.device,), by_us)

    def _knows(self, state: NewValueState, value: str, at_us: int) -> bool:
        known = state.known.get(value)
        return known is not None and at_us - known[1] <= self._forget_after_us

    def _reader(self, name: str) -> Reader:
        read, normal = reader(name), self.params.normalise.get(name)
        if normal is None:
            return read
        normalised = _NORMALISED[normal]
        return lambda event: normalised(read(event))

    def _values(self, event: PlacedEvent) -> tuple[str, ...] | str:
        """The values of all fields, or why there are none."""
        found = []
        for name, read in self._readers:
            value = read(event)
            if not value:
                return self._reason(name, event)
            found.append(value)
        return tuple(found)

    def _reason(self, name: str, event: PlacedEvent) -> str:
        if not name.startswith("place."):
            return f"no_{name.rpartition('.')[2]}"
        network_class = event.place.network_class if event.place is not None else ""
        return {"private": "private_address", "loopback": "private_address", "anycast": "anycast"}.get(
            network_class, "no_place"
        )

    def _shown(self, name: str, value: str) -> str:
        return value if self.params.normalise.get(name) == "fingerprint" else told(name, value)

    def _known_values(self, state: NewValueState) -> tuple[str, ...]:
        if not PUBLISHABLE.issuperset(self.params.fields):
            return ()
        latest = sorted(state.known, key=lambda value: (-state.known[value][1], value))[:SAMPLE_MAX]
        return tuple(value.replace(BETWEEN, " / ") for value in latest)

    def _candidates(self, event: PlacedEvent) -> tuple[Candidate, ...]:
        odd = {SAYS[name] for name in self.params.fields if name in SAYS}
        if not odd:
            return ()
        unfamiliar: tuple[Unfamiliar, ...] = tuple(name for name in ("place", "network", "device") if name in odd)
        return (Candidate(event.session, event.id, event.at_us, event.ip, event.device, unfamiliar),)
