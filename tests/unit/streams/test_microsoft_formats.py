"""Traps of Microsoft's audit logs that the examples do not show: two logs in one stream, and words that lie."""

from __future__ import annotations

import json

import pytest

from streams.adapters.entra_kinds import change_of_activity, is_undecided, kind_of_activity
from tests.unit.streams.adapting import adapted, dropped, example

# Entra's audit logs


@pytest.mark.parametrize(
    ("activity", "kind"),
    [
        ("Add member to role", "privilege_change"),
        ("Remove member from role.", "privilege_change"),
        ("Add eligible member to role in PIM completed (timebound)", "privilege_change"),
        ("Consent to application.", "privilege_change"),
        ("Add delegated permission grant.", "privilege_change"),
        ("Add app role assignment to service principal.", "privilege_change"),
        ("Add owner to application", "privilege_change"),
        ("Update StsRefreshTokenValidFrom Timestamp.", "revoked"),
        ("Reset user password.", "credential_change"),
        ("Change password (self-service)", "credential_change"),
        ("Add service principal credentials", "credential_change"),
        ("User deleted security info", "credential_change"),
        ("Disable Strong Authentication.", "credential_change"),
        ("User registered security info", "device_enrolled"),
        ("Register device", "device_enrolled"),
        ("User started security info registration", "activity"),
        ("Set federation settings on domain.", "policy_change"),
        ("Update conditional access policy", "policy_change"),
        ("Authentication Methods Policy Update", "policy_change"),
        ("Update company settings", "policy_change"),
        ("Add user.", "account_change"),
        ("Disable account.", "account_change"),
        ("Add member to group", "account_change"),
        ("Invite external user", "account_change"),
        ("Bulk download users - finished (bulk)", "export"),
        ("Read BitLocker key", "export"),
        ("Something new", "activity"),
    ],
)
def test_directory_activities_have_the_kind_that_their_name_says(activity, kind) -> None:
    """With a dot at the end or without, activities have the kind that a detection engineer would look for."""
    assert kind_of_activity(activity) == kind


@pytest.mark.parametrize(
    ("activity", "change"),
    [
        ("Admin deleted security info", "mfa_removed"),
        ("Delete passkey (device-bound)", "mfa_removed"),
        ("User registered security info", "mfa_added"),
        ("User changed default security info", "mfa_changed"),
        ("Disable Strong Authentication.", "mfa_not_required"),
        ("Update authentication methods policy", ""),
        ("Update user", ""),
    ],
)
def test_activities_that_name_second_factors(activity, change) -> None:
    """What became of a second factor is one word, whoever wrote it down and however."""
    assert change_of_activity(activity) == change


def test_a_stream_of_sign_ins_and_audit_records_is_read_whole_by_either(reading, write) -> None:
    """Whichever of the two is more frequent, nothing is lost, and each event bears the name of its own format."""
    audit = example("azure_audit", "the diagnostic stream")
    sign_in = example("entra", "the diagnostic stream")
    for many, few, name in ((audit, sign_in, "azure_audit"), (sign_in, audit, "entra")):
        file = write(f"{name}.jsonl", b"\n".join(json.dumps(each).encode() for each in (many, many, few)))
        got = reading(file)
        assert [each.format for each in got.accounting.recognised] == [name]
        assert sorted({event.source for event in got.events}) == ["azure_audit", "entra"]
        assert (len(got.events), got.accounting.dropped.total()) == (3, 0)
        for told in ("azure_audit", "entra"):
            assert len(reading(file, format=told).events) == 3


def test_a_log_that_is_neither_is_dropped_by_both() -> None:
    """Risk detections of the same stream are Microsoft's conclusions, and no change."""
    record = example("azure_audit", "the diagnostic stream") | {"category": "UserRiskEvents"}
    assert dropped("azure_audit", record) == "other_log"
    record["properties"] = {"riskType": "unfamiliarFeatures"}
    assert dropped("entra", record) == "not_a_sign_in"


@pytest.mark.parametrize("activity", ["Add member to role in PIM requested (permanent)", "Bulk delete users - started"])
def test_what_is_only_requested_has_no_outcome_yet(activity) -> None:
    """A request that was taken in is no change, though its record says success."""
    assert is_undecided(activity)
    (event,) = adapted("azure_audit", example("azure_audit", "Graph") | {"activityDisplayName": activity})
    assert event.outcome == "unknown"


def test_who_ended_somebodys_sessions_is_no_subject_of_it() -> None:
    """The revocation is the victim's; the administrator, whose address it is, is an attribute."""
    (event,) = adapted("azure_audit", example("azure_audit", "sessions are ended"))
    assert (event.user, event.attributes["actor"], event.ip) == ("bob@clinic.example", "Ann@Clinic.example", "")


def test_a_user_who_ends_their_own_sessions_stays_there_with_address() -> None:
    """Where both are one, nothing is taken away; names may differ in case."""
    record = example("azure_audit", "sessions are ended")
    record["targetResources"][0]["userPrincipalName"] = "ANN@clinic.example"
    (event,) = adapted("azure_audit", record)
    assert (event.user, event.ip) == ("Ann@Clinic.example", "192.0.2.7")
    assert "actor" not in event.attributes


def test_a_role_in_pim_is_named_by_its_target() -> None:
    """Where no property says which role it was, the target that is a role does."""
    record = example("azure_audit", "Graph")
    record["targetResources"][0]["modifiedProperties"] = []
    (event,) = adapted("azure_audit", record)
    assert event.attributes["privilege"] == "Global Administrator"


def test_a_role_taken_away_is_named_by_the_old_value() -> None:
    """A removal leaves the new value empty."""
    record = example("azure_audit", "Graph") | {"activityDisplayName": "Remove member from role"}
    record["targetResources"] = [
        {
            "type": "User",
            "userPrincipalName": "bob@clinic.example",
            "modifiedProperties": [{"displayName": "Role.DisplayName", "oldValue": '"Reader"', "newValue": None}],
        }
    ]
    (event,) = adapted("azure_audit", record)
    assert event.attributes["privilege"] == "Reader"


def test_telephone_numbers_beside_a_removed_factor_do_not_hide_it() -> None:
    """Several properties change at once; the methods themselves count."""
    record = example("azure_audit", "no second factor any more")
    properties = record["targetResources"][0]["modifiedProperties"]
    details = {"displayName": "StrongAuthenticationUserDetails", "oldValue": '[{"a":1}]', "newValue": '[{"a":2}]'}
    record["targetResources"][0]["modifiedProperties"] = [details, *properties]
    (event,) = adapted("azure_audit", record)
    assert (event.kind, event.attributes["change"]) == ("credential_change", "mfa_removed")


def test_a_policy_that_still_asks_for_a_factor_is_not_said_to_have_stopped() -> None:
    """Only a policy that was in force and asked, and does so no more, lets anybody off."""
    record = example("azure_audit", "nobody is asked")
    changed = record["targetResources"][0]["modifiedProperties"][0]
    changed["newValue"] = changed["oldValue"].replace('"mfa"', '"MFA","compliantDevice"')
    assert "change" not in adapted("azure_audit", record)[0].attributes
    changed["newValue"] = changed["oldValue"].replace("enabled", "enabledForReportingButNotEnforced")
    assert adapted("azure_audit", record)[0].attributes["change"] == "mfa_not_required"
