"""An alert's story as one object: printed for people, put into a report, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pydantic

from models.alerts import Alert, CandidateSession, SubjectRef
from models.findings import Severity
from models.rules import RuleFile
from sessionwatch.story.baseline import Baseline, baseline
from sessionwatch.story.circumstances import candidate_words, set_aside, verdict_words
from sessionwatch.story.measures import Measure, measures
from sessionwatch.story.silencing import Silencing
from sessionwatch.story.subject_events import SubjectEvents
from sessionwatch.story.timeline import Step, timeline, timeline_of_alert


class CandidateTold(pydantic.BaseModel):
    """A session that may be the wrong one, and in words what is unfamiliar about it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    candidate: CandidateSession
    words: str


class Advice(pydantic.BaseModel):
    """What the rule's author says: why it looks for this, and what looks like it and is none."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    why: str
    false_positives: tuple[str, ...]
    version: str


class Story(pydantic.BaseModel):
    """All that can be told of an alert; `baseline`, and `silencing`, only where the logs were given."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    id: str
    sentence: str
    at: datetime
    first_at: datetime
    last_at: datetime
    count: int
    severity: Severity
    rule: str
    title: str
    rule_version: str
    tenant: str
    subject: SubjectRef
    user: str
    measures: tuple[Measure, ...]
    timeline: tuple[Step, ...]
    baseline: Baseline | None
    set_aside: tuple[str, ...]
    candidates: tuple[CandidateTold, ...]
    verdict: str
    silencing: Silencing | None
    advice: Advice | None
    remarks: tuple[str, ...] = ()


def story(
    alert: Alert,
    *,
    seen: SubjectEvents | None = None,
    rule: RuleFile | None = None,
    rule_version: str = "",
    silenced: Silencing | None = None,
    remarks: Sequence[str] = (),
) -> Story:
    """The story of `alert`: with `seen`, among its subject's events; with `rule`, with what its author says."""
    return Story(
        id=alert.id,
        sentence=alert.summary,
        at=alert.at,
        first_at=alert.first_at,
        last_at=alert.last_at,
        count=alert.count,
        severity=alert.severity,
        rule=alert.rule.id,
        title=alert.rule.title,
        rule_version=alert.rule.version,
        tenant=alert.tenant,
        subject=alert.subject,
        user=alert.user,
        measures=tuple(measures(alert.evidence)),
        timeline=tuple(timeline_of_alert(alert) if seen is None else timeline(alert, seen.placed)),
        baseline=None if seen is None else baseline(alert, seen.placed),
        set_aside=tuple(set_aside(alert)),
        candidates=tuple(CandidateTold(candidate=one, words=candidate_words(one)) for one in alert.candidates),
        verdict=verdict_words(alert),
        silencing=silenced,
        advice=None
        if rule is None
        else Advice(why=rule.why, false_positives=rule.false_positives, version=rule_version),
        remarks=(*remarks, *_changed(alert, rule_version)),
    )


def _changed(alert: Alert, rule_version: str) -> tuple[str, ...]:
    if not rule_version or rule_version == alert.rule.version:
        return ()
    return (f"{alert.rule.id} has changed since: the alert is of version {alert.rule.version}, here is {rule_version}",)
