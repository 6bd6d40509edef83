"""Records of Microsoft 365's unified audit log, made up, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from streams.adapters.adapter import Example


def _pairs(**said: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in said.items()]


def _record(operation: str, workload: str, **fields: Any) -> dict[str, Any]:
    return {
        "CreationTime": "2026-03-02T09:00:00",
        "Id": "9f1c-1",
        "Operation": operation,
        "OrganizationId": "4b2462a4",
        "RecordType": 15,
        "UserId": "Ann@Clinic.example",
        "UserKey": "10032001",
        "UserType": 0,
        "Workload": workload,
        **fields,
    }


def _sign_in(operation: str = "UserLoggedIn", request: str = "Login:login", **fields: Any) -> dict[str, Any]:
    return _record(
        operation,
        "AzureActiveDirectory",
        **{
            "ClientIP": "192.0.2.7:50123",
            "ApplicationId": "app-1",
            "ObjectId": "00000002-0000",
            "ResultStatus": "Success",
            "ExtendedProperties": _pairs(
                UserAgent="Mozilla/5.0 (Windows NT 10.0)", RequestType=request, UserAuthenticationMethod="1"
            ),
            "DeviceProperties": _pairs(Id="d-17", OS="Windows 10", BrowserType="Edge", SessionId="005f-77"),
            **fields,
        },
    )


def _exchange(operation: str, parameters: Mapping[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    given = {"Parameters": _pairs(**parameters)} if parameters else {}
    return _record(operation, "Exchange", **{"RecordType": 1, "ResultStatus": "True", **given, **fields})


def _directory(operation: str, target: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return _record(
        operation,
        "AzureActiveDirectory",
        **{"RecordType": 8, "ResultStatus": "Success", "ActorIpAddress": "192.0.2.9", "Target": target, **fields},
    )


_BOB: Final = [{"ID": "User_111", "Type": 2}, {"ID": "User", "Type": 2}, {"ID": "bob@clinic.example", "Type": 5}]
_APP: Final = [{"ID": "ServicePrincipal_7", "Type": 2}, {"ID": "Mail tool", "Type": 1}]
_SERVICE: Final = {
    "UserId": "ServicePrincipal_9",
    "UserType": 4,
    "Actor": [{"ID": "Azure MFA StrongAuthenticationService", "Type": 1}, {"ID": "ServicePrincipal", "Type": 2}],
}
_FILE: Final = {
    "RecordType": 6,
    "ClientIP": "192.0.2.7",
    "ObjectId": "https://clinic.example/records/list.xlsx",
    "SiteUrl": "https://clinic.example",
    "UserAgent": "Microsoft Office/16.0",
    "FileSizeBytes": 4096,
    "AppAccessContext": {"AADSessionId": "005f-78"},
}

EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        "a sign-in",
        _sign_in(),
        (
            {
                "kind": "login",
                "outcome": "success",
                "session": "005f-77",
                "device": "d-17",
                "ip": "192.0.2.7:50123",
                "interactive": True,
                "resource": "",
            },
        ),
    ),
    Example(
        "a wrong password, of which the result says Success",
        _sign_in("UserLoginFailed", ErrorNumber="50126", LogonError="InvalidUserNameOrPassword"),
        ({"kind": "login_failed", "outcome": "failure", "reason": "50126"},),
    ),
    Example(
        "a second factor is demanded, which is no failure",
        _sign_in("UserLoginFailed", LogonError="UserStrongAuthClientAuthNRequiredInterrupt"),
        ({"kind": "mfa_challenge", "outcome": "unknown", "reason": "50074"},),
    ),
    Example(
        "a page uses the session that is there",
        _sign_in(request="OAuth2:Authorize"),
        ({"kind": "refresh", "interactive": False},),
    ),
    Example(
        "asked silently, nobody there", _sign_in("UserLoginFailed", ErrorNumber="50058"), dropped="nobody_signed_in"
    ),
    Example(
        "mail is read; one record stands for many",
        _exchange(
            "MailItemsAccessed",
            RecordType=50,
            ResultStatus="Succeeded",
            ClientIPAddress="2001:db8::7",
            ClientInfoString="Client=REST;;",
            MailboxOwnerUPN="bob@clinic.example",
            LogonType=2,
            OperationCount=12,
            SessionId="s-9",
            AppId="00000003",
            OperationProperties=_pairs(MailAccessType="Bind", IsThrottled="False"),
            Folders=[{"Path": "\\Inbox", "FolderItems": [{"SizeInBytes": 300}, {"SizeInBytes": 700}]}],
        ),
        ({"kind": "export", "count": 12, "bytes": 1000, "target": "bob@clinic.example", "session": "s-9"},),
    ),
    Example(
        "a row of the table OfficeActivity",
        {
            "TimeGenerated": "2026-03-02T09:10:00Z",
            "RecordType": "50",
            "Operation": "MailItemsAccessed",
            "OfficeWorkload": "Exchange",
            "OfficeId": "699e-1",
            "UserType": "Regular",
            "UserId": "ann@clinic.example",
            "ResultStatus": "Succeeded",
            "Client_IPAddress": "192.0.2.10",
            "OperationProperties": json.dumps(_pairs(MailAccessType="Sync")),
            "Folders": json.dumps([{"FolderItems": [{"InternetMessageId": "1"}, {"InternetMessageId": "2"}]}]),
        },
        ({"kind": "export", "count": 2, "interactive": False, "role": "Regular"},),
    ),
    Example(
        "mail is deleted",
        _exchange("HardDelete", AffectedItems=[{"Id": "m-1"}, {"Id": "m-2"}], ResultStatus="Succeeded"),
        ({"kind": "activity", "count": 2},),
    ),
    Example(
        "an inbox rule sends mail away and hides it, from a search of the log",
        {
            "CreationDate": "2026-03-02T09:00:00Z",
            "UserIds": "ann@clinic.example",
            "Operations": "New-InboxRule",
            "AuditData": json.dumps(
                _exchange(
                    "New-InboxRule",
                    {"ForwardTo": "evil@elsewhere.example", "DeleteMessage": "True", "MoveToFolder": "RSS Feeds"},
                )
            ),
        },
        (
            {
                "kind": "account_change",
                "attributes.change": "mail_forwarded",
                "attributes.forward_to": "evil@elsewhere.example",
            },
        ),
    ),
    Example(
        "auditing is switched off",
        _exchange("Set-AdminAuditLogConfig", {"UnifiedAuditLogIngestionEnabled": "False"}, UserType=2),
        ({"kind": "policy_change", "attributes.change": "audit_off", "role": "Admin"},),
    ),
    *(
        Example(
            f"auditing of a mailbox ends by {name}",
            _exchange(operation, {"Identity": "bob", name: value}, UserType=2),
            (
                {
                    "kind": "policy_change",
                    "attributes.change": "audit_off",
                    f"attributes.{name}": value,
                    "target": "bob",
                },
            ),
        )
        for operation, name, value in (
            ("Set-Mailbox", "AuditEnabled", "False"),
            ("Set-MailboxAuditBypassAssociation", "AuditBypassEnabled", "True"),
        )
    ),
    Example(
        "access to another mailbox, refused",
        _exchange(
            "Add-MailboxPermission",
            {"Identity": "bob", "User": "carl", "AccessRights": "FullAccess"},
            ResultStatus="False",
        ),
        ({"kind": "privilege_change", "target": "carl", "outcome": "failure", "attributes.privilege": "FullAccess"},),
    ),
    Example(
        "leave to act as every mailbox",
        _exchange("New-ManagementRoleAssignment", {"Role": "ApplicationImpersonation", "User": "svc"}),
        ({"kind": "privilege_change", "target": "svc"},),
    ),
    Example(
        "mail is sent as somebody else",
        _exchange("SendAs", SendAsUserSmtp="bob@clinic.example", ResultStatus="Succeeded"),
        ({"kind": "impersonation", "target": "bob@clinic.example"},),
    ),
    Example(
        "a file is downloaded",
        _record("FileDownloaded", "OneDrive", **_FILE),
        ({"kind": "export", "bytes": 4096, "count": 1, "session": "005f-78", "outcome": "success"},),
    ),
    Example(
        "a document is shared with a guest",
        _record(
            "AddedToSecureLink",
            "OneDrive",
            TargetUserOrGroupName="guest@partner.example",
            TargetUserOrGroupType="Guest",
            **_FILE,
        ),
        ({"kind": "activity", "target": "guest@partner.example", "attributes.change": "shared"},),
    ),
    Example(
        "a role is given",
        _directory(
            "Add member to role.",
            _BOB,
            ModifiedProperties=[{"Name": "Role.DisplayName", "NewValue": "Global Administrator", "OldValue": ""}],
            ExtendedProperties=_pairs(additionalDetails='{"User-Agent":"WindowsPowerShell/5.1"}'),
        ),
        (
            {
                "kind": "privilege_change",
                "user": "Ann@Clinic.example",
                "target": "bob@clinic.example",
                "attributes.privilege": "Global Administrator",
            },
        ),
    ),
    Example(
        "an application is let at everybody's mail",
        _directory(
            "Consent to application.",
            _APP,
            ModifiedProperties=[{"Name": "ConsentContext.IsAdminConsent", "NewValue": "True", "OldValue": ""}],
        ),
        ({"kind": "privilege_change", "target": "Mail tool", "attributes.consent": "True"},),
    ),
    Example(
        "somebody's sessions are ended",
        _directory("Update StsRefreshTokenValidFrom Timestamp.", _BOB),
        ({"kind": "revoked", "user": "bob@clinic.example", "attributes.actor": "Ann@Clinic.example", "ip": ""},),
    ),
    Example(
        "Microsoft's service writes that a user has no second factor any more",
        _directory(
            "Update user.",
            _BOB,
            ModifiedProperties=[
                {"Name": "StrongAuthenticationMethod", "NewValue": "[]", "OldValue": '[{"MethodType":7}]'}
            ],
            **_SERVICE,
        ),
        (
            {
                "kind": "credential_change",
                "user": "bob@clinic.example",
                "attributes.change": "mfa_removed",
                "attributes.actor": "Azure MFA StrongAuthenticationService",
                "interactive": False,
            },
        ),
    ),
    Example(
        "Microsoft's own doing",
        _exchange("Set-Mailbox", {"Identity": "x"}, UserId="NT AUTHORITY\\SYSTEM (w3wp)", UserType=4),
        dropped="system_actor",
    ),
)
