"""The bundled rules: each passes its own tests, says why, and would be missed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import get_args

import pytest

from models.findings import Severity
from sessionwatch.cli.rules import judge
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.examples import run_rule_tests
from sessionwatch.ruleset.loaded import LoadedRule
from sessionwatch.ruleset.loading import bundled_rules, load_rules, ruleset_of

PLAIN_NAMES = (
    "account_shared",
    "audit_switched_off",
    "brute_force",
    "concurrent_sessions",
    "credential_change",
    "credential_stuffing",
    "dormant_account",
    "emergency_access",
    "geo_velocity",
    "impersonation",
    "impossible_travel",
    "lockout",
    "mass_delete",
    "mass_export",
    "mass_read",
    "mfa_enrolled",
    "mfa_factor_changed",
    "mfa_fatigue",
    "mfa_removed",
    "mfa_reset",
    "new_country",
    "new_device",
    "new_network",
    "password_spray",
    "refused_requests",
    "privilege_given_then_export",
    "privilege_then_export",
    "session_hijack",
    "session_overlong",
    "session_policy",
    "success_after_failures",
    "unusual_hours",
)


@cache
def rules() -> dict[str, LoadedRule]:
    """Every bundled rule by id."""
    return {rule.written.id: rule for rule in load_rules([bundled_rules()])}


@pytest.mark.parametrize("rule_id", sorted(rules()))
def test_passes_its_own_tests(rule_id: str) -> None:
    """Each sequence in the rule's file ends with exactly the alerts that it names."""
    results = list(run_rule_tests([rules()[rule_id]], judge))
    assert [f"{result.test}: {result.difference}" for result in results if not result.passed] == []


@pytest.mark.parametrize("rule_id", sorted(rules()))
def test_shows_when_it_fires_and_when_it_is_quiet(rule_id: str) -> None:
    """At least one test of each sort, so that neither silence nor noise would go unnoticed."""
    fires = {bool(test.alerts) for test in rules()[rule_id].tests}
    assert fires == {True, False}


@pytest.mark.parametrize("rule_id", sorted(rules()))
def test_is_named_plainly_and_answers_to_something(rule_id: str) -> None:
    """Its id begins with a plain name; it maps to ATT&CK, HIPAA and NIST; each default has a reason."""
    written = rules()[rule_id].written
    assert rule_id.startswith(PLAIN_NAMES)
    assert written.maps_to.attack
    assert written.maps_to.hipaa
    assert written.maps_to.nist
    assert written.params.keys() == written.defaults.keys()
    assert written.severity in get_args(Severity)


def test_mfa_fatigue_says_what_it_cannot_tell() -> None:
    """It counts refusals; whether an approval followed is for a person to look up, and the rule says so first."""
    written = rules()["mfa_fatigue"].written
    assert "cannot tell whether an approval followed" in written.why
    assert "Look first for" in written.why


def test_every_plain_name_is_a_rule() -> None:
    """None of what the pack promises is missing."""
    assert {name for name in PLAIN_NAMES if not any(rule_id.startswith(name) for rule_id in rules())} == set()


def test_quiet_tests_are_quiet_under_the_whole_pack() -> None:
    """What one rule calls honest raises no alert of high severity in another."""
    pack = ruleset_of(rules().values())
    loud = []
    for rule in rules().values():
        for test in rule.tests:
            if test.alerts:
                continue
            alerts = judge(alerting(pack), test.events)
            loud += [
                (rule.written.id, test.name, alert.rule.id)
                for alert in alerts
                if alert.severity in {"high", "critical"}
            ]
    assert loud == []


def alerting(ruleset: Ruleset) -> Ruleset:
    """The same rules, all alerting."""
    return replace(ruleset, rules=tuple(replace(rule, mode="alert") for rule in ruleset.rules))
