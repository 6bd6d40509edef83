"""Folds: repeats of a finding gathered into one alert, and the alert's bytes at its notice points."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from models.alerts import Alert, CandidateSession, EventSeen, RuleRef, SubjectRef
from models.events import PLACEHOLDERS, EventRef, PlacedEvent
from models.findings import SEVERITIES, By, Candidate, Finding, Severity, shifted
from models.instants import instant
from sessionwatch import __version__
from sessionwatch.ruleset.compiled import CompiledRule

ENGINE: Final = f"sessionwatch {__version__}"
EVENTS_MAX: Final = 10
"""Events that an alert lists: the first half and the last half of what was folded into it."""

FOLDS_MAX: Final = 16
"""Open folds of one subject under one rule; beyond it the oldest ends early, which is counted by rule."""

Subject = tuple[str, str]
"""(tenant, value) of one subject of a known kind."""


class Fold(msgspec.Struct, array_like=True):
    """One open alert of a (rule, subject, finding key): what was folded so far, and its bytes at the last notice point.

    The period counts from the first finding. It keeps the version of the rule that opened it.
    """

    alert_id: str
    at_us: int
    end_us: int
    last_us: int
    count: int
    severity: Severity
    strength: float
    key: str
    rule_id: str
    rule_version: str
    detector: str
    title: str
    maps_to: dict[str, tuple[str, ...]]
    user: str
    who: str
    session: str
    geo_build: str
    evidence: dict[str, Any]
    candidates: tuple[Candidate, ...]
    events: list[EventRef]
    late: bool = False
    published: bytes = b""
    published_count: int = 0


def digest(*parts: str) -> str:
    """A 128-bit id of `parts`, the same on every machine.

    >>> digest("a", "b") == digest("a", "b"), digest("a", "b") == digest("ab", "")
    (True, False)
    """
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def trigger_of_event(event: PlacedEvent) -> str:
    """The identity of an event as a trigger: its id and its time, because sources do reuse ids, and its source."""
    return f"{event.source}/{event.id}@{event.at_us}"


def is_notice_point(count: int) -> bool:
    """Whether an alert is told anew at this count: 1, 2, 5, 10, 20, 50, 100, ...

    >>> [n for n in range(1, 201) if is_notice_point(n)]
    [1, 2, 5, 10, 20, 50, 100, 200]
    """
    digits = str(count)
    return digits[0] in "125" and not digits[1:].strip("0")


def opened(
    rule: CompiledRule, subject: Subject, finding: Finding, event: PlacedEvent | None, at_us: int, trigger: str
) -> Fold:
    """A new fold for `finding`; `event` is None where a timer or a closed bucket found it."""
    tenant, value = subject
    user, session = _person(rule.by, value, event)
    return Fold(
        alert_id=digest(tenant, rule.id, value, finding.key, trigger),
        at_us=at_us,
        end_us=at_us + rule.fold_us,
        last_us=at_us,
        count=1,
        severity=shifted(rule.severity, finding.severity_shift),
        strength=finding.strength,
        key=finding.key,
        rule_id=rule.id,
        rule_version=rule.version,
        detector=rule.detector.kind,
        title=rule.title,
        maps_to=rule.maps_to,
        user=user,
        who=who(rule.by, subject, event),
        session=session,
        geo_build=event.place.build if event is not None and event.place is not None else "",
        evidence=evidence_of(finding),
        candidates=finding.candidates,
        events=events_of(finding, event),
    )


def _person(by: By, value: str, event: PlacedEvent | None) -> tuple[str, str]:
    """The user and the session that an alert names: never the session of whoever did something to the account."""
    if by in {"user", "account"}:
        return value, event.session if event is not None and event.user == value else ""
    return (event.user, event.session) if by == "session" and event is not None else ("", "")


def who(by: By, subject: Subject, event: PlacedEvent | None) -> str:
    """What a person calls the subject: its value, and in brackets the label that the source gives a user.

    Never the label alone: in many sources people choose their own.
    """
    label = event.user_label if event is not None and by == "user" else ""
    known = {*PLACEHOLDERS, subject[1].casefold()}
    return subject[1] if label.casefold() in known else f"{subject[1]} ({label})"


def evidence_of(finding: Finding) -> dict[str, Any]:
    """The evidence as plain data, with what was considered and set aside."""
    told: dict[str, Any] = msgspec.to_builtins(finding.evidence)
    told["set_aside"] = list(finding.set_aside)
    return told


def events_of(finding: Finding, event: PlacedEvent | None) -> list[EventRef]:
    """The events that a finding rests on, oldest first, the judged one last."""
    return [*finding.events[-(EVENTS_MAX - 1) :], *([EventRef.of(event)] if event is not None else [])]


def fold_in(fold: Fold, rule: CompiledRule, finding: Finding, event: PlacedEvent | None, at_us: int) -> None:
    """Add a further finding: severity may only rise, the strongest finding explains the alert."""
    fold.count += 1
    fold.last_us = at_us
    severity = shifted(rule.severity, finding.severity_shift)
    if SEVERITIES.index(severity) > SEVERITIES.index(fold.severity):
        fold.severity = severity
    if finding.strength > fold.strength:
        fold.strength = finding.strength
        fold.evidence = evidence_of(finding)
        fold.candidates = finding.candidates
    if event is not None:
        fold.events.append(EventRef.of(event))
        if len(fold.events) > EVENTS_MAX:
            del fold.events[EVENTS_MAX // 2]


def write(fold: Fold, rule: CompiledRule, by: By, subject: Subject) -> bytes:
    """The alert's bytes as the fold stands; remembered in the fold as its last notice point."""
    alert = Alert(
        id=fold.alert_id,
        at=instant(fold.at_us),
        severity=fold.severity,
        rule=RuleRef(id=fold.rule_id, version=fold.rule_version, title=fold.title, maps_to=fold.maps_to),
        tenant=subject[0],
        subject=SubjectRef(by=by, value=subject[1]),
        user=fold.user,
        session=fold.session,
        detector=fold.detector,
        key=fold.key,
        count=fold.count,
        first_at=instant(fold.at_us),
        last_at=instant(fold.last_us),
        events=tuple(EventSeen.model_validate(ref.public()) for ref in fold.events),
        evidence=fold.evidence,
        candidates=tuple(_candidate(one) for one in fold.candidates),
        geo_build=fold.geo_build,
        engine=ENGINE,
        summary=rule.detector.sentence(fold.evidence, fold.who) + ".",
        late=True if fold.late else None,
    )
    fold.published = alert.to_json()
    fold.published_count = fold.count
    return fold.published


def _candidate(one: Candidate) -> CandidateSession:
    return CandidateSession(
        session=one.session,
        first_event=one.first_event,
        at=instant(one.at_us),
        ip=one.ip,
        device=one.device,
        unfamiliar=one.unfamiliar,
    )
