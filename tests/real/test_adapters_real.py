"""Real logs, which nobody on this project wrote: every record accounted for, and what is in them found."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from models.events import SessionEvent
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.deadletter import DeadLetter
from streams.mapping.mapped import Mapped
from streams.reading import ReadSettings, read

pytestmark = pytest.mark.real_logs


def all_of(
    *paths: Path, format_: str = "auto", dead_letter: Path | None = None
) -> tuple[list[SessionEvent], Accounting]:
    """The events of PATHs, in order of time, and the sums."""
    accounting = Accounting()
    with DeadLetter(dead_letter) as letter:
        events = list(read(paths, ReadSettings(format=format_), accounting, letter))
    assert accounting.adds_up
    assert accounting.events_made == len(events)
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=SessionEvent) == event
    return sorted(events, key=lambda event: event.order), accounting


def test_entra_rows_are_86_and_45_of_them_distinct(real_logs: Path) -> None:
    """Most sign-ins come twice, with another content: that is for the engine, reading keeps both."""
    events, accounting = all_of(real_logs / "entra_signins")
    assert (accounting.records_read, accounting.mapped, len(events)) == (86, 86, 86)
    assert len({(event.id, event.at) for event in events}) == 45
    assert Counter(event.user for event in events)["seb@seccxp.ninja"] == 46
    assert len({event.user for event in events}) == 6


def test_entra_places_are_those_of_the_log(real_logs: Path) -> None:
    """ctfuser3's two logins stand where LocationDetails says, 73 minutes apart, both the person's own."""
    events, _ = all_of(real_logs / "entra_signins")
    logins = [event for event in events if event.user.startswith("ctfuser3") and event.kind == "login"]
    places = {(event.place.city, event.place.country, event.place.radius_km) for event in logins if event.place}
    assert places == {("Millstone", "US", 50.0), ("Park Ridge", "US", 50.0)}
    assert logins[-1].at - logins[0].at == timedelta(minutes=73, seconds=30)
    assert all(event.interactive for event in logins)


def test_entra_background_is_flagged(real_logs: Path) -> None:
    """78 of 86 rows ran without the person; the failed leg in Atlanta is among them."""
    events, _ = all_of(real_logs / "entra_signins")
    assert sum(not event.interactive for event in events) == 78
    failed = [event for event in events if event.kind == "login_failed"]
    assert {(event.user, event.reason, event.interactive) for event in failed} == {
        ("meganb@seccxp.ninja", "90072", False)
    }


def test_cloudtrail_of_a_red_team(real_logs: Path) -> None:
    """2,900 records; 34 events of services and 42 with nothing but `invokedBy` are dropped and counted."""
    events, accounting = all_of(real_logs / "aws_invictus")
    assert accounting.records_read == 2900
    assert accounting.dropped == {"aws_service": 34, "invoked_by_service": 42}
    assert accounting.dead_letter == 0
    assert len(events) == 2824
    assert [remark.what for remark in accounting.remarks] == ["skipped"]
    deleted = [event for event in events if event.user == "bert-jan" and event.action == "DeleteParameter"]
    assert (len(deleted), sum(event.outcome == "failure" for event in deleted)) == (78, 38)
    decrypted = [event for event in events if event.user == "bert-jan" and event.action == "Decrypt"]
    assert len(decrypted) == 178
    assert sum(event.attributes.get("invoked_by") == "AWS Internal" for event in decrypted) == 122


def test_a_stolen_role_is_one_session_with_two_addresses(real_logs: Path) -> None:
    """The role session keeps its name over two keys, two addresses and two user agents, six seconds apart."""
    events, _ = all_of(real_logs / "aws_invictus")
    stolen = [event for event in events if event.session.endswith("ec2-steal-credentials-role/i-0dbc91f429e48eeed")]
    assert {event.ip for event in stolen} == {"3.225.16.109", "192.168.10.20"}
    assert len({event.attributes["access_key"] for event in stolen}) == 2
    first = {ip: min(event.at for event in stolen if event.ip == ip) for ip in {event.ip for event in stolen}}
    assert first["192.168.10.20"] - first["3.225.16.109"] == timedelta(seconds=6)


def test_service_names_in_the_place_of_addresses_are_counted(real_logs: Path) -> None:
    """`AWS Internal` and host names are no addresses: counted, and kept to read."""
    events, accounting = all_of(real_logs / "aws_invictus")
    assert accounting.addresses_unread == {"host_name": 277}
    assert sum("address" in event.attributes and not event.ip for event in events) == 277


def test_pingid_is_62_events_with_the_fatigue_to_count(real_logs: Path) -> None:
    """Unanswered pushes, the approval after them, the new device, and the address in Lagos can all be told."""
    events, accounting = all_of(real_logs / "pingid")
    assert (accounting.records_read, len(events)) == (62, 62)
    unanswered = [event for event in events if event.kind == "mfa_result" and event.outcome == "failure"]
    attack = [event for event in unanswered if (event.at.hour, event.at.minute) <= (15, 2)]
    assert len(attack) == 25
    assert attack[-1].at - attack[0].at < timedelta(minutes=45)
    passed = [event for event in events if event.kind == "mfa_result" and event.outcome == "success"]
    assert passed[0].at.isoformat() == "2023-05-10T15:02:03.017000+00:00"
    assert [event.device for event in passed] == ["samsung SM-S901U", "iPhone 6S", "iPhone 6S", "iPhone 6S"]
    asked = [event for event in events if event.kind == "login"]
    assert [event.ip for event in asked][-5:] == ["145.36.51.11", "144.172.122.200", *["41.76.192.9"] * 3]
    assert [event.device for event in events if event.kind == "device_enrolled"] == ["samsung SM-S901U", "Mobile 1"]


def test_no_pingid_session_has_two_addresses(real_logs: Path) -> None:
    """The twins of one session never look like a hijack, though the records give two addresses."""
    events, _ = all_of(real_logs / "pingid")
    addresses: dict[str, set[str]] = {}
    for event in events:
        if event.ip:
            addresses.setdefault(event.session, set()).add(event.ip)
    assert {len(each) for each in addresses.values()} == {1}


def test_a_folder_of_scenarios_is_read_through(real_logs: Path) -> None:
    """Folders are read recursively, each file by its own format; plain text is named and skipped."""
    events, accounting = all_of(real_logs / "panther_scenarios")
    assert set(accounting.formats) == {"okta", "cloudtrail", "google_workspace"}
    assert {Path(remark.file).name for remark in accounting.remarks} == {
        "LICENSE.txt",
        "attacker_s3_access.AWS.S3ServerAccess.jsonl",
        "attacker_vpc.AWS.VPCFlow.jsonl",
    }
    assert accounting.dead_letter == 0
    assert (accounting.records_read, len(events)) == (48, 49)


def test_okta_guessing_and_the_reused_uuid(real_logs: Path) -> None:
    """Nine failures, then a success; the five logins before share a uuid and are five events."""
    events, _ = all_of(real_logs / "panther_scenarios" / "okta-add-administrator")
    on_the_day = [event for event in events if event.at.date().isoformat() == "2021-06-25"]
    assert [event.kind for event in on_the_day] == ["login_failed"] * 9 + ["login"]
    assert [event.place.country for event in on_the_day if event.place] == ["AR", "JP", "IT", "AR", *["FR"] * 6]
    before = [event for event in events if event.at < on_the_day[0].at]
    assert len({event.id for event in before}) == 1
    assert len({(event.id, event.at) for event in before}) == len(before) == 5


@pytest.mark.parametrize(
    "folder", ["otrf", "aws_stratus", "panther_scenarios", "entra_signins", "pingid", "aws_invictus"]
)
@pytest.mark.parametrize(
    "format_", ["auto", *(name for name, each in adapters().items() if not isinstance(each, Mapped))]
)
def test_any_folder_in_any_format_adds_up(folder: str, format_: str, real_logs: Path, tmp_path: Path) -> None:
    """Even read as what it is not, every record is mapped, dropped or in the dead letter, and nothing fails."""
    dead_letter = tmp_path / "dead.jsonl"
    _, accounting = all_of(real_logs / folder, format_=format_, dead_letter=dead_letter)
    assert accounting.records_read > 0
    assert len(dead_letter.read_bytes().splitlines()) == accounting.dead_letter
    assert "adapter_fault" not in accounting.dead_letters


@pytest.mark.parametrize("format_", [name for name, each in adapters().items() if isinstance(each, Mapped)])
def test_a_folder_in_the_format_of_a_mapping_adds_up(format_: str, real_logs: Path) -> None:
    """The same of mappings, which all run by the same code, so that one folder is enough."""
    _, accounting = all_of(real_logs / "panther_scenarios", format_=format_)
    assert accounting.records_read > 0
    assert "adapter_fault" not in accounting.dead_letters


@pytest.mark.parametrize(
    "format_",
    [
        "okta",
        "entra",
        "cloudtrail",
        "auth0",
        "google_workspace",
        "keycloak",
        "duo",
        "onelogin",
        "azure_audit",
        "m365",
        "ecs",
        "ocsf",
    ],
)
def test_labelled_samples_add_up(format_: str, real_logs: Path, tmp_path: Path) -> None:
    """Hand-made samples with fields missing, misspelt and of the wrong type: whatever they hold, the sums are exact."""
    samples = tmp_path / "samples"
    samples.mkdir()
    written = 0
    for file in sorted((real_logs / "format_samples").glob("*.jsonl")):
        logs = [json.dumps(json.loads(line)["log"]) for line in file.read_text(encoding="utf-8").splitlines() if line]
        (samples / file.name).write_text("\n".join(logs), encoding="utf-8")
        written += len(logs)
    _, accounting = all_of(samples, format_=format_)
    assert accounting.records_read == written > 1000
    assert accounting.mapped > 0 or format_ in {"keycloak", "duo", "ecs", "ocsf"}
    assert "adapter_fault" not in accounting.dead_letters
    _, wrapped = all_of(real_logs / "format_samples", format_=format_)
    assert wrapped.records_read == wrapped.dead_letter + wrapped.dropped.total() == written


OURS = {
    "AWS.CloudTrail": "cloudtrail",
    "Auth0.Events": "auth0",
    "Azure.Audit": "entra",
    "Duo.Authentication": "duo",
    "GSuite.ActivityEvent": "google_workspace",
    "Okta.SystemLog": "okta",
    "OneLogin.Events": "onelogin",
}
"""Files of samples, and what they must be recognised as."""


def test_samples_are_recognised_where_they_are_ours(real_logs: Path, tmp_path: Path) -> None:
    """Of many formats, files of ours are recognised, and none as another."""
    for file in sorted((real_logs / "format_samples").glob("*.jsonl")):
        lines = file.read_text(encoding="utf-8").splitlines()
        logs = [json.dumps(json.loads(line)["log"]) for line in lines if line]
        (tmp_path / file.name).write_text("\n".join(logs), encoding="utf-8")
    _, accounting = all_of(tmp_path)
    recognised = {Path(each.file).stem: each.format for each in accounting.recognised}
    assert {name: recognised.get(name) for name in OURS} == OURS
