"""Labelled samples of twenty logs: `auto` names each format, and every record is accounted for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from streams.accounting import Accounting
from streams.adapters import adapters
from streams.reading import ReadSettings, read

pytestmark = pytest.mark.real_logs

FORMATS = {
    "AWS.CloudTrail": "cloudtrail",
    "Auth0.Events": "auth0",
    "Azure.Audit": "entra",
    "Box.Event": "box_events",
    "Dropbox.TeamEvent": "dropbox_team_events",
    "Duo.Authentication": "duo",
    "GSuite.ActivityEvent": "google_workspace",
    "Microsoft365.Audit.AzureActiveDirectory": "m365",
    "Microsoft365.Audit.Exchange": "m365",
    "Microsoft365.Audit.SharePoint": "m365",
    "Notion.AuditLogs": "notion_audit",
    "Okta.SystemLog": "okta",
    "OneLogin.Events": "onelogin",
    "OnePassword.SignInAttempt": "onepassword_sign_ins",
    "Salesforce.LoginAs": "salesforce_events",
    "Salesforce.RealtimeEvent": "salesforce_events",
    "Slack.AuditLogs": "slack_audit",
    "Snowflake.LoginHistory": "snowflake_login_history",
    "Snowflake.QueryHistory": "snowflake_query_history",
    "Zoom.Operation": "zoom_operation",
}


@pytest.fixture
def unwrapped(request: pytest.FixtureRequest, real_logs: Path, tmp_path: Path) -> tuple[Path, int]:
    """A file of the log records inside the labelled samples of one log, and how many there are."""
    lines = (real_logs / "format_samples" / f"{request.param}.jsonl").read_text(encoding="utf-8").splitlines()
    logs = [json.dumps(json.loads(line)["log"]) for line in lines if line.strip()]
    file = tmp_path / f"{request.param}.jsonl"
    file.write_text("\n".join(logs), encoding="utf-8")
    return file, len(logs)


def test_the_table_has_every_file(real_logs: Path) -> None:
    """A sample that nobody expects anything of would prove nothing."""
    assert {file.stem for file in (real_logs / "format_samples").glob("*.jsonl")} == set(FORMATS)


@pytest.mark.parametrize(("unwrapped", "format_"), FORMATS.items(), indirect=["unwrapped"], ids=FORMATS)
def test_a_sample_is_recognised_and_adds_up(unwrapped: tuple[Path, int], format_: str) -> None:
    """Each record is an event, a declared drop, or a dead letter with its reason; duplicates are left to the engine."""
    file, written = unwrapped
    accounting = Accounting()
    events = list(read([file], ReadSettings(), accounting))
    assert [each.format for each in accounting.recognised] == [format_]
    assert accounting.adds_up
    assert accounting.records_read == written
    assert accounting.events_made == len(events)
    assert set(accounting.dropped) <= set(adapters()[format_].drops)
    assert "adapter_fault" not in accounting.dead_letters
    assert all(event.source in adapters() for event in events)  # one stream of Entra holds two formats


@pytest.mark.parametrize(
    ("unwrapped", "kinds", "dead"),
    [
        ("Snowflake.LoginHistory", {"login": 6, "login_failed": 11, "logout": 1}, {}),
        ("Salesforce.LoginAs", {"login": 1, "impersonation": 1}, {}),
        ("Slack.AuditLogs", {"policy_change": 10, "logout": 18}, {"no_time": 31}),
    ],
    indirect=["unwrapped"],
    ids=["snowflake", "salesforce", "slack"],
)
def test_what_the_samples_of_mappings_hold(
    unwrapped: tuple[Path, int], kinds: dict[str, int], dead: dict[str, int]
) -> None:
    """Kinds as the labels say them, and the only dead letters are records that were written without a time."""
    accounting = Accounting()
    events = list(read([unwrapped[0]], ReadSettings(), accounting))
    assert {kind: Counter(event.kind for event in events)[kind] for kind in kinds} == kinds
    assert dict(accounting.dead_letters) == dead


def test_refused_tickets_of_an_enterprise(real_logs: Path) -> None:
    """15,000 authentications as a table of text: U22 is refused 45 service tickets; machines and jobs are nobody's."""
    accounting = Accounting()
    events = list(read([real_logs / "lanl_auth"], ReadSettings(), accounting))
    assert (accounting.records_read, len(events), accounting.dead_letter) == (15_000, 15_000, 0)
    assert {each.format for each in accounting.recognised} == {"lanl_auth"}
    refused = [event for event in events if event.action == "TGS" and event.outcome == "failure"]
    assert Counter(event.user for event in refused).most_common(1) == [("u22@dom1", 45)]
    assert {(event.kind, event.interactive) for event in refused} == {("activity", False)}
    assert len({event.user for event in events}) == 964
    assert sum(event.user.endswith("@?") for event in events) == 100
    jobs = [event for event in events if event.auth_method.endswith("Batch")]
    assert jobs
    assert not any(event.interactive for event in jobs)
