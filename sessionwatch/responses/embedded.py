"""A broker that comes along, for demonstrations and tests: live sessions in memory, and what was done to them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

SESSIONS_MAX: Final = 100_000
"""Sessions that the embedded broker knows, ended ones included; beyond it the oldest are forgotten."""
ORDERS_MAX: Final = 100_000
"""Actions whose ids the embedded broker remembers; beyond it the oldest are forgotten."""
HAPPENED_MAX: Final = 100_000
"""Events that the embedded broker keeps to be fetched; beyond it the oldest are forgotten."""


class NoSuchError(LookupError):
    """The session or the user is not known; its text is the contract's word for that."""


class OtherOrderError(ValueError):
    """The id was used for something else before."""


@dataclass(slots=True)
class Session:
    """One session and whether it goes on."""

    id: str
    user: str
    ip: str = ""
    device: str = ""
    alive: bool = True


@dataclass(slots=True)
class EmbeddedSessions:
    """The sessions, demands and effects of the embedded broker. One thread.

    `effects` counts, for each action's id, how often something was really done for it: more than 1 is a fault of
    whoever asked or answered.
    """

    clock: Callable[[], datetime]
    sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)
    demanded: set[str] = field(default_factory=set)
    effects: dict[str, int] = field(default_factory=dict)
    happened: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=HAPPENED_MAX))
    _orders: OrderedDict[str, tuple[dict[str, Any], str]] = field(default_factory=OrderedDict)
    _events: int = 0

    def begin(self, user: str, session: str, ip: str = "", device: str = "") -> Session:
        """Somebody has signed in."""
        made = self.sessions[session] = Session(session, user, ip, device)
        if len(self.sessions) > SESSIONS_MAX:
            self.sessions.popitem(last=False)
        self._tell("login", made, outcome="success")
        return made

    def use(self, session: str) -> str:
        """Somebody uses a session: `ok`, `step_up_required`, or `session_ended`."""
        found = self.sessions.get(session)
        if found is None or not found.alive:
            return "session_ended"
        if found.user in self.demanded:
            return "step_up_required"
        self._tell("activity", found)
        return "ok"

    def factor(self, session: str, *, passed: bool) -> None:
        """Somebody shows a further factor in a session, a right one or a wrong one.

        Raises:
            NoSuchError: there is no such session, or it has ended.
        """
        found = self.sessions.get(session)
        if found is None or not found.alive:
            raise NoSuchError("no_such_session")
        if passed:
            self.demanded.discard(found.user)
        self._tell("mfa_result", found, outcome="success" if passed else "failure", mfa=passed)

    def count(self) -> int:
        """How many sessions go on."""
        return sum(session.alive for session in self.sessions.values())

    def order(self, action: str, said: dict[str, Any]) -> str:
        """Do what `said` asks under the id `action`, once: `applied` or `already_applied`.

        Raises:
            NoSuchError: the session or the user is not known.
            OtherOrderError: the id was used for something else.
        """
        before = self._orders.get(action)
        if before is not None:
            if before[0] != said:
                raise OtherOrderError
            return before[1]
        result = self._done(action, said)
        self._orders[action] = (said, result)
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
        return result

    def _done(self, action: str, said: dict[str, Any]) -> str:
        user, verb = said["user"], said["verb"]
        if verb == "kill_session":
            found = self.sessions.get(said.get("session", ""))
            if found is None or found.user != user:
                raise NoSuchError("no_such_session")
            return self._end(action, [found])
        theirs = [session for session in self.sessions.values() if session.user == user]
        if verb == "kill_user":
            if not theirs:
                raise NoSuchError("no_such_user")
            return self._end(action, theirs)
        if not theirs:
            raise NoSuchError("no_such_user")
        if (verb == "step_up") == (user in self.demanded):
            return "already_applied"
        (self.demanded.add if verb == "step_up" else self.demanded.discard)(user)
        self._effect(action)
        if verb == "step_up":
            self._tell("mfa_challenge", theirs[-1], id=action)
        return "applied"

    def _end(self, action: str, sessions: list[Session]) -> str:
        live = [session for session in sessions if session.alive]
        for session in live:
            session.alive = False
            self._tell("revoked", session, id=action if len(live) == 1 else f"{action}#{session.id}")
        if live:
            self._effect(action)
        return "applied" if live else "already_applied"

    def _effect(self, action: str) -> None:
        self.effects[action] = self.effects.get(action, 0) + 1

    def _tell(self, kind: str, session: Session, **more: Any) -> None:
        """Note what happened as a native event."""
        self._events += 1
        at = self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"id": f"embedded-{self._events}", "at": at, "source": "embedded", "kind": kind, "user": session.user}
        event |= {"session": session.id, "ip": session.ip, "device": session.device, **more}
        self.happened.append({name: value for name, value in event.items() if value != ""})
