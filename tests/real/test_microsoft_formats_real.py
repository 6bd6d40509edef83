"""Real audit logs of Microsoft: every record accounted for, and what is in them found."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from models.events import SessionEvent
from streams.accounting import Accounting
from streams.reading import ReadSettings, read

pytestmark = pytest.mark.real_logs


def all_of(path: Path, format_: str = "auto") -> tuple[list[SessionEvent], Accounting]:
    """The events of a PATH, in order of time, and the sums."""
    accounting = Accounting()
    events = list(read([path], ReadSettings(format=format_), accounting))
    assert accounting.adds_up
    return sorted(events, key=lambda event: event.order), accounting


def samples(real_logs: Path, name: str, into: Path) -> Path:
    """A file of the labelled samples, unwrapped."""
    lines = (real_logs / "format_samples" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    file = into / f"{name}.jsonl"
    file.write_text("\n".join(json.dumps(json.loads(line)["log"]) for line in lines if line), encoding="utf-8")
    return file


@pytest.mark.parametrize("format_", ["auto", "entra", "azure_audit"])
def test_a_mixed_stream_is_read_whole(format_: str, real_logs: Path, tmp_path: Path) -> None:
    """26 sign-ins and 21 audit records in one file: all of them events, each by its own format's name."""
    events, accounting = all_of(samples(real_logs, "Azure.Audit", tmp_path), format_)
    assert (accounting.records_read, accounting.mapped, accounting.dead_letter) == (47, 47, 0)
    audit = [event for event in events if event.source == "azure_audit"]
    assert Counter(event.source for event in events) == {"entra": 26, "azure_audit": 21}
    assert Counter(event.kind for event in audit) == {
        "policy_change": 10,
        "privilege_change": 5,
        "account_change": 5,
        "credential_change": 1,
    }
    let_off = [event.resource for event in audit if event.attributes.get("change") == "mfa_not_required"]
    assert sorted(let_off) == ["MFA", "Outside MFA"]
    (asked,) = [event for event in audit if "requested" in event.action]
    assert asked.outcome == "unknown"
    given = [event for event in audit if event.attributes.get("privilege") == "Application Administrator"]
    assert {event.target for event in given} == {"Malenia"}


def test_a_secret_and_a_grant_before_mail_is_read(real_logs: Path) -> None:
    """A golden-SAML run: a secret for an application, then permission to read and write everybody's mail."""
    events, accounting = all_of(real_logs / "otrf" / "AADAuditEvents.json")
    assert [each.format for each in accounting.recognised] == ["azure_audit"]
    assert {event.user for event in events} == {"pgustavo@simulandlabs.com"}
    assert Counter(event.kind for event in events) == {
        "credential_change": 2,
        "account_change": 1,
        "privilege_change": 1,
    }
    (grant,) = [event for event in events if event.kind == "privilege_change"]
    assert (grant.target, grant.attributes["privilege"]) == ("Microsoft Graph", "User.Read Mail.ReadWrite")
    assert grant.attributes["consent"] == "AllPrincipals"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("AzureActiveDirectory", {"login_failed": 1, "login": 1, "device_enrolled": 1, "credential_change": 1}),
        ("Exchange", {"account_change": 10}),
        ("SharePoint", {"activity": 5}),
    ],
)
def test_microsoft_365_samples_are_what_their_verbs_say(
    name: str, kinds: dict[str, int], real_logs: Path, tmp_path: Path
) -> None:
    """Every record is an event of the kind that its verb says, under its own format's name."""
    events, accounting = all_of(samples(real_logs, f"Microsoft365.Audit.{name}", tmp_path))
    assert [each.format for each in accounting.recognised] == ["m365"]
    assert Counter(event.kind for event in events) == kinds
    assert accounting.mapped == accounting.records_read == sum(kinds.values())
    assert {event.attributes.get("change", "") for event in events} <= {
        "",
        "mfa_added",
        "mfa_removed",
        "mail_forwarded",
        "shared",
    }


def test_mail_read_by_an_application_is_counted_by_its_messages(real_logs: Path) -> None:
    """One record of the golden-SAML run stands for seven messages."""
    (event,), _ = all_of(real_logs / "otrf" / "OfficeActivityEvents.json")
    assert (event.kind, event.count, event.user, event.ip) == ("export", 7, "pgustavo@simulandlabs.com", "1.2.3.4")
