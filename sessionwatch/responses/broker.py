"""A broker owns sessions, and can demand a further factor or end them: the contract that its adapters keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field

from models.actions import Action, Outcome, Verb
from models.rules import Written
from models.spans import Span


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker can do; the policy is refused at the start where it asks for more and allows no fallback.

    `verbs` are the actions it knows; `notify` is none of them, since nobody is asked for it. `sees_sessions`: it can
    tell whether one session is alive. `token_lifetime`: how long a token that is checked offline is taken after its
    session ended; None where that is not known.
    """

    verbs: frozenset[Verb]
    sees_sessions: bool = False
    token_lifetime: timedelta | None = None


class BrokerSettings(Written):
    """How a broker is set up, as a file says it; an adapter adds its own keys. No secret stands in it.

    `authority`: a file with a site's own certificate authorities. `rate_max_per_s` and `concurrency_max` are what the
    broker is asked at most.
    """

    broker: Annotated[str, Field(description="which one it is")]
    base: Annotated[str, Field(description="its address: https://broker.example")]
    authority: Path | None = None
    timeout: Annotated[Span, Field(gt=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=15)
    rate_max_per_s: Annotated[float, Field(gt=0, le=10_000)] = 1_000.0
    concurrency_max: Annotated[int, Field(ge=1, le=64)] = 16
    secret_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "SESSIONWATCH_BROKER_TOKEN"  # noqa: S105  # the name of a variable, not its value
    secret_file: Path | None = None
    token_lifetime: Annotated[Span | None, Field(description="how long a token checked offline is taken")] = None


NOT_CAPABLE: Final = Outcome(result="rejected", detail="not_capable")
"""The outcome of asking a broker for what it cannot do."""


class Broker(ABC):
    """An adapter of one broker; asynchronous, used by one event loop.

    Who writes one promises, and `tests/contract/test_brokers.py` holds every one to it:

    * **An action's `id` is its idempotency key.** The runner asks again with the same id whenever it does not know
      whether an action was done: after a timeout, and after a crash. Asked twice, it has its effect once.
    * **What goes wrong out there is an outcome and no exception**: a dead network, a broken TLS, nonsense in place of
      an answer are `retryable`; a refusal that stays one is `rejected`. `sessionwatch.responses.exchange` turns HTTP
      into either. Only faults of the set-up raise `BrokerError`, and only from `check`.
    * **Success is not guessed.** A 404 is `already_applied` only where the body says that the session or the demand
      is gone, and that is what was asked for; from another realm, path or kind of session it is `rejected`.
    * **Bounded**: each method ends within the exchange's time, whatever the other side does, and holds no more of an
      answer than its bytes.
    * **Nothing of a secret** stands in an outcome, an error or a log; nothing leaves that `Action` does not hold.

    The runner promises: at most one action of a user is under way at a time, in the order they were decided; only
    verbs of `capabilities` are asked for; `close` is called at the end.
    """

    name: ClassVar[str]
    """The word by which people choose it, such as `keycloak`."""

    Settings: ClassVar[type[BrokerSettings]] = BrokerSettings
    """How it is set up."""

    capabilities: Capabilities
    """What it can do, as it is set up."""

    settings: BrokerSettings | None = None
    """How it was set up, where a file or an address said so: the runner keeps to its rate and concurrency."""

    @classmethod
    @abstractmethod
    def of(cls, settings: Any) -> Self:
        """The broker as `settings` (an instance of `Settings`) say; nothing is asked of it yet.

        Raises:
            BrokerError: the address or the authority cannot be used.
            UsageError: the secret is not where the settings say.
        """

    async def kill_session(self, action: Action) -> Outcome:
        """End the session `action.target`; `already_applied` where it has ended before, and the broker tells that."""
        return NOT_CAPABLE

    async def kill_user(self, action: Action) -> Outcome:
        """End all sessions of `action.user`; without any it is `applied` or `already_applied`."""
        return NOT_CAPABLE

    async def step_up(self, action: Action) -> Outcome:
        """Demand a further factor of `action.user`, at the next use if the broker can; never offer to enrol one.

        It stays demanded until it was met or `clear_step_up` is asked for.
        """
        return NOT_CAPABLE

    async def clear_step_up(self, action: Action) -> Outcome:
        """Take back what `step_up` demanded of `action.user`; `already_applied` where nothing is demanded."""
        return NOT_CAPABLE

    @abstractmethod
    async def session_alive(self, user: str, session: str) -> bool | None:
        """Whether the session is alive; None where that cannot be told, now or ever. Asked before a session is killed.

        Never False by guess: only where the broker says that this session has ended.
        """

    async def session_count(self) -> int | None:
        """How many sessions are alive; None where that cannot be told."""
        return None

    @abstractmethod
    async def check(self) -> list[str]:
        """Whether the broker can be reached and the rights suffice: one line for each thing that does not.

        Raises:
            BrokerError: nothing can be asked at all, with what to mend.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give back connections. Nothing is asked afterwards."""

    async def do(self, action: Action) -> Outcome:
        """Do `action` by its verb; `rejected` for one that the broker does not know. Not overridden."""
        if action.verb not in self.capabilities.verbs:
            return NOT_CAPABLE
        match action.verb:
            case "kill_session":
                return await self.kill_session(action)
            case "kill_user":
                return await self.kill_user(action)
            case "step_up":
                return await self.step_up(action)
            case "clear_step_up":
                return await self.clear_step_up(action)
            case _:
                return NOT_CAPABLE
