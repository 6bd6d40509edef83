"""What the events of Google Workspace's applications are to us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.events import EventKind, Outcome
from streams.adapters.fields import text

_ACCOUNTS: Final[dict[str, EventKind]] = {
    "login_success": "login",
    "login_failure": "login_failed",
    "login_challenge": "mfa_challenge",
    "login_verification": "mfa_challenge",
    "logout": "logout",
    "account_disabled_generic": "lockout",
    "account_disabled_hijacked": "lockout",
    "account_disabled_password_leak": "lockout",
    "account_disabled_spamming": "lockout",
    "account_disabled_spamming_through_relay": "lockout",
    "2sv_enroll": "device_enrolled",
    "passkey_enrolled": "device_enrolled",
    "2sv_disable": "credential_change",
    "passkey_removed": "credential_change",
    "password_edit": "credential_change",
    "recovery_email_edit": "credential_change",
    "recovery_phone_edit": "credential_change",
    "recovery_secret_qa_edit": "credential_change",
    "titanium_enroll": "credential_change",
    "titanium_unenroll": "credential_change",
    "email_forwarding_out_of_domain": "account_change",
}
"""Names in the applications `login`, `logout` and `user_accounts`."""

_ADMIN_TYPES: Final[dict[str, EventKind]] = {
    "USER_SETTINGS": "account_change",
    "GROUP_SETTINGS": "account_change",
    "DELEGATED_ADMIN_SETTINGS": "privilege_change",
    "CUSTOMER_TAKEOUT": "activity",
}
"""Types in the application `admin`; every other is a policy of the domain."""

_ADMIN_NAMES: Final[tuple[tuple[str, EventKind], ...]] = (
    ("CUSTOMER_TAKEOUT_SUCCEEDED", "export"),
    ("DOWNLOAD_", "export"),
    ("VIEW_", "activity"),
    ("EMAIL_LOG_SEARCH", "activity"),
    ("SECURITY_INVESTIGATION_QUERY", "activity"),
    ("CHANGE_PASSWORD", "credential_change"),
    ("CHANGE_RECOVERY_", "credential_change"),
    ("TURN_OFF_2_STEP_VERIFICATION", "credential_change"),
    ("UNENROLL_USER_FROM_STRONG_AUTH", "credential_change"),
    ("UNENROLL_USER_FROM_TITANIUM", "credential_change"),
    ("REVOKE_SECURITY_KEY", "credential_change"),
    ("REVOKE_ASP", "credential_change"),
    ("GENERATE_2SV_SCRATCH_CODES", "credential_change"),
    ("DELETE_2SV_SCRATCH_CODES", "credential_change"),
    ("GRANT_ADMIN_PRIVILEGE", "privilege_change"),
    ("REVOKE_ADMIN_PRIVILEGE", "privilege_change"),
    ("GRANT_DELEGATED_ADMIN_PRIVILEGES", "privilege_change"),
    ("ASSIGN_ROLE", "privilege_change"),
    ("UNASSIGN_ROLE", "privilege_change"),
    ("AUTHORIZE_API_CLIENT_ACCESS", "privilege_change"),
    ("REVOKE_API_CLIENT_ACCESS", "privilege_change"),
    ("RESET_SIGNIN_COOKIES", "revoked"),
    ("REVOKE_3LO_", "revoked"),
)
"""What names in the application `admin` begin with, whatever their type; the first that fits."""

_EXPORTS: Final = frozenset(
    {
        "download",
        "email_as_attachment",
        "download_forms_response",
        "attachment_download",
        "attachment_downloaded",
        "download_export",
        "export_download",
        "takeout_completed",
        "completed_takeout",
    }
)
"""Names, in any application but `admin`, by which data leaves."""
_TOKENS: Final[dict[str, EventKind]] = {"authorize": "privilege_change", "revoke": "privilege_change"}
_GROUPS: Final = ("add_", "remove_", "approve_join", "ban_", "unban_", "join", "leave", "create_group", "delete_group")
_ACCOUNT_APPS: Final = frozenset({"login", "logout", "user_accounts"})
GOOGLES_OWN: Final = frozenset({"access_transparency", "alert_center", "alertcenter", "mobile", "rules"})
"""Applications that tell what Google or a device did or concluded by itself."""
WARNINGS: Final = frozenset({"account_warning", "attack_warning"})
"""Types in the application `login` that tell what Google concluded."""

_SECOND_FACTORS: Final = frozenset(
    {
        "backup_code",
        "device_prompt",
        "google_authenticator",
        "google_prompt",
        "idv_preregistered_phone",
        "internal_two_factor",
        "offline_otp",
        "passkey",
        "security_key",
        "security_key_otp",
        "userless_fido",
    }
)


_CHANGES: Final = {
    "2sv_enroll": "mfa_added",
    "passkey_enrolled": "mfa_added",
    "2sv_disable": "mfa_removed",
    "passkey_removed": "mfa_removed",
    "TURN_OFF_2_STEP_VERIFICATION": "mfa_removed",
    "UNENROLL_USER_FROM_STRONG_AUTH": "mfa_removed",
    "REVOKE_SECURITY_KEY": "mfa_removed",
    "email_forwarding_out_of_domain": "mail_forwarded",
    "change_user_access": "shared",
    "change_document_visibility": "shared",
    "change_document_access_scope": "shared",
    "change_calendar_acls": "shared",
}


def change_of(name: str) -> str:
    """What an event changed, in a word that rules look for; or nothing."""
    return _CHANGES.get(name, "")


def kind_of(app: str, type_: str, name: str, parameters: Mapping[str, Any]) -> tuple[EventKind, Outcome]:
    """Kind and outcome of one event; `app`, `type_` and `name` as Google writes them."""
    if app in _ACCOUNT_APPS:
        return _account(_ACCOUNTS.get(name, "activity"), type_, parameters)
    kind: EventKind = "activity"
    if app == "admin":
        named = (kind for beginning, kind in _ADMIN_NAMES if name.startswith(beginning))
        kind = next(named, _ADMIN_TYPES.get(type_, "policy_change"))
    elif app == "mobile" and name == "DEVICE_REGISTER_UNREGISTER_EVENT":
        kind = "device_enrolled" if _said(parameters, "ACCOUNT_STATE").upper() == "REGISTERED" else "account_change"
    elif app == "token":
        kind = _TOKENS.get(name, "activity")
    elif app in {"groups", "groups_enterprise"} and name.startswith(_GROUPS):
        kind = "account_change"
    elif name in _EXPORTS:
        kind = "export"
    return kind, "failure" if name.endswith(("_failure", "_failed", "_FAILED")) else "success"


def _account(kind: EventKind, type_: str, parameters: Mapping[str, Any]) -> tuple[EventKind, Outcome]:
    if type_ in WARNINGS and kind != "lockout":
        return "activity", "unknown"
    if kind == "login" and _said(parameters, "login_type") == "reauth":
        return "activity", "success"
    if kind == "mfa_challenge":
        ended = _said(parameters, "login_challenge_status").casefold()
        if "pass" in ended:
            return "mfa_result", "success"
        return ("mfa_result", "failure") if ended else ("mfa_challenge", "unknown")
    return kind, "failure" if kind == "login_failed" else "success"


def second_factor(parameters: Mapping[str, Any]) -> str:
    """The second factor that was asked for; empty where none was, or none is named."""
    methods = parameters.get("login_challenge_method")
    named = [text(each) for each in (methods if isinstance(methods, list) else [methods])]
    return next((method for method in named if method in _SECOND_FACTORS), "")


def _said(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    return text(value[0] if isinstance(value, list) and value else value)
