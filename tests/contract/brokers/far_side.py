"""The far side of a broker's adapter, as the contract test needs it: one class a broker, in a file here.

A new adapter adds a file here with a subclass of `FarSide`, and one entry in `FAR_SIDES`; the contract test does the
rest, and fails for an adapter that has none.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from models.actions import Action, RuleVersion, Verb, action_id
from models.alerts import SubjectRef
from sessionwatch.responses.broker import Broker

SECRET = "planted-secret-7f3a9c"  # noqa: S105 - planted to be searched for
_CHAINS: Iterator[int] = itertools.count()


def order(verb: Verb, user: str, session: str = "") -> Action:
    """An action like those of the policy, each with an id of its own."""
    target = session if verb == "kill_session" else user
    subject = SubjectRef(by="user", value=user)
    chain = f"alert-{next(_CHAINS)}"
    at = datetime.now(UTC)
    return Action(
        id=action_id("default", "impossible_travel", subject, verb, target, chain),
        verb=verb,
        tenant="default",
        user=user,
        target=target,
        session=session,
        subject=subject,
        rule=RuleVersion(id="impossible_travel", version="1f"),
        alert=chain,
        chain=chain,
        severity="high",
        at=at,
        expires_at=at + timedelta(hours=1),
        why=f"impossible_travel 1f: Sign-ins of one person too far apart (alert {chain})",
    )


class FarSide(ABC):
    """What stands behind an adapter: something that speaks the broker's own API, with sessions that can be looked at.

    Everything is asked within one event loop. Users are called `ann` and `bo`; both exist from the start.
    """

    name: ClassVar[str]
    """The adapter's name."""

    @abstractmethod
    async def start(self) -> None:
        """Begin to answer, on a free port of 127.0.0.1."""

    @abstractmethod
    async def close(self) -> None:
        """Stop."""

    @abstractmethod
    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """The adapter, set up for this far side, or for `base` in its stead; its secret is `SECRET`."""

    @abstractmethod
    def elsewhere(self) -> Broker:
        """The adapter, set up for what this far side does not have: another realm, another path."""

    @abstractmethod
    def sign_in(self, user: str) -> str:
        """A new session of the user: its id, as events have it."""

    @abstractmethod
    def alive(self, session: str) -> bool:
        """Whether the session goes on."""

    @abstractmethod
    def demanded(self, user: str) -> bool:
        """Whether a further factor is demanded of the user."""

    @abstractmethod
    def effects(self) -> int:
        """How often something was really done: a session ended, a demand made or taken back."""

    @abstractmethod
    def hang_after_next(self) -> None:
        """The next action is done, and its answer does not come in time."""
