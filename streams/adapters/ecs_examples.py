"""Events in the Elastic Common Schema, made up, and what comes of them."""

from __future__ import annotations

from typing import Any, Final

from streams.adapters.adapter import Example


def _event(action: str, categories: list[str], types: list[str], **fields: Any) -> dict[str, Any]:
    said = {"id": "e-1", "kind": "event", "action": action, "category": categories, "type": types, "outcome": "success"}
    return {
        "@timestamp": "2026-03-02T09:00:00.000Z",
        "ecs": {"version": "8.11.0"},
        "event": {**said, **fields.pop("event", {})},
        "user": {"name": "ann"},
        "source": {"ip": "192.0.2.7"},
        **fields,
    }


EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        "a logon to Windows",
        _event(
            "logged-in",
            ["authentication"],
            ["start"],
            event={"code": "4624", "ingested": "2026-03-02T09:00:05Z"},
            user={"name": "ann", "domain": "CLINIC", "full_name": "Ann", "roles": ["admin"]},
            host={"name": "ward-3"},
            winlog={"logon": {"type": "Interactive"}, "event_data": {"TargetLogonId": "0x3e7"}},
            source={
                "ip": "192.0.2.7",
                "geo": {"country_iso_code": "IT", "city_name": "Milan", "location": {"lat": 45.46, "lon": 9.19}},
                "as": {"number": 3269, "organization": {"name": "telecom italia"}},
            },
        ),
        ({"kind": "login", "outcome": "success", "session": "0x3e7", "interactive": True},),
    ),
    Example(
        "a wrong password, with dots in the keys",
        {
            "@timestamp": "2026-03-02T09:01:00Z",
            "event.category": "authentication",
            "event.type": ["start"],
            "event.action": "logon-failed",
            "event.outcome": "failure",
            "event.reason": "Wrong password",
            "event.id": "e-2",
            "user.email": "Ann@Clinic.example",
            "client.ip": "192.0.2.8",
            "service.name": "EHR",
            "user_agent.original": "Mozilla/5.0",
            "user_agent.os.name": "Windows",
            "user_agent.name": "Edge",
            "device.id": "d-17",
            "session.id": "s-1",
            "organization.id": "org-1",
        },
        ({"kind": "login_failed", "user": "Ann@Clinic.example", "reason": "Wrong password", "device": "d-17"},),
    ),
    Example(
        "a service logs on",
        _event(
            "logged-in", ["authentication"], ["start"], user={"id": "S-1-5-21-7"}, winlog={"logon": {"type": "Service"}}
        ),
        ({"kind": "login", "interactive": False},),
    ),
    Example(
        "Okta's words, in a search hit",
        {
            "_index": "logs-okta",
            "_id": "hit-1",
            "_source": {
                "@timestamp": "2026-03-02T09:02:00Z",
                "event": {
                    "category": ["iam"],
                    "type": ["user", "change"],
                    "action": "user.mfa.factor.deactivate",
                    "outcome": "success",
                    "module": "okta",
                    "dataset": "okta.system",
                },
                "user": {"name": "ann", "target": {"email": "bob@clinic.example"}},
                "okta": {"authentication_context": {"external_session_id": "102BXR6Q6"}},
            },
        },
        (
            {
                "kind": "credential_change",
                "target": "bob@clinic.example",
                "session": "102BXR6Q6",
                "attributes.change": "mfa_removed",
            },
        ),
    ),
    Example(
        "AWS refuses a key",
        _event(
            "CreateAccessKey",
            ["iam"],
            ["creation"],
            event={"module": "aws", "provider": "iam.amazonaws.com", "outcome": "failure"},
            error={"code": "AccessDenied"},
            cloud={"account": {"id": "123456789012"}},
            aws={"cloudtrail": {"user_identity": {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}}},
        ),
        ({"kind": "credential_change", "outcome": "failure", "interactive": False, "reason": "AccessDenied"},),
    ),
    Example(
        "a member added to a group",
        _event("added-member-to-group", ["iam"], ["group", "change"], group={"name": "Domain Admins"}),
        ({"kind": "account_change", "target": "Domain Admins"},),
    ),
    Example(
        "an account renamed",
        _event(
            "renamed-user-account", ["iam"], ["user", "change"], user={"name": "ann", "changes": {"name": "robert"}}
        ),
        ({"kind": "account_change", "target": "robert"},),
    ),
    Example(
        "an account locked",
        _event("locked-out", ["iam"], ["user", "info"], user={"name": "ann", "target": {"name": "bob"}}),
        ({"kind": "lockout", "user": "bob", "target": "bob", "attributes.actor": "ann"},),
    ),
    Example(
        "a role used as somebody else",
        _event("ran-command", ["session"], ["info"], user={"name": "ann", "effective": {"name": "root"}}),
        ({"kind": "activity", "attributes.effective_user": "root"},),
    ),
    Example(
        "auditing stops",
        _event("audit-logging-disabled", ["configuration"], ["change"]),
        ({"kind": "policy_change", "attributes.change": "audit_off"},),
    ),
    Example(
        "a file downloaded from OneDrive",
        _event(
            "FileDownloaded",
            ["file"],
            ["access"],
            event={"module": "o365"},
            file={"path": "/records/list.xlsx", "size": 4096},
            o365={"audit": {"AppAccessContext": {"AADSessionId": "005f-78"}}},
        ),
        ({"kind": "export", "bytes": 4096, "session": "005f-78"},),
    ),
    Example(
        "a page read",
        _event(
            "access",
            ["web"],
            ["access"],
            url={"path": "/patients/7"},
            http={"response": {"body": {"bytes": 500}}},
            azure={"signinlogs": {"properties": {"session_id": "005f-77"}}},
        ),
        ({"kind": "activity", "bytes": 500, "resource": "/patients/7"},),
    ),
    Example("a session ends", _event("logged-out", ["session"], ["end"]), ({"kind": "logout"},)),
    Example("a conclusion", _event("rule", ["iam"], ["info"], event={"kind": "alert"}), dropped="not_an_event"),
    Example("a process starts", _event("exec", ["process"], ["start"]), dropped="about_machines"),
)
