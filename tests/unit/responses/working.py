"""A runner over the embedded broker in memory, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from models.actions import Action, Instruction, Outcome, RuleVersion, Verb, action_id
from models.alerts import SubjectRef
from models.policies import PolicyFile
from sessionwatch.responses.audit import AuditLog
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.embedded import EmbeddedSessions, NoSuchError
from sessionwatch.responses.outbox import Outbox, Row
from sessionwatch.responses.policy import Policy
from sessionwatch.responses.policy_reading import bundled_policy, load_policy
from sessionwatch.responses.runner import Decided, Runner

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WRITTEN: PolicyFile = load_policy(bundled_policy()).written


def action(verb: Verb, user: str, session: str = "", alert: str = "a1", **more: Any) -> Action:
    """An action as the policy asks for it."""
    subject = SubjectRef(by="user", value=user)
    target = session if verb == "kill_session" else user
    said = {"rule": "impossible_travel", "at": AT, "expires_at": AT + timedelta(hours=1), "response": "stolen_session"}
    said |= more
    rule = str(said.pop("rule"))
    return Action(
        id=action_id("default", rule, subject, verb, target, alert),
        verb=verb,
        tenant="default",
        user=user,
        target=target,
        session=session,
        subject=subject,
        rule=RuleVersion(id=rule, version="1"),
        alert=alert,
        chain=alert,
        severity="high",
        why="a test",
        **said,  # type: ignore[arg-type]  # fields of an action
    )


def act(one: Action) -> Instruction:
    """The instruction to do it."""
    return Instruction(what="act", tenant=one.tenant, user=one.user, chain=one.chain, alert=one.alert, action=one)


def about(what: str, user: str = "ann", alert: str = "a1", at: datetime | None = None) -> Instruction:
    """An instruction without an action."""
    return Instruction(what=what, tenant="default", user=user, chain=alert, alert=alert, at=at)  # type: ignore[arg-type]  # a word of them


@dataclass
class Told:
    """Instructions that a test gives."""

    lines: list[Instruction] = field(default_factory=list)
    live: int | None = 1_000

    def decided(self, position: str, limit: int) -> Decided:
        """See `Source`."""
        done = int(position or 0)
        found = self.lines[done : done + limit]
        return Decided(found, [], str(done + len(found)) if found else position)

    def sessions(self) -> int | None:
        """See `Source`."""
        return self.live


class MemoryBroker(Broker):
    """The embedded sessions without a network; `answers` are given first, in their order, in place of the deed's."""

    name = "memory"

    def __init__(self, sessions: EmbeddedSessions) -> None:
        self.sessions = sessions
        self.capabilities = Capabilities(
            frozenset({"step_up", "clear_step_up", "kill_session", "kill_user"}), sees_sessions=True
        )
        self.answers: list[Outcome | Callable[[], Outcome]] = []
        self.asked: list[tuple[str, str, str]] = []
        self.going = self.going_most = 0

    @classmethod
    def of(cls, settings: BrokerSettings) -> Self:
        """There is none."""
        raise NotImplementedError

    async def session_alive(self, user: str, session: str) -> bool | None:
        """As the sessions say."""
        found = self.sessions.sessions.get(session)
        return None if found is None else found.alive

    async def do(self, action: Action) -> Outcome:
        """Count it and do it."""
        self.asked.append((action.verb, action.user, action.id))
        self.going += 1
        self.going_most = max(self.going_most, self.going)
        await asyncio.sleep(0)
        self.going -= 1
        if self.answers:
            answer = self.answers.pop(0)
            return answer if isinstance(answer, Outcome) else answer()
        said = {"verb": action.verb, "user": action.user, "session": action.target}
        try:
            return Outcome(result=self.sessions.order(action.id, said))  # type: ignore[arg-type]  # a result
        except NoSuchError:
            return Outcome(result="already_applied")

    async def check(self) -> list[str]:
        """Nothing is missing."""
        return []

    async def close(self) -> None:
        """Nothing to give back."""


@dataclass
class Work:
    """A runner and all around it; `now` is the clock."""

    folder: Path
    policy: PolicyFile = WRITTEN
    now: datetime = AT
    told: Told = field(default_factory=Told)
    reports: list[dict[str, Any]] = field(default_factory=list)
    """What came of actions, as it was told."""

    def __post_init__(self) -> None:
        self.sessions = EmbeddedSessions(lambda: self.now)
        self.broker = MemoryBroker(self.sessions)
        self.outbox = Outbox(self.folder / "outbox.db")
        self.audit = AuditLog(self.folder / "audit", "respond")
        self.runner = Runner(
            self.outbox,
            self.told,
            self.broker,
            Policy(self.policy, "v"),
            self.audit,
            clock=lambda: self.now,
            rng=random.Random(1),
            deliver=self._came,
        )

    def _came(self, lines: list[str]) -> None:
        self.reports += [json.loads(line) for line in lines]

    def sign_in(self, user: str, session: str) -> None:
        """Somebody begins a session."""
        self.sessions.begin(user, session)

    def tell(self, *instructions: Instruction) -> None:
        """Instructions of the watch."""
        self.told.lines += instructions

    def work(self, after: timedelta = timedelta(0)) -> None:
        """`after` that time: everything that can be done now."""
        self.now += after
        asyncio.run(self.runner.run(lambda: False, until_idle=True))

    def rows(self, where: str = "1") -> list[Row]:
        """Actions of the outbox."""
        return self.outbox.rows(where)

    def results(self) -> list[tuple[str, str, str]]:
        """The verb, state and result of each action."""
        return [(row.action.verb, row.state, row.result) for row in self.rows()]

    def close(self) -> None:
        """Let the files be."""
        self.outbox.close()
        self.audit.close()
