"""What stands in a response policy's file: the shape alone. Its reader checks what one part says of another."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from models.actions import Act, Verb
from models.alerts import Change
from models.findings import By, Severity, Unfamiliar
from models.rules import Line, Mode, Name, Prose, Until, Written
from models.spans import Span

PolicyMode = Literal["observe", "enforce"]
Asked = Literal["notify", "step_up", "kill_session", "kill_user"]
"""What a policy may ask for, the graver later."""
Right = Literal["act", "hold", "resume", "retry", "stop", "verdict"]
"""What a person may do by hand."""

ShortSpan = Annotated[Span, Field(gt=timedelta(0), le=timedelta(days=7))]
Names = Annotated[tuple[Line, ...], Field(min_length=1)]
RuleNames = Annotated[tuple[Name, ...], Field(min_length=1)]
Severities = Annotated[tuple[Severity, ...], Field(min_length=1)]


class ModeFor(Written):
    """Where the policy's mode is another: all that is given must hold, and the first that holds counts."""

    mode: PolicyMode
    reason: Prose
    tenants: Names | None = None
    rules: RuleNames | None = None
    sources: Annotated[Names | None, Field(description="the feeds that the alert's events came from")] = None


class Escalation(Written):
    """What is done where a demanded factor was not shown in time, once the feed has gone past that time."""

    after: ShortSpan
    do: Literal["kill_session", "kill_user"]


class Response(Written):
    """What is done about the alerts that it selects; of several the first counts.

    `undecided`: what is done where no single session is the unfamiliar one. `if_not_capable`: what is done where the
    broker knows no such action; `refuse`: the policy is refused at the start. `when_settled` waits until the alert
    cannot change any more. After `expires_after` since the alert's newest finding nothing is done any more.
    """

    name: Name
    rules: RuleNames | None = None
    severities: Severities | None = None
    tenants: Names | None = None
    do: Asked
    act: Act | None = None
    undecided: Literal["notify", "step_up"] = "step_up"
    if_not_capable: Literal["refuse", "notify", "step_up", "kill_user"] = "refuse"
    expires_after: ShortSpan = timedelta(hours=1)
    escalate: Escalation | None = None
    reason: Prose


class Caps(Written):
    """What is done at most by itself; beyond it actions are held for a person. All workers together.

    `kills_per_minute_max` and `actions_per_minute_max` count what was begun in the last minute,
    `rule_actions_per_minute_max` by rule. `live_share_max`: kills of the last hour as a share of the sessions alive;
    `live_share_from`: up to so many kills an hour the share is not asked.
    """

    actions_per_minute_max: Annotated[int, Field(ge=0, le=100_000)]
    kills_per_minute_max: Annotated[int, Field(ge=0, le=100_000)]
    rule_actions_per_minute_max: Annotated[int, Field(ge=0, le=100_000)]
    live_share_max: Annotated[float, Field(gt=0, le=1)]
    live_share_from: Annotated[int, Field(ge=0, le=100_000)] = 5
    reason: Prose


class Protected(Written):
    """Accounts to which no more than this is done by itself: services, on-call accounts, whoever runs the hospital."""

    users: Names
    at_most: Literal["notify", "step_up"]
    reason: Prose
    owner: Line
    until: Until | None = None


class EmergencyAccess(Written):
    """Whoever has broken the glass is never hindered: not by an alert of these rules, nor for `lasts` after a use."""

    rules: RuleNames
    users: tuple[Line, ...] = ()
    lasts: ShortSpan = timedelta(hours=12)
    reason: Prose


class Person(Written):
    """What one person may do by hand."""

    name: Line
    may: Annotated[tuple[Right, ...], Field(min_length=1)]


class People(Written):
    """Who may do what by hand, and what a second of them must agree to. Nobody named: nobody is asked."""

    named: tuple[Person, ...] = ()
    second_person: tuple[Right, ...] = ()


class PolicyCandidate(Written):
    """A session of a test's alert, and what is unfamiliar about it."""

    session: str
    unfamiliar: tuple[Unfamiliar, ...] = ()


class PolicyAlert(Written):
    """The alert of a test; what is left out is like an alert of everyday."""

    rule: Name
    severity: Severity = "high"
    rule_mode: Mode = "enforce"
    by: By = "user"
    user: str = "ann"
    session: str = ""
    tenant: str = "default"
    source: str = ""
    late: bool = False
    change: Change = "raised"
    emergency: Annotated[bool, Field(description="the user broke the glass a while ago")] = False
    candidates: tuple[PolicyCandidate, ...] = ()


class ExpectedAction(Written):
    """What must be asked for; what is left out is not asked."""

    do: Verb
    target: str | None = None
    act: Act | None = None


class PolicyTest(Written):
    """An alert, the actions that must come of it, and no others, and the reasons why others do not."""

    name: Line
    mode: Annotated[PolicyMode, Field(description="as if the policy said this everywhere")] = "enforce"
    alert: PolicyAlert
    actions: tuple[ExpectedAction, ...]
    withheld: Annotated[tuple[Name, ...] | None, Field(description="the codes of the reasons, in order")] = None


class PolicyFile(Written):
    """The response policy, as written in one file named for its `id`."""

    id: Name
    title: Line
    owner: Line
    mode: PolicyMode
    why: Prose
    modes: tuple[ModeFor, ...] = ()
    responses: Annotated[tuple[Response, ...], Field(min_length=1)]
    cool_down: Annotated[Span, Field(description="the same is not done to the same target again so soon")]
    caps: Caps
    protected: tuple[Protected, ...] = ()
    emergency_access: EmergencyAccess
    people: People = People()
    tests: Annotated[tuple[PolicyTest, ...], Field(min_length=1)]
