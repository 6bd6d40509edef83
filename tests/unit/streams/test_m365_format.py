"""Traps of Microsoft 365's audit log that the examples do not show."""

from __future__ import annotations

import json

import pytest

from sessionwatch.errors import BadRecordError
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.adapters.adapter import Dropped
from streams.adapters.m365_kinds import kind_of_operation
from streams.canonical import Canonical
from tests.unit.streams.adapting import adapted, dropped, example


@pytest.mark.parametrize(
    ("operation", "workload", "kind"),
    [
        ("FileSyncDownloadedFull", "OneDrive", "export"),
        ("FileAccessed", "SharePoint", "activity"),
        ("FileUploaded", "SharePoint", "activity"),
        ("SiteCollectionAdminAdded", "SharePoint", "privilege_change"),
        ("SharingPolicyChanged", "SharePoint", "policy_change"),
        ("MemberRoleChanged", "MicrosoftTeams", "privilege_change"),
        ("MemberAdded", "MicrosoftTeams", "account_change"),
        ("New-InboxRule", "Exchange", "account_change"),
        ("UpdateInboxRules", "Exchange", "account_change"),
        ("Set-Mailbox", "Exchange", "account_change"),
        ("Add-MailboxFolderPermission", "Exchange", "privilege_change"),
        ("Add-RoleGroupMember", "Exchange", "privilege_change"),
        ("Set-MailboxAuditBypassAssociation", "Exchange", "policy_change"),
        ("New-TransportRule", "Exchange", "policy_change"),
        ("Set-HostedContentFilterPolicy", "Exchange", "policy_change"),
        ("Get-Mailbox", "Exchange", "activity"),
        ("SendOnBehalf", "Exchange", "impersonation"),
        ("New-MailboxExportRequest", "Exchange", "export"),
        ("ExportReport", "PowerBI", "export"),
        ("Add member to role.", "AzureActiveDirectory", "privilege_change"),
        ("Add delegated permission grant.", "", "privilege_change"),
        ("Something", "NewWorkload", "activity"),
    ],
)
def test_operations_have_the_kind_that_their_name_says(operation, workload, kind) -> None:
    """Operations have the kind that a detection engineer would look for."""
    assert kind_of_operation(operation, workload) == kind


@pytest.mark.parametrize(
    ("number", "name", "kind", "outcome", "reason"),
    [
        ("50126", "InvalidUserNameOrPassword", "login_failed", "failure", "50126"),
        (50053, "", "login_failed", "failure", "50053"),
        ("", "InvalidPasswordExpiredPassword", "login_failed", "failure", "50055"),
        ("", "SomethingNew", "login_failed", "failure", "SomethingNew"),
        ("50140", "", "activity", "unknown", "50140"),
        ("65001", "", "activity", "unknown", "65001"),
        ("50072", "", "mfa_challenge", "unknown", "50072"),
        ("500121", "", "mfa_result", "failure", "500121"),
    ],
)
def test_a_failed_sign_in_is_what_its_code_says(number, name, kind, outcome, reason) -> None:
    """`ResultStatus` says Success of all of them; interrupts are no failures."""
    record = example("m365", "a wrong password") | {"ErrorNumber": number, "LogonError": name}
    (event,) = adapted("m365", record)
    assert (event.kind, event.outcome, event.reason) == (kind, outcome, reason)


@pytest.mark.parametrize(
    ("request_type", "method", "kind", "interactive"),
    [
        ("Login:reprocess", "1", "login", True),
        ("SAS:EndAuth", "1", "login", True),
        ("OAuth2:Authorize", "1", "refresh", False),
        ("OAuth2:Token", "16", "refresh", False),
        ("OAuth2:Token", "1", "login", False),
    ],
)
def test_who_signs_in_and_what_only_uses_a_token(request_type, method, kind, interactive) -> None:
    """A token or cookie in hand makes no new login, and a script's password does, without the person."""
    record = example("m365", "a sign-in")
    record["ExtendedProperties"] = [
        {"Name": "RequestType", "Value": request_type},
        {"Name": "UserAuthenticationMethod", "Value": method},
    ]
    (event,) = adapted("m365", record)
    assert (event.kind, event.interactive) == (kind, interactive)


@pytest.mark.parametrize(
    ("operation", "parameters", "change"),
    [
        ("Set-AdminAuditLogConfig", {"UnifiedAuditLogIngestionEnabled": "False"}, "audit_off"),
        ("Set-AdminAuditLogConfig", {"UnifiedAuditLogIngestionEnabled": "$true"}, "audit_on"),
        ("Set-MailboxAuditBypassAssociation", {"Identity": "x", "AuditBypassEnabled": "True"}, "audit_off"),
        ("Set-OrganizationConfig", {"AuditDisabled": "True"}, "audit_off"),
        ("Set-Mailbox", {"Identity": "x", "AuditEnabled": "False"}, "audit_off"),
    ],
)
def test_auditing_switched_off_has_one_name(operation, parameters, change) -> None:
    """Five commands switch it off, each with a parameter of its own; a rule needs one word."""
    record = example("m365", "auditing is switched off") | {"Operation": operation}
    record["Parameters"] = [{"Name": name, "Value": value} for name, value in parameters.items()]
    (event,) = adapted("m365", record)
    assert (event.kind, event.action, event.attributes["change"]) == ("policy_change", operation, change)


@pytest.mark.parametrize(("count", "listed", "expected"), [(None, 3, 3), (12, 2, 12), (1, 3, 3), (None, 0, 1)])
def test_one_record_of_mail_read_stands_for_many_objects(count, listed, expected) -> None:
    """The number of operations, or what is listed, whichever is more; never none for what was read."""
    record = example("m365", "mail is read") | {"OperationCount": count}
    record["Folders"] = [{"FolderItems": [{"Id": str(n)} for n in range(listed)]}]
    assert adapted("m365", record)[0].count == expected


def test_what_was_refused_moved_nothing() -> None:
    """A download that failed carries no object away."""
    (event,) = adapted("m365", example("m365", "a file is downloaded") | {"ResultStatus": "Failed"})
    assert (event.outcome, event.count, event.bytes) == ("failure", 0, 0)


@pytest.mark.parametrize(
    ("written", "ip"),
    [("192.0.2.7:10736", "192.0.2.7"), ("[2001:db8::7]:47114", "2001:db8::7"), ("2001:db8::7", "2001:db8::7")],
)
def test_addresses_with_ports_and_brackets(written, ip) -> None:
    """Every workload writes addresses in its own way."""
    (event,) = adapted("m365", example("m365", "a file is downloaded") | {"ClientIP": written})
    Canonical("default", {}, Accounting()).make(event, "m365")
    assert event.ip == ip


@pytest.mark.parametrize("user", ["Not Available", "00000000-0000-0000-0000-000000000000", "Unknown"])
def test_a_failed_sign_in_of_nobody_known_has_no_user(user) -> None:
    """Placeholders are no subject; the failure still counts for its address."""
    accounting = Accounting()
    (event,) = adapted("m365", example("m365", "a wrong password") | {"UserId": user})
    Canonical("default", {}, accounting).make(event, "m365")
    assert (event.user, event.kind, accounting.placeholder_users) == ("", "login_failed", 1)


def test_an_application_that_reads_mail_is_kept_and_is_nobody() -> None:
    """Mail read with an application's own right is the thief's way: kept, as the application, without the person."""
    record = example("m365", "mail is read") | {"UserType": 6, "UserId": "ServicePrincipal_1"}
    (event,) = adapted("m365", record)
    assert (event.kind, event.role, event.interactive, event.user) == (
        "export",
        "ServicePrincipal",
        False,
        "ServicePrincipal_1",
    )


def test_the_system_is_dropped_only_where_no_user_is_touched() -> None:
    """Microsoft's own doing is no session; what it writes down of a user is that user's."""
    record = example("m365", "no second factor any more")
    assert adapted("m365", record)[0].user == "bob@clinic.example"
    assert dropped("m365", record | {"Target": []}) == "system_actor"


def test_a_search_result_and_the_record_itself_are_the_same_event() -> None:
    """Text or object in `AuditData`, or the bare record: one event."""
    record = example("m365", "a file is downloaded")
    wrapped = {"RecordId": "other", "CreationDate": "2026-03-02T09:00:00Z", "Operation": "FileDownloaded"}
    lower = {key.lower(): value for key, value in record.items()}
    for one in (wrapped | {"AuditData": record}, wrapped | {"AuditData": json.dumps(record)}, lower):
        assert adapted("m365", one) == adapted("m365", record)


def test_ordinary_mail_settings_are_not_said_to_forward() -> None:
    """A rule that only sorts mail forwards nothing, and says where it sorts to."""
    record = example("m365", "auditing is switched off") | {"Operation": "New-InboxRule"}
    record["Parameters"] = [{"Name": "MoveToFolder", "Value": "Projects"}]
    (event,) = adapted("m365", record)
    assert "change" not in event.attributes
    assert event.attributes["moves_to"] == "Projects"


def test_a_record_without_operation_is_a_bad_one() -> None:
    """Nothing can be said of what was done."""
    record = example("m365", "a file is downloaded")
    del record["Operation"]
    with pytest.raises(BadRecordError, match="no_operation"):
        adapters()["m365"].adapt(record)
    assert isinstance(adapters()["m365"].adapt(example("m365", "Microsoft's own doing")), Dropped)
