"""What Keycloak's event types, and its administrators' operations, are to us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from models.events import EventKind
from streams.adapters.fields import find, opened, text

FAILED: Final = "_ERROR"

_KINDS: Final[dict[str, EventKind]] = {
    "LOGIN": "login",
    "CLIENT_LOGIN": "login",
    "LOGOUT": "logout",
    "USER_SESSION_DELETED": "revoked",
    "REVOKE_GRANT": "revoked",
    "CODE_TO_TOKEN": "refresh",
    "REFRESH_TOKEN": "refresh",
    "TOKEN_EXCHANGE": "refresh",
    "AUTHREQID_TO_TOKEN": "refresh",
    "OAUTH2_DEVICE_CODE_TO_TOKEN": "refresh",
    "OAUTH2_EXTENSION_GRANT": "refresh",
    "IMPERSONATE": "impersonation",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT": "lockout",
    "USER_DISABLED_BY_PERMANENT_LOCKOUT": "lockout",
    "UPDATE_CREDENTIAL": "credential_change",
    "REMOVE_CREDENTIAL": "credential_change",
    "UPDATE_TOTP": "device_enrolled",
    "REMOVE_TOTP": "credential_change",
    "UPDATE_PASSWORD": "credential_change",
    "RESET_PASSWORD": "credential_change",
    "REGISTER": "account_change",
    "DELETE_ACCOUNT": "account_change",
    "UPDATE_PROFILE": "account_change",
    "UPDATE_EMAIL": "account_change",
    "FEDERATED_IDENTITY_LINK": "account_change",
    "REMOVE_FEDERATED_IDENTITY": "account_change",
    "GRANT_CONSENT": "privilege_change",
    "UPDATE_CONSENT": "privilege_change",
    "CLIENT_REGISTER": "policy_change",
    "CLIENT_UPDATE": "policy_change",
    "CLIENT_DELETE": "policy_change",
}
"""Types without `_ERROR`; every other is an activity."""

BACKGROUND: Final = frozenset(
    {
        "CLIENT_LOGIN",
        "CLIENT_INFO",
        "INTROSPECT_TOKEN",
        "PERMISSION_TOKEN",
        "USER_INFO_REQUEST",
        "VALIDATE_ACCESS_TOKEN",
        "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
        "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    }
)
"""Types that run without the person, besides all that are a `refresh`: an application asks, or the realm acts."""

TWINS: Final = frozenset({"UPDATE_TOTP", "REMOVE_TOTP", "UPDATE_PASSWORD"})
"""Older names, which Keycloak writes beside UPDATE_CREDENTIAL and REMOVE_CREDENTIAL, with `credential_type`."""

_PAGE_FAULTS: Final = frozenset(
    {
        "already_logged_in",
        "client_disabled",
        "client_not_found",
        "cookie_not_found",
        "expired_code",
        "interaction_required",
        "invalid_authn_request",
        "invalid_client",
        "invalid_client_credentials",
        "invalid_code",
        "invalid_redirect_uri",
        "invalid_request",
        "login_required",
        "not_allowed",
        "rejected_by_user",
        "resolve_required_actions",
        "session_expired",
        "ssl_required",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""Errors of a LOGIN that are the page's or the application's: nobody's password or code was wrong."""

_PASSWORD: Final = "password"  # noqa: S105 - a credential's type, not a secret
_SIGNED_IN_ONLY: Final = frozenset({"delete_credential", "delete_account"})
"""Actions that only somebody begins who is signed in already: the LOGIN after one goes on with that session."""
_ENTERED_SECONDS_MAX: Final = 30
"""Seconds from the last password or code to the LOGIN that it led to; what was entered earlier led to another."""
_COMPLETED: Final = ("sessionNotes", "authenticators-completed")


def kind_of(base: str, seen: Mapping[str, Any]) -> EventKind:
    """The kind of a user event of type `base`, which is without `_ERROR`; `seen` is the event."""
    failed = text(seen.get("type")) != base
    kind = _KINDS.get(base, "activity")
    if kind == "login" and failed:
        if base == "LOGIN" and text(seen.get("error")) in _PAGE_FAULTS:
            return "activity"
        return "mfa_result" if find(seen, ("details", "selected_credential_id")) else "login_failed"
    if base == "LOGIN" and _goes_on(seen):
        return "activity"
    if base == "UPDATE_CREDENTIAL" and text(find(seen, ("details", "credential_type"))) not in {"", _PASSWORD}:
        return "device_enrolled"
    return kind


def _goes_on(seen: Mapping[str, Any]) -> bool:
    """Whether a LOGIN is of a session that was there before, as far as the record can tell."""
    action = text(find(seen, ("details", "custom_required_action")))
    if action in _SIGNED_IN_ONLY:
        return True
    completed = opened(find(seen, _COMPLETED))
    at_ms = seen.get("time")
    if action or not isinstance(completed, dict) or not completed or not isinstance(at_ms, int):
        return False
    entered = [each for each in completed.values() if isinstance(each, int | float)]
    return bool(entered) and at_ms / 1000 - max(entered) > _ENTERED_SECONDS_MAX


def change_of(kind: EventKind, verb: str, seen: Mapping[str, Any]) -> str:
    """What became of second factors, in a word: mfa_added, mfa_removed, or nothing."""
    if text(find(seen, ("details", "credential_type"))) in {"", _PASSWORD}:
        return ""
    if kind == "device_enrolled":
        return "mfa_added"
    removed = verb in {"REMOVE_CREDENTIAL", "REMOVE_TOTP"} or bool(
        _CREDENTIAL.fullmatch(text(seen.get("resourcePath")))
    )
    return "mfa_removed" if kind == "credential_change" and removed else ""


class Operation(NamedTuple):
    """What an administrator's operation is: `about` is the user or session it was done to, not only on."""

    kind: EventKind
    verb: str
    target: str = ""
    session: str = ""
    ends: bool = False


_USER: Final = re.compile(r"users/([^/]+)(?:/([^/]+))?(?:/.*)?")
_CREDENTIAL: Final = re.compile(r"users/[^/]+/credentials/[^/]+")
"""An operation on it is its removal; its name and place among others have longer paths."""
_SESSION: Final = re.compile(r"sessions/([^/]+)")
_NAMED: Final = re.compile(r"(?:attack-detection/brute-force/users|groups|roles|roles-by-id)/([^/]+)(?:/.*)?")
_ACTIONS: Final[dict[str, EventKind]] = {
    "logout": "revoked",
    "credentials": "credential_change",
    "disable-credential-types": "credential_change",
    "reset-password": "credential_change",
    "consents": "privilege_change",
    "impersonation": "impersonation",
}
"""What stands behind the user in an operation's path, and its kind."""
_RESOURCES: Final[dict[str, EventKind]] = {
    "USER": "account_change",
    "USER_LOGIN_FAILURE": "account_change",
    "USER_SESSION": "revoked",
    "USER_FEDERATION_PROVIDER": "policy_change",
    "GROUP": "account_change",
    "GROUP_MEMBERSHIP": "account_change",
    "ORGANIZATION_MEMBERSHIP": "account_change",
    "REALM_ROLE": "privilege_change",
    "CLIENT_ROLE": "privilege_change",
    "REALM_ROLE_MAPPING": "privilege_change",
    "CLIENT_ROLE_MAPPING": "privilege_change",
    "SSF_SYNTHETIC_EVENT": "activity",
}
"""Types of resources, and what changing one is; every other is a policy of the realm."""


def operation_of(seen: Mapping[str, Any]) -> Operation:
    """What an admin event says was done, and to whom."""
    verb, resource, path = (text(seen.get(key)) for key in ("operationType", "resourceType", "resourcePath"))
    kind = _RESOURCES.get(resource, "policy_change")
    name = text(f"{verb} {resource}")
    if session := _SESSION.fullmatch(path):
        return Operation("revoked", name, session=session[1], ends=True)
    if user := _USER.fullmatch(path):
        behind = user[2] or ""
        if verb == "ACTION":
            kind, name = _ACTIONS.get(behind, kind), text(f"{name} {behind}")
        return Operation(kind, name, target=user[1], ends=kind == "revoked")
    named = _NAMED.fullmatch(path)
    return Operation(kind, name, target=named[1] if named else "")


def roles_of(seen: Mapping[str, Any]) -> str:
    """The names of the roles given or taken, with commas between them; nothing else of the representation."""
    roles = opened(seen.get("representation"))
    names = [text(role.get("name")) for role in roles if isinstance(role, dict)] if isinstance(roles, list) else []
    return text(", ".join(filter(None, names)))
