"""Real events of identity providers: what each record must become."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from models.events import SessionEvent
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.adapters.adapter import Dropped
from streams.reading import ReadSettings, read

pytestmark = pytest.mark.real_logs

PAGES = {"cookie_not_found", "invalid_request", "resolve_required_actions"}
KINDS = {
    "CLIENT_LOGIN": "login",
    "LOGIN": "login",
    "LOGOUT": "logout",
    "REVOKE_GRANT": "revoked",
    "REFRESH_TOKEN": "refresh",
    "CODE_TO_TOKEN": "refresh",
    "IMPERSONATE": "impersonation",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT": "lockout",
    "REMOVE_CREDENTIAL": "credential_change",
    "UPDATE_PROFILE": "account_change",
    "USER_INFO_REQUEST": "activity",
    "INTROSPECT_TOKEN": "activity",
}
ADMIN = [
    ("DELETE", "USER_SESSION", "revoked"),
    ("ACTION", "USER", "revoked"),
    ("ACTION", "USER", "privilege_change"),
    ("UPDATE", "USER", "account_change"),
    ("UPDATE", "USER", "account_change"),
    ("UPDATE", "USER", "account_change"),
    ("UPDATE", "USER", "account_change"),
    ("CREATE", "PROTOCOL_MAPPER", "policy_change"),
    ("UPDATE", "REALM", "policy_change"),
    ("DELETE", "USER_LOGIN_FAILURE", "account_change"),
    ("UPDATE", "CLIENT", "policy_change"),
    ("DELETE", "USER_LOGIN_FAILURE", "account_change"),
    ("CREATE", "REALM_ROLE_MAPPING", "privilege_change"),
    ("DELETE", "REALM_ROLE_MAPPING", "privilege_change"),
    ("CREATE", "CLIENT_ROLE_MAPPING", "privilege_change"),
    ("DELETE", "CLIENT_ROLE_MAPPING", "privilege_change"),
    ("ACTION", "USER", "credential_change"),
    ("CREATE", "USER", "account_change"),
    ("DELETE", "USER", "account_change"),
    ("ACTION", "USER", "credential_change"),
    ("CREATE", "USER", "account_change"),
]
"""Operation and resource of the administrators' events, and the kind of each."""


def records(file: Path) -> list[dict[str, Any]]:
    """The records of JSON Lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def events_of(record: dict[str, Any], name: str = "keycloak") -> list[SessionEvent]:
    """The events of a record; none where it is dropped."""
    made = adapters()[name].adapt(record)
    return [] if isinstance(made, Dropped) else list(made)


def kind_wanted(record: dict[str, Any]) -> str:
    """What a user event must become; empty where a twin says it."""
    type_, details = record["type"], record.get("details", {})
    if type_ in {"UPDATE_TOTP", "REMOVE_TOTP", "UPDATE_PASSWORD"}:
        return ""
    if type_ == "UPDATE_CREDENTIAL":
        return "credential_change" if details["credential_type"] == "password" else "device_enrolled"
    if type_ == "LOGIN_ERROR":
        failed = "mfa_result" if "selected_credential_id" in details else "login_failed"
        return "activity" if record["error"] in PAGES else failed
    if type_ == "CLIENT_LOGIN_ERROR":
        return "login_failed"
    if type_ == "LOGIN" and details.get("custom_required_action") == "delete_credential":
        return "activity"
    return KINDS[type_.removesuffix("_ERROR")]


def test_each_of_keycloaks_user_events(real_logs: Path) -> None:
    """Kind, outcome, reason, user, session and second factor of all 60, each as Keycloak means it."""
    seen = records(real_logs / "keycloak" / "keycloak_events.jsonl")
    assert len(seen) == 60
    for record in seen:
        made, details = events_of(record), record.get("details", {})
        wanted = kind_wanted(record)
        factor = "selected_credential_id" in details and record["type"] == "LOGIN"
        assert [event.kind for event in made] == ([wanted] * bool(wanted) + ["mfa_result"] * factor), record
        for event in made:
            reason = details["reason"] if wanted == "lockout" else record.get("error", "")
            assert (event.outcome, event.reason) == ("failure" if "error" in record else "success", reason)
            stranger = details.get("username", "") if record.get("error") == "user_not_found" else ""
            user = record.get("userId", details.get("refresh_token_sub", stranger))
            assert (event.target if wanted == "impersonation" else event.user) == user
            assert event.session == record.get("sessionId", details.get("code_id", ""))
            assert event.user_label == details.get("username", "")
            assert event.mfa is (True if factor else None)


def test_keycloaks_background_is_not_the_persons(real_logs: Path) -> None:
    """Services, tokens, introspection and the realm's own lockout ran without anybody."""
    made = [event for one in records(real_logs / "keycloak" / "keycloak_events.jsonl") for event in events_of(one)]
    assert Counter(event.kind for event in made if not event.interactive) == {
        "activity": 7,
        "refresh": 10,
        "login": 3,
        "login_failed": 3,
        "lockout": 1,
    }
    (impersonation,) = [event for event in made if event.kind == "impersonation"]
    assert impersonation.user == "admin@master"
    assert impersonation.target.startswith("36493432-")
    assert impersonation.session


def test_each_of_keycloaks_admin_events(real_logs: Path) -> None:
    """Kind and target of all 21; what ended sessions is of those whose they were, with who did it beside."""
    seen = records(real_logs / "keycloak" / "keycloak_admin_events.jsonl")
    assert [(one["operationType"], one["resourceType"]) for one in seen] == [one[:2] for one in ADMIN]
    for record, (operation, resource, kind) in zip(seen, ADMIN, strict=True):
        (event,) = events_of(record)
        path = record.get("resourcePath", "").split("/")
        about = path[1] if path[0] == "users" else path[3] if len(path) > 3 and path[0] == "attack-detection" else ""
        admin = record["authDetails"]["userId"]
        assert (event.kind, event.outcome) == (kind, "success")
        assert event.action.startswith(f"{operation} {resource}")
        if kind == "revoked":
            assert (event.user, event.session) == ((about, "") if about else ("", path[1]))
            assert (event.attributes["actor"], event.ip) == (admin, "")
        else:
            assert (event.user, event.target) == (admin, about)
        assert "@" not in repr(event)


def test_keycloaks_second_factors_added_and_removed(real_logs: Path) -> None:
    """By the person and by an administrator; a password is no second factor."""
    made = [
        event
        for name in ("keycloak_events", "keycloak_admin_events")
        for one in records(real_logs / "keycloak" / f"{name}.jsonl")
        for event in events_of(one)
    ]
    changes = [(event.action, event.attributes["change"]) for event in made if "change" in event.attributes]
    assert changes == [
        ("UPDATE_CREDENTIAL", "mfa_added"),
        ("REMOVE_CREDENTIAL", "mfa_removed"),
        ("ACTION USER credentials", "mfa_removed"),
    ]


def test_keycloaks_role_grants_name_the_role(real_logs: Path) -> None:
    """The roles given and taken, and nothing else of the representation."""
    made = [
        event for one in records(real_logs / "keycloak" / "keycloak_admin_events.jsonl") for event in events_of(one)
    ]
    roles = [event.attributes["privilege"] for event in made if "privilege" in event.attributes]
    assert roles == ["emergency-access", "emergency-access", "manage-users", "manage-users"]


@pytest.mark.parametrize(
    ("file", "name", "sums"),
    [
        ("GSuite.ActivityEvent", "google_workspace", (70, {"mail_delivered": 24}, {"no_time": 63})),
        ("Auth0.Events", "auth0", (57, {}, {})),
        ("Duo.Authentication", "duo", (0, {}, {"no_time": 14})),
        ("OneLogin.Events", "onelogin", (2, {}, {"no_time": 26, "no_event_type": 3})),
    ],
)
def test_labelled_samples_of_identity_providers(file, name, sums, real_logs: Path, tmp_path: Path) -> None:
    """Hand-made samples, many without a time: each is mapped, dropped for its reason, or dead for its reason."""
    logs = [json.dumps(one["log"]) for one in records(real_logs / "format_samples" / f"{file}.jsonl")]
    (tmp_path / "samples.jsonl").write_text("\n".join(logs), encoding="utf-8")
    accounting = Accounting()
    list(read([tmp_path / "samples.jsonl"], ReadSettings(), accounting))
    assert set(accounting.formats) == {name}
    assert (accounting.mapped, accounting.dropped, accounting.dead_letters) == sums
    assert accounting.records_read == len(logs)


@pytest.mark.parametrize(("file", "name"), [("Duo.Authentication", "duo"), ("OneLogin.Events", "onelogin")])
def test_samples_that_lack_only_a_time_are_mapped_with_one(file, name, real_logs: Path) -> None:
    """What the samples say is read; the time was left out of them."""
    samples = [
        one
        for one in records(real_logs / "format_samples" / f"{file}.jsonl")
        if adapters()[name].recognise(one["log"]).score
    ]
    made = [(one, events_of({"p_event_time": "2026-03-02T09:00:00Z", **one["log"]}, name)) for one in samples]
    assert len(made) == {"duo": 14, "onelogin": 28}[name]
    kinds = {one["rule"]: {event.kind for event in events} for one, events in made if one["expected"]}
    expected = {
        "DUO.User.Action.Fraudulent": {"mfa_result"},
        "DUO.User.Denied.AnomalousPush": {"mfa_result"},
        "DUO.User.BypassCode.Used": {"login"},
        "DUO.User.Endpoint.Failure": {"login_failed"},
        "Standard.NewUserAccountCreated": {"account_change"},
        "OneLogin.ActiveLoginActivity": {"login"},
        "OneLogin.HighRiskFailedLogin": {"login_failed"},
        "OneLogin.Login": {"login"},
        "OneLogin.PasswordAccess": {"activity"},
        "OneLogin.PasswordChanged": {"credential_change"},
        "OneLogin.AuthFactorRemoved": {"credential_change"},
        "OneLogin.ThresholdAccountsDeleted": {"account_change"},
        "OneLogin.ThresholdAccountsModified": {"credential_change"},
        "OneLogin.UnauthorizedAccess": {"activity"},
        "OneLogin.UserAccountLocked": {"lockout"},
        "OneLogin.UserAssumption": {"impersonation"},
    }
    assert kinds == {rule: expected[rule] for rule in kinds}


def test_a_workspace_record_with_two_events(real_logs: Path) -> None:
    """Each is an event: the edit, and the sharing with a stranger that it came with."""
    (record,) = records(
        real_logs / "panther_scenarios" / "gsuite-sensitive-files" / "shared_files.GSuite.ActivityEvent.jsonl"
    )
    edit, shared = events_of(record, "google_workspace")
    assert (edit.action, shared.action) == ("edit", "change_user_access")
    assert edit.resource == shared.resource
    assert shared.id == f"{edit.id}#2"
    assert shared.attributes["visibility_change"] == "external"
