"""Okta System Log events, as the API gives them, and flat as log stores keep them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row, numbered
from streams.adapters.fields import compiled, find, folded, instant_of, log_place, meaningful, opened, text

_OUTCOMES: Final[dict[str, Outcome]] = {
    "SUCCESS": "success",
    "ALLOW": "success",
    "FAILURE": "failure",
    "DENY": "failure",
    "RATE_LIMIT": "failure",
    "UNANSWERED": "failure",
}

_KINDS: Final[tuple[tuple[str, EventKind], ...]] = (
    ("user.session.start", "login"),
    ("user.authentication.auth_via_radius", "login"),
    ("user.session.end", "logout"),
    ("user.session.expire", "timeout"),
    ("user.session.clear", "revoked"),
    ("user.session.revoke", "revoked"),
    ("user.authentication.universal_logout", "revoked"),
    ("user.session.impersonation.grant", "impersonation"),
    ("user.session.impersonation.initiate", "impersonation"),
    ("user.session.impersonation.extend", "impersonation"),
    ("user.authentication.auth_via_mfa", "mfa_result"),
    ("user.mfa.okta_verify.deny_push", "mfa_result"),
    ("system.push.send_factor_verify_push", "mfa_challenge"),
    ("system.sms.send_factor_verify_message", "mfa_challenge"),
    ("system.voice.send_mfa_challenge_call", "mfa_challenge"),
    ("system.email.send_factor_verify_message", "mfa_challenge"),
    ("app.oauth2.token.grant", "refresh"),
    ("app.oauth2.as.token.grant", "refresh"),
    ("app.oauth2.token.detect_reuse", "refresh"),
    ("app.oauth2.as.token.detect_reuse", "refresh"),
    ("app.token.reuse", "refresh"),
    ("user.account.lock", "lockout"),
    ("user.account.privilege", "privilege_change"),
    ("group.privilege", "privilege_change"),
    ("iam.", "privilege_change"),
    ("user.account.update_password", "credential_change"),
    ("user.account.reset_password", "credential_change"),
    ("user.account.expire_password", "credential_change"),
    ("user.credential", "credential_change"),
    ("user.mfa.factor.activate", "device_enrolled"),
    ("device.enrollment.create", "device_enrolled"),
    ("user.mfa.factor", "credential_change"),
    ("system.mfa.factor", "policy_change"),
    ("system.api_token", "credential_change"),
    ("user.account.report_suspicious_activity", "activity"),
    ("user.account", "account_change"),
    ("user.lifecycle", "account_change"),
    ("group.user_membership", "account_change"),
    ("application.user_membership.show_password", "activity"),
    ("application.user_membership", "account_change"),
    ("policy.evaluate_sign_on", "activity"),
    ("policy", "policy_change"),
    ("zone", "policy_change"),
    ("network_zone", "policy_change"),
    ("application.lifecycle", "policy_change"),
    ("system.idp", "policy_change"),
    ("analytics.reports.export", "export"),
)
"""What event types begin with, and our kind; the first that fits. Everything else is an activity."""

_RATE_LIMIT: Final = ("rate_limit", "rate_limiting")
_OKTAS_OWN: Final = "security."
"""What Okta concluded of others' doings."""
_ABOUT_TARGET: Final = frozenset({"revoked", "lockout", "timeout"})
_ADMINISTERED: Final = frozenset({"account_change", "credential_change", "privilege_change", *_ABOUT_TARGET})

_PLACE: Final = {
    "latitude": compiled("client.geographicalcontext.geolocation.lat"),
    "longitude": compiled("client.geographicalcontext.geolocation.lon"),
    "city": compiled("client.geographicalcontext.city"),
    "region": compiled("client.geographicalcontext.state"),
    "country": compiled("client.geographicalcontext.country"),
    "asn": compiled("securitycontext.asnumber"),
    "organisation": compiled("securitycontext.asorg"),
}
_BOOLEANS: Final = {"TRUE": True, "FALSE": False}
_FLAT: Final = re.compile(r"(.+)_([sdbgt])")

_LOGIN: Final = {
    "uuid": "85a5d008-e1dc-4a4e-8615-42903697579b",
    "published": "2026-03-02T09:00:00.490Z",
    "eventType": "user.session.start",
    "displayMessage": "User login to Okta",
    "severity": "INFO",
    "actor": {"id": "00u1", "type": "User", "alternateId": "ann@clinic.example", "displayName": "Ann"},
    "client": {
        "userAgent": {"rawUserAgent": "Mozilla/5.0 (Macintosh)", "os": "Mac OS X", "browser": "CHROME"},
        "geographicalContext": {
            "city": "Milan",
            "state": "Lombardy",
            "country": "Italy",
            "geolocation": {"lat": 45.46, "lon": 9.19},
        },
        "zone": "null",
        "device": "Computer",
        "ipAddress": "192.0.2.7",
    },
    "outcome": {"result": "SUCCESS", "reason": None},
    "authenticationContext": {"externalSessionId": "102BXR6Q6", "rootSessionId": "root-1"},
    "securityContext": {"asNumber": 3269, "asOrg": "telecom italia", "isProxy": False},
    "debugContext": {"debugData": {"deviceFingerprint": "fp-1", "dtHash": "dt-1", "factor": "PASSWORD_AS_FACTOR"}},
    "target": [{"id": "0oa1", "type": "AppInstance", "alternateId": "EHR", "displayName": "EHR"}],
}
_FLAT_LOGIN: Final = {
    "uuid_g": "0f9a",
    "published_t": "2026-03-02T09:01:00Z",
    "eventType_s": "user.session.start",
    "actor_alternateId_s": "bob@clinic.example",
    "actor_type_s": "User",
    "client_ipAddress_s": "192.0.2.8",
    "outcome_result_s": "FAILURE",
    "outcome_reason_s": "INVALID_CREDENTIALS",
    "authenticationContext_externalSessionId_s": "null",
    "securityContext_isProxy_b": "FALSE",
    "device_id_s": "guid-1",
}
_ANN: Final = {"id": "00u1", "type": "User", "alternateId": "ann@clinic.example", "displayName": "Ann"}
_BOB: Final = {"id": "00u2", "type": "User", "alternateId": "bob@clinic.example", "displayName": "Bob"}


def _variant(title: str, event_type: str, *events: dict[str, Any], dropped: str = "", **fields: Any) -> Example:
    return Example(title, {**_LOGIN, "eventType": event_type, **fields}, events, dropped)


class Okta(Adapter):
    """The System Log; keys in any case, also flat (`actor_alternateId_s`) as Sentinel stores it.

    * A uuid may come again at another time and is then another event.
    * SUCCESS and ALLOW are success; FAILURE, DENY, RATE_LIMIT and UNANSWERED (a push nobody answered) failure;
      CHALLENGE, SKIPPED and the rest neither.
    * `revoked`, `lockout` and `timeout` are events of the user whose session or account it is: that is `user`, and who
      did it is `attributes.actor`. Elsewhere `user` is who did it and `target` who or what was changed; an action on
      several users makes an event for each.
    * Token grants and what Okta does itself have `interactive` false.
    * A sign-on policy's evaluation is an activity, so that a challenge counts once: when it is sent. SUCCESS then only
      says that it was sent, so its outcome is unknown.
    """

    name = "okta"
    title = "Okta System Log"
    lateness = timedelta(minutes=2)
    keys_folded = True
    signatures = (
        ("uuid", "published", "eventType", "actor"),
        ("published", "eventType", "actor.alternateId"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "rate_limit_notice": "Okta says that it was called too often: about the tenant, not about a session",
        "system_actor": "Okta did something of its own to no user's session or account",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("uuid", "id", _LOGIN["uuid"]),
        Row("published", "at", "2026-03-02T09:00:00.490Z", "2026-03-02T09:00:00.490000+00:00"),
        Row("eventType", "action", "user.session.start"),
        Row("eventType", "kind", "user.session.start", "login", "by a list; login_failed by the outcome"),
        Row("outcome.result", "outcome", "SUCCESS", "success", "see above"),
        Row("outcome.reason", "reason", "INVALID_CREDENTIALS"),
        Row("actor.alternateId", "user", "ann@clinic.example"),
        Row("actor.displayName", "user_label", "Ann"),
        Row("actor.id", "attributes.user_id", "00u1"),
        Row("actor.type", "role", "User"),
        Row("authenticationContext.externalSessionId", "session", "102BXR6Q6"),
        Row("authenticationContext.rootSessionId", "attributes.root_session", "root-1"),
        Row("client.ipAddress", "ip", "192.0.2.7"),
        Row("client.userAgent.rawUserAgent", "user_agent", "Mozilla/5.0 (Macintosh)"),
        Row("client.userAgent.os", "attributes.os", "Mac OS X"),
        Row("client.userAgent.browser", "attributes.browser", "CHROME"),
        Row("client.device", "attributes.device_type", "Computer"),
        Row("device.id", "device", "guid-1"),
        Row("debugContext.debugData.deviceFingerprint", "device", "fp-1"),
        Row("debugContext.debugData.dtHash", "device", "dt-2"),
        Row("debugContext.debugData.dtHash", "attributes.device_token", "dt-1"),
        Row("debugContext.debugData.factor", "auth_method", "PASSWORD_AS_FACTOR"),
        Row("authenticationContext.credentialType", "auth_method", "OTP"),
        Row("debugContext.debugData.privilegeGranted", "attributes.privilege", "Super administrator"),
        Row("securityContext.isProxy", "attributes.proxy", False),
        Row("target[0].alternateId", "app", "EHR", "EHR", "the first target that is an application"),
        Row("target[0].alternateId", "target", "bob@clinic.example", "bob@clinic.example", "the users changed"),
        Row("client.geographicalContext.country", "place.country", "Italy", "IT", "as a code where we know the name"),
        Row("client.geographicalContext.geolocation.lat", "place.latitude", 45.46, "45.46"),
        Row("securityContext.asNumber", "place.asn", 3269, "3269"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a login",
            _LOGIN,
            ({"kind": "login", "outcome": "success", "session": "102BXR6Q6", "app": "EHR", "device": "fp-1"},),
        ),
        Example(
            "a failed login, flat",
            _FLAT_LOGIN,
            ({"kind": "login_failed", "reason": "INVALID_CREDENTIALS", "session": "", "device": "guid-1"},),
        ),
        _variant(
            "a push that nobody answered",
            "user.authentication.auth_via_mfa",
            {"kind": "mfa_result", "outcome": "failure", "reason": "", "auth_method": "OTP", "device": "dt-2"},
            outcome={"result": "UNANSWERED"},
            authenticationContext={"credentialType": "OTP"},
            debugContext={"debugData": {"dtHash": "dt-2"}},
        ),
        _variant(
            "a push is sent", "system.push.send_factor_verify_push", {"kind": "mfa_challenge", "outcome": "unknown"}
        ),
        _variant(
            "a token is granted",
            "app.oauth2.as.token.grant.refresh_token",
            {"kind": "refresh", "interactive": False},
        ),
        _variant(
            "an administrator ends somebody's sessions",
            "user.session.clear",
            {"kind": "revoked", "user": "bob@clinic.example", "session": "", "attributes.actor": "ann@clinic.example"},
            target=[_BOB],
        ),
        _variant(
            "two users become administrators",
            "user.account.privilege.grant",
            {"kind": "privilege_change", "user": "ann@clinic.example", "target": "bob@clinic.example"},
            {"kind": "privilege_change", "user": "ann@clinic.example", "target": "ann@clinic.example"},
            target=[_BOB, _ANN],
            debugContext={"debugData": {"privilegeGranted": "Super administrator"}},
        ),
        _variant("called too often", "system.org.rate_limit.warning", dropped="rate_limit_notice"),
        _variant(
            "Okta's own doing",
            "system.log_stream.lifecycle.activate",
            dropped="system_actor",
            actor={"id": "okta", "type": "SystemPrincipal", "alternateId": "system@okta.com"},
        ),
    )

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keys in lower case; a flat record nested again."""
        seen: dict[str, Any] = folded(record)
        if "eventtype" not in seen and "eventtype_s" in seen:
            return _nested(seen)
        return seen

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event, or one for each user that an administrator changed."""
        seen = self.view(record)
        event_type = text(seen.get("eventtype"))
        if not event_type:
            raise BadRecordError("no_event_type", "`eventType` is missing or empty")
        if any(part in event_type for part in _RATE_LIMIT):
            return Dropped("rate_limit_notice")
        users = _targets(seen, "user")
        by_system = _is_system(seen)
        if by_system and not users:
            return Dropped("system_actor")
        result = text(find(seen, ("outcome", "result"))).upper()
        draft = Draft(
            id="",
            at=instant_of(seen.get("published"), "published"),
            kind=kind_of_event_type(event_type),
            said=self.copied(seen),
            outcome=_OUTCOMES.get(result, "unknown"),
            interactive=not (by_system or event_type.startswith(_OKTAS_OWN)),
            place=log_place(seen, _PLACE),
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        if draft.kind == "login" and draft.outcome == "failure":
            draft.kind = "login_failed"
        if draft.kind == "mfa_challenge" and draft.outcome == "success":
            draft.outcome = "unknown"  # what succeeded was the sending
        if draft.kind == "refresh":
            draft.interactive = False
        if draft.kind == "mfa_result" and draft.outcome == "success":
            draft.mfa = True
        if not meaningful(draft.said.get("session", "")):
            draft.said.pop("session", None)
        if apps := _targets(seen, "appinstance"):
            draft.said["app"] = apps[0]
        return self._for_each(draft, users)

    def _for_each(self, draft: Draft, users: list[str]) -> list[SessionEvent]:
        if draft.kind not in _ADMINISTERED or not users:
            if users:
                draft.said["target"] = users[0]
            return [draft.event(self.name)]
        whole, said = draft.id, draft.said
        events = []
        for n, target in enumerate(users, start=1):
            draft.id, draft.said = numbered(whole, n), dict(said)
            if draft.kind in _ABOUT_TARGET and target.casefold() != said.get("user", "").casefold():
                # The session in the record is the administrator's, and goes on.
                draft.said |= {"user": target, "user_label": ""}
                draft.said.pop("session", None)
                if "user" in said:
                    draft.said["attributes.actor"] = said["user"]
            else:
                draft.said["target"] = target
            events.append(draft.event(self.name))
        return events


def _is_system(seen: Mapping[str, Any]) -> bool:
    kind, name = text(find(seen, ("actor", "type"))), text(find(seen, ("actor", "alternateid")))
    return kind.casefold() == "systemprincipal" or name.casefold() == "system@okta.com"


def kind_of_event_type(event_type: str) -> EventKind:
    """The kind of an event type, as `user.session.start`."""
    for beginning, kind in _KINDS:
        if event_type.startswith(beginning):
            return kind
    return "activity"


def _targets(seen: Mapping[str, Any], kind: str) -> list[str]:
    """The names of the targets of one type, in order, each once."""
    targets = opened(seen.get("target"))
    names: dict[str, None] = {}
    for target in targets if isinstance(targets, list) else []:
        if isinstance(target, dict) and text(target.get("type")).casefold() == kind:
            name = text(target.get("alternateid")) or text(target.get("alternateId")) or text(target.get("id"))
            if name:
                names[name] = None
    return list(names)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`actor_alternateid_s` as `actor.alternateid`; "null" is nothing."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        matched = _FLAT.fullmatch(key)
        if matched is None or value in (None, "null", ""):
            continue
        *parents, last = matched[1].split("_")
        node = nested
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node[last] = _BOOLEANS.get(value, folded(opened(value))) if isinstance(value, str) else value
    return nested
