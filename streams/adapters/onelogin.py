"""OneLogin events, as its interface and its webhook give them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row
from streams.adapters.fields import instant_of, text, whole_number

_KINDS: Final[dict[int, tuple[EventKind, Outcome]]] = {
    1: ("policy_change", "success"),  # an application given to a role
    2: ("policy_change", "success"),  # and taken from one
    3: ("impersonation", "success"),
    4: ("privilege_change", "success"),  # a role given
    5: ("login", "success"),
    6: ("login_failed", "failure"),
    7: ("logout", "success"),
    8: ("activity", "success"),  # into an application
    11: ("credential_change", "success"),  # a password changed
    12: ("account_change", "success"),  # unlocked
    13: ("account_change", "success"),  # created
    14: ("account_change", "success"),
    15: ("account_change", "success"),  # deactivated
    16: ("account_change", "success"),
    17: ("account_change", "success"),  # deleted
    19: ("lockout", "success"),
    24: ("credential_change", "success"),  # a second factor removed
    69: ("login_failed", "failure"),  # refused by RADIUS
    72: ("privilege_change", "success"),  # a privilege given
    90: ("activity", "failure"),  # refused an application
    172: ("credential_change", "success"),  # a second factor removed
    240: ("activity", "success"),  # a stored password shown
    531: ("lockout", "success"),
    532: ("lockout", "success"),
    551: ("lockout", "success"),
    553: ("lockout", "success"),
}
"""Numbers of event types; every other is an activity of unknown outcome."""
_MFA_REMOVALS: Final = frozenset({24, 172})
_ADMINISTERED: Final = frozenset({"credential_change", "account_change", "privilege_change", "impersonation"})

_LOGIN: Final = {
    "id": 65942,
    "created_at": "2026-03-02T09:00:00.792Z",
    "account_id": 7,
    "event_type_id": 5,
    "user_id": 123456,
    "user_name": "Ann Ward",
    "actor_user_id": 123456,
    "actor_user_name": "Ann Ward",
    "ipaddr": "192.0.2.7",
    "browser_fingerprint": "9f2b",
    "risk_score": 12,
    "policy_name": "Staff",
}
_OF_BOB: Final = {**_LOGIN, "user_id": 77, "user_name": "Bob Cure"}


class OneLogin(Adapter):
    """OneLogin's events, told by the number of their type.

    * The user is the number, since OneLogin's `user_name` is a person's first and last name, which two may share; the
      name is the label.
    * `user` is who did it (`actor_user_id`) and `target` who was changed, or is acted as. Sign-ins, and an account that
      is locked, are of the user in `user_id`; who locked it is `attributes.actor`.
    * What a system did, and no person, has `interactive` false.
    """

    name = "onelogin"
    title = "OneLogin events"
    lateness = timedelta(minutes=5)
    signatures = (
        ("event_type_id", "user_id"),
        ("event_type_id", "account_id", "created_at"),
    )
    table: ClassVar[tuple[Row, ...]] = (
        Row("id", "id", 65942),
        Row("created_at", "at", "2026-03-02T09:00:00.792Z", "2026-03-02T09:00:00.792000+00:00"),
        Row("event_type_id", "action", 5),
        Row("event_type_id", "kind", 6, "login_failed", "by a list"),
        Row("event_type_id", "outcome", 6, "failure", "by the same"),
        Row("user_id", "user", 123456),
        Row("user_name", "user", "Cy Night"),
        Row("user_name", "user_label", "Ann Ward"),
        Row("actor_user_id", "user", 99, "99", "of what was done to another"),
        Row("user_id", "target", 77, "77", "of what was done to another"),
        Row("ipaddr", "ip", "192.0.2.7"),
        Row("browser_fingerprint", "device", "9f2b"),
        Row("app_name", "app", "confluence"),
        Row("role_name", "attributes.privilege", "Records"),
        Row("privilege_name", "attributes.privilege", "Super user"),
        Row("otp_device_name", "attributes.factor", "OneLogin Protect"),
        Row("authentication_factor_description", "attributes.factor", "Security key"),
        Row("event_type_id", "attributes.change", 172, "mfa_removed", "where a second factor is removed"),
        Row("notes", "attributes.notes", "Initiated by Admin"),
        Row("error_description", "reason", "Authentication failed"),
        Row("risk_score", "attributes.risk_score", 12),
        Row("policy_name", "attributes.policy", "Staff"),
        Row("account_id", "attributes.account", 7),
        Row("actor_system", "attributes.system", "API"),
        Row("assuming_acting_user_id", "attributes.assumed_by", 99),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("a login", _LOGIN, ({"kind": "login", "outcome": "success", "user": "123456", "target": ""},)),
        Example(
            "a wrong password, number as text",
            {**_LOGIN, "event_type_id": "6", "error_description": "Authentication failed"},
            ({"kind": "login_failed", "outcome": "failure", "action": "6"},),
        ),
        Example("the same, a number", {**_LOGIN, "event_type_id": 6}, ({"kind": "login_failed"},)),
        Example(
            "nobody known by number",
            {**_LOGIN, "event_type_id": 6, "user_id": None, "user_name": "Cy Night", "actor_user_id": None},
            ({"kind": "login_failed", "user": "Cy Night"},),
        ),
        Example(
            "an administrator acts as somebody",
            {**_OF_BOB, "event_type_id": 3, "actor_user_id": 99, "actor_user_name": "Di Admin"},
            ({"kind": "impersonation", "user": "99", "user_label": "Di Admin", "target": "77"},),
        ),
        Example(
            "what is done as somebody",
            {**_OF_BOB, "event_type_id": 8, "app_name": "confluence", "assuming_acting_user_id": 99},
            ({"kind": "activity", "user": "77", "app": "confluence", "attributes.assumed_by": "99"},),
        ),
        Example(
            "a role given",
            {**_OF_BOB, "event_type_id": 4, "role_name": "Records", "notes": "Initiated by Admin"},
            ({"kind": "privilege_change", "user": "123456", "target": "77", "attributes.privilege": "Records"},),
        ),
        Example(
            "a privilege given",
            {**_OF_BOB, "event_type_id": 72, "privilege_name": "Super user"},
            ({"kind": "privilege_change", "attributes.privilege": "Super user"},),
        ),
        Example(
            "one's own second factor removed",
            {**_LOGIN, "event_type_id": 24, "otp_device_name": "OneLogin Protect"},
            ({"kind": "credential_change", "user": "123456", "target": "123456"},),
        ),
        Example(
            "another's second factor removed",
            {**_OF_BOB, "event_type_id": 172, "authentication_factor_description": "Security key"},
            ({"kind": "credential_change", "user": "123456", "target": "77"},),
        ),
        Example(
            "an account locked by a system",
            {**_OF_BOB, "event_type_id": 531, "actor_user_id": None, "actor_user_name": "", "actor_system": "API"},
            ({"kind": "lockout", "user": "77", "interactive": False},),
        ),
        Example("a type that we do not know", {**_LOGIN, "event_type_id": 9999}, ({"kind": "activity"},)),
    )

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        number = whole_number(record.get("event_type_id"))
        if number is None:
            raise BadRecordError("no_event_type", "`event_type_id` is no number")
        kind, outcome = _KINDS.get(number, ("activity", "unknown"))
        draft = Draft(
            id="",
            at=instant_of(record.get("created_at") or record.get("p_event_time"), "created_at"),
            kind=kind,
            said=self.copied(record),
            outcome=outcome,
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        said = draft.said
        if number in _MFA_REMOVALS:
            said["attributes.change"] = "mfa_removed"
        draft.interactive = "attributes.system" not in said
        actor, label = text(record.get("actor_user_id")), text(record.get("actor_user_name"))
        if kind in _ADMINISTERED:
            said["target"] = said.get("user", "")
            if actor and actor != said["target"]:
                said["user"], said["user_label"] = actor, label
        elif actor != said.get("user") and actor:
            said["attributes.actor"] = actor
        return [draft.event(self.name)]
