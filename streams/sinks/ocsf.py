"""Alerts as OCSF 1.8 Detection Findings (class 2004)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from models.findings import Severity
from streams.sinks.outgoing import PRODUCT, Outgoing, What, milliseconds

OCSF_VERSION: Final = "1.8.0"
CATEGORY: Final = 2
CLASS: Final = 2004
CREATE, UPDATE, CLOSE = 1, 2, 3
NEW, DELETED = 1, 6
RULE: Final = 1
IP_ADDRESS: Final = 2
SEVERITY_IDS: Final[dict[Severity, int]] = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
STATES: Final[dict[What, tuple[int, int]]] = {
    "raised": (CREATE, NEW),
    "updated": (UPDATE, NEW),
    # Nobody has looked at it yet: that nothing more will change is an update, and no end of the work on it.
    "settled": (UPDATE, NEW),
    "withdrawn": (CLOSE, DELETED),
}
"""Activity and status. Deleted is OCSF's word for a finding that was made in error; a person resolves, we do not."""


def ocsf_line(told: Outgoing) -> bytes:
    """The finding as one JSON object. Its `finding_info.uid` is the alert's id in all notices of that alert."""
    activity, status = STATES[told.what]
    finding: dict[str, Any] = {
        "activity_id": activity,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "time": milliseconds(told.at),
        "start_time": milliseconds(told.first_at),
        "end_time": milliseconds(told.last_at),
        "severity_id": SEVERITY_IDS[told.severity],
        "status_id": status,
        "is_alert": told.what != "withdrawn",
        "count": told.count,
        "message": told.rule_title,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": told.document,
            "correlation_uid": told.supersedes or told.alert,
            "tenant_uid": told.tenant,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": told.version},
        },
        "finding_info": _finding_info(told),
        "observables": [
            {"type_id": IP_ADDRESS, "name": "evidences.src_endpoint.ip", "value": value} for value in told.ips
        ],
        "evidences": _evidences(told),
        "unmapped": _unmapped(told),
    }
    return msgspec.json.encode({name: value for name, value in finding.items() if value not in ([], {})})


def _finding_info(told: Outgoing) -> dict[str, Any]:
    info: dict[str, Any] = {
        "uid": told.alert,
        "title": told.rule_title,
        "analytic": {"uid": told.rule, "name": told.rule_title, "type_id": RULE, "version": told.rule_version},
        "first_seen_time": milliseconds(told.first_at),
        "last_seen_time": milliseconds(told.last_at),
        "attacks": [_attack(technique) for technique in told.techniques],
        "related_events": [{"uid": event} for event in told.events],
    }
    return {name: value for name, value in info.items() if value != []}


def _attack(technique: str) -> dict[str, Any]:
    whole, dot, _ = technique.partition(".")
    attack: dict[str, Any] = {"technique": {"uid": whole}}
    if dot:
        attack["sub_technique"] = {"uid": technique}
    return attack


def _evidences(told: Outgoing) -> list[dict[str, Any]]:
    """Whose session, and one entry for each further address: an evidence has a single endpoint."""
    actor: dict[str, Any] = {}
    if told.user:
        actor["user"] = {"uid": told.user}
    if told.session:
        actor["session"] = {"uid": told.session}
    first: dict[str, Any] = {"actor": actor} if actor else {}
    if told.ip:
        first["src_endpoint"] = {"ip": told.ip}
    others = [{"src_endpoint": {"ip": ip}} for ip in told.ips if ip != told.ip]
    return [evidence for evidence in (first, *others) if evidence]


def _unmapped(told: Outgoing) -> dict[str, Any]:
    """What OCSF has no place for."""
    said: dict[str, Any] = {
        "change": told.what,
        "revision": told.sequence,
        "supersedes": told.supersedes,
        "subject_by": told.by,
        "subject": told.subject,
        "sessions": told.sessions,
        "late": told.late,
    }
    return {name: value for name, value in said.items() if value}
