"""What the verb of a source that nobody tabled is to us: by the source it came from, else by the words in it."""

from __future__ import annotations

import re
from typing import Final

from models.events import EventKind
from streams.adapters.cloudtrail_kinds import kind_of
from streams.adapters.entra_kinds import kind_of_activity
from streams.adapters.m365_kinds import kind_of_operation
from streams.adapters.okta import kind_of_event_type

AWS: Final = ".amazonaws.com"

_FACTORS: Final = (
    r"\b(mfa|multi ?factor|2fa|2sv|second factor|factor|authenticator|webauthn|passkey|fido2?|totp|otp|security key)\b"
)
_TAKE: Final = r"\b(remov|delet|disabl|deactivat|reset|unenrol|unregist|clear|turn(ed)? off|stop)"
_GIVE: Final = r"\b(enrol|regist|add(ed|s)?\b|activat|enabl|creat|set ?up)"
_ANYWHERE: Final[tuple[tuple[str, EventKind], ...]] = (
    (r"\bunlock", "account_change"),
    (r"\block(ed)? ?out\b|\b(account|user)\b.*\block(ed)?\b|\block(ed)?\b.*\b(account|user)\b", "lockout"),
    (r"\bimpersonat|\bact(ing)? as\b|\blogin as\b", "impersonation"),
    (r"\b(revok\w*|terminat\w*|kill\w*)\b.*\b(session|token)|\b(session|token)s?\b.*\brevok", "revoked"),
    (r"\b(export|download|dump)", "export"),
)
_IDENTITY: Final[tuple[tuple[str, EventKind], ...]] = (
    (rf"{_TAKE}.*{_FACTORS}|{_FACTORS}.*{_TAKE}", "credential_change"),
    (rf"{_GIVE}.*{_FACTORS}|{_FACTORS}.*{_GIVE}|{_GIVE}.*\bdevice", "device_enrolled"),
    (
        rf"\bpassw(or)?d|\bcredential|\b(access|api|ssh|signing) ?key|\bsecret|\bapi ?token|{_FACTORS}",
        "credential_change",
    ),
    (
        r"\bprivileg|\bpermission|\broles?\b|\badmin(istrator)?\b|\bgrant|(at|de)tach.*polic|\belevat",
        "privilege_change",
    ),
    (
        r"\baudit|\blogging\b|\btrail\b|\bpolic(y|ies)\b|\brule|\bsetting|\bconfig|\bfederat|\btrust",
        "policy_change",
    ),
    (r"\busers?\b|\baccounts?\b|\bgroups?\b|\bmembers?\b|\binvit|\bidentit", "account_change"),
)
_AUDIT: Final = re.compile(rf"{_TAKE}.*\b(audit|logging|trail)|\b(audit|logging|trail)\b.*{_TAKE}")
_LOST: Final = re.compile(rf"{_TAKE}.*{_FACTORS}|{_FACTORS}.*{_TAKE}")
_GAINED: Final = re.compile(rf"{_GIVE}.*{_FACTORS}|{_FACTORS}.*{_GIVE}")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


def words_of(action: str) -> str:
    """A verb as words in lower case.

    >>> words_of("StopLogging"), words_of("user-member-added-to-group")
    ('stop logging', 'user member added to group')
    """
    return _HUMPS.sub(" ", action).strip().casefold()


def kind_of_words(action: str, *, identity: bool) -> EventKind:
    """The kind that the words of a verb say; `identity`: it changed something about accounts, rights or policies.

    >>> kind_of_words("deactivate-mfa-device", identity=True), kind_of_words("bulk_export", identity=False)
    ('credential_change', 'export')
    """
    words = words_of(action)
    rows = _ANYWHERE + _IDENTITY if identity else _ANYWHERE
    return next((kind for looks, kind in rows if re.search(looks, words)), "activity")


def change_of_words(action: str) -> str:
    """What the words of a verb say was changed: mfa_added, mfa_removed, audit_off, or nothing."""
    words = words_of(action)
    if _LOST.search(words):
        return "mfa_removed"
    if _GAINED.search(words):
        return "mfa_added"
    return "audit_off" if _AUDIT.search(words) else ""


def kind_at(source: str, action: str, service: str) -> EventKind:
    """The kind of a verb of a source that has an adapter of its own; an activity where it has none or says no more.

    `source` is how another schema calls it (aws, okta, o365, azure), `service` the part of it that speaks.

    >>> kind_at("aws", "CreateAccessKey", "iam.amazonaws.com"), kind_at("clinic", "CreateAccessKey", "")
    ('credential_change', 'activity')
    """
    name = source.casefold()
    if name == "aws" or service.endswith(AWS):
        return kind_of(action, service.removesuffix(AWS), "AwsApiCall")
    if name == "okta":
        return kind_of_event_type(action)
    if name in {"o365", "m365"}:
        return kind_of_operation(action, service)
    return kind_of_activity(action) if name in {"azure", "entra"} else "activity"
