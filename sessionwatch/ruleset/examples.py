"""Each rule's own tests, run: a test's events go through an engine, and its alerts are compared with the expected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.alerts import Alert
from models.events import SessionEvent
from models.rules import ExpectedAlert
from sessionwatch.errors import SessionwatchError
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loaded import LoadedRule, LoadedTest

Judge = Callable[[Ruleset, Sequence[SessionEvent]], list[Alert]]
"""An engine: the final alerts that a rule set raises on events, at the end of the input."""


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """How one test of one rule came out. `expected` and `got` have, of each alert, what the test asks about.

    `difference` is empty where it passed; else a few lines for a person. `file` and `line` are where the test stands.
    """

    rule: str
    test: str
    file: str
    line: int
    passed: bool
    expected: tuple[dict[str, Any], ...]
    got: tuple[dict[str, Any], ...]
    difference: str = ""


def run_rule_tests(rules: Iterable[LoadedRule], judge: Judge) -> Iterator[RuleTestResult]:
    """The result of every test of `rules`, in their order. `judge` sees one rule at a time, and it alone.

    A rule that is off or in shadow is tested as if it alerted.
    """
    for rule in rules:
        compiled = replace(rule.compiled, mode="alert")
        ruleset = Ruleset((compiled,), compiled.version)
        for test in rule.tests:
            yield _run(rule, test, ruleset, judge)


def _run(rule: LoadedRule, test: LoadedTest, ruleset: Ruleset, judge: Judge) -> RuleTestResult:
    expected = tuple(_asked(alert) for alert in test.alerts)
    got: tuple[dict[str, Any], ...] = ()
    try:
        alerts = sorted(judge(ruleset, test.events), key=lambda alert: (alert.first_at, alert.id))
    except SessionwatchError as error:
        difference = f"the engine refused: {error}"
    else:
        said = [_said(alert) for alert in alerts]
        whole = tuple(said[len(expected) :])
        got = tuple(_only(alert, asked) for alert, asked in zip(said, expected, strict=False)) + whole
        difference = _difference(expected, got)
    return RuleTestResult(rule.written.id, test.name, rule.file, test.line, not difference, expected, got, difference)


def _asked(alert: ExpectedAlert) -> dict[str, Any]:
    return alert.model_dump(mode="json", exclude_unset=True)


def _said(alert: Alert) -> dict[str, Any]:
    """What a test may ask of `alert`, as plain data."""
    evidence = msgspec.json.decode(alert.to_json())["evidence"]
    asked = {name: getattr(alert, name) for name in ("severity", "key", "user", "session", "count")}
    return {**asked, "evidence": evidence}


def _only(said: Any, asked: Any) -> Any:
    """Of `said`, what `asked` asks about: other keys of mappings are left out, inside the evidence too."""
    if isinstance(said, dict) and isinstance(asked, dict):
        return {name: _only(said.get(name), wanted) for name, wanted in asked.items()}
    return said


def _difference(expected: Sequence[dict[str, Any]], got: Sequence[dict[str, Any]]) -> str:
    lines = []
    if len(expected) != len(got):
        lines.append(f"expected {_counted(len(expected))}, got {_counted(len(got))}")
    for index in range(max(len(expected), len(got))):
        if index >= len(got):
            lines.append(f"alert {index + 1} is missing: {_shown(expected[index])}")
        elif index >= len(expected):
            lines.append(f"alert {index + 1} is too many: {_shown(got[index])}")
        else:
            lines += [f"alert {index + 1}: {line}" for line in _unequal(expected[index], got[index], "")]
    return "\n".join(lines)


def _counted(number: int) -> str:
    return "no alert" if number == 0 else "1 alert" if number == 1 else f"{number} alerts"


def _unequal(expected: Any, got: Any, name: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(got, dict):
        return [
            line
            for key, wanted in expected.items()
            for line in _unequal(wanted, got.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if _equal(expected, got) else [f"{name} should be {_shown(expected)}, is {_shown(got)}"]


def _equal(expected: Any, got: Any) -> bool:
    """Equality of plain data in which 1 and 1.0 are one, and neither is true."""
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(_equal, expected, got))
    return isinstance(expected, bool) == isinstance(got, bool) and bool(expected == got)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
