"""What people do by hand: ask for an action, hold one, let it go, stop everything. Same caps, same audit log."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from models.actions import Action, RuleVersion, Verb, action_id
from models.alerts import SubjectRef
from models.policies import People, Right
from sessionwatch.errors import UsageError
from sessionwatch.responses.audit import AuditLog, Entry
from sessionwatch.responses.outbox import Outbox, Row

AGREED_FOR: Final = timedelta(hours=1)
"""How long what one person asked for waits for a second."""
ASKED_FOR: Final = timedelta(minutes=15)
"""How long an action that a person asks for, or lets go, may still be done."""
STOPPED: Final = "stopped"
"""The switch in the outbox that every runner looks at before it does anything."""
Target = Literal["hold", "resume", "retry"]
_FROM: Final[dict[Target, str]] = {"hold": "'unsettled', 'waiting'", "resume": "'held'", "retry": "'dead'"}
"""The states from which an action can be moved so."""


@dataclass(slots=True)
class Hand:
    """One person's hand over an outbox: `by` is who, `why` is said in the log."""

    outbox: Outbox
    audit: AuditLog
    people: People
    by: str
    why: str
    at: datetime

    def ask(self, verb: Verb, user: str, session: str = "", tenant: str = "default") -> Action:
        """Ask for an action; it goes to the end of its user's.

        Raises: UsageError where the person may not.
        """
        self._may("act")
        subject = SubjectRef(by="user", value=user)
        target, nonce = session if verb == "kill_session" else user, secrets.token_hex(8)
        action = Action(
            id=action_id(tenant, "", subject, verb, target, nonce),
            verb=verb,
            tenant=tenant,
            user=user,
            target=target,
            session=session,
            subject=subject,
            rule=RuleVersion(),
            chain=nonce,
            severity="info",
            at=self.at,
            expires_at=self.at + ASKED_FOR,
            origin="person",
            by=self.by,
            why=self.why,
        )
        with self.outbox.transaction():
            self.outbox.add(action, self.at.timestamp())
            self._record("asked", {"action": action.model_dump(mode="json")})
        return action

    def move(self, what: Target, ids: list[str]) -> tuple[list[Row], bool]:
        """Hold, resume or retry actions by the beginnings of their ids (none: all); whether a second must agree first.

        Raises: UsageError where the person may not, or there is no such action.
        """
        self._may(what)
        now = self.at.timestamp()
        with self.outbox.transaction():
            rows = [row for row in self.outbox.rows(f"state IN ({_FROM[what]})", limit=1_000_000) if _named(row, ids)]
            if not rows:
                raise UsageError(f"there is nothing to {what}: see `sessionwatch actions list`")
            data = {"ids": [row.id for row in rows]}
            if not self._agreed(what, f"{what} {' '.join(sorted(ids))}", data):
                return rows, True
            for row in rows:
                if what == "hold":
                    self.outbox.change(row.n, state="held", result="held", detail="by_hand")
                else:
                    deadline = max(row.deadline, (self.at + ASKED_FOR).timestamp())
                    self.outbox.change(row.n, state="waiting", lifted=1, attempts=0, due=now, deadline=deadline)
            self._record(what, data)
        return rows, False

    def stop(self) -> None:
        """Nothing is done any more until somebody says so.

        Raises: UsageError where the person may not.
        """
        self._may("stop")
        with self.outbox.transaction():
            self.outbox.keep(STOPPED, f"{self.at.isoformat()} by {self.by}: {self.why}")
            self._record("stop", {})

    def go_on(self) -> bool:
        """Go on after a stop; whether a second must agree first.

        Raises: UsageError where the person may not.
        """
        self._may("stop")
        with self.outbox.transaction():
            if not self._agreed("stop", "go on", {}):
                return True
            self.outbox.keep(STOPPED, "")
            self._record("go_on", {})
        return False

    def record(self, what: str, data: dict[str, str], right: Right) -> None:
        """Only record something that the person did.

        Raises: UsageError where the person may not.
        """
        self._may(right)
        self._record(what, data)

    def _may(self, right: Right) -> None:
        named = {person.name: person.may for person in self.people.named}
        if named and right not in named.get(self.by, ()):
            raise UsageError(f"the policy does not let {self.by} {right}; it names who may under people")

    def _agreed(self, right: Right, what: str, data: dict[str, list[str]]) -> bool:
        """Whether nobody else must agree, or has before; else note who asked."""
        if right not in self.people.second_person:
            return True
        since = (self.at - AGREED_FOR).timestamp()
        db = self.outbox.db
        found = db.execute("SELECT by FROM agreed WHERE what = ? AND at > ?", (what, since)).fetchone()
        if found is not None and found[0] != self.by:
            db.execute("DELETE FROM agreed WHERE what = ?", (what,))
            return True
        db.execute("INSERT OR REPLACE INTO agreed VALUES (?, ?, ?)", (what, self.by, self.at.timestamp()))
        self._record("asked_second", {"what": what, **data})
        return False

    def _record(self, what: str, data: Mapping[str, object]) -> None:
        self.audit.append([Entry(what, {**data, "why": self.why}, self.by)], self.at)


def _named(row: Row, ids: list[str]) -> bool:
    return not ids or any(row.id.startswith(one) for one in ids)
