"""Duo: its authentication log in both versions, its administrators' log, and calls that it paid for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row, numbered
from streams.adapters.fields import compiled, find, instant_of, instant_since_1970, log_place, text

_SECOND: Final = timedelta(seconds=1)
_PLACE: Final = {
    "city": compiled("access_device.location.city"),
    "region": compiled("access_device.location.state"),
    "country": compiled("access_device.location.country"),
}
_PLACE_V1: Final = {name: path[1:] for name, path in _PLACE.items()}

_NOT_ASKED: Final[dict[str, bool | None]] = {
    "allow_unenrolled_user": False,
    "allow_unenrolled_user_on_trusted_network": False,
    "allowed_by_policy": False,
    "bypass_user": False,
    "remembered_device": None,
    "trusted_location": False,
    "trusted_network": False,
    "user_not_in_permitted_group": False,
}
"""Reasons of a success in which no second factor was shown, and what that says of `mfa`."""
_ANSWERS: Final = frozenset(
    {
        "anomalous_push",
        "call_timed_out",
        "invalid_passcode",
        "no_keys_pressed",
        "no_response",
        "queued_inbox_expired",
        "user_cancelled",
        "user_marked_fraud",
        "user_mistake",
        "user_provided_invalid_otp",
        "verification_code_incorrect",
        "verification_code_missing",
    }
)
"""Reasons of a refusal that are what became of the second factor; every other is Duo's own decision."""

_ADMIN_KINDS: Final[tuple[tuple[str, EventKind], ...]] = (
    ("admin_login_error", "login_failed"),
    ("admin_login", "login"),
    ("admin_2fa_error", "mfa_result"),
    ("admin_factor_restrictions", "policy_change"),
    ("admin_lockout", "lockout"),
    ("admin_reset_password", "credential_change"),
    ("admin_rectivates_duo_push", "credential_change"),
    ("admin_", "privilege_change"),
    ("user_lockout", "lockout"),
    ("user_adhoc", "account_change"),
    ("user_", "account_change"),
    ("group_", "account_change"),
    ("phone_create", "device_enrolled"),
    ("phone_associate", "device_enrolled"),
    ("phone_", "credential_change"),
    ("bypass_view", "activity"),
    ("bypass_", "credential_change"),
    ("hardtoken_", "credential_change"),
    ("u2ftoken_", "credential_change"),
    ("webauthncredential_", "credential_change"),
    ("integration_", "policy_change"),
    ("policy_", "policy_change"),
    ("customer_", "policy_change"),
    ("regenerate_", "policy_change"),
    ("log_export_", "export"),
    ("report_", "export"),
)
"""What an administrator's actions begin with; the first that fits. Everything else is an activity."""
_MFA_REMOVALS: Final = re.compile(r"(phone|hardtoken|u2ftoken|webauthncredential)_(delete|disassociate|remove)")
_PROGRAMS: Final = frozenset({"api", "system", "duo"})

_V2: Final = {
    "txid": "340a23e3-23f3",
    "event_type": "authentication",
    "isotimestamp": "2026-03-02T09:00:00.351346+00:00",
    "timestamp": 1772442000,
    "user": {"key": "DU3KC77W", "name": "ann@clinic.example", "groups": []},
    "application": {"key": "DIY231J8", "name": "VPN"},
    "factor": "duo_push",
    "reason": "user_approved",
    "result": "success",
    "access_device": {
        "ip": "192.0.2.7",
        "epkey": "EP18",
        "hostname": "desk-7",
        "os": "Mac OS X",
        "browser": "Chrome",
        "location": {"city": "Milan", "state": "Lombardy", "country": "Italy"},
    },
    "auth_device": {"ip": "198.51.100.9", "key": "DP5B", "name": "My iPhone"},
    "trusted_endpoint_status": "not trusted",
}
_V1: Final = {
    "access_device": {"browser": "Chrome", "os": "Mac OS X"},
    "device": "555-0100",
    "factor": "Phone Call",
    "integration": "Portal",
    "ip": "192.0.2.8",
    "location": {"city": "Milan", "state": "Lombardy", "country": "Italy"},
    "reason": "No keys pressed",
    "result": "FAILURE",
    "timestamp": 1772442000,
    "username": "bob",
}
_ADMIN: Final = {
    "action": "user_update",
    "description": '{"status": "Bypass"}',
    "object": "bob",
    "timestamp": 1772442000,
    "username": "Ann Admin",
}


class Duo(Adapter):
    """Duo's logs. A record of the authentication log tells of one sign-in, and of the second factor in it.

    * Somebody with the first factor is at `access_device.ip`. `auth_device.ip` is the telephone's: it is kept as
      `attributes.phone_ip`, and is not where the person signs in.
    * A success is a `login`, and an `mfa_result` of its own (`#2`) where a second factor was shown; where none was
      asked for (bypass, remembered device), there is only the login, and `mfa` is not true.
    * A refusal by the person, or none at all (`no_response`, `user_marked_fraud`, a wrong code), is an `mfa_result`
      with failure: a flood of pushes shows by those. A refusal by Duo is a `login_failed`.
    * The device of a login is the computer, that of an `mfa_result` the telephone.
    * In the administrators' log the user is the administrator, and `target` the object; what a program did there has
      `interactive` false.
    """

    name = "duo"
    title = "Duo authentication and administrator logs"
    lateness = timedelta(minutes=5)
    signatures = (
        ("access_device", "factor", "result", "user", "application"),
        ("access_device", "factor", "result", "username", "integration"),
        ("ip", "factor", "result", "username", "integration"),
        ("action", "description", "object", "timestamp", "username"),
        ("context", "credits", "phone", "type"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "telephony": "what a call or message cost: the challenge that it was for is in the authentication log",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("txid", "id", "340a23e3-23f3"),
        Row("isotimestamp", "at", _V2["isotimestamp"], "2026-03-02T09:00:00.351346+00:00"),
        Row("timestamp", "at", 1772442000, "2026-03-02T09:00:00+00:00", "seconds since 1970, where that is missing"),
        Row("result", "outcome", "success", "success", "denied and fraud are failure"),
        Row("result", "kind", "success", "login", "see above"),
        Row("reason", "reason", "user_marked_fraud"),
        Row("user.name", "user", "ann@clinic.example"),
        Row("username", "user", "bob"),
        Row("user.key", "attributes.user_id", "DU3KC77W"),
        Row("access_device.ip", "ip", "192.0.2.7"),
        Row("ip", "ip", "192.0.2.8"),
        Row("access_device.epkey", "device", "EP18"),
        Row("access_device.hostname", "workstation", "desk-7"),
        Row("auth_device.key", "device", "DP5B", "DP5B", "of the mfa_result, else its name, else `device`"),
        Row("auth_device.ip", "attributes.phone_ip", "198.51.100.9"),
        Row("access_device.os", "attributes.os", "Mac OS X"),
        Row("access_device.browser", "attributes.browser", "Chrome"),
        Row("trusted_endpoint_status", "attributes.endpoint", "not trusted"),
        Row("application.name", "app", "VPN"),
        Row("integration", "app", "Portal"),
        Row("factor", "auth_method", "duo_push"),
        Row("event_type", "action", "authentication"),
        Row("action", "action", "user_update"),
        Row("object", "target", "bob"),
        Row("action", "attributes.change", "phone_delete", "mfa_removed", "or mfa_added, where that is what was done"),
        Row("access_device.location.country", "place.country", "Italy", "IT"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a push approved",
            _V2,
            (
                {"kind": "login", "outcome": "success", "mfa": True, "ip": "192.0.2.7", "device": "EP18"},
                {"kind": "mfa_result", "outcome": "success", "device": "DP5B", "attributes.phone_ip": "198.51.100.9"},
            ),
        ),
        Example(
            "a push marked as fraud",
            {**_V2, "result": "fraud", "reason": "user_marked_fraud"},
            ({"kind": "mfa_result", "outcome": "failure", "reason": "user_marked_fraud", "mfa": None},),
        ),
        Example(
            "nobody answers",
            {**_V2, "result": "denied", "reason": "no_response"},
            ({"kind": "mfa_result", "outcome": "failure", "reason": "no_response", "device": "DP5B"},),
        ),
        Example(
            "a user whom nothing is asked of",
            {**_V2, "factor": "not_available", "reason": "bypass_user"},
            ({"kind": "login", "mfa": False, "reason": "bypass_user"},),
        ),
        Example(
            "refused for the address",
            {**_V2, "factor": "not_available", "result": "denied", "reason": "anonymous_ip"},
            ({"kind": "login_failed", "outcome": "failure", "reason": "anonymous_ip"},),
        ),
        Example(
            "a telephone enrolled",
            {**_V2, "event_type": "enrollment", "reason": None},
            ({"kind": "device_enrolled", "device": "DP5B", "target": "ann@clinic.example"},),
        ),
        Example(
            "version 1",
            _V1,
            ({"kind": "mfa_result", "outcome": "failure", "reason": "no_keys_pressed", "device": "555-0100"},),
        ),
        Example(
            "an administrator changes a user",
            _ADMIN,
            ({"kind": "account_change", "user": "Ann Admin", "target": "bob", "interactive": True},),
        ),
        Example(
            "a program does",
            {**_ADMIN, "username": "API", "action": "phone_delete"},
            ({"kind": "credential_change", "user": "API", "interactive": False},),
        ),
        Example(
            "a call paid for",
            {"context": "authentication", "credits": 1, "phone": "+15550100", "type": "sms", "timestamp": 1772442000},
            dropped="telephony",
        ),
    )

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event; two where a second factor was shown in a sign-in."""
        if "credits" in record and "result" not in record:
            return Dropped("telephony")
        place = log_place(record, _PLACE) or log_place(record, _PLACE_V1)
        draft = Draft(id="", at=_at(record), kind="activity", said=self.copied(record), place=place)
        draft.id = self.identity(draft.said.pop("id", ""), record)
        if "object" in record or ("action" in draft.said and "result" not in record):
            _administered(draft)
            return [draft.event(self.name)]
        result = text(record.get("result")).casefold()
        if not result:
            raise BadRecordError("no_outcome", "`result` does not say how it ended")
        draft.outcome = "success" if result == "success" else "failure"
        reason = text(record.get("reason")).casefold().replace(" ", "_")
        draft.said["reason"] = reason
        draft.said["action"] = draft.said.get("action", "authentication")
        if draft.said["action"] == "enrollment":
            draft.kind, draft.said["attributes.change"] = "device_enrolled", "mfa_added"
            draft.said["target"] = draft.said.get("user", "")
        elif draft.outcome == "success":
            draft.kind, draft.mfa = "login", _NOT_ASKED.get(reason, True)
        else:
            draft.kind = "mfa_result" if result == "fraud" or reason in _ANSWERS else "login_failed"
        draft.said = {key: value for key, value in draft.said.items() if value}
        return self._with_factor(draft, record)

    def _with_factor(self, draft: Draft, record: Mapping[str, Any]) -> list[SessionEvent]:
        telephone = text(find(record, ("auth_device", "key"))) or text(find(record, ("auth_device", "name")))
        telephone = telephone or text(record.get("device"))
        if draft.kind == "login_failed" or (draft.kind == "login" and not draft.mfa):
            return [draft.event(self.name)]
        made = []
        if draft.kind == "login":
            made.append(draft.event(self.name))
            draft.id, draft.kind = numbered(draft.id, 2), "mfa_result"
        draft.said = {**draft.said, "device": telephone}
        return [*made, draft.event(self.name)]


def _administered(draft: Draft) -> None:
    action = draft.said.get("action", "")
    draft.kind = next((kind for beginning, kind in _ADMIN_KINDS if action.startswith(beginning)), "activity")
    if _MFA_REMOVALS.match(action) or draft.kind == "device_enrolled":
        draft.said["attributes.change"] = "mfa_added" if draft.kind == "device_enrolled" else "mfa_removed"
    draft.outcome = "failure" if action.endswith("_error") else "success"
    draft.interactive = draft.said.get("user", "").casefold() not in _PROGRAMS
    if draft.kind == "lockout" and "target" in draft.said:
        draft.said["attributes.actor"], draft.said["user"] = draft.said.get("user", ""), draft.said.pop("target")


def _at(record: Mapping[str, Any]) -> datetime:
    written = record.get("isotimestamp") or record.get("p_event_time")
    if written or "timestamp" not in record:
        return instant_of(written, "isotimestamp")
    return instant_since_1970(record.get("timestamp"), "timestamp", _SECOND)
