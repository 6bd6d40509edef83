"""What CloudTrail's calls are to us: tables of names, and of parts of names."""

from __future__ import annotations

from typing import Final

from models.events import EventKind

CONSOLE: Final[dict[str, EventKind]] = {
    "ConsoleLogin": "login",
    "UserAuthentication": "login",
    "ExternalIdPDirectoryLogin": "login",
    "CheckMfa": "mfa_challenge",
    "CredentialChallenge": "mfa_challenge",
    "CredentialVerification": "mfa_result",
    "PasswordUpdated": "credential_change",
    "PasswordRecoveryRequested": "credential_change",
    "PasswordRecoveryCompleted": "credential_change",
}
_TOKENS: Final[dict[str, EventKind]] = {
    "AssumeRoleWithSAML": "login",
    "AssumeRoleWithWebIdentity": "login",
    "AssumeRole": "refresh",
    "AssumeRoot": "refresh",
    "GetSessionToken": "refresh",
    "GetFederationToken": "refresh",
    "GetSigninToken": "refresh",
    "CreateToken": "refresh",
    "CreateTokenWithIAM": "refresh",
}
_EXPORTS: Final = frozenset(
    {
        "GetObject",
        "SelectObjectContent",
        "GetSecretValue",
        "BatchGetSecretValue",
        "GetParameter",
        "GetParameters",
        "GetParametersByPath",
        "GetParameterHistory",
        "GetPasswordData",
        "DownloadDBLogFilePortion",
        "DownloadCompleteDBLogFile",
        "StartExportTask",
        "ExportTableToPointInTime",
        "ExportImage",
        "CreateStoreImageTask",
        "CreateInstanceExportTask",
        "BatchGetItem",
        "GetItem",
        "Scan",
    }
)
_IAM: Final[tuple[tuple[str, EventKind], ...]] = (
    ("AccessKey", "credential_change"),
    ("LoginProfile", "credential_change"),
    ("ChangePassword", "credential_change"),
    ("SSHPublicKey", "credential_change"),
    ("SigningCertificate", "credential_change"),
    ("ServerCertificate", "credential_change"),
    ("ServiceSpecificCredential", "credential_change"),
    ("EnableMFADevice", "device_enrolled"),
    ("DeactivateMFADevice", "credential_change"),
    ("DeleteVirtualMFADevice", "credential_change"),
    ("AccountPasswordPolicy", "policy_change"),
    ("SAMLProvider", "policy_change"),
    ("OpenIDConnectProvider", "policy_change"),
    ("Policy", "privilege_change"),
    ("PermissionsBoundary", "privilege_change"),
    ("UserToGroup", "privilege_change"),
    ("UserFromGroup", "privilege_change"),
    ("RoleToInstanceProfile", "privilege_change"),
    ("RoleFromInstanceProfile", "privilege_change"),
    ("User", "account_change"),
    ("Role", "account_change"),
    ("Group", "account_change"),
)
"""Parts of the names of IAM's calls that change something, the first that fits."""
_WATCHING: Final = frozenset({"cloudtrail", "config", "guardduty", "securityhub", "macie2", "access-analyzer"})
_GUARDING: Final = (
    "BucketPolicy",
    "BucketAcl",
    "ObjectAcl",
    "PublicAccessBlock",
    "BucketLogging",
    "BucketReplication",
    "KeyPolicy",
    "ResourcePolicy",
    "RepositoryPolicy",
    "FlowLogs",
    "QueryLogConfig",
    "LogGroup",
    "LogStream",
    "SnapshotAttribute",
    "ImageAttribute",
    "ScheduleKeyDeletion",
    "DisableKey",
    "SecurityGroupIngress",
    "SecurityGroupEgress",
    "WebACL",
    "AddPermission",
    "ModelInvocationLogging",
    "ActivityStream",
    "TrustAnchor",
    "LeaveOrganization",
    "SerialConsoleAccess",
    "EncryptionByDefault",
)
_READS: Final = (
    "Get",
    "List",
    "Describe",
    "Lookup",
    "Generate",
    "Simulate",
    "Search",
    "Check",
    "Batch",
    "Tag",
    "Untag",
)


def kind_of(name: str, source: str, event_type: str) -> EventKind:
    """The kind of the call `name` to the service `source` (`iam`, without `.amazonaws.com`).

    >>> kind_of("ConsoleLogin", "signin", "AwsConsoleSignIn"), kind_of("CreateAccessKey", "iam", "AwsApiCall")
    ('login', 'credential_change')
    """
    if event_type == "AwsConsoleSignIn" or source in {"signin", "sso"}:
        return CONSOLE.get(name) or _TOKENS.get(name, "activity")
    if name in _TOKENS:
        return _TOKENS[name]
    if name in _EXPORTS:
        return "export"
    return "activity" if name.startswith(_READS) else _change(name, source)


def _change(name: str, source: str) -> EventKind:
    if source == "iam":
        return next((kind for part, kind in _IAM if part in name), "activity")
    if source in _WATCHING or any(part in name for part in _GUARDING):
        return "policy_change"
    return "account_change" if source == "organizations" and "Account" in name else "activity"
