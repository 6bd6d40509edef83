"""AWS CloudTrail events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row
from streams.adapters.cloudtrail_kinds import CONSOLE, kind_of
from streams.adapters.fields import find, instant_of, text, truth, whole_number

_TEMPORARY, _LONG_LIVED = "ASIA", "AKIA"

_LISTS: Final = (("requestParameters", "names"), ("requestParameters", "secretIdList"))
_BYTES: Final = ("additionalEventData", "bytesTransferredOut")
_ACCOUNT: Final = "123456789012"
_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
_PERSON: Final = {
    "type": "IAMUser",
    "arn": f"arn:aws:iam::{_ACCOUNT}:user/ann",
    "accountId": _ACCOUNT,
    "accessKeyId": _KEY,
    "userName": "ann",
}
_ROLE_ARN: Final = f"arn:aws:sts::{_ACCOUNT}:assumed-role/records-reader/i-0dbc91f4"
_ROLE: Final = {
    "type": "AssumedRole",
    "arn": _ROLE_ARN,
    "accountId": _ACCOUNT,
    "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
    "sessionContext": {"sessionIssuer": {"userName": "records-reader"}, "attributes": {"mfaAuthenticated": "false"}},
}


def _record(name: str, source: str = "iam", identity: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.08",
        "eventID": "c9dd614e",
        "eventTime": "2026-03-02T09:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-south-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.15",
        "eventType": "AwsApiCall",
        "recipientAccountId": _ACCOUNT,
        "userIdentity": _PERSON if identity is None else identity,
        **fields,
    }


_SIGN_IN: Final = _record(
    "ConsoleLogin",
    "signin",
    {"type": "IAMUser", "arn": _PERSON["arn"], "accountId": _ACCOUNT, "userName": "ann"},
    eventType="AwsConsoleSignIn",
    responseElements={"ConsoleLogin": "Failure"},
    additionalEventData={"MFAUsed": "Yes"},
    errorMessage="Failed authentication",
)
_READ: Final = _record(
    "GetObject",
    "s3",
    _ROLE,
    requestParameters={"bucketName": "records", "key": "2026/ann.pdf"},
    additionalEventData={"bytesTransferredOut": 4096.0},
)


class CloudTrail(Adapter):
    """CloudTrail's management and data events, also as log shippers write them (`@timestamp`).

    * Only what is done at the console's sign-in page is interactive; an API call is made by a key.
    * `ConsoleLogin`, and roles assumed with SAML or a web identity, are logins. `AssumeRole`, `GetSessionToken` and
      their like make a new key out of one that is held: `refresh`.
    * An assumed role's session is its ARN, whatever keys it uses; anybody else's is the access key. A role session
      named like an e-mail address is that person's; any other belongs to the role. `root` is in every account, so it
      is named with its account. The key is `attributes.access_key`, and `attributes.key_type` says whether it is
      temporary (ASIA) or long-lived (AKIA).
    * Reads that hand out data (S3 objects, secrets, parameters, database items) are `export`, with their objects and
      bytes; what failed moved none. KMS Decrypt is an activity: it stands beside such a read, and would count twice.
    * Changes of keys and passwords, users and roles, permissions, and of what guards or watches the account have the
      kinds credential_change, account_change, privilege_change and policy_change. Everything else is an activity.
    * What AWS does in the name of a person stays that person's (`attributes.invoked_by`), with AWS's name as address.
    """

    name = "cloudtrail"
    title = "AWS CloudTrail"
    lateness = timedelta(minutes=20)
    signatures = (("eventVersion", "eventName", "eventSource"), ("eventName", "eventSource", "userIdentity"))
    drops: ClassVar[Mapping[str, str]] = {
        "aws_service": "AWS acted for itself (`userIdentity.type` AWSService, or an AwsServiceEvent of nobody)",
        "invoked_by_service": "a service acted, and nothing but `userIdentity.invokedBy` says for whom",
        "insight": "CloudTrail Insights counts other events, which are here themselves",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("eventID", "id", "c9dd614e"),
        Row("eventTime", "at", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00+00:00", "else @timestamp"),
        Row("eventName", "action", "GetObject"),
        Row("eventName", "kind", "GetObject", "export", "see above"),
        Row("eventSource", "app", "s3.amazonaws.com"),
        Row("userIdentity.userName", "user", "ann"),
        Row("userIdentity.sessionContext.sessionIssuer.userName", "user", "records-reader"),
        Row("userIdentity.arn", "session", _ROLE_ARN, _ROLE_ARN, "of a role or federated user"),
        Row("userIdentity.accessKeyId", "session", _KEY, _KEY, "of anybody else"),
        Row("userIdentity.accessKeyId", "attributes.access_key", _ROLE["accessKeyId"]),
        Row("userIdentity.accessKeyId", "attributes.key_type", _ROLE["accessKeyId"], "temporary", "by its beginning"),
        Row("userIdentity.type", "role", "AssumedRole"),
        Row("userIdentity.arn", "attributes.arn", _PERSON["arn"]),
        Row("userIdentity.accountId", "attributes.account", _ACCOUNT),
        Row("recipientAccountId", "attributes.account", _ACCOUNT),
        Row("userIdentity.invokedBy", "attributes.invoked_by", "AWS Internal"),
        Row("awsRegion", "attributes.region", "eu-south-1"),
        Row("sessionCredentialFromConsole", "attributes.console", "true"),
        Row("sourceIPAddress", "ip", "192.0.2.7"),
        Row("userAgent", "user_agent", "aws-cli/2.15"),
        Row("errorCode", "reason", "AccessDenied"),
        Row("errorMessage", "reason", "Failed authentication"),
        Row("errorCode", "outcome", "AccessDenied", "failure", "success where there is none"),
        Row("responseElements.ConsoleLogin", "kind", "Failure", "login_failed", "of a sign-in"),
        Row("additionalEventData.MFAUsed", "mfa", "Yes", "True", "else sessionContext.attributes.mfaAuthenticated"),
        Row("requestParameters.bucketName", "resource", "records", "records/2026/ann.pdf", "with its key"),
        Row("requestParameters.secretId", "resource", "db-password"),
        Row("resources[0].ARN", "resource", "arn:aws:kms:eu-south-1:123456789012:key/k1"),
        Row("requestParameters.name", "resource", "trail-1"),
        Row("requestParameters.userName", "target", "bob"),
        Row("requestParameters.roleName", "target", "records-writer"),
        Row("requestParameters.roleArn", "target", "arn:aws:iam::123456789012:role/records-reader"),
        Row("requestParameters.groupName", "target", "admins"),
        Row("additionalEventData.bytesTransferredOut", "bytes", 4096.0, "4096"),
        Row("requestParameters.names", "count", ["p1", "p2"], "2", "of an export; secretIdList likewise"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a failed console login",
            _SIGN_IN,
            ({"kind": "login_failed", "outcome": "failure", "interactive": True, "mfa": True, "session": ""},),
        ),
        Example(
            "an object read by a role",
            _READ,
            ({"kind": "export", "user": "records-reader", "bytes": 4096, "count": 1, "interactive": False},),
        ),
        Example(
            "a secret refused",
            _record(
                "GetSecretValue",
                "secretsmanager",
                requestParameters={"secretId": "db-password"},
                errorCode="AccessDenied",
            ),
            ({"kind": "export", "outcome": "failure", "count": 0, "resource": "db-password"},),
        ),
        Example(
            "two parameters read",
            _record("GetParameters", "ssm", requestParameters={"names": ["p1", "p2"]}),
            ({"kind": "export", "count": 2},),
        ),
        Example(
            "AWS decrypts for a person",
            _record(
                "Decrypt",
                "kms",
                {**_PERSON, "invokedBy": "AWS Internal"},
                sourceIPAddress="AWS Internal",
                resources=[{"ARN": "arn:aws:kms:eu-south-1:123456789012:key/k1"}],
            ),
            ({"kind": "activity", "user": "ann", "ip": "AWS Internal", "interactive": False},),
        ),
        Example(
            "a role assumed",
            _record("AssumeRole", "sts", requestParameters={"roleArn": f"arn:aws:iam::{_ACCOUNT}:role/records-reader"}),
            ({"kind": "refresh", "outcome": "success", "session": "AKIAIOSFODNN7EXAMPLE"},),
        ),
        Example(
            "single sign-on: the role session is named for the person",
            _record(
                "ListBuckets", "s3", {**_ROLE, "arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/sso/ann@clinic.example"}
            ),
            ({"kind": "activity", "user": "ann@clinic.example"},),
        ),
        Example(
            "root, from the console",
            _record(
                "StopLogging",
                "cloudtrail",
                {"type": "Root", "arn": f"arn:aws:iam::{_ACCOUNT}:root", "accountId": _ACCOUNT},
                requestParameters={"name": "trail-1"},
                sessionCredentialFromConsole="true",
            ),
            ({"kind": "policy_change", "user": f"root@{_ACCOUNT}", "interactive": False},),
        ),
        Example(
            "a key for another user",
            _record("CreateAccessKey", requestParameters={"userName": "bob"}),
            ({"kind": "credential_change", "target": "bob"},),
        ),
        Example(
            "a policy for a role",
            _record("AttachRolePolicy", requestParameters={"roleName": "records-writer"}),
            ({"kind": "privilege_change"},),
        ),
        Example(
            "a group", _record("DeleteGroup", requestParameters={"groupName": "admins"}), ({"kind": "account_change"},)
        ),
        Example(
            "a service",
            _record("AssumeRole", "sts", {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
            dropped="aws_service",
        ),
        Example(
            "a service, and nobody named",
            _record(
                "EndSecretVersionDelete",
                "secretsmanager",
                {"accountId": _ACCOUNT, "invokedBy": "secretsmanager.amazonaws.com"},
            ),
            dropped="invoked_by_service",
        ),
        Example("an insight", _record("RunInstances", "ec2", {}, eventType="AwsCloudTrailInsight"), dropped="insight"),
    )

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        identity = record.get("userIdentity")
        identity = identity if isinstance(identity, dict) else {}
        event_type = text(record.get("eventType"))
        if reason := _dropped(identity, event_type):
            return Dropped(reason)
        name, source = text(record.get("eventName")), text(record.get("eventSource")).partition(".")[0]
        if not name:
            raise BadRecordError("no_event_name", "`eventName` is missing or empty")
        draft = Draft(
            id="",
            at=instant_of(record.get("eventTime") or record.get("@timestamp"), "eventTime"),
            kind=kind_of(name, source, event_type),
            said=self.copied(record),
            interactive=event_type == "AwsConsoleSignIn" or name in CONSOLE,
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        answer = text(find(record, ("responseElements", name))).casefold() if name in CONSOLE else ""
        failed = answer == "failure" or bool(text(record.get("errorCode")) or text(record.get("errorMessage")))
        draft.outcome = "failure" if failed else "success"
        if draft.kind == "mfa_challenge":
            draft.outcome = "unknown"
        if draft.kind == "login" and failed:
            draft.kind = "login_failed"
        _name(draft, identity)
        _measure(draft, record, failed=failed)
        used = find(record, ("additionalEventData", "MFAUsed"))
        used = find(identity, ("sessionContext", "attributes", "mfaAuthenticated")) if used is None else used
        draft.mfa = truth(used)
        return [draft.event(self.name)]


def _dropped(identity: Mapping[str, Any], event_type: str) -> str:
    if event_type == "AwsCloudTrailInsight":
        return "insight"
    if text(identity.get("type")) == "AWSService":
        return "aws_service"
    named = any(text(identity.get(key)) for key in ("arn", "userName", "principalId", "accessKeyId"))
    if named:
        return ""
    if text(identity.get("invokedBy")):
        return "invoked_by_service"
    return "aws_service" if event_type == "AwsServiceEvent" else ""


def _name(draft: Draft, identity: Mapping[str, Any]) -> None:
    """User and session: see the class."""
    said, arn, kind = draft.said, text(identity.get("arn")), text(identity.get("type"))
    key = said.get("attributes.access_key", "")
    if key:
        said["attributes.key_type"] = {_TEMPORARY: "temporary", _LONG_LIVED: "long_lived"}.get(key[:4], "other")
    said["session"] = arn if arn and kind in {"AssumedRole", "FederatedUser"} else key
    said = {name: value for name, value in said.items() if value}
    last = arn.rpartition("/")[2] if "/" in arn else ""
    if kind == "Root":
        said["user"] = f"root@{said.get('attributes.account', '')}".rstrip("@")
    elif kind == "AssumedRole" and "@" in last:
        said["user"] = last
    elif "user" not in said and arn:
        # assumed-role/<role>/<session>: the role; user/<path>/<name>: the name
        said["user"] = arn.split("/")[1] if ":assumed-role/" in arn else last or arn.rpartition(":")[2]
    draft.said = said


def _measure(draft: Draft, record: Mapping[str, Any], *, failed: bool) -> None:
    """What was touched, and how much of it left."""
    request = record.get("requestParameters")
    bucket, key = text(find(request, ("bucketName",))), text(find(request, ("key",)))
    if bucket:
        draft.said["resource"] = text(f"{bucket}/{key}" if key else bucket)
    if draft.kind != "export":
        return
    lists = (find(record, path) for path in _LISTS)
    draft.count = 0 if failed else next((len(each) for each in lists if isinstance(each, list) and each), 1)
    draft.moved_bytes = 0 if failed else whole_number(find(record, _BYTES)) or 0
