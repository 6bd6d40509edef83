"""Alerts as events for Splunk's HTTP Event Collector."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from streams.sinks.outgoing import PRODUCT, Outgoing, milliseconds

SOURCETYPE: Final = f"{PRODUCT}:alert"


def hec_line(told: Outgoing) -> bytes:
    """The event as one JSON object; the collector takes any number of them one after the other.

    Splunk keeps what it gets and knows no updates: of an alert the event of the highest `revision` stands, and one
    sent twice has the same `document_id` twice.
    """
    event: dict[str, Any] = {
        "document_id": told.document,
        "alert_id": told.alert,
        "change": told.what,
        "revision": told.sequence,
        "supersedes": told.supersedes,
        "severity": told.severity,
        "rule_id": told.rule,
        "rule_version": told.rule_version,
        "signature": told.rule_title,
        "mitre_technique_id": told.techniques,
        "tenant": told.tenant,
        "subject_by": told.by,
        "subject": told.subject,
        "user": told.user,
        "session_id": told.session,
        "session_ids": told.sessions,
        "event_ids": told.events,
        "src": told.ip,
        "src_ips": told.ips,
        "findings": told.count,
        "first_at_ms": milliseconds(told.first_at),
        "last_at_ms": milliseconds(told.last_at),
        "late": told.late,
        "version": told.version,
    }
    return msgspec.json.encode(
        {
            "time": milliseconds(told.at) / 1000,
            "host": PRODUCT,
            "source": PRODUCT,
            "sourcetype": SOURCETYPE,
            "event": {name: value for name, value in event.items() if value or value == 0},
            "fields": {
                "alert_id": told.alert,
                "change": told.what,
                "severity": told.severity,
                "rule_id": told.rule,
            },
        }
    )
