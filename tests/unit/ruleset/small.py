"""A small detector and a small rule, for tests of what reads rules: nothing here depends on the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import pydantic
from pydantic import Field

from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from models.conditions import Condition
from models.events import PlacedEvent
from models.findings import By, Verdict
from models.places import Place
from models.spans import Span
from sessionwatch.errors import RulesetError
from sessionwatch.ruleset.loading import load_rules, load_ruleset


class Weights(pydantic.BaseModel):
    """A model among parameters."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    export: float = 1.0


class CountingParams(DetectorParams):
    """One parameter of each sort that detectors have."""

    at_least: int = Field(3, ge=1, le=100)
    speed_max_kmh: float = Field(900.0, gt=0)
    window: Span = Field(timedelta(minutes=10), gt=timedelta(0), le=timedelta(days=1))
    measure: Literal["count", "sum", "distinct"] = "count"
    fields: tuple[str, ...] = ()
    strict: bool = False
    unless: Condition | None = None
    either: str | tuple[str, ...] = ""
    weights: Weights = Weights()

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if self.measure == "sum" and not self.fields:
            raise ValueError("measure: sum needs fields")
        return self


class CountingState(DetectorState):
    """Events seen."""

    seen: int = 0


class CountingEvidence(DetectorEvidence, frozen=True, kw_only=True):
    """What was counted."""

    counted: int
    places: tuple[str, ...] = ()


class Counting(Detector[CountingParams, CountingState]):
    """Counts."""

    kind: ClassVar[str] = "counting"
    Params = CountingParams
    State = CountingState
    Evidence = CountingEvidence
    subjects: ClassVar[frozenset[By]] = frozenset({"user", "session"})

    def judge(self, event: PlacedEvent, state: CountingState) -> Verdict:
        """Never finds anything."""
        return None

    def learn(self, event: PlacedEvent, state: CountingState, *, suspect: bool) -> None:
        """Counts."""
        state.seen += 1

    @classmethod
    def sentence(cls, evidence: Mapping[str, Any], who: str) -> str:
        """Says it."""
        return f"{who} did {evidence['counted']}"


class NeedingParams(DetectorParams):
    """A parameter that must be given."""

    at_least: int


class Needing(Counting):
    """Needs a parameter."""

    kind: ClassVar[str] = "needing"
    Params = NeedingParams  # type: ignore[assignment]  # another model on purpose


DETECTORS: Final = {"counting": Counting, "needing": Needing}

RULE: Final = """\
id: many_logins
title: Many sign-ins of one person
status: stable
severity: high
mode: alert
by: user
why: >
  Somebody signs in too often.
false_positives:
  - A test.
maps_to:
  attack: [T1078]
when:
  kind: login
detector: counting
params: {at_least: 3, window: 10m}
defaults:
  at_least: three is the point
  window: ten minutes are
fold: 1h
exemptions:
  - name: scanner
    when: {user: svc-scan}
    reason: It signs in all day.
    owner: iam-team
    until: "2027-03-01"
tests:
  - name: fires
    events:
      - {at: "10:00", kind: login, user: ann}
      - {at: "+30m", kind: login, user: ann}
    alerts: [{severity: high, evidence: {counted: 3}}]
  - name: quiet
    events:
      - {at: "10:00", kind: login, user: ann}
    alerts: []
"""


def changed(old: str, new: str, rule: str = RULE) -> str:
    """`rule` with `old`, which must be in it, replaced once."""
    assert old in rule
    return rule.replace(old, new, 1)


def write(folder: Path, **texts: str | bytes) -> Path:
    """`folder` with a file for each of `texts`; `__` in a name stands for a folder."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def load(*paths: Path) -> Any:
    """The one rule, or the rules, of `paths`."""
    rules = load_rules(paths, detectors=DETECTORS)
    return rules[0] if len(rules) == 1 else rules


def said(*paths: Path) -> str:
    """What is printed of the faults in `paths`; empty where there are none."""
    try:
        load_ruleset(paths, detectors=DETECTORS)
    except RulesetError as error:
        return str(error)
    return ""


def placed(**fields: Any) -> PlacedEvent:
    """A placed event; `place` may be a mapping."""
    place = fields.pop("place", None)
    fields["place"] = Place(**place) if isinstance(place, dict) else place
    return PlacedEvent(**{"at_us": 0, "sequence": 0, "rank": 0, "id": "e", "kind": "login", **fields})
