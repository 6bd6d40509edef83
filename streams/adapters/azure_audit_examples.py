"""Records of Entra's audit logs, made up, and what comes of them."""

from __future__ import annotations

from typing import Any, Final

from streams.adapters.adapter import Example

_GRAPH: Final = {
    "id": "Directory_1a2b",
    "category": "RoleManagement",
    "correlationId": "c0ffee00-58ff",
    "result": "success",
    "resultReason": "",
    "activityDisplayName": "Add member to role",
    "activityDateTime": "2026-03-02T09:00:00.1234567Z",
    "loggedByService": "Core Directory",
    "operationType": "Assign",
    "initiatedBy": {
        "app": None,
        "user": {
            "id": "u-1",
            "displayName": "Ann",
            "userPrincipalName": "Ann@Clinic.example",
            "ipAddress": "192.0.2.7",
        },
    },
    "targetResources": [
        {
            "id": "u-2",
            "displayName": "Bob",
            "type": "User",
            "userPrincipalName": "bob@clinic.example",
            "modifiedProperties": [
                {"displayName": "Role.DisplayName", "oldValue": None, "newValue": '"Global Administrator"'}
            ],
        },
        {"id": "r-1", "displayName": "Global Administrator", "type": "Role", "modifiedProperties": []},
    ],
    "additionalDetails": [{"key": "User-Agent", "value": "Mozilla/5.0 (Windows NT 10.0)"}],
}
_BOB: Final = {"id": "u-2", "type": "User", "userPrincipalName": "bob@clinic.example", "modifiedProperties": []}
_MFA_SERVICE: Final = {"app": {"displayName": "Azure MFA StrongAuthenticationService", "servicePrincipalId": "sp-1"}}


def _audit(activity: str, title: str, *events: dict[str, Any], dropped: str = "", **body: Any) -> Example:
    return Example(title, {**_GRAPH, "activityDisplayName": activity, **body}, events, dropped)


def _stream(activity: str, category: str = "AuditLogs", **body: Any) -> dict[str, Any]:
    """A record of the diagnostic stream."""
    properties = {key: value for key, value in _GRAPH.items() if key != "correlationId"}
    return {
        "time": "2026-03-02T09:00:41Z",
        "resourceId": "/tenants/4b2462a4/providers/Microsoft.aadiam",
        "operationName": activity,
        "category": category,
        "tenantId": "4b2462a4-bbee",
        "resultSignature": "None",
        "callerIpAddress": "192.0.2.9",
        "correlationId": "c0ffee00-58ff",
        "properties": {**properties, "activityDisplayName": activity, **body},
    }


_ROW: Final = {
    "TimeGenerated": "2026-03-02T09:10:00.9Z",
    "OperationName": "Update application \u2013 Certificates and secrets management ",
    "Category": "ApplicationManagement",
    "Id": "Directory_77",
    "InitiatedBy": '{"user":{"id":"u-1","userPrincipalName":"ann@clinic.example","ipAddress":null,"roles":[]}}',
    "LoggedByService": "Core Directory",
    "Result": "success",
    "TargetResources": '[{"id":"a-1","displayName":"Records export","type":"Application","modifiedProperties":[]}]',
    "AADTenantId": "4b2462a4-bbee",
    "ActivityDisplayName": "Update application \u2013 Certificates and secrets management ",
    "ActivityDateTime": "2026-03-02T09:10:00Z",
    "Type": "AuditLogs",
}
EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        "Microsoft Graph, a role is given",
        _GRAPH,
        (
            {
                "kind": "privilege_change",
                "outcome": "success",
                "target": "bob@clinic.example",
                "attributes.privilege": "Global Administrator",
                "interactive": True,
            },
        ),
    ),
    Example(
        "a row of the AuditLogs table, a secret for an application",
        _ROW,
        ({"kind": "credential_change", "target": "Records export", "resource": "Records export"},),
    ),
    Example(
        "the diagnostic stream, access elevated",
        {
            **_stream("User has elevated their access", initiatedBy={"user": {"id": "u-9"}}),
            "properties": {
                "activityDateTime": "2026-03-02T09:00:00Z",
                "loggedByService": "Microsoft.Authorization",
                "initiatedBy": {"user": {"id": "u-9"}},
                "additionalDetails": [{"key": "RoleName", "value": "Reader"}],
            },
            "resultType": "0",
        },
        ({"kind": "privilege_change", "user": "u-9", "ip": "192.0.2.9", "outcome": "success"},),
    ),
    _audit(
        "Add member to role in PIM requested (permanent)",
        "a role is only asked for",
        {"kind": "privilege_change", "outcome": "unknown", "ip": "192.0.2.8"},
        initiatedBy={"user": {"userPrincipalName": "ann@clinic.example"}},
        additionalDetails=[{"key": "ipaddr", "value": "192.0.2.8"}],
    ),
    _audit(
        "Update user",
        "Microsoft's service writes that a user has no second factor any more",
        {
            "kind": "credential_change",
            "user": "bob@clinic.example",
            "target": "bob@clinic.example",
            "attributes.change": "mfa_removed",
            "attributes.actor": "Azure MFA StrongAuthenticationService",
            "interactive": False,
        },
        initiatedBy=_MFA_SERVICE,
        targetResources=[
            {
                **_BOB,
                "modifiedProperties": [
                    {
                        "displayName": "StrongAuthenticationMethod",
                        "oldValue": '[{"MethodType":6,"Default":true}]',
                        "newValue": "[]",
                    }
                ],
            }
        ],
    ),
    _audit(
        "User registered security info",
        "a user adds a second factor",
        {"kind": "device_enrolled", "attributes.change": "mfa_added", "user": "Ann@Clinic.example"},
    ),
    _audit(
        "Update StsRefreshTokenValidFrom Timestamp",
        "somebody's sessions are ended",
        {
            "kind": "revoked",
            "user": "bob@clinic.example",
            "target": "bob@clinic.example",
            "attributes.actor": "Ann@Clinic.example",
            "ip": "",
        },
        targetResources=[_BOB],
    ),
    _audit(
        "Add delegated permission grant",
        "an application may read everybody's mail",
        {
            "kind": "privilege_change",
            "target": "Microsoft Graph",
            "attributes.privilege": "Mail.Read",
            "attributes.consent": "AllPrincipals",
        },
        targetResources=[
            {
                "displayName": "Microsoft Graph",
                "type": "ServicePrincipal",
                "modifiedProperties": [
                    {"displayName": "DelegatedPermissionGrant.Scope", "newValue": '"Mail.Read"'},
                    {"displayName": "DelegatedPermissionGrant.ConsentType", "newValue": '"AllPrincipals"'},
                ],
            }
        ],
    ),
    _audit(
        "Delete conditional access policy",
        "nobody is asked for a second factor any more",
        {"kind": "policy_change", "attributes.change": "mfa_not_required", "resource": "MFA for all"},
        targetResources=[
            {
                "displayName": "MFA for all",
                "type": "Policy",
                "modifiedProperties": [
                    {
                        "displayName": "ConditionalAccessPolicy",
                        "oldValue": '{"state":"enabled","grantControls":{"builtInControls":["mfa"]}}',
                        "newValue": None,
                    }
                ],
            }
        ],
    ),
    *(
        _audit(
            "Add user",
            f"an application makes an account, known by {key}",
            {"kind": "account_change", "user": value, "role": "application", "outcome": "failure"},
            initiatedBy={"app": {key: value}},
            result="failure",
            resultReason="Policy forbids it",
        )
        for key, value in (
            ("displayName", "Backup"),
            ("servicePrincipalName", "spn-1"),
            ("servicePrincipalId", "sp-9"),
            ("appId", "app-9"),
        )
    ),
    Example("an account copied elsewhere", _stream("Provision", "ProvisioningLogs"), dropped="other_log"),
    _audit("Add group", "the directory's own doing", dropped="nobody_named", initiatedBy={}, targetResources=[]),
)
