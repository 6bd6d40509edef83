"""Traps of identity providers' formats that their examples do not show: Keycloak, Workspace, Auth0, Duo, OneLogin."""

from __future__ import annotations

import pytest

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from tests.unit.streams.adapting import adapted, dropped, example

# Keycloak


def keycloak(title: str, **changes: object) -> SessionEvent:
    """The first event of a changed example."""
    return adapted("keycloak", example("keycloak", title) | changes)[0]


def test_a_name_that_the_realm_knows_is_only_a_label() -> None:
    """A user is the UUID; without one the name that was typed is the user only where the realm has no such user."""
    known = keycloak("a wrong password", userId=None)
    assert (known.user, known.user_label) == ("", "ann")
    unknown = keycloak("a wrong password", userId=None, error="user_not_found")
    assert (unknown.user, unknown.kind) == ("ann", "login_failed")


@pytest.mark.parametrize("error", ["cookie_not_found", "expired_code", "invalid_request", "resolve_required_actions"])
def test_a_page_that_went_wrong_is_no_failed_login(error) -> None:
    """Nobody's password was wrong."""
    assert keycloak("a wrong password", error=error).kind == "activity"


@pytest.mark.parametrize("seconds", [0, 29, 31, 3600])
def test_a_login_is_told_from_a_redirect_where_a_listener_saw_it(seconds) -> None:
    """What was entered within half a minute led to this login; what was entered before led to another."""
    record = example("keycloak", "a listener's")
    record["sessionNotes"] = {"authenticators-completed": f'{{"a": {1772442000 - 9000}, "b": {1772442000 - seconds}}}'}
    assert adapted("keycloak", record)[0].kind == ("activity" if seconds > 30 else "login")


def test_a_login_after_an_action_of_somebody_signed_in_goes_on() -> None:
    """A factor can only be deleted in a session; a new password may as well be asked for at its beginning."""
    for action, kind in (("delete_credential", "activity"), ("UPDATE_PASSWORD", "login")):
        details = {"custom_required_action": action, "username": "ann"}
        assert keycloak("a password", details=details).kind == kind


@pytest.mark.parametrize("notes", ["", "x", "[]", "{}", '{"a": "b"}', 7, None, {"a": None}])
def test_notes_that_say_nothing_change_nothing(notes) -> None:
    """A login stays one."""
    record = example("keycloak", "a listener's") | {"sessionNotes": {"authenticators-completed": notes}}
    assert adapted("keycloak", record)[0].kind == "login"


@pytest.mark.parametrize("name", ["UPDATE_TOTP", "UPDATE_PASSWORD", "REMOVE_TOTP"])
def test_older_names_count_where_they_stand_alone(name) -> None:
    """Their twins came with `credential_type`; without it the older name is all there is."""
    assert dropped("keycloak", example("keycloak", "its twin") | {"type": name}) == "twin_of_credential_event"
    assert keycloak("its twin", type=name, details={}).kind in {"credential_change", "device_enrolled"}


@pytest.mark.parametrize(
    ("type_", "kind", "interactive"),
    [
        ("LOGOUT", "logout", True),
        ("LOGOUT_ERROR", "logout", True),
        ("CODE_TO_TOKEN", "refresh", False),
        ("TOKEN_EXCHANGE", "refresh", False),
        ("CLIENT_LOGIN", "login", False),
        ("CLIENT_LOGIN_ERROR", "login_failed", False),
        ("INTROSPECT_TOKEN", "activity", False),
        ("USER_DISABLED_BY_PERMANENT_LOCKOUT", "lockout", False),
        ("USER_SESSION_DELETED", "revoked", True),
        ("REMOVE_CREDENTIAL", "credential_change", True),
        ("REGISTER", "account_change", True),
        ("GRANT_CONSENT", "privilege_change", True),
        ("SOMETHING_NEW", "activity", True),
    ],
)
def test_keycloak_kinds(type_, kind, interactive) -> None:
    """Types have the kind that a detection engineer would look for."""
    event = keycloak("a password", type=type_)
    assert (event.kind, event.interactive) == (kind, interactive)
    assert event.outcome == ("failure" if type_.endswith("_ERROR") else "success")


@pytest.mark.parametrize(
    ("operation", "resource", "path", "kind", "target"),
    [
        ("ACTION", "USER", "users/u1/reset-password", "credential_change", "u1"),
        ("ACTION", "USER", "users/u1/consents/app", "privilege_change", "u1"),
        ("CREATE", "CLIENT_ROLE_MAPPING", "users/u1/role-mappings/clients/c1", "privilege_change", "u1"),
        ("CREATE", "REALM_ROLE_MAPPING", "groups/g1/role-mappings/realm", "privilege_change", "g1"),
        ("DELETE", "USER_LOGIN_FAILURE", "attack-detection/brute-force/users/u1", "account_change", "u1"),
        ("CREATE", "GROUP_MEMBERSHIP", "users/u1/groups/g1", "account_change", "u1"),
        ("UPDATE", "USER", "users/u1", "account_change", "u1"),
        ("UPDATE", "REALM", "", "policy_change", ""),
        ("UPDATE", "AUTH_FLOW", "authentication/flows/f1", "policy_change", ""),
    ],
)
def test_keycloak_operations(operation, resource, path, kind, target) -> None:
    """An operation is told by its resource and path; its target is the user, group or role in the path."""
    changes = {"operationType": operation, "resourceType": resource, "resourcePath": path}
    event = keycloak("a client changed", **changes)
    assert (event.kind, event.target) == (kind, target)
    assert event.user == "5ee7bcc8-a470-470b-b285-803e2aee93e1"


def test_a_keycloak_operation_is_a_text_like_others() -> None:
    """Without blanks around it where the resource is missing, and cut where it is endless."""
    assert keycloak("a client changed", resourceType=None).action == "UPDATE"
    assert len(keycloak("a client changed", operationType="x" * 3000).action) == 1024


def test_nothing_of_a_representation_but_roles_is_kept() -> None:
    """It holds names and addresses of people."""
    people = '[{"name": "records-admin", "description": "of Ann"}, {"email": "ann@clinic.example"}, 7]'
    event = keycloak("a role given", representation=people)
    assert event.attributes["privilege"] == "records-admin"
    event = keycloak("a client changed", representation='{"email": "ann@clinic.example"}')
    assert "clinic" not in repr(event)


@pytest.mark.parametrize(
    ("message", "user", "app"),
    [
        ("type=LOGIN, realmId=r, clientId=ehr, userId=u1, ipAddress=192.0.2.7, username=ann", "u1", "ehr"),
        ("type='LOGIN', realmId='r', clientId='two words, one', userId='u1'", "u1", "two words, one"),
        ('type="LOGIN", clientId="say \\"ehr\\", now", userId="u1"', "u1", 'say "ehr", now'),
        ("type=LOGIN, realmId=r, clientId=null, userId=null", "", ""),
    ],
)
def test_lines_of_the_log_in_and_without_quotes(message, user, app) -> None:
    """Older versions write no quotes, or single ones; the word null is nothing."""
    (event,) = adapted("keycloak", example("keycloak", "a line of the log") | {"message": message})
    assert (event.kind, event.user, event.app) == ("login", user, app)


def test_an_administrators_line_of_the_log() -> None:
    """Operations stand in the log as well."""
    message = 'operationType="DELETE", realmId="r", clientId="c", userId="admin-1", ipAddress="192.0.2.9", '
    message += 'resourceType="USER_SESSION", resourcePath="sessions/s1"'
    (event,) = adapted("keycloak", example("keycloak", "a line of the log") | {"message": message})
    assert (event.kind, event.session, event.attributes["actor"]) == ("revoked", "s1", "admin-1")


@pytest.mark.parametrize(
    "message", ["a=" * 20_000, ", a='" * 20_000, '"' * 50_000, ", " * 50_000, "a" * 100_000, None, 7]
)
def test_a_line_of_the_log_may_be_anything(message) -> None:
    """Long nonsense is read in one go, and is no event."""
    assert dropped("keycloak", example("keycloak", "a line of the log") | {"message": message}) == "not_an_event"
    other = {"loggerName": "io.quarkus", "message": "Keycloak 26.7.4 started", "timestamp": "2026-03-02T09:00:00.5Z"}
    assert dropped("keycloak", other) == "not_an_event"


@pytest.mark.parametrize("time", [None, "", "x", -1, 1e300, True, [], "2026-03-02T09:00:00Z", 253_500_000_000_000])
def test_a_keycloak_time_that_is_none(time) -> None:
    """Milliseconds within the calendar, or the record is bad."""
    with pytest.raises(BadRecordError, match="time"):
        keycloak("a password", time=time)


# Google Workspace


def workspace(app: str, type_: str, name: str, **parameters: object) -> list[SessionEvent]:
    """The events of a flat record."""
    record = example("google_workspace", "flat")
    record["id"]["applicationName"] = app
    return adapted("google_workspace", record | {"type": type_, "name": name, "parameters": parameters})


@pytest.mark.parametrize(
    ("app", "type_", "name", "kind"),
    [
        ("login", "login", "logout", "logout"),
        ("login", "account_warning", "account_disabled_hijacked", "lockout"),
        ("login", "account_warning", "login_success", "activity"),
        ("user_accounts", "2sv_change", "2sv_enroll", "device_enrolled"),
        ("user_accounts", "2sv_change", "2sv_disable", "credential_change"),
        ("user_accounts", "titanium_change", "titanium_unenroll", "credential_change"),
        ("drive", "access", "download", "export"),
        ("chat", "user_action", "attachment_download", "export"),
        ("drive", "acl_change", "change_owner", "activity"),
        ("admin", "CUSTOMER_TAKEOUT", "CUSTOMER_TAKEOUT_CREATED", "activity"),
        ("admin", "CUSTOMER_TAKEOUT", "CUSTOMER_TAKEOUT_SUCCEEDED", "export"),
        ("admin", "USER_SETTINGS", "DOWNLOAD_USERLIST_CSV", "export"),
        ("admin", "USER_SETTINGS", "CREATE_USER", "account_change"),
        ("admin", "USER_SETTINGS", "GRANT_ADMIN_PRIVILEGE", "privilege_change"),
        ("admin", "USER_SETTINGS", "TURN_OFF_2_STEP_VERIFICATION", "credential_change"),
        ("admin", "DELEGATED_ADMIN_SETTINGS", "CREATE_ROLE", "privilege_change"),
        ("admin", "DOMAIN_SETTINGS", "ADD_TRUSTED_DOMAINS", "policy_change"),
        ("groups_enterprise", "moderator_action", "add_member", "account_change"),
        ("mobile", "device_updates", "DEVICE_SYNC_EVENT", "activity"),
        ("calendar", "calendar_change", "change_calendar_acls", "activity"),
    ],
)
def test_workspace_kinds(app, type_, name, kind) -> None:
    """Names have the kind that a detection engineer would look for, by application and type."""
    (event,) = workspace(app, type_, name)
    assert event.kind == kind


def test_a_disabled_account_is_the_one_affected() -> None:
    """The subject is whose account it is, in the background."""
    (event,) = workspace(
        "login", "account_warning", "account_disabled_hijacked", affected_email_address="bob@clinic.example"
    )
    assert (event.user, event.interactive) == ("ann@clinic.example", False)
    record = example("google_workspace", "suspicious")
    record["events"][0]["name"] = "account_disabled_hijacked"
    (event,) = adapted("google_workspace", record)
    assert (event.kind, event.user) == ("lockout", "bob@clinic.example")


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (None, "mfa_challenge", "unknown"),
        ("Challenge Passed.", "mfa_result", "success"),
        ("passed", "mfa_result", "success"),
        ("incorrect_answer_entered", "mfa_result", "failure"),
    ],
)
def test_a_workspace_challenge_ends_as_it_says(status, kind, outcome) -> None:
    """A challenge without an end is only a challenge."""
    (event,) = workspace("login", "login", "login_challenge", login_challenge_status=status)
    assert (event.kind, event.outcome) == (kind, outcome)


def test_workspace_events_as_one_object_and_with_values_of_all_kinds() -> None:
    """An events field that is an object is one event; whole numbers come as text; lists stay lists."""
    record = example("google_workspace", "two events")
    record["events"] = {
        "name": "download",
        "parameters": [{"name": "num_files", "intValue": "12"}, {"name": "doc_id", "value": "d"}, {"name": 7}, None],
    }
    (event,) = adapted("google_workspace", record)
    assert (event.kind, event.count, event.resource) == ("export", 12, "d")
    for hollow in ([], [None], 7):
        with pytest.raises(BadRecordError, match="no_events"):
            adapted("google_workspace", record | {"events": hollow})


# Auth0


@pytest.mark.parametrize(
    ("type_", "kind", "outcome"),
    [
        ("f", "login_failed", "failure"),
        ("limit_mu", "login_failed", "failure"),
        ("gd_auth_failed", "mfa_result", "failure"),
        ("gd_otp_rate_limit_exceed", "mfa_result", "failure"),
        ("gd_unenroll", "credential_change", "success"),
        ("scp", "credential_change", "success"),
        ("slo", "logout", "success"),
        ("fercft", "refresh", "failure"),
        ("something_new", "activity", "unknown"),
    ],
)
def test_auth0_kinds(type_, kind, outcome) -> None:
    """Types have the kind that a detection engineer would look for."""
    (event,) = adapted("auth0", example("auth0", "a login") | {"type": type_})
    assert (event.kind, event.outcome) == (kind, outcome)


@pytest.mark.parametrize(
    ("method", "path", "kind", "target"),
    [
        ("get", "/api/v2/users/auth0%7C1", "activity", ""),
        ("patch", "/api/v2/users/auth0%7C1", "account_change", "auth0|1"),
        ("delete", "/api/v2/users/auth0%7C1/authentication-methods/x", "credential_change", "auth0|1"),
        ("delete", "/api/v2/roles/rol_1", "privilege_change", ""),
        ("put", "/api/v2/guardian/factors/sms", "policy_change", ""),
        ("delete", "/api/v2/sessions/s1", "policy_change", ""),
        ("", "", "policy_change", ""),
    ],
)
def test_auth0_calls(method, path, kind, target) -> None:
    """A call is told by its path, and reading changes nothing."""
    record = example("auth0", "roles given")
    record["data"]["details"]["request"] |= {"method": method, "path": path, "body": None}
    (event,) = adapted("auth0", record)
    assert (event.kind, event.target) == (kind, target)


# Duo, OneLogin


@pytest.mark.parametrize("reason", ["no_response", "user_mistake", "invalid_passcode", "anomalous_push"])
def test_duo_answers_count_as_failures_of_the_second_factor(reason) -> None:
    """A flood of pushes shows by them; the address is the one that asks, never the telephone's."""
    (event,) = adapted("duo", example("duo", "nobody answers") | {"reason": reason})
    assert (event.kind, event.outcome, event.ip) == ("mfa_result", "failure", "192.0.2.7")


@pytest.mark.parametrize(("reason", "mfa"), [("bypass_user", False), ("remembered_device", None), ("", True)])
def test_a_duo_success_vouches_only_where_a_factor_was_shown(reason, mfa) -> None:
    """Bypass and remembered devices are a login alone."""
    events = adapted("duo", example("duo", "a push approved") | {"reason": reason})
    assert [event.kind for event in events] == ["login", "mfa_result"][: 2 if mfa else 1]
    assert events[0].mfa is mfa


def test_a_duo_time_may_be_text_or_seconds() -> None:
    """Without `isotimestamp` the seconds count; without either the record is bad."""
    record = example("duo", "a push approved")
    del record["isotimestamp"]
    assert adapted("duo", record)[0].at.isoformat() == "2026-03-02T09:00:00+00:00"
    del record["timestamp"]
    with pytest.raises(BadRecordError, match="no_time"):
        adapted("duo", record)


@pytest.mark.parametrize(("number", "kind"), [("5", "login"), (6, "login_failed"), ("17", "account_change")])
def test_onelogin_numbers_may_be_text(number, kind) -> None:
    """Some exports write numbers as text."""
    (event,) = adapted("onelogin", example("onelogin", "a login") | {"event_type_id": number})
    assert event.kind == kind


def test_two_people_of_one_name_are_two_users() -> None:
    """OneLogin's names are first and last names."""
    users = {adapted("onelogin", example("onelogin", "a login") | {"user_id": n})[0].user for n in (1, 2)}
    assert users == {"1", "2"}


@pytest.mark.parametrize("number", [None, "", "five", 5.5j.imag, -1, [], True])
def test_an_onelogin_event_without_a_type_is_bad(number) -> None:
    """Nothing is guessed of it; a fraction is cut off, as numbers are everywhere."""
    record = example("onelogin", "a login") | {"event_type_id": number}
    if isinstance(number, float):
        assert adapted("onelogin", record)[0].action == "5.5"
        return
    with pytest.raises(BadRecordError, match="no_event_type"):
        adapted("onelogin", record)


def test_every_identity_provider_shows_a_second_factor_that_failed() -> None:
    """Rules for floods of pushes have something to count in each of them."""
    for name in ("okta", "entra", "pingid", "keycloak", "google_workspace", "auth0", "duo"):
        shown = [event for one in adapters()[name].examples for event in one.events]
        assert any(event.get("kind") == "mfa_result" and event.get("outcome") == "failure" for event in shown), name


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("duo", {"action": "user_lockout", "object": "b", "timestamp": 1772442000}),
        (
            "ecs",
            {
                "@timestamp": "2026-03-02T09:00:00.000Z",
                "event": {"action": "locked-out", "category": ["iam"]},
                "user": {"target": {"name": "b"}},
            },
        ),
    ],
)
def test_who_is_not_known_is_no_empty_attribute(name: str, record: dict[str, object]) -> None:
    """A lockout that names nobody who did it: the event is of whose account it is, and says nothing of an actor."""
    made = adapted(name, record)
    assert [(event.kind, event.user, event.attributes.get("actor")) for event in made] == [("lockout", "b", None)]
