"""Events in OCSF, made up, and what comes of them."""

from __future__ import annotations

from typing import Any, Final

from streams.adapters.adapter import Example


def _event(class_uid: int, activity_id: int, **fields: Any) -> dict[str, Any]:
    return {
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id,
        "severity_id": 1,
        "status_id": 1,
        "time": 1772442000000,
        "metadata": {"version": "1.4.0", "uid": "ev-1", "product": {"name": "Records", "vendor_name": "Clinic"}},
        "src_endpoint": {"ip": "192.0.2.7"},
        **fields,
    }


_BY_ANN: Final = {"user": {"name": "ann", "type_id": 1}, "session": {"uid": "s-2"}}
_MILAN: Final = {"city": "Milan", "country": "IT", "coordinates": [9.19, 45.46]}
_TRAIL: Final = "arn:aws:cloudtrail:eu-south-1:123456789012:trail/t1"

EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        "a logon",
        _event(
            3002,
            1,
            activity_name="Logon",
            time_dt="2026-03-02T09:00:00Z",
            metadata={
                "version": "1.4.0",
                "uid": "ev-1",
                "logged_time": 1772442005000,
                "correlation_uid": "c-1",
                "product": {"name": "Sign-in", "vendor_name": "Clinic"},
            },
            user={"email_addr": "Ann@Clinic.example", "name": "ann", "full_name": "Ann"},
            session={"uid": "s-1"},
            http_request={"user_agent": "Mozilla/5.0"},
            device={"uid": "d-17", "hostname": "ward-3"},
            service={"name": "EHR"},
            auth_protocol="SAML",
            logon_type="Interactive",
            logon_type_id=2,
            is_mfa=True,
            src_endpoint={
                "ip": "192.0.2.7",
                "location": {"city": "Milan", "country": "IT", "coordinates": [9.19, 45.46]},
            },
        ),
        ({"kind": "login", "outcome": "success", "mfa": True, "interactive": True, "session": "s-1"},),
    ),
    Example(
        "a wrong password",
        _event(3002, 1, activity_name="Logon", status_id=2, status_detail="Wrong password", user={"name": "ann"}),
        ({"kind": "login_failed", "outcome": "failure", "reason": "Wrong password"},),
    ),
    Example(
        "a first ticket refused",
        _event(3002, 3, status_id=2, status_code="0x18", user={"name": "ann"}),
        ({"kind": "login_failed", "interactive": False, "reason": "0x18"},),
    ),
    Example(
        "a service logs on",
        _event(3002, 1, logon_type_id=5, user={"uid": "S-1-5-21-7"}, src_endpoint={"uid": "e-1"}),
        ({"kind": "login", "interactive": False, "user": "S-1-5-21-7", "device": "e-1"},),
    ),
    Example(
        "a second factor removed by somebody else",
        _event(3001, 11, actor=_BY_ANN, user={"name": "bob"}),
        ({"kind": "credential_change", "user": "ann", "target": "bob", "attributes.change": "mfa_removed"},),
    ),
    Example(
        "an account locked",
        _event(3001, 9, actor={"user": {"name": "guard", "type_id": 3}}, user={"name": "bob"}),
        ({"kind": "lockout", "user": "bob", "attributes.actor": "guard", "interactive": False},),
    ),
    Example(
        "a policy attached to an account",
        _event(3001, 7, actor=_BY_ANN, user={"name": "bob"}, policy={"name": "FullAccess"}),
        ({"kind": "privilege_change", "target": "bob"},),
    ),
    Example(
        "a role given",
        _event(3005, 1, actor=_BY_ANN, user={"name": "bob"}, privileges=["Administrator"]),
        ({"kind": "privilege_change", "target": "bob", "attributes.privilege": "Administrator"},),
    ),
    Example(
        "AWS's trail is stopped",
        _event(
            6003,
            4,
            actor={"user": {"name": "ann", "type": "IAMUser", "credential_uid": "AKIAIOSFODNN7EXAMPLE"}},
            api={"operation": "StopLogging", "service": {"name": "cloudtrail.amazonaws.com"}},
            cloud={"account": {"uid": "123456789012"}, "region": "eu-south-1"},
            resources=[{"uid": _TRAIL}],
        ),
        ({"kind": "policy_change", "attributes.change": "audit_off", "interactive": False},),
    ),
    Example(
        "a call refused",
        _event(
            6003,
            2,
            status_id=2,
            actor=_BY_ANN,
            api={"operation": "GetThing", "response": {"error": "AccessDenied"}},
            resources=[{"name": "t1"}],
        ),
        ({"kind": "activity", "outcome": "failure", "reason": "AccessDenied"},),
    ),
    Example(
        "a query",
        _event(
            6005,
            4,
            type_name="Datastore Activity: Query",
            actor=_BY_ANN,
            table={"name": "patients"},
            query_info={"bytes": 500},
            count=3,
            metadata={"version": "1.4.0", "original_event_uid": "orig-1", "product": {"name": "Records"}},
        ),
        ({"kind": "export", "count": 3, "bytes": 500, "resource": "patients", "session": "s-2"},),
    ),
    *(
        Example(
            f"a read of a {thing}", _event(6005, 1, actor=_BY_ANN, **{thing: {"name": name}}), ({"kind": "export"},)
        )
        for thing, name in (("databucket", "scans"), ("database", "ehr"))
    ),
    Example(
        "a file downloaded",
        _event(6006, 2, actor=_BY_ANN, file={"path": "/records/list.xlsx", "name": "list.xlsx", "size": 4096}),
        ({"kind": "export", "bytes": 4096, "count": 1, "user": "ann"},),
    ),
    Example(
        "a file shared",
        _event(6006, 12, actor=_BY_ANN, file={"name": "list.xlsx"}),
        ({"kind": "activity", "attributes.change": "shared", "resource": "list.xlsx"},),
    ),
    Example("a finding", _event(2004, 1), dropped="other_class"),
)
