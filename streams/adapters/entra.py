"""Microsoft Entra sign-ins: rows of the SigninLogs tables, the diagnostic stream, and Microsoft Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row, numbered
from streams.adapters.entra_kinds import INTERRUPTS, MFA_DENIED, MFA_PROMPTS, NOBODY
from streams.adapters.fields import (
    compiled,
    find,
    folded,
    instant_of,
    instant_or_none,
    log_place,
    opened,
    text,
    truth,
    whole_number,
)

SIGN_INS: Final = "signinlogs"
"""What the categories of all logs of sign-ins end with."""
_SIGN_INS: Final = frozenset(
    {"signinlogs", "noninteractiveusersigninlogs", "serviceprincipalsigninlogs", "managedidentitysigninlogs"}
)
_BY_SERVICE: Final = frozenset({"serviceprincipalsigninlogs", "managedidentitysigninlogs"})

_PASSWORDS: Final = ("password", "previously satisfied")
_PLACE: Final = {
    "latitude": compiled("location.geocoordinates.latitude"),
    "longitude": compiled("location.geocoordinates.longitude"),
    "city": compiled("location.city"),
    "region": compiled("location.state"),
    "country": compiled("location.countryorregion"),
    "asn": compiled("autonomoussystemnumber"),
}
_AS_OBJECTS: Final = ("status", "devicedetail", "locationdetails", "location", "authenticationdetails", "mfadetail")

_ROW: Final = {
    "TimeGenerated": "2026-03-02T09:00:31.5",
    "OperationName": "Sign-in activity",
    "Category": "SignInLogs",
    "ResultType": "0",
    "CorrelationId": "c0ffee00-58ff-4e0e-b5b0-d2ea01cce380",
    "AppDisplayName": "Azure Portal",
    "AuthenticationDetails": '[{"authenticationMethod": "Password", "succeeded": true, '
    '"authenticationStepRequirement": "Primary authentication"}, {"authenticationMethod": "Mobile app notification", '
    '"succeeded": true, "authenticationStepRequirement": "Multifactor authentication"}]',
    "AuthenticationRequirement": "multiFactorAuthentication",
    "ClientAppUsed": "Browser",
    "ConditionalAccessStatus": "success",
    "CreatedDateTime": "2026-03-02T09:00:00.000",
    "DeviceDetail": {"deviceId": "d-17", "operatingSystem": "Windows 10", "browser": "Edge 121.0"},
    "IsInteractive": True,
    "Id": "f05079ed-f820-4531-ab26-498b53af3800",
    "IPAddress": "192.0.2.7:50123",
    "LocationDetails": {
        "city": "Liège",
        "state": "Liège",
        "countryOrRegion": "BE",
        "geoCoordinates": {"latitude": 50.63, "longitude": 5.57},
    },
    "ResourceDisplayName": "Windows Azure Service Management API",
    "RiskLevelDuringSignIn": "none",
    "SessionId": "005f-77",
    "Status": {"errorCode": 0},
    "UserAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/121.0",
    "UserDisplayName": "Ann",
    "UserId": "acc49186-e946-4f6c-85af-669807da0e0f",
    "UserPrincipalName": "Ann@Clinic.example",
    "AADTenantId": "4b2462a4-bbee-495a-a0e1-f23ae524cc9c",
    "Type": "SigninLogs",
    # Jittered by an export tool; what LocationDetails says counts.
    "Latitude": 51.63,
    "Longitude": 4.57,
}
_STREAM: Final = {
    "time": "2026-03-02T09:05:02.1Z",
    "resourceId": "/tenants/4b2462a4/providers/Microsoft.aadiam",
    "operationName": "Sign-in activity",
    "category": "NonInteractiveUserSignInLogs",
    "tenantId": "4b2462a4-bbee-495a-a0e1-f23ae524cc9c",
    "resultType": "0",
    "callerIpAddress": "192.0.2.7",
    "properties": {
        "id": "1c8d7a0e",
        "createdDateTime": "2026-03-02T09:05:00.1234567Z",
        "userPrincipalName": "ann@clinic.example",
        "appDisplayName": "Visual Studio Code",
        "authenticationProtocol": "oAuth2",
        "isInteractive": False,
        "uniqueTokenIdentifier": "tok-1",
        "status": {"errorCode": 0},
    },
}
_GRAPH: Final = {
    "id": "66ea54eb-6301-4ee5-be62-ff5a759b0100",
    "createdDateTime": "2026-03-02T09:10:00Z",
    "userPrincipalName": "bob@clinic.example",
    "appDisplayName": "Office 365",
    "ipAddress": "2001:db8::7",
    "clientAppUsed": "Browser",
    "isInteractive": True,
    "status": {"errorCode": 50126, "failureReason": "Invalid username or password."},
    "location": {"city": "", "state": "", "countryOrRegion": "IE", "geoCoordinates": {}},
}


def _stream(category: str, code: int, title: str, *events: dict[str, Any], dropped: str = "", **body: Any) -> Example:
    properties = {**_STREAM["properties"], "status": {"errorCode": code}, **body}  # type: ignore[dict-item]  # an object, as it stands above
    return Example(title, {**_STREAM, "category": category, "properties": properties}, events, dropped)


class Entra(Adapter):
    """Sign-ins of Microsoft Entra ID, in the three forms that it gives them in; keys in any case.

    * A success of the person is a `login`; one that a client made with a token it holds is a `refresh`, unless it
      brought a password (`ropc`). Both of the latter have `interactive` false.
    * A wrong password, a blocked or locked account is a `login_failed`. 500121, a second factor refused or not
      answered, is an `mfa_result` with outcome failure. A second factor passed within a success is an `mfa_result`
      of its own (`#2`), beside the `login`.
    * Interrupts are not failures: a demand for a second factor is an `mfa_challenge`, any other page an `activity`,
      both of unknown outcome.
    * Service principals and managed identities are users with the role `service_principal`, never interactive.
    * Audit records in the same stream are read as `azure_audit` reads them, and bear that name as their source.
    * The error code is `reason`, its text `attributes.failure`. The token's own id is no session: it is new each time.
    """

    name = "entra"
    title = "Microsoft Entra sign-in logs"
    lateness = timedelta(minutes=2)
    keys_folded = True
    beside = frozenset({"azure_audit"})
    signatures = (
        ("userPrincipalName", "createdDateTime", "IPAddress", "appDisplayName"),
        ("servicePrincipalId", "createdDateTime", "IPAddress", "resourceDisplayName"),
        ("category", "operationName=Sign-in activity", "resultType"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "not_a_sign_in": "provisioning, risk and other logs of the same stream, which tell of no session",
        "nobody_signed_in": "50058: a page asked silently whether somebody is signed in, and nobody was",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("Id", "id", _ROW["Id"]),
        Row("CreatedDateTime", "at", "2026-03-02T09:00:00.000", "2026-03-02T09:00:00+00:00", "UTC if without a zone"),
        Row("TimeGenerated", "received_at", "2026-03-02T09:00:31.5", "2026-03-02T09:00:31.500000+00:00", "else `time`"),
        Row("UserPrincipalName", "user", "bob@clinic.example"),
        Row("ServicePrincipalId", "user", "b1c34143-e405-4058-8e29-84596ad737b8"),
        Row("UserId", "user", "u-9"),
        Row("UserDisplayName", "user_label", "Ann"),
        Row("ServicePrincipalName", "user_label", "backup-job"),
        Row("SessionId", "session", "005f-77"),
        Row("IPAddress", "ip", "2001:db8::7"),
        Row("callerIpAddress", "ip", "192.0.2.7"),
        Row("UserAgent", "user_agent", _ROW["UserAgent"]),
        Row("DeviceDetail.deviceId", "device", "d-17"),
        Row("AppDisplayName", "app", "Azure Portal"),
        Row("ResourceDisplayName", "resource", _ROW["ResourceDisplayName"]),
        Row("OperationName", "action", "Sign-in activity"),
        Row("AuthenticationDetails[0].authenticationMethod", "auth_method", "Password"),
        Row("Status.failureReason", "attributes.failure", "Invalid username or password."),
        Row("UserId", "attributes.user_id", _ROW["UserId"]),
        Row("AADTenantId", "attributes.account", _ROW["AADTenantId"]),
        Row("tenantId", "attributes.account", "4b2462a4-bbee-495a-a0e1-f23ae524cc9c"),
        Row("CorrelationId", "attributes.correlation", _ROW["CorrelationId"]),
        Row("uniqueTokenIdentifier", "attributes.token", "tok-1"),
        Row("ClientAppUsed", "attributes.client_app", "Browser"),
        Row("authenticationProtocol", "attributes.protocol", "oAuth2"),
        Row("ConditionalAccessStatus", "attributes.conditional_access", "success"),
        Row("RiskLevelDuringSignIn", "attributes.risk_level", "none"),
        Row("DeviceDetail.operatingSystem", "attributes.os", "Windows 10"),
        Row("DeviceDetail.browser", "attributes.browser", "Edge 121.0"),
        Row("Category", "attributes.category", "NonInteractiveUserSignInLogs"),
        Row("Status.errorCode", "kind", 50126, "login_failed", "see above; else ResultType"),
        Row("Status.errorCode", "outcome", 50126, "failure", "0 success, interrupts unknown, else failure"),
        Row("Status.errorCode", "reason", 50126, "50126", "where it is not 0"),
        Row("IsInteractive", "interactive", False, "False", "else by category"),
        Row("AuthenticationRequirement", "mfa", "multiFactorAuthentication", "True", "for a success"),
        Row("LocationDetails.countryOrRegion", "place.country", "BE", "BE"),
        Row("LocationDetails.geoCoordinates.latitude", "place.latitude", 50.63, "50.63"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a row of the SigninLogs table, second factor passed",
            _ROW,
            (
                {"kind": "login", "outcome": "success", "user": "Ann@Clinic.example", "mfa": True, "interactive": True},
                {"kind": "mfa_result", "outcome": "success", "auth_method": "Mobile app notification"},
            ),
        ),
        Example(
            "the diagnostic stream, a token used again",
            _STREAM,
            ({"kind": "refresh", "interactive": False, "session": "", "ip": "192.0.2.7"},),
        ),
        Example(
            "Microsoft Graph, a wrong password",
            _GRAPH,
            ({"kind": "login_failed", "outcome": "failure", "reason": "50126", "interactive": True},),
        ),
        _stream("SignInLogs", 500121, "the second factor was refused", {"kind": "mfa_result", "outcome": "failure"}),
        _stream("SignInLogs", 50074, "the second factor is demanded", {"kind": "mfa_challenge", "outcome": "unknown"}),
        _stream("SignInLogs", 50140, "keep me signed in?", {"kind": "activity", "outcome": "unknown"}),
        _stream("SignInLogs", 50058, "asked silently, nobody there", dropped="nobody_signed_in"),
        _stream(
            "NonInteractiveUserSignInLogs",
            0,
            "a script with a password",
            {"kind": "login", "interactive": False, "user": "u-9"},
            authenticationProtocol="ropc",
            userPrincipalName="",
            userId="u-9",
        ),
        _stream(
            "ServicePrincipalSignInLogs",
            7000215,
            "a service with a wrong secret",
            {"kind": "login_failed", "interactive": False, "role": "service_principal"},
            userPrincipalName=None,
            servicePrincipalId="b1c34143-e405-4058-8e29-84596ad737b8",
            servicePrincipalName="backup-job",
        ),
        _stream("ProvisioningLogs", 0, "an account copied elsewhere", dropped="not_a_sign_in"),
    )

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keys in lower case; the envelope's fields beside those of `properties`; objects written as text, opened."""
        seen: dict[str, Any] = folded(record)
        body = opened(seen.pop("properties", None))
        if isinstance(body, dict):
            seen |= {key: value for key, value in folded(body).items() if value is not None}
        for name in _AS_OBJECTS:
            if isinstance(seen.get(name), str):
                seen[name] = folded(opened(seen[name]))
        if isinstance(seen.get("locationdetails"), dict):
            seen["location"] = seen["locationdetails"]
        elif isinstance(seen.get("location"), dict):
            seen["locationdetails"] = seen["location"]
        return seen

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """The sign-in, and the second factors that were passed or refused in it."""
        seen = self.view(record)
        category = text(seen.get("category")).casefold()
        if category and category not in _SIGN_INS:
            audit = adapters()["azure_audit"]
            # Where envelope and properties name different logs, it would be handed back.
            handed_back = text(audit.view(record).get("category")).casefold().endswith(SIGN_INS)
            theirs = not handed_back and audit.recognise(record).score > 0
            made = audit.adapt(record) if theirs else None
            return Dropped("not_a_sign_in") if made is None or isinstance(made, Dropped) else made
        code = _code(seen)
        if code == NOBODY:
            return Dropped("nobody_signed_in")
        draft = Draft(
            id="",
            at=instant_of(seen.get("createddatetime") or seen.get("time"), "createdDateTime"),
            kind="login",
            said=self.copied(seen),
            received_at=instant_or_none(seen.get("timegenerated") or seen.get("time")),
            place=log_place(seen, _PLACE),
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        nameless = not text(seen.get("userprincipalname"))
        by_service = category in _BY_SERVICE or (nameless and bool(text(seen.get("serviceprincipalid"))))
        interactive = truth(seen.get("isinteractive"))
        draft.interactive = not by_service and (category in {"", "signinlogs"} if interactive is None else interactive)
        if by_service:
            draft.said["role"] = "service_principal"
        draft.kind, draft.outcome = _judged(code, draft, seen, by_service=by_service)
        if code != "0":
            draft.said["reason"] = code
        draft.mfa = _mfa(seen) if draft.outcome == "success" else None
        return [draft.event(self.name), *self._factors(draft, seen)]

    def _factors(self, draft: Draft, seen: Mapping[str, Any]) -> list[SessionEvent]:
        """Second factors used in a sign-in that went on: what the person was asked for, and answered."""
        if draft.kind not in {"login", "login_failed"}:
            return []
        events = []
        for n, step in enumerate(filter(_is_second, _steps(seen)), start=2):
            said = {**draft.said, "auth_method": text(step.get("authenticationmethod"))}
            passed = truth(step.get("succeeded"))
            factor = Draft(
                id=numbered(draft.id, n),
                at=draft.at,
                kind="mfa_result",
                said=said,
                outcome="success" if passed else "failure",
                received_at=draft.received_at,
                mfa=passed or None,
                interactive=draft.interactive,
                place=draft.place,
            )
            events.append(factor.event(self.name))
        return events


def _code(seen: Mapping[str, Any]) -> str:
    """The error code as text, "0" for success.

    Raises:
        BadRecordError: the record says nothing of how the sign-in ended.
    """
    codes = [whole_number(find(seen, ("status", "errorcode"))), whole_number(seen.get("resulttype"))]
    known = [code for code in codes if code is not None]
    if known:
        return str(next((code for code in known if code), 0))
    said = text(seen.get("resulttype")).casefold() or text(seen.get("result")).casefold()
    if not said:
        raise BadRecordError("no_outcome", "neither `status.errorCode` nor `resultType` says how it ended")
    return "0" if said == "success" else "unnamed"


def _judged(code: str, draft: Draft, seen: Mapping[str, Any], *, by_service: bool) -> tuple[EventKind, Outcome]:
    if code == "0":
        brought_password = text(seen.get("authenticationprotocol")).casefold() == "ropc"
        return ("login" if by_service or draft.interactive or brought_password else "refresh"), "success"
    if code in MFA_PROMPTS:
        return "mfa_challenge", "unknown"
    if code in INTERRUPTS:
        return "activity", "unknown"
    return ("mfa_result" if code == MFA_DENIED else "login_failed"), "failure"


def _mfa(seen: Mapping[str, Any]) -> bool | None:
    if "mfa requirement satisfied" in text(find(seen, ("status", "additionaldetails"))).casefold():
        return True
    required = text(seen.get("authenticationrequirement")).casefold()
    return {"multifactorauthentication": True, "singlefactorauthentication": False}.get(required)


def _steps(seen: Mapping[str, Any]) -> list[dict[str, Any]]:
    steps = seen.get("authenticationdetails")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _is_second(step: Mapping[str, Any]) -> bool:
    """Whether a second factor was really used: not a claim from an earlier one, and not the password."""
    method = text(step.get("authenticationmethod")).casefold()
    required = text(step.get("authenticationsteprequirement")).casefold()
    return bool(method) and not method.endswith(_PASSWORDS) and "multi" in required
