"""What Entra's error codes and the directory's activities are to us, in sign-ins, audit logs and Microsoft 365."""

from __future__ import annotations

import re
from typing import Final

from models.events import EventKind

MFA_DENIED: Final = "500121"
NOBODY: Final = "50058"
MFA_PROMPTS: Final = frozenset({"50072", "50074", "50076", "50079", "50158"})
INTERRUPTS: Final = frozenset(
    {"16000", "16001", "50097", "50125", "50127", "50129", "50140", "50199", "50203", "65001", "502031"}
)
"""Pages that stand between the password and the end of a sign-in: keep me signed in, consent, choose an account."""

ABOUT_TARGET: Final = frozenset({"revoked", "lockout"})
"""Kinds of the user whose sessions or account it is, whoever did it."""

_KINDS: Final[tuple[tuple[str, EventKind], ...]] = (
    (r"update stsrefreshtokenvalidfrom|revoke (all |user )*(sign-?in )?sessions?", "revoked"),
    (r"fraud reported - user is blocked|user is blocked for mfa|block(ed)? user for mfa", "lockout"),
    (r"user started|blocked from self-service|.* reset flow activity|initiate", "activity"),
    (r"(user|admin) registered|register device|add registered owner to device", "device_enrolled"),
    (r"(add|create|register) .*(passkey|fido2?|windows hello|passwordless|authentication method)", "device_enrolled"),
    (r"(user|admin) (deleted|updated|changed|reset)", "credential_change"),
    (r".*(password|strong authentication|temporary access pass|passkey|fido2|windows hello)", "credential_change"),
    (r".*(credential|secrets management|authentication method)(?!s policy| polic)", "credential_change"),
    (r".*(conditional access|polic(y|ies)|named location|federation|domain|dirsync|directory sync)", "policy_change"),
    (r".*(cross-tenant|company (information|settings)|role setting|partner to company|trusted)", "policy_change"),
    (r".*(diagnostic setting|security defaults|directory feature|identity provider)", "policy_change"),
    (r"(?!read|get|list|view).*(\brole\b|role assignment|role definition|pim)", "privilege_change"),
    (r".*(consent to application|permission|app role assignment|elevated their access|grant)", "privilege_change"),
    (r"(add|remove) owner|(add|remove) .*administrator", "privilege_change"),
    (r"(bulk )?download|.*export|read bitlocker|(recover|read) device local administrator", "export"),
    (
        r"(hard |bulk )?(add|create|delete|remove|update|restore|disable|enable|invite|redeem|set|change)",
        "account_change",
    ),
)
"""How names of activities look (folded), and our kind; the first that fits. Everything else is an activity."""
_COMPILED: Final = tuple((re.compile(looks), kind) for looks, kind in _KINDS)
_UNDECIDED: Final = re.compile(r".*(requested|started|pending|progress)\b")
_REFUSED: Final = re.compile(r".*(denied|expired|cancell?ed|failed|blocked from)\b")
_FACTOR: Final = re.compile(r"strongauthentication|searchablestrongauthentication|stronguserauthentication")
_METHOD: Final = r".*(passkey|fido2?|windows hello|passwordless|authentication method)(?!s? polic)"
_CHANGES: Final = tuple(
    (re.compile(looks), change)
    for looks, change in (
        (r"(user|admin) registered|(add|create|register) " + _METHOD, "mfa_added"),
        (r"(user|admin) deleted|(delete|remove) " + _METHOD, "mfa_removed"),
        (r"(user|admin) (updated|changed|reset).*(security info|method)", "mfa_changed"),
        (r"disable strong authentication", "mfa_not_required"),
        (r"enable strong authentication", "mfa_required"),
    )
)
_BAR: Final = re.compile(r"[\u2013\u2014]")


def folded_name(activity: str) -> str:
    r"""One spelling of an activity's name: Microsoft 365 ends it with a dot, and some have a dash of another width.

    >>> folded_name("Update application \u2013 Certificates and secrets management ")
    'update application - certificates and secrets management'
    """
    return _BAR.sub("-", activity).strip().rstrip(".").casefold()


def kind_of_activity(activity: str) -> EventKind:
    """The kind of a directory activity.

    >>> kind_of_activity("Add member to role."), kind_of_activity("User registered security info")
    ('privilege_change', 'device_enrolled')
    """
    name = folded_name(activity)
    return next((kind for looks, kind in _COMPILED if looks.match(name)), "activity")


def is_undecided(activity: str) -> bool:
    """Whether an activity only asks for something, or begins it: nothing was changed yet."""
    return _UNDECIDED.match(folded_name(activity)) is not None


def is_refused(activity: str) -> bool:
    """Whether an activity's name says that nothing came of it."""
    return _REFUSED.match(folded_name(activity)) is not None


def factor_change(name: str, old: str, new: str) -> str:
    """What a changed property of a user says of second factors.

    `name`, `old` and `new` are the property's, as the log writes them. Gives mfa_added, mfa_removed or mfa_changed by
    the number of factors; mfa_required or mfa_not_required where it is the demand that changed; else nothing.

    >>> factor_change("StrongAuthenticationMethod", '[{"MethodType": 7}]', "[]")
    'mfa_removed'
    """
    folded = name.casefold()
    if not _FACTOR.match(folded):
        return ""
    before, after = old.count("{"), new.count("{")
    if "requirement" in folded:
        return "mfa_not_required" if after < before else "mfa_required"
    return "mfa_added" if after > before else "mfa_removed" if after < before else "mfa_changed"


def kind_of_change(change: str) -> EventKind:
    """The kind of a change of second factors: a new one is a device enrolled, any other touches a credential."""
    return "device_enrolled" if change == "mfa_added" else "credential_change"


def change_of_activity(activity: str) -> str:
    """What an activity's own name says of second factors, in the words of `factor_change`, or nothing."""
    name = folded_name(activity)
    return next((change for looks, change in _CHANGES if looks.match(name)), "")
