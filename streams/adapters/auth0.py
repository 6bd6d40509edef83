"""Auth0 tenant logs, with or without the envelope of a log stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row
from streams.adapters.auth0_kinds import MANAGEMENT, MFA_REMOVALS, NOTICES, call_of, meaning_of
from streams.adapters.fields import compiled, find, instant_of, log_place, text

_REQUEST: Final = ("details", "request")
_PLACE: Final = {
    "latitude": compiled("location_info.latitude"),
    "longitude": compiled("location_info.longitude"),
    "city": compiled("location_info.city_name"),
    "country": compiled("location_info.country_code"),
}
_INVITED: Final = (
    ("body", "invitee", "email"),
    ("body", "owners", 0),
    ("body", "users", 0),
    ("body", "members", 0),
    ("body", "user", "email"),
)

_LOGIN: Final = {
    "log_id": "90020260302",
    "date": "2026-03-02T09:00:00.149Z",
    "type": "s",
    "description": "Successful login",
    "connection": "Username-Password-Authentication",
    "strategy": "auth0",
    "client_id": "1HXWWGKk",
    "client_name": "Portal",
    "ip": "192.0.2.7",
    "user_agent": "Mozilla/5.0 (Macintosh)",
    "user_id": "auth0|6459",
    "user_name": "ann@clinic.example",
    "session_id": "BXR6Q6",
    "hostname": "clinic.auth0.example",
    "location_info": {
        "country_code": "IT",
        "country_name": "Italy",
        "city_name": "Milan",
        "latitude": 45.46,
        "longitude": 9.19,
    },
}


def _with(type_: str, **fields: Any) -> dict[str, Any]:
    return {**_LOGIN, "type": type_, **fields}


def _call(method: str, path: str, body: Any = None, description: str = "") -> dict[str, Any]:
    user = {"email": "ann@clinic.example", "user_id": "google-oauth2|105"}
    request = {"method": method, "path": path, "body": body, "auth": {"user": user, "strategy": "jwt"}}
    return {
        "log_id": "90020260303",
        "data": {
            "log_id": "90020260303",
            "date": "2026-03-02 09:10:00.149000000",
            "type": "sapi",
            "description": description,
            "ip": "192.0.2.7",
            "user_id": "google-oauth2|105",
            "details": {"session_id": "CXR7", "request": request, "response": {"statusCode": 200}},
        },
    }


class Auth0(Adapter):
    """Auth0's tenant logs, of users and of its management interface.

    * Sign-ins are a `login`; those by password or secret without a page, and all that is done with tokens, have
      `interactive` false. A silent sign-in that fails is no failure: an `activity` of unknown outcome.
    * A push or code that is sent is an `mfa_challenge`; what came of it an `mfa_result`, with failure where it was
      refused. A flood of pushes shows by those.
    * `limit_wc`, an account blocked for an address after many failures, is a `lockout`. A leaked password that was
      tried (`pwd_leak`), and tries that a limit refused, are a `login_failed`.
    * Calls of the management interface are told by their path: roles and permissions, second factors, users, exports,
      sessions; every other is a `policy_change`. `target` is the user in the path, or who was invited.
    """

    name = "auth0"
    title = "Auth0 tenant logs"
    lateness = timedelta(minutes=2)
    signatures = (
        ("log_id", "date", "type", "client_id"),
        ("log_id", "date", "type", "ip"),
        ("date", "type", "description", "details.request"),
        ("date", "type", "user_id", "details.request"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "tenant_notice": "Auth0 tells the tenant's owner something: limits of calls, outdated features, upkeep",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("log_id", "id", "90020260302"),
        Row("date", "at", "2026-03-02T09:00:00.149Z", "2026-03-02T09:00:00.149000+00:00"),
        Row("type", "action", "s"),
        Row("type", "kind", "fp", "login_failed", "by a list"),
        Row("user_name", "user", "ann@clinic.example"),
        Row("details.request.auth.user.email", "user", "ann@clinic.example"),
        Row("user_id", "user", "auth0|77"),
        Row("user_id", "attributes.user_id", "auth0|6459"),
        Row("session_id", "session", "BXR6Q6"),
        Row("details.session_id", "session", "CXR7"),
        Row("ip", "ip", "192.0.2.7"),
        Row("user_agent", "user_agent", "Mozilla/5.0 (Macintosh)"),
        Row("client_name", "app", "Portal"),
        Row("client_id", "app", "client-9"),
        Row("connection", "auth_method", "Username-Password-Authentication"),
        Row("strategy", "auth_method", "sms"),
        Row("details.request.path", "resource", "/api/v2/users/auth0%7C6459/roles"),
        Row("details.request.path", "target", "/api/v2/users/auth0%7C6459/roles", "auth0|6459", "the user in it"),
        Row("details.request.body.invitee.email", "target", "eve@mail.example", "eve@mail.example", "who is invited"),
        Row("details.authenticator.type", "attributes.credential_type", "sms"),
        Row("description", "attributes.description", "Successful login"),
        Row("description", "reason", "Wrong email or password.", "Wrong email or password.", "of a failure"),
        Row("type", "attributes.change", "gd_enrollment_complete", "mfa_added", "mfa_removed where one is removed"),
        Row("audience", "attributes.audience", "https://api.clinic.example"),
        Row("hostname", "attributes.account", "clinic.auth0.example"),
        Row("details.request.channel", "attributes.channel", "https://manage.auth0.com/"),
        Row("location_info.country_code", "place.country", "IT", "IT"),
        Row("location_info.latitude", "place.latitude", 45.46, "45.46"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("a login", _LOGIN, ({"kind": "login", "outcome": "success", "session": "BXR6Q6", "app": "Portal"},)),
        Example(
            "a wrong password",
            _with("fp", description="Wrong email or password."),
            ({"kind": "login_failed", "outcome": "failure", "reason": "Wrong email or password."},),
        ),
        Example(
            "a password that leaked",
            _with("pwd_leak", strategy="sms", connection="", client_name="", client_id="client-9"),
            ({"kind": "login_failed", "action": "pwd_leak", "auth_method": "sms", "app": "client-9"},),
        ),
        Example("an account blocked", _with("limit_wc"), ({"kind": "lockout", "interactive": False},)),
        Example("signed in silently", _with("ssa"), ({"kind": "refresh", "interactive": False},)),
        Example("nobody to sign in silently", _with("fsa"), ({"kind": "activity", "outcome": "unknown"},)),
        Example(
            "a refresh token used twice",
            _with("ferrt", audience="https://api.clinic.example"),
            ({"kind": "refresh", "outcome": "failure", "action": "ferrt"},),
        ),
        Example(
            "a service",
            _with("seccft", user_name="", user_id="auth0|77"),
            ({"kind": "login", "user": "auth0|77", "interactive": False},),
        ),
        Example("a push", _with("gd_send_pn"), ({"kind": "mfa_challenge", "outcome": "unknown"},)),
        Example("the push refused", _with("gd_auth_rejected"), ({"kind": "mfa_result", "outcome": "failure"},)),
        Example("the push approved", _with("gd_auth_succeed"), ({"kind": "mfa_result", "mfa": True},)),
        Example(
            "a telephone enrolled",
            _with("gd_enrollment_complete", details={"authenticator": {"type": "sms"}}),
            ({"kind": "device_enrolled", "target": "ann@clinic.example", "attributes.credential_type": "sms"},),
        ),
        Example(
            "roles given to a user",
            _call("post", "/api/v2/users/auth0%7C6459/roles", {"roles": ["rol_1"]}, "Assign roles to a user"),
            ({"kind": "privilege_change", "user": "ann@clinic.example", "target": "auth0|6459", "session": "CXR7"},),
        ),
        Example(
            "a user's second factor removed",
            _call("delete", "/api/v2/users/auth0%7C6459/multifactor/duo"),
            ({"kind": "credential_change", "target": "auth0|6459", "attributes.change": "mfa_removed"},),
        ),
        Example(
            "a user's sessions ended",
            _call("delete", "/api/v2/users/auth0%7C6459/sessions"),
            ({"kind": "revoked", "user": "auth0|6459", "attributes.actor": "ann@clinic.example", "session": ""},),
        ),
        Example(
            "somebody invited",
            _call("post", "/api/v2/organizations/org_1/invitations", {"invitee": {"email": "eve@mail.example"}}),
            ({"kind": "account_change", "target": "eve@mail.example"},),
        ),
        Example("users exported", _call("post", "/api/v2/jobs/users-exports"), ({"kind": "export", "count": 1},)),
        Example(
            "protection switched off",
            {
                "data": {
                    **_call("patch", "/api/v2/attack-protection/brute-force-protection")["data"],
                    "details": {
                        "request": {
                            "channel": "https://manage.auth0.com/",
                            "method": "patch",
                            "path": "/api/v2/attack-protection/brute-force-protection",
                        }
                    },
                }
            },
            ({"kind": "policy_change", "user": "google-oauth2|105"},),
        ),
        Example("called too often", _with("api_limit"), dropped="tenant_notice"),
    )

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """What stands in the envelope of a log stream, with the envelope's id."""
        body = record.get("data")
        if isinstance(body, dict):
            return {"log_id": record.get("log_id"), "p_event_time": record.get("p_event_time"), **body}
        return record

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        seen = self.view(record)
        type_ = text(seen.get("type"))
        if not type_:
            raise BadRecordError("no_event_type", "`type` is missing or empty")
        if type_.startswith(NOTICES):
            return Dropped("tenant_notice")
        meaning = meaning_of(type_)
        draft = Draft(
            id="",
            at=instant_of(seen.get("date") or seen.get("p_event_time"), "date"),
            kind=meaning.kind,
            said=self.copied(seen),
            outcome=meaning.outcome,
            mfa=meaning.mfa,
            interactive=meaning.interactive,
            place=log_place(seen, _PLACE),
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        if draft.outcome == "failure" and "attributes.description" in draft.said:
            draft.said["reason"] = draft.said.pop("attributes.description")
        if type_ in MFA_REMOVALS:
            draft.said["attributes.change"] = "mfa_removed"
        if draft.kind == "device_enrolled" and draft.outcome == "success":
            draft.said["attributes.change"] = "mfa_added"
        if type_ in MANAGEMENT:
            _managed(draft, seen)
        elif draft.kind in {"device_enrolled", "credential_change", "account_change"} and "user" in draft.said:
            draft.said["target"] = draft.said["user"]
        return [draft.event(self.name)]


def _managed(draft: Draft, seen: Mapping[str, Any]) -> None:
    request = find(seen, _REQUEST)
    request = request if isinstance(request, dict) else {}
    call = call_of(text(request.get("method")), text(request.get("path")))
    said = draft.said
    draft.kind = call.kind
    if call.kind == "revoked":
        # The session and address in the record are the administrator's, who goes on.
        said["attributes.actor"], said["attributes.actor_ip"] = said.get("user", ""), said.pop("ip", "")
        said["user"], draft.place = call.target, None
        said.pop("session", None)
        said.pop("attributes.user_id", None)
    else:
        invited = (text(find(request, path)) for path in _INVITED)
        said["target"] = call.target or next(filter(None, invited), "")
        if call.kind == "credential_change" and text(request.get("method")).casefold() == "delete":
            said["attributes.change"] = "mfa_removed"
    draft.said = {key: value for key, value in said.items() if value}
