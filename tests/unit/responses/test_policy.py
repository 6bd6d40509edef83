"""The response policy: read strictly, and never against the wrong session or the wrong person."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.actions import VERBS, Decision
from models.instants import EPOCH
from models.policies import PolicyAlert, PolicyCandidate
from sessionwatch.errors import PolicyError
from sessionwatch.responses.broker import Capabilities
from sessionwatch.responses.policy import GRAVITY, Policy, Told, instructions_of, missing
from sessionwatch.responses.policy_reading import (
    alert_of,
    bundled_policy,
    load_policy,
    policy_schema,
    run_policy_tests,
)
from sessionwatch.ruleset.loading import bundled_rules, load_rules

RULES = frozenset(rule.written.id for rule in load_rules([bundled_rules()]))
POLICY = load_policy(bundled_policy(), RULES)
ENFORCING = Policy(POLICY.written, POLICY.version, None, "enforce")
ENFORCED = Told(rule_mode="enforce")


def decided(policy: Policy = ENFORCING, told: Told = ENFORCED, **alert: Any) -> Decision:
    """What is decided about an alert of a stolen session."""
    return policy.decide(alert_of(PolicyAlert(**{"rule": "impossible_travel", **alert})), told)


def changed(tmp_path: Path, change: Any) -> Policy:
    """The bundled policy after `change` of its plain data."""
    data = yaml.safe_load(bundled_policy().read_text())
    change(data)
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_policy(path, RULES)


def test_the_bundled_policy_passes_its_own_tests_and_only_observes() -> None:
    """As shipped nobody is touched, whatever the rules say."""
    assert [result for result in run_policy_tests(POLICY) if not result.passed] == []
    strange = (PolicyCandidate(session="s1", unfamiliar=("place",)), PolicyCandidate(session="s2"))
    decision = decided(POLICY, candidates=strange)
    assert decision.mode == "observe"
    assert decision.actions == ()
    assert decision.withheld[0].verb == "kill_session"
    jsonschema.Draft202012Validator(policy_schema()).validate(yaml.safe_load(bundled_policy().read_text()))


CANDIDATES = st.lists(
    st.builds(
        PolicyCandidate,
        session=st.sampled_from(["", "s1", "s2", "s3"]),
        unfamiliar=st.sets(st.sampled_from(["place", "network", "device"])).map(lambda words: tuple(sorted(words))),
    ),
    max_size=4,
)


@given(CANDIDATES, st.booleans(), st.sampled_from(["user", "session", "ip", "device", "tenant"]), st.booleans())
def test_only_a_single_unfamiliar_session_is_ever_killed(
    candidates: list[PolicyCandidate], late: bool, by: str, emergency: bool
) -> None:
    """In whichever order they began; undecided, late, in an emergency or about nobody no session is killed at all."""
    strange = {one.session for one in candidates if one.unfamiliar}
    for order in itertools.permutations(candidates):
        told = Told(rule_mode="enforce", emergency=emergency)
        (action,) = decided(told=told, candidates=order, late=late, by=by).actions
        decidable = len(strange) == 1 and "" not in strange
        spared = late or emergency or by not in {"user", "session"}
        if spared:
            assert action.verb == "notify"
        elif decidable:
            assert (action.verb, {action.target}) == ("kill_session", strange)
        else:
            assert (action.verb, action.target) == ("step_up", "ann")


@given(
    st.sets(st.sampled_from(sorted(RULES)), max_size=1), st.sampled_from(["info", "low", "medium", "high", "critical"])
)
def test_a_protected_account_is_never_killed(rules: set[str], severity: str) -> None:
    """Whatever the alert; and only until its protection ends."""
    protected = {"users": ("ann",), "at_most": "notify", "reason": "On call.", "owner": "chief", "until": None}
    written = POLICY.written.model_copy(
        update={"protected": (type(POLICY.written).model_fields["protected"].annotation.__args__[0](**protected),)}  # type: ignore[union-attr] # a tuple's item
    )
    policy = Policy(written, "v", None, "enforce")
    for rule in rules:
        for action in decided(policy, rule=rule, severity=severity).actions:
            assert action.verb == "notify"


def test_rule_and_policy_must_both_say_enforce(tmp_path: Path) -> None:
    """And the policy may say it for some rules, tenants and feeds only; the first that holds counts."""

    def modes(data: dict[str, Any]) -> None:
        data["modes"] = [
            {"mode": "observe", "reason": "New here.", "tenants": ["north"]},
            {"mode": "enforce", "reason": "Watched for a month.", "rules": ["impossible_travel"], "sources": ["okta"]},
        ]

    policy = changed(tmp_path, modes)
    assert decided(policy, source="okta").mode == "enforce"
    assert decided(policy, source="okta", tenant="north").mode == "observe"
    assert decided(policy, source="duo").mode == "observe"
    assert decided(policy, source="okta", rule="new_country").mode == "observe"
    assert decided(policy, Told(rule_mode="alert"), source="okta").mode == "observe"


def test_what_a_broker_cannot_do_is_less_and_never_more_unless_said(tmp_path: Path) -> None:
    """A session's kill becomes a user's only where the policy says so."""
    strange = (PolicyCandidate(session="s1", unfamiliar=("place",)), PolicyCandidate(session="s2"))
    for verbs, fallback in itertools.product(
        ({"kill_user"}, {"step_up", "kill_user"}, {"kill_session"}, set(VERBS)),
        ("refuse", "notify", "step_up", "kill_user"),
    ):
        policy = changed(tmp_path, lambda data, to=fallback: data["responses"][0].update(if_not_capable=to))
        able = Policy(policy.written, "v", Capabilities(frozenset(verbs)), "enforce")  # type: ignore[arg-type] # verbs they are
        (action,) = decided(able, candidates=strange).actions
        assert action.verb in verbs | {"notify"}
        if "kill_session" in verbs:
            assert action.verb == "kill_session"
        elif GRAVITY[action.verb] > GRAVITY["kill_session"]:
            assert fallback == "kill_user"
            assert action.widened
    policy = changed(tmp_path, lambda data: data["responses"][0].pop("if_not_capable"))
    assert missing(policy, Capabilities(frozenset({"step_up", "kill_user"})))
    assert missing(policy, Capabilities(frozenset(VERBS))) == []


def test_what_the_runner_is_told(tmp_path: Path) -> None:
    """An action with the chain's id; a cancel for what is withdrawn; a mark for what has settled."""
    alert = alert_of(PolicyAlert(rule="success_after_failures"))
    first = ENFORCING.decide(alert, Told(rule_mode="enforce", chain="a0"))
    (act,) = instructions_of(first, alert)
    assert act.action is not None
    assert (act.what, act.chain, act.action.verb) == ("act", "a0", "step_up")
    assert act.action.expires_at == EPOCH + timedelta(hours=1)
    assert ENFORCING.decide(alert, Told("updated", (3, 1), "a0", "enforce")).actions == first.actions
    for change, what in (("withdrawn", "cancel"), ("resolved", "settle")):
        decision = ENFORCING.decide(alert, Told(change, (2, 0), "a0", "enforce"))  # type: ignore[arg-type] # changes they are
        assert [one.what for one in instructions_of(decision, alert)] == [what]


FAULTY = """\
id: policy
title: T
owner: me
mode: enforced
why: W
responses:
  - {name: one, rules: [imposible_travel], do: kill_session, reason: R}
  - {name: two, do: step_up, undecided: notify, reason: R}
  - {name: two, do: notify, expires_after: 30, reason: R}
cool_down: 15m
caps: {actions_per_minute_max: 1, kills_per_minute_max: 1, rule_actions_per_minute_max: 1, live_share_max: 2, reason: R}
emergency_access: {rules: [emergency_acess], reason: R}
people: {second_person: [resume]}
tests:
  - {name: a, alert: {rule: new_country}, actions: [{do: notify}], withheld: [lat]}
colour: red
"""


def test_every_fault_is_told_at_its_place(tmp_path: Path) -> None:
    """All at once, each with what was probably meant; nothing of such a policy runs."""
    path = tmp_path / "policy.yaml"
    path.write_text(FAULTY)
    with pytest.raises(PolicyError) as error:
        load_policy(path, RULES)
    told = {(fault.line, fault.message.split(";")[0], fault.hint) for fault in error.value.faults}
    lines = [fault.line for fault in error.value.faults]
    assert set(lines) == {4, 7, 8, 9, 11, 12, 13, 14, 15, 16}
    assert any('"impossible_travel"' in hint for _, _, hint in told)
    assert any('"emergency_access"' in hint for _, _, hint in told)
    assert any('"late"' in hint for _, _, hint in told)
    assert any("never reached" in message for _, message, _ in told)
