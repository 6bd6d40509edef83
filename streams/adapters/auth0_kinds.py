"""What Auth0's event types, and the calls of its management interface, are to us."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from models.events import EventKind, Outcome


class Meaning(NamedTuple):
    """What a type is. `interactive`: the person was there. `mfa`: it shows that a second factor was passed."""

    kind: EventKind
    outcome: Outcome = "success"
    interactive: bool = True
    mfa: bool | None = None


def _each(names: str, *meaning: EventKind | Outcome | bool | None) -> dict[str, Meaning]:
    return dict.fromkeys(names.split(), Meaning(*meaning))  # type: ignore[arg-type]  # the four of Meaning, in order


_MEANINGS: Final[dict[str, Meaning]] = {
    **_each("s scoa sens", "login"),
    **_each("seccft sepft", "login", "success", False),
    **_each("f fp fu fc fco fcoa fens pwd_leak limit_mu limit_sul", "login_failed", "failure"),
    **_each("feccft fepft", "login_failed", "failure", False),
    **_each("limit_wc", "lockout", "success", False),
    **_each("slo oidc_backchannel_logout_succeeded", "logout"),
    **_each("flo oidc_backchannel_logout_failed", "activity", "failure"),
    **_each("ssa seacft sertft sede srrt sercft", "refresh", "success", False),
    **_each("feacft fertft ferrt fede fercft feddc", "refresh", "failure", False),
    **_each("fsa", "activity", "unknown", False),
    **_each("mfar gd_send_pn gd_send_sms gd_send_voice gd_send_email", "mfa_challenge", "unknown"),
    **_each("gd_start_auth gd_start_enroll cls cs", "activity"),
    **_each("gd_send_pn_failure gd_send_sms_failure gd_send_voice_failure", "mfa_challenge", "unknown", False),
    **_each("gd_auth_succeed gd_recovery_succeed gd_auth_email_verification", "mfa_result", "success", True, True),
    **_each("seoobft seotpft", "mfa_result", "success", True, True),
    **_each("gd_auth_failed gd_auth_rejected gd_auth_fail_email_verification", "mfa_result", "failure"),
    **_each("gd_otp_rate_limit_exceed gd_recovery_failed gd_recovery_rate_limit_exceed", "mfa_result", "failure"),
    **_each("gd_webauthn_challenge_failed feoobft feotpft", "mfa_result", "failure"),
    **_each("gd_enrollment_complete", "device_enrolled"),
    **_each("gd_webauthn_enrollment_failed", "device_enrolled", "failure"),
    **_each("gd_unenroll gd_user_delete gd_update_device_account scp sce scpn passkey_deleted", "credential_change"),
    **_each("fcp fce fcpn reset_pwd_leak", "credential_change", "failure"),
    **_each("ss scu sui sdu du sv ublkdu signup_blocked_released", "account_change"),
    **_each("fs fcu fui fdu signup_pwd_leak", "account_change", "failure"),
    **_each("gd_tenant_update", "policy_change"),
    **_each("sapi mgmt_api_write", "policy_change"),
    **_each("fapi", "policy_change", "failure"),
    **_each("mgmt_api_read", "activity"),
}
MFA_REMOVALS: Final = frozenset({"gd_unenroll", "gd_user_delete"})
MANAGEMENT: Final = frozenset({"sapi", "fapi", "mgmt_api_write", "mgmt_api_read"})

NOTICES: Final = ("api_limit", "depnote", "sys_", "appi", "resource_cleanup", "admin_update_launch", "s_usage", "kms_")
"""What types begin with that tell about the tenant and its platform."""


def meaning_of(type_: str) -> Meaning:
    """What a type is; an unknown one is an activity of unknown outcome."""
    return _MEANINGS.get(type_, Meaning("activity", "unknown"))


class Call(NamedTuple):
    """A call of the management interface: its kind, and the user that it changes; empty where it changes none."""

    kind: EventKind
    target: str = ""


_PARTS: Final[tuple[tuple[str, EventKind], ...]] = (
    (r"/users/[^/]+/(?:multifactor|authenticators|authentication-methods|recovery-code)", "credential_change"),
    (r"/(?:sessions|refresh-tokens|grants)(?:/|$)", "revoked"),
    (r"/jobs/users-exports", "export"),
    (r"/(?:roles|permissions)(?:/|$)", "privilege_change"),
    (r"/(?:invitations|tenants/members|members|users|user-blocks|user-invitations)(?:/|$)", "account_change"),
)
"""What paths hold, and the kind; the first that fits. Every other is a policy of the tenant."""
_USER: Final = re.compile(r"/users/([^/?]+)")


def call_of(method: str, path: str) -> Call:
    """What a call does, by its method and path; one that only reads is an activity."""
    named = _USER.search(path)
    target = unquote(named[1], errors="replace") if named else ""
    if method.casefold() == "get":
        return Call("activity")
    kinds = (kind for pattern, kind in _PARTS if re.search(pattern, path))
    kind: EventKind = next(kinds, "policy_change")
    if kind == "revoked" and not target:
        return Call("policy_change")
    return Call(kind, target)
