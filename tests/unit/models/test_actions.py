"""Actions: told apart by what they are for, whole on the wire, and nothing in them but what a broker needs."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import jsonschema
import pydantic
import pytest

from models.actions import (
    DESTRUCTIVE,
    FINAL,
    RESULTS,
    VERBS,
    Action,
    ActionReport,
    Instruction,
    Outcome,
    RuleVersion,
    Verb,
    action_id,
)
from models.alerts import SubjectRef
from models.schema import action_report_schema, instruction_schema

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ANN = SubjectRef(by="user", value="ann@clinic.example")


def action(verb: Verb = "kill_session", target: str = "s2") -> Action:
    """An action of the policy."""
    return Action(
        id=action_id("default", "impossible_travel", ANN, verb, target, "a1"),
        verb=verb,
        tenant="default",
        user=ANN.value,
        target=target,
        session="s2",
        subject=ANN,
        rule=RuleVersion(id="impossible_travel", version="1f"),
        policy="2e",
        alert="a1",
        chain="a1",
        severity="high",
        at=AT,
        expires_at=AT + timedelta(hours=1),
        why="impossible_travel 1f: Sign-ins of one person too far apart (alert a1)",
    )


def test_what_differs_has_another_id() -> None:
    """Two actions are one action only where tenant, rule, subject, verb, target and chain are the same."""
    others = {
        action_id(tenant, rule, SubjectRef(by=by, value=value), verb, target, chain)
        for tenant, rule, by, value, verb, target, chain in itertools.product(
            ("t", "u"), ("r", "tr"), ("user", "session"), ("a", "ab"), ("step_up", "kill_user"), ("x", "xa"), ("c", "d")
        )
    }
    assert len(others) == 2**7


def test_an_id_stays_what_it_is() -> None:
    """Brokers remember ids over upgrades: one that changes by itself would do everything once more."""
    assert action_id("default", "impossible_travel", ANN, "kill_session", "s2", "a1") == (
        "37aa3d29710d9dd052a03c3e0a772ebc"
    )


def test_it_goes_to_bytes_and_back() -> None:
    """What a runner reads from a topic or a file is what the policy decided."""
    order = Instruction(what="act", tenant="default", user=ANN.value, chain="a1", alert="a1", action=action())
    assert Instruction.of(order.to_json()) == order
    assert json.loads(order.key) == ["default", ANN.value]


def test_a_record_that_says_more_is_none() -> None:
    """A field that nobody knows may mean anything, so it means nothing."""
    with pytest.raises(pydantic.ValidationError):
        Instruction.of(b'{"what":"cancel","tenant":"t","user":"u","chain":"c","alert":"a","force":true}')


@pytest.mark.parametrize("verb", VERBS)
def test_records_keep_their_schemas(verb: Verb) -> None:
    """Consumers can validate what is sent to them."""
    one = action(verb)
    report = ActionReport(action=one, outcome=Outcome(result="applied", status=204), broker="reference", at=AT)
    order = Instruction(what="act", tenant="t", user="u", chain="c", alert="a", action=one)
    jsonschema.Draft202012Validator(action_report_schema()).validate(json.loads(report.to_json()))
    jsonschema.Draft202012Validator(instruction_schema()).validate(json.loads(order.to_json()))


def test_only_kills_cannot_be_taken_back() -> None:
    """What is looked at once more before it is done."""
    assert {verb for verb in VERBS if action(verb).destructive} == DESTRUCTIVE == {"kill_session", "kill_user"}


def test_only_two_results_leave_an_action_open() -> None:
    """All others end it: applied, accepted, already applied, rejected, expired, suppressed."""
    assert set(RESULTS) - FINAL == {"retryable", "held"}
