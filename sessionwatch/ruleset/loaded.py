"""A rule as it was written, together with what runs: for the engine, for its own tests, for whoever explains it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models.events import SessionEvent
from models.rules import ExpectedAlert, RuleFile
from sessionwatch.errors import Fault
from sessionwatch.ruleset.compiled import CompiledRule


@dataclass(frozen=True, slots=True)
class LoadedTest:
    """A rule's own test, its events read; `line` is where it stands in the rule's file."""

    name: str
    events: tuple[SessionEvent, ...]
    alerts: tuple[ExpectedAlert, ...]
    line: int


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule as it was written in `file`, ready to run, and its tests.

    `exemptions_at` are the lines and columns of its exemptions' ends.
    """

    file: str
    written: RuleFile
    compiled: CompiledRule
    tests: tuple[LoadedTest, ...]
    exemptions_at: tuple[tuple[int, int], ...] = ()


def expired_exemptions(rules: Iterable[LoadedRule], at: datetime) -> tuple[Fault, ...]:
    """The exemptions that are over at `at` (aware), as faults to warn of: they exempt nothing newer any more."""
    faults = [
        Fault(
            rule.file,
            *place,
            f'the exemption "{exemption.name}" of {rule.written.id} ended on {exemption.until.date().isoformat()}',
            hint=f"ask {exemption.owner} whether it is still wanted; remove it or give it a new end",
        )
        for rule in rules
        for exemption, place in zip(rule.written.exemptions, rule.exemptions_at, strict=True)
        if exemption.until <= at
    ]
    return tuple(sorted(faults))
