"""The runner works through the outbox, in order for each user, and asks the broker; killed, it goes on from there.

One look is one transaction: what the watch decided is taken in, what came of earlier actions is kept, and the next ones
are claimed. All of it stands in the audit log before the transaction ends, and nothing is asked of the broker before
that: what cannot be recorded is not done.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from models.actions import DESTRUCTIVE, FINAL, Action, Instruction, Outcome
from models.instants import span_us, to_us
from sessionwatch.responses.audit import AuditLog, Entry
from sessionwatch.responses.breaker import Breaker, Rate, backoff_s
from sessionwatch.responses.broker import Broker
from sessionwatch.responses.caps import Allowance
from sessionwatch.responses.intake import Intake
from sessionwatch.responses.outbox import Outbox, Row
from sessionwatch.responses.policy import Policy

ATTEMPTS_MAX: Final = 12
"""Times that a broker is asked for one action; then it is dead, and `sessionwatch actions retry` asks anew."""
CLAIMS_MAX: Final = 256
"""Actions that one look claims, holds or lets expire."""
SPARE: Final = 8
TAKEN_MAX: Final = 2_000
"""Instructions that one look takes in."""
POLL_S: Final = 0.05
CHECKPOINT_S: Final = 60.0
CLOSING_S: Final = 20.0
"""How long a runner that ends waits for answers; what is unanswered is asked again by the next one, by the same id."""


class Decided(NamedTuple):
    """What was decided after a position: for the outbox, for the audit log, and up to where."""

    instructions: list[Instruction]
    entries: list[Entry]
    position: str


class Source(Protocol):
    """Where decisions come from: a watch's state, or a topic."""

    def decided(self, position: str, limit: int) -> Decided:
        """What was decided after `position` (empty: the beginning); where that is nothing, the same position."""

    def sessions(self) -> int | None:
        """How many sessions are alive; None where that is not known, or not fresh."""


def wall() -> datetime:
    """The clock of those who act; judgement knows none."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Runner:
    """One broker's runner over one outbox. One event loop; several processes would need one lock (`held_for_one`)."""

    outbox: Outbox
    source: Source | None
    broker: Broker
    policy: Policy
    audit: AuditLog
    concurrency_max: int = 16
    rate: Rate = field(default_factory=lambda: Rate(1_000.0))
    clock: Callable[[], datetime] = wall
    deliver: Callable[[list[str]], None] | None = None
    """Is given what came of actions, as JSON, at least once; None: it is dropped, and stands in the audit log alone."""

    rng: random.Random = field(default_factory=random.Random)
    breaker: Breaker = field(default_factory=Breaker)
    _going: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _came: list[tuple[Row, Outcome]] = field(default_factory=list)
    _checked_at: float = 0.0
    _moved: bool = False

    def recover(self) -> None:
        """What was asked when the last runner ended is asked again: it may have been done, and its id tells."""
        with self.outbox.transaction():
            self.audit.append(
                [Entry("started", {"policy": self.policy.version, "broker": self.broker.name})], self.clock()
            )
            self.outbox.db.execute("UPDATE actions SET state = 'waiting', due = 0 WHERE state = 'sending'")

    async def run(self, stop: Callable[[], bool], *, until_idle: bool = False) -> None:
        """Work until `stop`; `until_idle`: or until nothing is left that could be done now.

        Raises:
            AuditError, StateError: nothing can be recorded or kept, so nothing more is done.
        """
        self.recover()
        try:
            while not stop():
                moved = self.look()
                if until_idle and not moved and not self._going and not self._came:
                    break
                await self._breathe()
        finally:
            if self._going:
                await asyncio.wait(self._going.values(), timeout=CLOSING_S)
            for task in self._going.values():
                task.cancel()
            self.look(claim=False)
            self._tell()
            self.audit.checkpoint(self.clock())

    async def _breathe(self) -> None:
        """Until something has come back, or it is time to look again."""
        if self._came:
            await asyncio.sleep(0)
        elif self._going:
            await asyncio.wait(self._going.values(), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(POLL_S)

    def look(self, *, claim: bool = True) -> bool:
        """One look: keep what came, take in what is new, claim what is due. Whether there was anything."""
        at = self.clock()
        came, self._came = self._came, []
        claimed: list[Row] = []
        self._moved = False
        self._tell()
        try:
            with self.outbox.transaction():
                entries = [entry for row, outcome in came for entry in self._kept(row, outcome, at)]
                entries += self._take(at)
                if claim and not self.outbox.meta("stopped"):
                    claimed, over = self._claim(at)
                    entries += over
                if entries:
                    self.audit.append(entries, at)
        except BaseException:
            self._came = came + self._came
            raise
        for row in claimed:
            self.breaker.going()
            self._going[row.n] = asyncio.ensure_future(self._do(row))
        if at.timestamp() - self._checked_at > CHECKPOINT_S:
            self._checked_at = at.timestamp()
            self.audit.checkpoint(at)
        return bool(came or claimed or self._moved)

    def _tell(self) -> None:
        """Hand over what came of actions; a crash in between hands it over again."""
        waiting = self.outbox.reports()
        if waiting:
            if self.deliver is not None:
                self.deliver([line for _, line in waiting])
            with self.outbox.transaction():
                self.outbox.told(waiting[-1][0])

    def _take(self, at: datetime) -> list[Entry]:
        if self.source is None:
            return []
        position = self.outbox.meta("taken")
        found = self.source.decided(position, TAKEN_MAX)
        if found.position == position:
            return []
        self.outbox.keep("taken", found.position)
        self._moved = True
        return found.entries + Intake(self.outbox, self.policy, self.broker.name).take(found.instructions, at)

    def _claim(self, at: datetime) -> tuple[list[Row], list[Entry]]:
        """The actions to do now; those that are too late, held or not needed any more are told as such."""
        now = at.timestamp()
        claimed: list[Row] = []
        entries: list[Entry] = []
        room = self.breaker.lets(now, self.rate.lets(now, self.concurrency_max - len(self._going)))
        allowance: Allowance | None = None
        # Without room there is nothing to claim, and only some are looked at for what is too late.
        for row in self.outbox.waiting(now, min(4 * room, CLAIMS_MAX) or SPARE):
            if allowance is None:
                allowance = Allowance.at(self.policy.written.caps, self.outbox, now, self._live)
            outcome = self._before(row, now, allowance)
            if outcome is not None:
                entries.append(self._end(row, outcome, at))
            elif row.action.verb == "notify":
                entries.append(self._end(row, Outcome(result="applied", detail="told"), at))
            elif len(claimed) < room:
                self.outbox.change(row.n, state="sending", attempts=row.attempts + 1, begun=now)
                if not row.attempts:
                    allowance.took(row.action)
                claimed.append(row._replace(attempts=row.attempts + 1))
                action = row.action.model_dump(mode="json")
                entries.append(
                    Entry("attempt", {"key": row.key, "n": row.attempts + 1, "action": action}, row.action.by)
                )
        self.rate.took(len(claimed))
        return claimed, entries

    def _before(self, row: Row, now: float, allowance: Allowance) -> Outcome | None:
        """Why it is not done now; None where it is."""
        if now >= row.deadline:
            return Outcome(result="expired", detail="too_late")
        if row.attempts or row.lifted:
            return None
        cool_down_s = self.policy.written.cool_down.total_seconds()
        if row.action.origin == "policy" and self.outbox.done_lately(row.action, now - cool_down_s):
            return Outcome(result="suppressed", detail="cool_down")
        refusal = allowance.refusal(row.action)
        return Outcome(result="held", detail=refusal) if refusal else None

    def _live(self) -> int | None:
        return None if self.source is None else self.source.sessions()

    async def _do(self, row: Row) -> None:
        """Ask the broker; what came of it waits for the next look."""
        action = row.action.model_copy(update={"id": row.key})
        outcome = Outcome(result="retryable", detail="ended")
        try:
            outcome = await self._asked(row, action)
        finally:
            self._came.append((row, outcome))
            self._going.pop(row.n, None)

    async def _asked(self, row: Row, action: Action) -> Outcome:
        if action.verb in DESTRUCTIVE:
            if self.outbox.rows("n = ? AND cancelled = 1", row.n):
                return Outcome(result="suppressed", detail="withdrawn")
            session = action.target if action.verb == "kill_session" else ""
            if session and self.broker.capabilities.sees_sessions:
                if await self.broker.session_alive(action.user, session) is False:
                    return Outcome(result="already_applied", detail="session_has_ended")
                if self.outbox.rows("n = ? AND cancelled = 1", row.n):
                    return Outcome(result="suppressed", detail="withdrawn")
        return await self.broker.do(action)

    def _kept(self, row: Row, outcome: Outcome, at: datetime) -> list[Entry]:
        """What came of an action: it is over, or tried again, or dead."""
        now = at.timestamp()
        (fresh,) = self.outbox.rows("n = ?", row.n)
        if outcome.result != "retryable":
            self.breaker.answered()
        elif outcome.detail != "ended":
            self.breaker.failed(now)
        if fresh.cancelled and not outcome.done:
            return [self._end(row, Outcome(result="suppressed", detail="withdrawn"), at)]
        if outcome.result in FINAL:
            entries = [self._end(row, outcome, at)]
            if outcome.done:
                self._await_factor(row.action, at)
                if fresh.cancelled:
                    intake = Intake(self.outbox, self.policy, self.broker.name)
                    entries += intake.withdraw_done(row, at)
            return entries
        if row.attempts >= ATTEMPTS_MAX:
            self.outbox.change(row.n, state="dead", result=outcome.result, detail=outcome.detail)
            return [self.outbox.report(row.action, outcome, self.broker.name, at, row.attempts)]
        wait_s = backoff_s(row.attempts, outcome.retry_after_s, self.rng)
        self.outbox.change(row.n, state="waiting", due=now + wait_s, result=outcome.result, detail=outcome.detail)
        data = {"key": row.key, "n": row.attempts, "outcome": outcome.model_dump(mode="json")}
        return [Entry("not_answered", data, row.action.by)]

    def _end(self, row: Row, outcome: Outcome, at: datetime) -> Entry:
        state = "held" if outcome.result == "held" else "final"
        self.outbox.change(row.n, state=state, ended=at.timestamp(), result=outcome.result, detail=outcome.detail)
        return self.outbox.report(row.action, outcome, self.broker.name, at, row.attempts)

    def _await_factor(self, action: Action, at: datetime) -> None:
        """A factor is demanded from now on; what follows if none is shown is the response's to say."""
        response = self.policy.response(action.response) if action.verb == "step_up" else None
        if response is not None and response.escalate is not None:
            due_us = to_us(at) + span_us(response.escalate.after)
            self.outbox.db.execute(
                "INSERT OR REPLACE INTO escalations VALUES (?, ?, ?)", (action.id, due_us, response.escalate.do)
            )
