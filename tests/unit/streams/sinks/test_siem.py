"""What leaves for a SIEM: the fields that its schema has, and nothing that a log wrote."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from models.alerts import Alert, Change, Notice
from models.findings import SEVERITIES
from streams.sinks.encoding import ENCODERS
from streams.sinks.outgoing import outgoing
from tests.unit.streams.sinks.siem_alerts import alert, notice

CHANGES = get_args(Change)
# Types and requirements as in github.com/ocsf/ocsf-schema (base_event, finding, detection_finding and the objects).
OCSF_REQUIRED: dict[str, type] = {
    "activity_id": int,
    "category_uid": int,
    "class_uid": int,
    "finding_info.uid": str,
    "finding_info.analytic.type_id": int,
    "finding_info.related_events.uid": str,
    "metadata.product.name": str,
    "metadata.version": str,
    "observables.type_id": int,
    "severity_id": int,
    "time": int,
    "type_uid": int,
}
OCSF_OTHERS: dict[str, type] = {
    "start_time": int,
    "end_time": int,
    "status_id": int,
    "is_alert": bool,
    "count": int,
    "message": str,
    "metadata.uid": str,
    "metadata.correlation_uid": str,
    "metadata.tenant_uid": str,
    "metadata.product.vendor_name": str,
    "metadata.product.version": str,
    "finding_info.title": str,
    "finding_info.analytic.uid": str,
    "finding_info.analytic.name": str,
    "finding_info.analytic.version": str,
    "finding_info.first_seen_time": int,
    "finding_info.last_seen_time": int,
    "finding_info.attacks.technique.uid": str,
    "finding_info.attacks.sub_technique.uid": str,
    "observables.name": str,
    "observables.value": str,
    "evidences.actor.user.uid": str,
    "evidences.actor.session.uid": str,
    "evidences.src_endpoint.ip": str,
}
OCSF_ARRAYS = {"finding_info.attacks", "finding_info.related_events", "observables", "evidences"}
# Types as in generated/ecs/ecs_flat.yml of github.com/elastic/ecs: keyword, date and ip are texts in JSON.
ECS_TYPES: dict[str, type] = {
    "@timestamp": str,
    "ecs.version": str,
    "message": str,
    "event.kind": str,
    "event.category": list,
    "event.type": list,
    "event.id": str,
    "event.action": str,
    "event.severity": int,
    "event.risk_score": float,
    "event.start": str,
    "event.end": str,
    "event.dataset": str,
    "event.module": str,
    "event.provider": str,
    "rule.id": str,
    "rule.name": str,
    "rule.version": str,
    "threat.framework": str,
    "threat.technique.id": list,
    "threat.technique.subtechnique.id": list,
    "user.id": str,
    "source.ip": str,
    "related.ip": list,
    "related.user": list,
    "organization.id": str,
    "observer.vendor": str,
    "observer.product": str,
    "observer.version": str,
}


def made(form: str, told: Alert | Notice) -> Any:
    """What an encoder of JSON wrote."""
    return json.loads(ENCODERS[form](outgoing(told)))


def leaves(value: Any, path: str = "", *, lists_open: bool = True) -> list[tuple[str, Any]]:
    """Every value that is no object, by its dotted path; those in lists too, or the lists as they are."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, f"{path}.{k}".strip("."), lists_open=lists_open)]
    if isinstance(value, list) and lists_open:
        return [leaf for one in value for leaf in leaves(one, path)]
    return [(path, value)]


@pytest.mark.parametrize("change", CHANGES)
def test_ocsf_finding_has_what_the_class_requires_and_no_field_it_lacks(change: str) -> None:
    """Every required attribute is there, each of its type; what OCSF has no place for stands in `unmapped` alone."""
    finding = made("ocsf", notice(change))
    unmapped = finding.pop("unmapped")
    found = leaves(finding)
    types = OCSF_REQUIRED | OCSF_OTHERS
    assert {path for path, _ in found} == set(types)
    assert [(path, value) for path, value in found if type(value) is not types[path]] == []
    assert {"finding_info.attacks", "finding_info.related_events"} == {
        f"finding_info.{k}" for k, v in finding["finding_info"].items() if isinstance(v, list)
    }
    assert {k for k, v in finding.items() if isinstance(v, list)} == OCSF_ARRAYS - {
        "finding_info.attacks",
        "finding_info.related_events",
    }
    assert finding["type_uid"] == finding["class_uid"] * 100 + finding["activity_id"] == 200400 + finding["activity_id"]
    assert unmapped["revision"] == [7, 0]


def test_ocsf_empty_objects_are_left_out() -> None:
    """An alert about no user, session or address makes no empty actor, endpoint or list: their rules forbid it."""
    bare = alert(user="", session="", events=[], subject={"by": "ip", "value": "192.0.2.1"})
    finding = made("ocsf", bare)
    assert not {"evidences", "observables"} & set(finding)
    assert "related_events" not in finding["finding_info"]
    assert [path for path, value in leaves(finding) if value in ("", None, {}, [])] == []


@pytest.mark.parametrize(
    ("change", "activity", "status"), [("raised", 1, 1), ("updated", 2, 1), ("resolved", 2, 1), ("withdrawn", 3, 6)]
)
def test_ocsf_tells_a_life_by_one_uid(change: str, activity: int, status: int) -> None:
    """Create, Update and Close of one finding share its uid; settled is no end of the work, withdrawn is an error."""
    finding = made("ocsf", notice(change))
    assert (finding["activity_id"], finding["status_id"]) == (activity, status)
    assert finding["finding_info"]["uid"] == "a1"


@pytest.mark.parametrize("change", CHANGES)
def test_ecs_fields_exist_and_have_their_types(change: str) -> None:
    """Elasticsearch refuses a document with a wrong type: each field is one of ECS, of its type; labels are texts."""
    document = made("ecs", notice(change))
    labels = document.pop("labels")
    found = leaves(document, lists_open=False)
    assert {path for path, _ in found} == set(ECS_TYPES)
    assert [(path, value) for path, value in found if type(value) is not ECS_TYPES[path]] == []
    assert all(isinstance(value, str) for value in labels.values())
    assert document["event"]["category"] == ["authentication"]
    assert document["threat"]["technique"] == {"id": ["T1078", "T1550"], "subtechnique": {"id": ["T1550.004"]}}


def test_ecs_only_a_raised_one_is_an_alert() -> None:
    """Elastic makes an alert of each document of kind `alert`, so an update is not one; it names the alert it is of."""
    kinds = {change: made("ecs", notice(change))["event"]["kind"] for change in CHANGES}
    assert kinds == {"raised": "alert", "updated": "event", "withdrawn": "event", "resolved": "event"}
    assert {made("ecs", notice(change))["labels"]["alert_id"] for change in CHANGES} == {"a1"}


def test_severities_are_those_the_systems_know() -> None:
    """A number between Elastic's four would become medium; OCSF has one for each; CEF goes to ten."""
    told = [alert(severity=severity) for severity in SEVERITIES]
    assert [made("ecs", one)["event"]["severity"] for one in told] == [21, 21, 47, 73, 99]
    assert [made("ocsf", one)["severity_id"] for one in told] == [1, 2, 3, 4, 5]
    assert [ENCODERS["cef"](outgoing(one)).split(b"|")[6] for one in told] == [b"1", b"3", b"5", b"8", b"10"]


@pytest.mark.parametrize("form", ENCODERS)
def test_same_notice_same_line_and_another_one_another_document(form: str) -> None:
    """Sent twice it is known by its id; another revision or change has another one, and so has another alert."""
    notices = [
        notice("raised"),
        notice("updated"),
        notice("updated", (7, 1)),
        notice("updated", (8, 0)),
        notice("updated", alert=alert(id="a2")),
    ]
    again = [Notice.model_validate_json(one.model_dump_json()) for one in notices]
    encode = ENCODERS[form]
    assert [encode(outgoing(one)) for one in notices] == [encode(outgoing(one)) for one in again]
    assert len({outgoing(one).document for one in notices}) == len(notices)
    assert all(outgoing(one).document.encode() in encode(outgoing(one)) for one in notices)
    assert outgoing(alert()).document != outgoing(alert(count=3)).document


@pytest.mark.parametrize("form", ENCODERS)
def test_only_ids_leave(form: str) -> None:
    """Text planted in every field that may hold a log's words is in no line; the ids, planted too, are."""
    planted = "Mrs-Planted"
    event = {
        "id": "id-event", "at": "2026-03-31T06:40:00Z", "source": planted, "kind": planted, "action": planted,
        "outcome": planted, "session": "id-session", "ip": "192.0.2.1", "device": planted, "place": planted,
    }  # fmt: skip
    candidate = {"session": "s", "first_event": "e", "at": "2026-03-31T06:40:00Z", "ip": planted, "device": planted}
    told = notice(
        "raised",
        alert=alert(
            user="id-user", session="id-session", tenant="id-tenant", key=planted, summary=planted, geo_build=planted,
            detector=planted, evidence={planted: [planted, {"patient": planted}]}, candidates=[candidate],
            events=[event, event | {"ip": planted}], subject={"by": "device", "value": planted},
        ),
    )  # fmt: skip
    line = ENCODERS[form](outgoing(told)).decode()
    assert planted not in line
    assert [sent for sent in ("id-user", "id-session", "id-tenant", "192.0.2.1") if sent not in line] == []


def test_hec_time_is_in_seconds_and_its_fields_are_flat() -> None:
    """Splunk reads `time` in seconds and refuses an event whose `fields` are nested."""
    event = made("hec", alert())
    assert event["time"] == 1774940460.123
    assert set(event) == {"time", "host", "source", "sourcetype", "event", "fields"}
    assert all(isinstance(value, str) for value in event["fields"].values())


def test_cef_counts_an_alert_once() -> None:
    """What is no new alert has a signature of its own and severity 0, under the alert's one id."""
    raised, withdrawn = (ENCODERS["cef"](outgoing(notice(change))).decode() for change in ("raised", "withdrawn"))
    assert "|r1|Too far|8|" in raised
    assert "|r1:withdrawn|Too far (withdrawn)|0|" in withdrawn
    assert all(" externalId=a1 " in line for line in (raised, withdrawn))


def test_cef_has_an_address_where_its_version_belongs() -> None:
    """`src` is an IPv4 address alone; another one goes to the field that CEF has for it."""
    six = alert(events=[{"id": "e", "at": "2026-03-31T06:40:00Z", "ip": "2001:DB8::0:1"}])
    assert " src=192.0.2.1 " in ENCODERS["cef"](outgoing(alert())).decode()
    line = ENCODERS["cef"](outgoing(six)).decode()
    assert " c6a2=2001:db8::1 c6a2Label=Source IPv6 Address " in line
    assert " src=" not in line


def test_superseded_alert_is_named() -> None:
    """Who takes the place of a withdrawn alert says whose."""
    told = notice("raised", supersedes="a0")
    assert [form for form, encode in ENCODERS.items() if b"a0" not in encode(outgoing(told))] == []
    assert made("ocsf", told)["metadata"]["correlation_uid"] == "a0"
