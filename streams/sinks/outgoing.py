"""What of an alert may leave for another system: ids, times, counts and the rule, and nothing else."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from models.alerts import Alert, Notice
from models.findings import By, Severity
from models.instants import to_us

What = Literal["raised", "updated", "withdrawn", "settled"]
"""A notice's change in words that no SIEM mistakes: `settled` is our `resolved`, which closes nothing."""
PRODUCT: Final = "sessionwatch"
UNSENT_SUBJECTS: Final[frozenset[By]] = frozenset({"device"})
"""Subjects whose value is no id alone: people name devices after themselves."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """The allow-list. Encoders see this and never the alert, so what has no field here cannot be sent.

    Left out are the summary, the evidence, the key, devices, places, and what events did: all of it may hold text
    from a log. `document` names this one message: the same notice has the same one whenever it is sent. `at` is the
    instant it speaks of, in event time: `sequence` orders the notices of an alert. Texts are empty where unknown.
    `ip` is the address of the last event that has one; `ips` are all, in order of their first event.
    """

    document: str
    alert: str
    what: What
    at: datetime
    first_at: datetime
    last_at: datetime
    severity: Severity
    rule: str
    rule_version: str
    rule_title: str
    techniques: tuple[str, ...]
    tenant: str
    by: By
    subject: str
    user: str
    session: str
    sessions: tuple[str, ...]
    events: tuple[str, ...]
    ip: str
    ips: tuple[str, ...]
    count: int
    late: bool
    supersedes: str
    sequence: tuple[int, int] | None
    version: str


def outgoing(told: Alert | Notice) -> Outgoing:
    """What may be sent of an alert or of a notice; an alert by itself counts as raised."""
    alert = told.alert if isinstance(told, Notice) else told
    what, sequence, supersedes = _change(told)
    ips = tuple(dict.fromkeys(ip for event in alert.events if (ip := _address(event.ip))))
    return Outgoing(
        document=_document(told),
        alert=alert.id,
        what=what,
        at=_utc(alert.at if what == "raised" else alert.last_at),
        first_at=_utc(alert.first_at),
        last_at=_utc(alert.last_at),
        severity=alert.severity,
        rule=alert.rule.id,
        rule_version=alert.rule.version,
        rule_title=alert.rule.title,
        techniques=alert.rule.maps_to.get("attack", ()),
        tenant=alert.tenant,
        by=alert.subject.by,
        subject="" if alert.subject.by in UNSENT_SUBJECTS else alert.subject.value,
        user=alert.user,
        session=alert.session,
        sessions=tuple(dict.fromkeys(event.session for event in alert.events if event.session)),
        events=tuple(event.id for event in alert.events),
        ip=next((ip for event in reversed(alert.events) if (ip := _address(event.ip))), ""),
        ips=ips,
        count=alert.count,
        late=bool(alert.late),
        supersedes=supersedes,
        sequence=sequence,
        version=alert.engine.rpartition(" ")[2],
    )


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 of an instant; what is finer is cut off."""
    return to_us(at) // 1000


def _change(told: Alert | Notice) -> tuple[What, tuple[int, int] | None, str]:
    if isinstance(told, Alert):
        return "raised", None, ""
    what: What = "settled" if told.change == "resolved" else told.change
    return what, told.revision, told.supersedes or ""


def _document(told: Alert | Notice) -> str:
    """Of a notice its alert and revision; of an alert by itself its bytes, since it says nothing of its history."""
    if isinstance(told, Alert):
        named = b"alert\0" + told.to_json()
    else:
        first, n = told.revision
        named = f"notice\0{told.alert.tenant}\0{told.alert.id}\0{told.change}\0{first}\0{n}".encode()
    return hashlib.sha256(named).hexdigest()[:32]


def _address(text: str) -> str:
    """An address as every system writes it; empty where it is none, since a field of addresses refuses all else."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # in the first or the last hours that a calendar has
        return at.replace(tzinfo=UTC)
