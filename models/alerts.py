"""Alerts and the notices that carry them: what a person, a SIEM or the response policy reads."""

from __future__ import annotations

from datetime import datetime
from operator import not_
from typing import Annotated, Any, Literal

import pydantic

from models.findings import By, Severity, Unfamiliar

Said = Annotated[str, pydantic.Field(default="", exclude_if=not_)]
"""A text that is left out of the JSON where there is nothing to say."""


class Published(pydantic.BaseModel):
    """The base of what leaves us as JSON: no unknown keys, no change after it is made."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class RuleRef(Published):
    """The rule that fired; `version` is the hash of the parsed rule with its lists."""

    id: str
    version: str
    title: str
    maps_to: dict[str, tuple[str, ...]]


class SubjectRef(Published):
    """Who or what was judged."""

    by: By
    value: str


class EventSeen(Published):
    """An event that the alert rests on: enough to find it in its source, how much it moved, and no content."""

    id: str
    at: datetime
    source: Said
    kind: Said
    action: Said
    outcome: Said
    session: Said
    ip: Said
    device: Said
    place: Said
    count: Annotated[int, pydantic.Field(ge=0, exclude_if=lambda count: count == 1)] = 1
    bytes: Annotated[int, pydantic.Field(ge=0, exclude_if=not_)] = 0


class CandidateSession(Published):
    """A session that may be the wrong one, and what is unfamiliar about it."""

    session: str
    first_event: str
    at: datetime
    ip: Said
    device: Said
    unfamiliar: tuple[Unfamiliar, ...] = ()


class Alert(Published):
    """One explained alert. Its bytes depend on events, rules and databases alone; it has no status and no history.

    `at` is the triggering event's time; `first_at` and `last_at` the first and last finding folded into it; `count`
    the findings folded. `late` stands only where it is true: raised by an event later than the lateness bound.
    """

    id: str
    at: datetime
    severity: Severity
    rule: RuleRef
    tenant: str
    subject: SubjectRef
    user: str
    session: str
    detector: str
    key: str
    count: int
    first_at: datetime
    last_at: datetime
    events: tuple[EventSeen, ...]
    evidence: dict[str, Any]
    candidates: tuple[CandidateSession, ...]
    geo_build: str
    engine: str
    summary: str
    late: Annotated[Literal[True] | None, pydantic.Field(exclude_if=not_)] = None

    def to_json(self) -> bytes:
        """The alert's bytes: keys in one order."""
        return self.model_dump_json().encode()


Change = Literal["raised", "updated", "withdrawn", "resolved"]


class Notice(Published):
    """What happened to an alert. Consumers keep the notice of the highest `revision` of an alert's id.

    `revision` is (partition offset, n) and only rises, also after a restart. `supersedes` names the withdrawn alert
    that this one takes the place of. `resolved`: the alert has settled and will not change any more.
    """

    change: Change
    revision: tuple[int, int]
    supersedes: str | None = None
    alert: Alert
