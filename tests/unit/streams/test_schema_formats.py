"""Traps of the schemas that many sources share, ECS and OCSF, and of verbs that nobody tabled."""

from __future__ import annotations

import pytest

from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from streams.adapters.action_words import change_of_words, kind_at, kind_of_words
from tests.unit.streams.adapting import adapted, dropped, example

# Words


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("reset-password", "credential_change"),
        ("deactivate-mfa-device", "credential_change"),
        ("enroll_factor", "device_enrolled"),
        ("registered-device", "device_enrolled"),
        ("assign-role", "privilege_change"),
        ("DetachUserPolicy", "privilege_change"),
        ("grant_permission", "privilege_change"),
        ("StopLogging", "policy_change"),
        ("updated-password-policy", "credential_change"),
        ("added-user-account", "account_change"),
        ("user-member-added-to-group", "account_change"),
        ("unlocked-user-account", "account_change"),
        ("user_locked_out", "lockout"),
        ("impersonate", "impersonation"),
        ("session.revoke", "revoked"),
        ("revoke all sessions", "revoked"),
        ("bulk_export", "export"),
        ("uploaded", "activity"),
    ],
)
def test_words_say_a_kind(action, kind) -> None:
    """A verb of an unknown source has the kind that its words say, and activity where they say none."""
    assert kind_of_words(action, identity=True) == kind


def test_words_about_accounts_count_only_where_something_changed() -> None:
    """A page called users that is read changes no account."""
    assert kind_of_words("list-users", identity=False) == "activity"
    assert kind_of_words("download-users", identity=False) == "export"


@pytest.mark.parametrize(
    ("action", "change"),
    [
        ("DeactivateMFADevice", "mfa_removed"),
        ("mfa-factor-reset", "mfa_removed"),
        ("enroll-webauthn", "mfa_added"),
        ("StopLogging", "audit_off"),
        ("DeleteTrail", "audit_off"),
        ("audit-logging-disabled", "audit_off"),
        ("enable-audit", ""),
        ("logged-in", ""),
    ],
)
def test_words_say_what_was_changed(action, change) -> None:
    """One word for a factor removed or auditing ended, whoever said it."""
    assert change_of_words(action) == change


@pytest.mark.parametrize(
    ("source", "action", "service", "kind"),
    [
        ("aws", "GetSecretValue", "secretsmanager.amazonaws.com", "export"),
        ("okta", "user.session.clear", "", "revoked"),
        ("o365", "Add-MailboxPermission", "Exchange", "privilege_change"),
        ("azure", "Add member to role", "", "privilege_change"),
        ("clinic", "Add member to role", "", "activity"),
    ],
)
def test_verbs_of_known_sources_are_read_as_their_own_adapter_does(source, action, service, kind) -> None:
    """A source means the same in another schema."""
    assert kind_at(source, action, service) == kind


# ECS


@pytest.mark.parametrize(
    "location",
    [{"lat": 45.46, "lon": 9.19}, [9.19, 45.46], "45.46,9.19", "POINT (9.19 45.46)", '{"lat":45.46,"lon":9.19}'],
)
def test_an_ecs_location_in_all_its_forms_is_one_place(location) -> None:
    """Pairs and POINT have the longitude first, text with a comma the latitude."""
    record = example("ecs", "a logon to Windows")
    record["source"]["geo"]["location"] = location
    (event,) = adapted("ecs", record)
    assert event.place is not None
    assert (event.place.latitude, event.place.longitude) == (45.46, 9.19)


@pytest.mark.parametrize("location", ["", "nowhere", [1], "POINT ()", 7])
def test_an_ecs_location_that_is_none_costs_nothing_else(location) -> None:
    """City and country stand without it."""
    record = example("ecs", "a logon to Windows")
    record["source"]["geo"]["location"] = location
    (event,) = adapted("ecs", record)
    assert event.place is not None
    assert (event.place.latitude, event.place.city) == (None, "Milan")


def test_an_ecs_event_is_the_same_nested_dotted_and_mixed() -> None:
    """Shippers write objects, dots, or both for one field."""
    nested = {
        "@timestamp": "2026-03-02T09:00:00Z",
        "event": {"category": ["iam"], "type": ["change"], "action": "reset-password", "id": "1"},
        "user": {"name": "ann", "target": {"name": "bob"}},
    }
    dotted = {
        "@timestamp": "2026-03-02T09:00:00Z",
        "event.category": "iam",
        "event.type": "change",
        "event.action": "reset-password",
        "event.id": "1",
        "user.name": "ann",
        "user.target.name": "bob",
    }
    mixed = {**dotted, "user": {"name": "ann"}}
    assert adapted("ecs", nested) == adapted("ecs", dotted) == adapted("ecs", mixed)


def test_an_ecs_challenge_that_was_sent_is_not_yet_answered() -> None:
    """What succeeded is the asking; whoever counts unanswered pushes must not take it for an approval."""
    said = {"category": ["authentication"], "type": ["info"], "outcome": "success", "action": "mfa-challenge-sent"}
    (event,) = adapted("ecs", {"@timestamp": "2026-03-02T09:00:00Z", "event": said, "user": {"name": "ann"}})
    assert (event.kind, event.outcome) == ("mfa_challenge", "unknown")


@pytest.mark.parametrize(
    ("action", "categories", "types", "outcome", "kind"),
    [
        ("ssh_login", ["authentication"], ["start"], "failure", "login_failed"),
        ("", ["authentication"], ["info"], "success", "login"),
        ("logged-out", ["authentication"], ["end"], "success", "logout"),
        ("mfa-challenge-sent", ["authentication"], ["info"], "unknown", "mfa_challenge"),
        ("mfa-verified", ["authentication"], ["info"], "success", "mfa_result"),
        ("create", ["iam"], ["creation"], "success", "account_change"),
        ("create", ["configuration"], ["creation"], "success", "policy_change"),
        ("read", ["configuration"], ["access"], "success", "activity"),
        ("file-download", ["file"], ["access"], "success", "export"),
        ("overwrite", ["file"], ["change"], "success", "activity"),
        ("user-list", ["iam"], ["info"], "success", "activity"),
    ],
)
def test_ecs_categories_types_and_words_make_a_kind(action, categories, types, outcome, kind) -> None:
    """Every category has the kinds that a detection engineer would look for."""
    said = {"category": categories, "type": types, "outcome": outcome, "action": action}
    record = {"@timestamp": "2026-03-02T09:00:00Z", "event": said, "user": {"name": "ann"}}
    assert adapted("ecs", record)[0].kind == kind


def test_a_denied_ecs_event_without_outcome_failed() -> None:
    """The type says denied where the outcome says nothing."""
    said = {"category": ["authentication"], "type": ["start", "denied"], "action": "sign-in"}
    (event,) = adapted("ecs", {"@timestamp": "2026-03-02T09:00:00Z", "event": said})
    assert (event.kind, event.outcome) == ("login_failed", "failure")


def test_an_ecs_event_of_several_categories_is_kept_for_the_one_that_is_ours() -> None:
    """A process is a machine's; a process that signs somebody in is not."""
    record = example("ecs", "a process starts")
    assert dropped("ecs", record) == "about_machines"
    record["event"]["category"] = ["process", "authentication"]
    assert adapted("ecs", record)[0].kind == "login"


# OCSF


@pytest.mark.parametrize(
    ("class_uid", "activity", "status", "kind"),
    [
        (3001, 1, 1, "account_change"),
        (3001, 4, 1, "credential_change"),
        (3001, 10, 1, "device_enrolled"),
        (3002, 2, 1, "logout"),
        (3002, 1, 2, "login_failed"),
        (3002, 4, 2, "refresh"),
        (3002, 6, 2, "login_failed"),
        (3002, 6, 1, "activity"),
        (3002, 99, 0, "activity"),
        (6005, 5, 1, "activity"),
        (6006, 15, 1, "export"),
        (6006, 14, 1, "activity"),
    ],
)
def test_ocsf_classes_and_activities_have_kinds(class_uid, activity, status, kind) -> None:
    """Class and activity say the kind, and the status whether a logon failed."""
    record = example("ocsf", "a wrong password") | {"class_uid": class_uid, "activity_id": activity}
    assert adapted("ocsf", record | {"status_id": status})[0].kind == kind


def test_an_ocsf_time_is_milliseconds_and_a_written_one_goes_before_it() -> None:
    """`time` alone is enough; `time_dt` is finer."""
    record = example("ocsf", "a wrong password")
    assert adapted("ocsf", record)[0].at.isoformat() == "2026-03-02T09:00:00+00:00"
    record["time_dt"] = "2026-03-02T09:00:00.000123Z"
    assert adapted("ocsf", record)[0].at.microsecond == 123
    del record["time_dt"], record["time"]
    with pytest.raises(BadRecordError, match="no_time"):
        adapters()["ocsf"].adapt(record)


def test_an_ocsf_download_that_failed_moved_nothing() -> None:
    """What was refused carries no object away."""
    (event,) = adapted("ocsf", example("ocsf", "a file downloaded") | {"status_id": 2})
    assert (event.outcome, event.count, event.bytes) == ("failure", 0, 0)


def test_an_ocsf_account_that_changes_itself_is_user_and_target() -> None:
    """Without an actor the account itself did it."""
    record = example("ocsf", "a second factor removed")
    del record["actor"]
    (event,) = adapted("ocsf", record)
    assert (event.user, event.target) == ("bob", "bob")


@pytest.mark.parametrize(
    ("operation", "activity", "kind"),
    [("ExportPatients", 2, "export"), ("ListUsers", 2, "activity"), ("AssignRole", 3, "privilege_change")],
)
def test_a_call_of_an_ocsf_interface_is_what_its_words_say(operation, activity, kind) -> None:
    """Reading changes no account, whatever it is called."""
    record = example("ocsf", "a call refused") | {"activity_id": activity, "status_id": 1}
    record["api"] = {"operation": operation}
    assert adapted("ocsf", record)[0].kind == kind
