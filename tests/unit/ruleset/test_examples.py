"""Each rule's own tests: run one rule at a time, compared as far as they ask, and told readably."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.alerts import Alert, RuleRef, SubjectRef
from models.events import SessionEvent
from sessionwatch.errors import DetectorError
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.examples import run_rule_tests
from sessionwatch.ruleset.loading import load_rules
from tests.unit.ruleset.small import DETECTORS, RULE, changed, write

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def alert(**changes: Any) -> Alert:
    """An alert as an engine makes it, with `changes`."""
    fields: dict[str, Any] = {
        "id": "a1",
        "at": NINE,
        "severity": "high",
        "rule": RuleRef(id="many_logins", version="1", title="x", maps_to={}),
        "tenant": "",
        "subject": SubjectRef(by="user", value="ann"),
        "user": "ann",
        "session": "s1",
        "detector": "counting",
        "key": "",
        "count": 1,
        "first_at": NINE,
        "last_at": NINE,
        "events": (),
        "evidence": {"counted": 3, "since": NINE},
        "candidates": (),
        "geo_build": "",
        "engine": "x",
        "summary": "x",
    }
    return Alert(**{**fields, **changes})


def results(folder: Path, alerts: list[Alert], expected: str) -> Any:
    """The result of the first test of a rule whose test expects `expected`, when the engine raises `alerts`."""
    text = changed("[{severity: high, evidence: {counted: 3}}]", expected)
    rules = load_rules([write(folder, many_logins=text)], detectors=DETECTORS)
    return next(run_rule_tests(rules, lambda ruleset, events: alerts))


@pytest.mark.parametrize(
    ("expected", "alerts", "difference"),
    [
        ("[{severity: high, evidence: {counted: 3}}]", [alert()], ""),
        ("[{}]", [alert()], ""),
        ("[{evidence: {counted: 3.0}}]", [alert()], ""),
        ('[{evidence: {since: "2026-03-02T09:00:00Z"}}]', [alert()], ""),
        ("[{user: ann, session: s1, key: '', count: 1}]", [alert()], ""),
        ("[{severity: low}]", [alert()], 'alert 1: severity should be "low", is "high"'),
        (
            "[{severity: low, count: 2, evidence: {counted: 4}}]",
            [alert()],
            """\
alert 1: severity should be "low", is "high"
alert 1: count should be 2, is 1
alert 1: evidence.counted should be 4, is 3""",
        ),
        (
            "[{evidence: {counted: true}}]",
            [alert(evidence={"counted": 1})],
            "alert 1: evidence.counted should be true, is 1",
        ),
        ("[{key: a}]", [], 'expected 1 alert, got no alert\nalert 1 is missing: {"key": "a"}'),
        (
            "[{count: 1}]",
            [alert(), alert(id="a2", session="", evidence={})],
            """\
expected 1 alert, got 2 alerts
alert 2 is too many: {"severity": "high", "key": "", "user": "ann", "session": "", "count": 1, "evidence": {}}""",
        ),
        (
            "[{user: ann}, {user: bob}]",
            [alert(id="a2", user="ann"), alert(id="a1", user="bob")],
            'alert 1: user should be "ann", is "bob"\nalert 2: user should be "bob", is "ann"',
        ),
    ],
)
def test_alerts_are_compared_as_far_as_a_test_asks(
    tmp_path: Path, expected: str, alerts: list[Alert], difference: str
) -> None:
    """In number and order of (first_at, id); what a test does not name may be anything."""
    small = expected.replace("since:", "places:") if "since" in expected else expected
    if small != expected:
        alerts = [alert(evidence={"places": NINE})]
    result = results(tmp_path, alerts, small)
    assert result.difference == difference
    assert result.passed is (not difference)


def test_a_result_says_where_its_test_stands(tmp_path: Path) -> None:
    """An editor can jump there."""
    result = results(tmp_path, [], "[{severity: high}]")
    assert (result.rule, result.test, result.passed) == ("many_logins", "fires", False)
    assert (result.file, result.line) == ((tmp_path / "many_logins.yaml").as_posix(), 28)
    assert (result.expected, result.got) == (({"severity": "high"},), ())


def test_a_rule_is_tested_alone_and_as_if_it_alerted(tmp_path: Path) -> None:
    """Another rule cannot mend a test, and a rule that is off is tested before it is turned on."""
    off = changed("mode: alert", "mode: off", RULE.replace("many_logins", "more_logins"))
    rules = load_rules([write(tmp_path, many_logins=RULE, more_logins=off)], detectors=DETECTORS)
    seen: list[tuple[list[tuple[str, str]], int]] = []

    def judge(ruleset: Ruleset, events: Sequence[SessionEvent]) -> list[Alert]:
        seen.append(([(rule.id, rule.mode) for rule in ruleset.rules], len(events)))
        return []

    outcomes = [result.passed for result in run_rule_tests(rules, judge)]
    assert seen == [
        ([("many_logins", "alert")], 2),
        ([("many_logins", "alert")], 1),
        ([("more_logins", "alert")], 2),
        ([("more_logins", "alert")], 1),
    ]
    assert outcomes == [False, True, False, True]


def test_a_refusal_of_the_engine_is_a_failed_test(tmp_path: Path) -> None:
    """The other tests still run."""

    def judge(ruleset: Ruleset, events: Sequence[SessionEvent]) -> list[Alert]:
        if len(events) > 1:
            raise DetectorError("counting changed its state while judging")
        return []

    rules = load_rules([write(tmp_path, many_logins=RULE)], detectors=DETECTORS)
    outcomes = list(run_rule_tests(rules, judge))
    assert [result.passed for result in outcomes] == [False, True]
    assert outcomes[0].difference == "the engine refused: counting changed its state while judging"
