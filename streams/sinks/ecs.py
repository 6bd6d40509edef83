"""Alerts as documents of the Elastic Common Schema, which Elastic's rule for external alerts understands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from models.findings import Severity
from streams.sinks.outgoing import PRODUCT, Outgoing

ECS_VERSION: Final = "9.4.0"
SEVERITIES: Final[dict[Severity, int]] = {"info": 21, "low": 21, "medium": 47, "high": 73, "critical": 99}
"""The four numbers that Elastic's rule maps to its own words; any other would become medium."""


def ecs_line(told: Outgoing) -> bytes:
    """The document as one JSON object; `event.id` is made to be its `_id`.

    Only what is raised is of kind `alert`: the rule for external alerts would make a new one of each update. What
    follows is an event with the alert's id in `labels.alert_id`.
    """
    document: dict[str, Any] = {
        "@timestamp": _date(told.at),
        "ecs": {"version": ECS_VERSION},
        "message": told.rule_title,
        "event": {
            "kind": "alert" if told.what == "raised" else "event",
            "category": ["authentication"],
            "type": ["info"],
            "id": told.document,
            "action": f"alert-{told.what}",
            "severity": SEVERITIES[told.severity],
            "risk_score": float(SEVERITIES[told.severity]),
            "start": _date(told.first_at),
            "end": _date(told.last_at),
            "dataset": f"{PRODUCT}.alert",
            "module": PRODUCT,
            "provider": PRODUCT,
        },
        "rule": {"id": told.rule, "name": told.rule_title, "version": told.rule_version},
        "threat": _threat(told.techniques),
        "user": {"id": told.user} if told.user else {},
        "source": {"ip": told.ip} if told.ip else {},
        "related": {
            name: values for name, values in (("ip", told.ips), ("user", (told.user,) if told.user else ())) if values
        },
        "organization": {"id": told.tenant},
        "observer": {"vendor": PRODUCT, "product": PRODUCT, "version": told.version},
        "labels": _labels(told),
    }
    return msgspec.json.encode({name: value for name, value in document.items() if value != {}})


def _threat(techniques: tuple[str, ...]) -> dict[str, Any]:
    if not techniques:
        return {}
    parts = [technique for technique in techniques if "." in technique]
    technique: dict[str, Any] = {"id": list(dict.fromkeys(one.partition(".")[0] for one in techniques))}
    if parts:
        technique["subtechnique"] = {"id": parts}
    return {"framework": "MITRE ATT&CK", "technique": technique}


def _labels(told: Outgoing) -> dict[str, str]:
    """What ECS has no field for; a label is a text."""
    labels = {
        "alert_id": told.alert,
        "change": told.what,
        "revision": "" if told.sequence is None else f"{told.sequence[0]}.{told.sequence[1]}",
        "supersedes": told.supersedes,
        "severity": told.severity,
        "session": told.session,
        "subject_by": told.by,
        "subject": told.subject,
        "findings": str(told.count),
        "late": "true" if told.late else "",
    }
    return {name: value for name, value in labels.items() if value}


def _date(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
