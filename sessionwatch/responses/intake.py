"""What decisions do to the outbox: actions, cancels, marks, factors that were shown, how far the feed has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from models.actions import DESTRUCTIVE, DONE, Action, Instruction, Outcome, action_id
from models.instants import to_us
from sessionwatch.responses.audit import Entry
from sessionwatch.responses.outbox import KEPT_MAX, Outbox, Row, State
from sessionwatch.responses.policy import Policy

UNDOING: Final = frozenset({"notify", "clear_step_up"})
"""What stays when another action takes an action's place."""


@dataclass(slots=True)
class Intake:
    """What instructions do to the outbox: pure but for it. Within a transaction."""

    outbox: Outbox
    policy: Policy
    broker: str

    def take(self, instructions: Iterable[Instruction], at: datetime) -> list[Entry]:
        """Take them in, in order; what of it is to be recorded."""
        entries: list[Entry] = []
        for one in instructions:
            match one.what:
                case "act" if one.action is not None:
                    entries += self._act(one.action, at)
                case "cancel":
                    entries += self.cancel(one.alert, at)
                case "settle":
                    self._settle(one.alert)
                case "passed" if one.at is not None:
                    entries += self._passed(one.tenant, one.user, one.at, at)
                case "spare" if one.at is not None:
                    entries += self._spare(one.tenant, one.user, one.at, at)
                case "progress" if one.at is not None:
                    entries += self._escalate(to_us(one.at), at)
                case _:
                    pass
        return entries

    def _act(self, action: Action, at: datetime) -> list[Entry]:
        box, now = self.outbox, at.timestamp()
        where = "alert = ? AND alert != '' AND user = ? AND id != ? AND state IN ('unsettled', 'waiting', 'held')"
        replaced = Outcome(result="suppressed", detail="replaced")
        rows = [row for row in box.rows(where, action.alert, action.user, action.id) if row.action.verb not in UNDOING]
        entries = [self._over(row, replaced, at) for row in rows]
        known = box.rows("id = ?", action.id)
        settled = box.db.execute("SELECT 1 FROM settled WHERE alert = ?", (action.alert,)).fetchone() is not None
        state: State = "unsettled" if action.act == "when_settled" and not settled else "waiting"
        if not known:
            box.add(action, now, state)
            return entries
        (row,) = known
        # The alert may be another of the chain by now, and it is by the newest that it is cancelled.
        box.change(row.n, alert=action.alert, cancelled=0)
        undone = box.db.execute("SELECT undone FROM actions WHERE n = ?", (row.n,)).fetchone()[0]
        if row.state == "final" and (
            undone or (row.result == "suppressed" and row.detail in {"withdrawn", "replaced"})
        ):
            box.change(
                row.n, state=state, due=now, deadline=action.expires_at.timestamp(), attempts=0, undone=0,
                generation=row.generation + bool(undone), action=action.to_json().decode(), result="", detail="",
            )  # fmt: skip
        return entries

    def cancel(self, alert: str, at: datetime) -> list[Entry]:
        """The alert is withdrawn: what was not done is not, a demand is taken back, a kill stays and is told."""
        entries = []
        for row in self.outbox.rows("alert = ? AND undone = 0", alert):
            if row.state == "sending":
                self.outbox.change(row.n, cancelled=1)
            elif row.state != "final":
                entries.append(self._over(row, Outcome(result="suppressed", detail="withdrawn"), at))
            elif row.result in DONE:
                entries += self.withdraw_done(row, at)
        return entries

    def withdraw_done(self, row: Row, at: datetime) -> list[Entry]:
        """Take back what was done, where that can be; tell of it where it cannot."""
        if row.action.verb == "step_up":
            self.outbox.change(row.n, undone=1)
            self.outbox.add(undoing(row.action, row.key, at, "withdrawal"), at.timestamp())
        elif row.action.verb in DESTRUCTIVE:
            outcome = Outcome(result="applied", detail="withdrawn_after_the_deed")
            return [self.outbox.report(row.action, outcome, self.broker, at, row.attempts)]
        return []

    def _settle(self, alert: str) -> None:
        db = self.outbox.db
        db.execute("INSERT OR REPLACE INTO settled SELECT ?, ifnull(max(n), 0) + 1 FROM settled", (alert,))
        db.execute("DELETE FROM settled WHERE n <= (SELECT max(n) FROM settled) - ?", (KEPT_MAX,))
        db.execute("UPDATE actions SET state = 'waiting' WHERE alert = ? AND state = 'unsettled'", (alert,))

    def _passed(self, tenant: str, user: str, when: datetime, at: datetime) -> list[Entry]:
        """The person has shown a factor: nothing is escalated any more, and the demand is taken back."""
        entries = []
        # Only what was shown after it was demanded: the sign-in that raised the alert may have had a factor too.
        where = "tenant = ? AND user = ? AND verb = 'step_up' AND answered = '' AND undone = 0 AND begun <= ?"
        for row in self.outbox.rows(where, tenant, user, when.timestamp()):
            if row.state == "final" and row.result in DONE:
                self.outbox.change(row.n, answered="passed", undone=1)
                self.outbox.db.execute("DELETE FROM escalations WHERE id = ?", (row.id,))
                self.outbox.add(undoing(row.action, row.key, at, "policy"), at.timestamp())
                entries.append(Entry("passed", {"action": row.id, "user": user, "at": when.isoformat()}))
        return entries

    def _spare(self, tenant: str, user: str, until: datetime, at: datetime) -> list[Entry]:
        """Somebody broke the glass: what would hinder is not done, and a demand is taken back."""
        box, entries = self.outbox, []
        known = box.db.execute("SELECT until FROM spared WHERE tenant = ? AND user = ?", (tenant, user)).fetchone()
        if until <= at or (known is not None and known[0] >= until.timestamp()):
            return []
        box.db.execute("INSERT OR REPLACE INTO spared VALUES (?, ?, ?)", (tenant, user, until.timestamp()))
        spared = Outcome(result="suppressed", detail="emergency_access")
        where = "tenant = ? AND user = ? AND undone = 0 AND verb NOT IN ('notify', 'clear_step_up')"
        for row in box.rows(where, tenant, user):
            box.db.execute("DELETE FROM escalations WHERE id = ?", (row.id,))
            if row.action.origin == "person":
                continue
            if row.state == "sending":
                box.change(row.n, cancelled=1)
            elif row.state != "final":
                entries.append(self._over(row, spared, at))
            elif row.result in DONE and row.action.verb == "step_up":
                entries += self.withdraw_done(row, at)
        return [*entries, Entry("spared", {"user": user, "until": until.isoformat()})]

    def _may_escalate(self, action: Action, at: datetime) -> bool:
        """Never against an account that is protected, nor against whoever broke the glass."""
        written = self.policy.written
        protected = any(action.user in one.users and (one.until is None or at < one.until) for one in written.protected)
        query = "SELECT 1 FROM spared WHERE tenant = ? AND user = ? AND until > ?"
        values = (action.tenant, action.user, at.timestamp())
        spared = self.outbox.db.execute(query, values).fetchone() is not None
        return not (protected or spared or action.user in written.emergency_access.users)

    def _escalate(self, feed_us: int, at: datetime) -> list[Entry]:
        """The feed has gone past a deadline and no factor was shown in it: the next thing is done."""
        entries = []
        due = self.outbox.db.execute("SELECT id, verb FROM escalations WHERE due_us <= ?", (feed_us,)).fetchall()
        for id_, verb in due:
            self.outbox.db.execute("DELETE FROM escalations WHERE id = ?", (id_,))
            for row in self.outbox.rows("id = ? AND answered = '' AND undone = 0", id_):
                action = escalated(row.action, verb, at) if self._may_escalate(row.action, at) else None
                if action is not None and self.outbox.add(action, at.timestamp()):
                    self.outbox.change(row.n, answered="not_shown")
                    entries.append(Entry("escalated", {"action": id_, "to": action.id, "verb": verb}))
        return entries

    def _over(self, row: Row, outcome: Outcome, at: datetime) -> Entry:
        self.outbox.change(row.n, state="final", ended=at.timestamp(), result=outcome.result, detail=outcome.detail)
        return self.outbox.report(row.action, outcome, self.broker, at, row.attempts)


def undoing(action: Action, key: str, at: datetime, origin: Literal["withdrawal", "policy"]) -> Action:
    """The action that takes back a demand."""
    new = action_id(action.tenant, action.rule.id, action.subject, "clear_step_up", action.user, key)
    update = {"id": new, "verb": "clear_step_up", "target": action.user, "session": "", "undoes": key, "origin": origin}
    return action.model_copy(update={**update, "act": "at_once", "at": at, "expires_at": at + timedelta(days=7)})


def escalated(action: Action, verb: Literal["kill_session", "kill_user"], at: datetime) -> Action | None:
    """The action after a demand that was not met; None where there is no session to name."""
    target = action.session if verb == "kill_session" else action.user
    if not target:
        return None
    new = action_id(action.tenant, action.rule.id, action.subject, verb, target, f"escalated {action.chain}")
    update = {"id": new, "verb": verb, "target": target, "origin": "escalation", "act": "at_once", "at": at}
    return action.model_copy(update={**update, "expires_at": at + timedelta(hours=1)})
