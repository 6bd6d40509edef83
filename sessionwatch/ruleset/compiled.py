"""What the engine is handed: rules ready to run. Made by the loader, or by hand in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from detectors.detector import Detector
from models.events import EventKind, PlacedEvent
from models.findings import By, Severity
from models.instants import HOUR_US

Mode = Literal["off", "shadow", "alert", "enforce"]
Predicate = Callable[[PlacedEvent], bool]


@dataclass(frozen=True, slots=True)
class CompiledExemption:
    """A named reason for which a rule's finding on an event raises no alert; ends at `until_us` of event time."""

    name: str
    when: Predicate
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule, ready to run.

    `version` is the hash of the parsed rule with its lists. `kinds` are the event kinds that `when` can select;
    `when` is the rest of the condition, None where the kinds are all of it. `definition` is the hash of the parts
    whose change makes what was learned meaningless (detector, `by`, `when`). `reads` are the keys of `attributes`
    that its conditions read, `leaves` the tests on single fields that with the kinds `when` is made up of (None: it may
    ask anything).
    """

    id: str
    version: str
    title: str
    severity: Severity
    by: By
    detector: Detector[Any, Any]
    kinds: frozenset[EventKind]
    when: Predicate | None = None
    fold_us: int = HOUR_US
    mode: Mode = "alert"
    exemptions: tuple[CompiledExemption, ...] = ()
    maps_to: dict[str, tuple[str, ...]] = field(default_factory=dict)
    definition: str = ""
    reads: frozenset[str] = frozenset()
    leaves: tuple[tuple[str, Predicate], ...] | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules that run together, in the order of their ids. `version` is the hash of their versions."""

    rules: tuple[CompiledRule, ...]
    version: str
