"""Keycloak: user events and admin events, from its REST interface, a listener, or its log as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row, numbered
from streams.adapters.fields import find, instant_of, instant_since_1970, meaningful, text
from streams.adapters.keycloak_kinds import BACKGROUND, FAILED, TWINS, change_of, kind_of, operation_of, roles_of

_MS: Final = timedelta(milliseconds=1)
_LOGGER: Final = "org.keycloak.events"
_PAIR: Final = re.compile(r"""(?:^|,\ )([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^,]*)(?=,\ |$)""", re.VERBOSE)
_TOP: Final = frozenset(
    {"type", "realmId", "clientId", "userId", "sessionId", "ipAddress", "error"}
    | {"operationType", "resourceType", "resourcePath"}
)
_WHO: Final = ("clientId", "userId", "ipAddress")

_ANN: Final = "36493432-2a3a-4b89-9c52-e3e4e9096f91"
_BOB: Final = "5ee7bcc8-a470-470b-b285-803e2aee93e1"
_REALM: Final = "70b02ef4-1f60-4374-9b2a-727d8cea748c"
_SESSION: Final = "O-tlz5oXXQUagU0unZsjRUdm"
_OTP: Final = "8e0f9bd6-a633-4ed5-85c1-6d3cb6cf9c13"


def _event(type_: str, error: str = "", **details: str) -> dict[str, Any]:
    record = {
        "id": "c0745da1",
        "time": 1772442000123,
        "type": type_,
        "realmId": _REALM,
        "clientId": "ehr-web",
        "userId": _ANN,
        "sessionId": _SESSION,
        "ipAddress": "192.0.2.7",
        "details": {"auth_method": "openid-connect", "username": "ann", **details},
    }
    return {**record, "error": error} if error else record


def _without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def _operation(operation: str, resource: str, path: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "58ad4040",
        "time": 1772442000123,
        "realmId": _REALM,
        "authDetails": {"realmId": "c9fc5361", "clientId": "1eb0ac3e", "userId": _BOB, "ipAddress": "192.0.2.9"},
        "operationType": operation,
        "resourceType": resource,
        "resourcePath": path,
        **fields,
    }


_LINE: Final = {
    "timestamp": "2026-03-02T09:00:00.5Z",
    "sequence": 6312,
    "loggerName": "org.keycloak.events",
    "level": "WARN",
    "message": f'type="LOGIN_ERROR", realmId="{_REALM}", realmName="clinic", clientId="ehr-web", userId="null", '
    'ipAddress="192.0.2.7", error="user_not_found", auth_method="openid-connect", username="nobody, really"',
}


class Keycloak(Adapter):
    """Keycloak's events; a listener's, with the browser's name; and lines of its log written as JSON.

    * The user is `userId`, a UUID; `username` is only a label. Where somebody is named whom the realm does not know
      (`user_not_found`), there is no `userId`, and the name that was typed stands in for it.
    * A LOGIN comes with each redirect, also in a session that is there already. Only some records show it, and those
      are an `activity`: a listener's, where the last password or code was entered more than 30 seconds before, and
      those after an action that needs a session. The rest are a `login`; the first in a session began it.
    * `selected_credential_id` is the mark of a second factor, and its `device`. In a LOGIN it makes `mfa` true and an
      `mfa_result` of its own (`#2`); in a LOGIN_ERROR it means that the code was wrong: an `mfa_result` with failure.
      Without it a LOGIN_ERROR is a `login_failed`, unless the page or the application was at fault: an `activity`.
    * What applications do with tokens has `interactive` false; its address is often the application's.
    * UPDATE_TOTP, UPDATE_PASSWORD and REMOVE_TOTP with a `credential_type` are the twins of newer names, and dropped.
    * Somebody who acts as somebody else is `user`, by name and realm, since nothing else is said of them; as whom is
      `target`, and the session is the one that begins with it.
    * `attributes.change` is mfa_added or mfa_removed, where that is what was changed.
    * An admin event's `user` is who did it, `target` the user or role changed. A session's end by an administrator is
      only there: `revoked`, of the session or user ended, with who did it, and whence, in `attributes`.
    """

    name = "keycloak"
    title = "Keycloak user and admin events"
    lateness = timedelta(minutes=2)
    signatures = (
        ("realmId", "type", "time"),
        ("realmId", "operationType", "resourceType", "time"),
        ("loggerName=" + _LOGGER, "message"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "twin_of_credential_event": "an older name of what UPDATE_CREDENTIAL or REMOVE_CREDENTIAL says beside it",
        "not_an_event": "a line of Keycloak's log about something else",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("id", "id", "c0745da1"),
        Row("time", "at", 1772442000123, "2026-03-02T09:00:00.123000+00:00", "milliseconds since 1970"),
        Row("timestamp", "at", "2026-03-02T09:00:00.5Z", "2026-03-02T09:00:00.500000+00:00", "of a line of the log"),
        Row("type", "action", "LOGIN"),
        Row("type", "kind", "LOGIN", "login", "by a list; the suffix _ERROR is a failure"),
        Row("error", "reason", "invalid_user_credentials"),
        Row("userId", "user", _ANN),
        Row("details.refresh_token_sub", "user", _BOB),
        Row("authDetails.userId", "user", _BOB),
        Row("details.username", "user_label", "ann"),
        Row("sessionId", "session", _SESSION),
        Row("details.code_id", "session", "giFkZpmm0gipWOQfbnFdJOwm"),
        Row("ipAddress", "ip", "192.0.2.7"),
        Row("authDetails.ipAddress", "ip", "192.0.2.9"),
        Row("userAgent", "user_agent", "Mozilla/5.0 (Windows NT 10.0)"),
        Row("clientId", "app", "ehr-web"),
        Row("details.auth_method", "auth_method", "openid-connect"),
        Row("details.selected_credential_id", "device", _OTP, _OTP, "of the mfa_result"),
        Row("details.selected_credential_id", "mfa", _OTP, "True", "of a LOGIN"),
        Row("details.reason", "attributes.failure", "Session not active"),
        Row("details.credential_type", "attributes.credential_type", "otp"),
        Row("details.grant_type", "attributes.grant", "refresh_token"),
        Row("details.identity_provider", "attributes.identity_provider", "hospital-saml"),
        Row("details.impersonator", "user", "admin", "admin@master", "with `impersonator_realm`"),
        Row("details.credential_type", "attributes.change", "otp", "mfa_added", "of a factor; passwords are none"),
        Row("realmId", "attributes.realm", _REALM),
        Row("operationType", "action", "ACTION", "ACTION USER credentials", "with the resource, and what was done"),
        Row("resourcePath", "resource", "clients/c43fbefa"),
        Row("resourcePath", "target", f"users/{_ANN}/role-mappings/realm", _ANN, "the user, group or role in it"),
        Row("resourcePath", "session", f"sessions/{_SESSION}", _SESSION, "where that was ended"),
        Row("representation", "attributes.privilege", '[{"name":"records-admin"}]', "records-admin", "of a role given"),
        Row("authDetails.clientId", "attributes.client", "1eb0ac3e"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a password",
            _event("LOGIN", identity_provider="hospital-saml"),
            ({"kind": "login", "outcome": "success", "user": _ANN, "user_label": "ann", "mfa": None, "device": ""},),
        ),
        Example(
            "a code of a second factor",
            _event("LOGIN", selected_credential_id=_OTP),
            (
                {"kind": "login", "mfa": True, "device": "", "session": _SESSION},
                {"kind": "mfa_result", "outcome": "success", "device": _OTP, "session": _SESSION},
            ),
        ),
        Example(
            "a listener's, in a session from before",
            {
                "kind": "user",
                "sentAt": 1772442000140,
                "userAgent": "Mozilla/5.0 (Windows NT 10.0)",
                "sessionNotes": {"authenticators-completed": '{"47555a28":1772441000}'},
                "event": _event("LOGIN"),
            },
            ({"kind": "activity", "user_agent": "Mozilla/5.0 (Windows NT 10.0)", "session": _SESSION},),
        ),
        Example(
            "a wrong password",
            _without(
                _event("LOGIN_ERROR", "invalid_user_credentials", code_id="giFkZpmm0gipWOQfbnFdJOwm"), "sessionId"
            ),
            ({"kind": "login_failed", "outcome": "failure", "session": "giFkZpmm0gipWOQfbnFdJOwm"},),
        ),
        Example(
            "a wrong code",
            _event("LOGIN_ERROR", "invalid_user_credentials", selected_credential_id=_OTP),
            ({"kind": "mfa_result", "outcome": "failure", "device": _OTP, "mfa": None},),
        ),
        Example(
            "a line of the log, nobody's name",
            _LINE,
            ({"kind": "login_failed", "user": "nobody, really", "reason": "user_not_found", "session": ""},),
        ),
        Example(
            "a token renewed after the session's end",
            _without(
                _event(
                    "REFRESH_TOKEN_ERROR",
                    "invalid_token",
                    reason="Session not active",
                    refresh_token_sub=_BOB,
                    grant_type="refresh_token",
                ),
                "userId",
            ),
            ({"kind": "refresh", "outcome": "failure", "user": _BOB, "interactive": False},),
        ),
        Example(
            "a second factor enrolled",
            _event("UPDATE_CREDENTIAL", credential_type="otp"),
            ({"kind": "device_enrolled", "target": _ANN, "attributes.credential_type": "otp"},),
        ),
        Example("its twin", _event("UPDATE_TOTP", credential_type="otp"), dropped="twin_of_credential_event"),
        Example(
            "a person acted as",
            _event("IMPERSONATE", impersonator="admin", impersonator_realm="master"),
            ({"kind": "impersonation", "user": "admin@master", "target": _ANN, "session": _SESSION},),
        ),
        Example(
            "an administrator ends a session",
            _operation("DELETE", "USER_SESSION", f"sessions/{_SESSION}", representation='{"offline":false}'),
            ({"kind": "revoked", "user": "", "session": _SESSION, "ip": "", "attributes.actor": _BOB},),
        ),
        Example(
            "an administrator ends all sessions of a user",
            _operation("ACTION", "USER", f"users/{_ANN}/logout"),
            ({"kind": "revoked", "user": _ANN, "action": "ACTION USER logout", "attributes.actor_ip": "192.0.2.9"},),
        ),
        Example(
            "an administrator removes a factor",
            _operation("ACTION", "USER", f"users/{_ANN}/credentials/ecd3bd59", details={"credential_type": "otp"}),
            ({"kind": "credential_change", "user": _BOB, "target": _ANN, "attributes.change": "mfa_removed"},),
        ),
        Example(
            "a role given",
            _operation(
                "CREATE",
                "REALM_ROLE_MAPPING",
                f"users/{_ANN}/role-mappings/realm",
                representation='[{"name":"records-admin"}]',
            ),
            ({"kind": "privilege_change", "target": _ANN, "attributes.privilege": "records-admin"},),
        ),
        Example(
            "a client changed",
            _operation("UPDATE", "CLIENT", "clients/c43fbefa"),
            ({"kind": "policy_change", "resource": "clients/c43fbefa", "action": "UPDATE CLIENT"},),
        ),
        Example("another line of the log", {**_LINE, "message": "Strange things happen"}, dropped="not_an_event"),
    )

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A listener's event beside what the listener adds; a line of the log as the event that it tells of."""
        if record.get("loggerName") == _LOGGER:
            return {**record, **_told(record.get("message"))}
        event = record.get("event")
        if isinstance(event, dict) and "sentAt" in record:
            return {**event, **{key: record[key] for key in ("userAgent", "sessionNotes") if key in record}}
        return record

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event; two where a second factor was passed in a login."""
        seen = self.view(record)
        type_, operation = text(seen.get("type")), text(seen.get("operationType"))
        if not (type_ or operation):
            if text(seen.get("loggerName")):
                return Dropped("not_an_event")
            raise BadRecordError("no_event_type", "neither `type` nor `operationType` says what happened")
        if type_ in TWINS and find(seen, ("details", "credential_type")):
            return Dropped("twin_of_credential_event")
        draft = Draft(id="", at=_at(seen), kind="activity", said=self.copied(seen))
        draft.id = self.identity(draft.said.pop("id", ""), record)
        draft.outcome = "failure" if "error" in draft.said or type_.endswith(FAILED) else "success"
        for name in ("user", "user_label", "session", "ip"):
            if not meaningful(draft.said.get(name, "")):
                draft.said.pop(name, None)
        if operation:
            _operated(draft, seen)
        else:
            _happened(draft, seen, type_.removesuffix(FAILED))
        return self._with_factor(draft, text(find(seen, ("details", "selected_credential_id"))))

    def _with_factor(self, draft: Draft, credential: str) -> list[SessionEvent]:
        if not credential or draft.kind not in {"login", "activity", "mfa_result"}:
            return [draft.event(self.name)]
        if draft.kind == "mfa_result":
            draft.said["device"] = credential
            return [draft.event(self.name)]
        draft.mfa = True
        made = [draft.event(self.name)]
        draft.id, draft.kind = numbered(draft.id, 2), "mfa_result"
        draft.said = {**draft.said, "device": credential}
        return [*made, draft.event(self.name)]


def _happened(draft: Draft, seen: Mapping[str, Any], base: str) -> None:
    draft.kind = kind_of(base, seen)
    draft.interactive = not (draft.kind == "refresh" or base in BACKGROUND)
    said = draft.said
    if base == "CLIENT_LOGIN":
        said["role"] = "service_account"
    if said.get("reason") == "user_not_found" and "user" not in said and "user_label" in said:
        said["user"] = said["user_label"]
    if draft.kind == "lockout" and "attributes.failure" in said:
        said["reason"] = said.pop("attributes.failure")
    if draft.kind in {"device_enrolled", "credential_change", "account_change", "impersonation"} and "user" in said:
        said["target"] = said["user"]
    if draft.kind == "privilege_change" and "app" in said:
        said["target"] = said["app"]
    if draft.kind == "impersonation":
        _impersonated(draft, seen)
    if word := change_of(draft.kind, base, seen):
        said["attributes.change"] = word


def _impersonated(draft: Draft, seen: Mapping[str, Any]) -> None:
    who, realm = (text(find(seen, ("details", key))) for key in ("impersonator", "impersonator_realm"))
    draft.said.pop("user", None)
    if who:
        draft.said["user"] = text(f"{who}@{realm}") if realm else who


def _operated(draft: Draft, seen: Mapping[str, Any]) -> None:
    done = operation_of(seen)
    said = draft.said
    draft.kind, said["action"] = done.kind, done.verb
    if done.ends:
        # The administrator's own session and address are others than those that this is about.
        said["attributes.actor"], said["attributes.actor_ip"] = said.pop("user", ""), said.pop("ip", "")
        said |= {"user": done.target, "session": done.session}
    else:
        said["target"] = done.target
    if word := change_of(done.kind, done.verb, seen):
        said["attributes.change"] = word
    if done.kind == "privilege_change":
        said["attributes.privilege"] = roles_of(seen)
    draft.said = {key: value for key, value in said.items() if value}


def _at(seen: Mapping[str, Any]) -> datetime:
    if seen.get("loggerName") == _LOGGER:
        return instant_of(seen.get("timestamp") or seen.get("@timestamp"), "timestamp")
    return instant_since_1970(seen.get("time"), "time", _MS)


def _told(message: Any) -> dict[str, Any]:
    """The event in a line of the log: `type="LOGIN", realmId="...", ...`, in quotes or not; "null" is nothing."""
    pairs = {key: _unquoted(value) for key, value in _PAIR.findall(message)} if isinstance(message, str) else {}
    said = {key: value for key, value in pairs.items() if value != "null"}
    if not said.keys() & {"type", "operationType"}:
        return {}
    event: dict[str, Any] = {key: value for key, value in said.items() if key in _TOP}
    event["details"] = {key: value for key, value in said.items() if key not in _TOP}
    if "operationType" in event:
        event["authDetails"] = {key: event.pop(key) for key in _WHO if key in event}
    return event


def _unquoted(value: str) -> str:
    if value[:1] == value[-1:] and value[:1] in {'"', "'"}:
        return value[1:-1].replace('\\"', '"')
    return value.strip()
