"""Entra ID, through Microsoft Graph: a user's sign-in sessions revoked, which takes effect by and by."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field

from models.actions import Action, Outcome
from models.spans import Span
from sessionwatch.errors import BrokerError, UnansweredError
from sessionwatch.responses.account import Account, ServiceAccount
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange, Reply, names_one, outcome_of, part, unanswered

CONTINUOUS: Final = timedelta(minutes=15)
"""How long a revocation takes at most to reach what evaluates access continuously."""
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""An id that no user has, by which the rights are tried and nobody is signed out."""
_OK: Final = 200
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


class EntraSettings(BrokerSettings):
    """How Entra is set up; the secret is that of the application `client`. `base` is Graph, `login` gives tokens.

    `tenant` is the directory's id or domain. `token_lifetime` is how long an application goes on taking an access token
    of before. `continuous_access`: every application that matters evaluates access continuously, with clients that do.
    """

    base: Annotated[str, Field(description="Microsoft Graph; national clouds have their own")] = (
        "https://graph.microsoft.com"
    )
    login: Annotated[str, Field(description="where tokens are given")] = "https://login.microsoftonline.com"
    tenant: Annotated[str, Field(pattern=r"^\w[\w.-]*$", description="the directory's id or domain")]
    client: Annotated[str, Field(min_length=1, description="the application's id")]
    token_lifetime: Span | None = timedelta(minutes=90)
    continuous_access: bool = False


class EntraBroker(Broker):
    """Entra ends no single session and demands no factor on order: it signs a user out of all, and no more.

    Graph has no idempotency keys; a revocation asked for twice is made twice.
    """

    name: ClassVar[str] = "entra"
    Settings: ClassVar[type[BrokerSettings]] = EntraSettings

    def __init__(self, graph: Exchange, login: Exchange, secret: Secret, settings: EntraSettings) -> None:
        """Ask `graph`, with tokens of `login`."""
        self._graph = graph
        self._login = login
        self._said = settings
        path, scope = f"/{part(settings.tenant)}/oauth2/v2.0/token", f"{graph.base}/.default"
        self._account = Account(graph, "/v1.0", ServiceAccount(path, settings.client, secret, scope), login)
        lifetime = CONTINUOUS if settings.continuous_access else settings.token_lifetime
        self.capabilities = Capabilities(frozenset({"kill_user"}), token_lifetime=lifetime)

    @classmethod
    def of(cls, settings: EntraSettings) -> Self:
        """See `Broker.of`."""
        secret = secret_of(
            settings.secret_variable, settings.secret_file, f"the secret of the application {settings.client}"
        )
        timeout_s = settings.timeout.total_seconds()
        graph, login = (
            Exchange(address, authority=settings.authority, timeout_s=timeout_s)
            for address in (settings.base, settings.login)
        )
        return cls(graph, login, secret, settings)

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`. `accepted`: minutes go by until it holds, and until a token's end what is checked offline."""
        if not names_one(action.user):
            return Outcome(result="rejected", detail="no_id")
        try:
            reply = await self._revoke(action.user)
        except UnansweredError as error:
            return unanswered(error)
        if not reply.ok:
            return _refused(reply)
        if reply.status != _OK or reply.field("value") is not True:
            return Outcome(result="retryable", status=reply.status, detail="nonsense")
        lifetime = self.capabilities.token_lifetime
        until = None if lifetime is None else datetime.now(UTC) + lifetime
        return Outcome(result="accepted", status=reply.status, worst_case_effective_at=until)

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`. None: Graph has no sessions to be looked at."""
        return None

    async def check(self) -> list[str]:
        """See `Broker`. The right is tried on an id that nobody has."""
        try:
            reply = await self._revoke(NOBODY)
        except UnansweredError as error:
            raise BrokerError(f"{self._graph.base} gives no answer ({error.reason}); is it up?") from error
        where = f"{self._graph.base}, tenant {self._said.tenant}"
        if isinstance(reply.field("error"), str) or reply.status == _UNAUTHORISED:
            return [f"{where}: no token for {self._said.client} (status {reply.status}); check tenant, id and secret"]
        if reply.status == _FORBIDDEN:
            return [f"{where}: give {self._said.client} the application permission User.RevokeSessions.All"]
        if _code(reply) != "Request_ResourceNotFound":
            return [f"{where}: answers {reply.status}, not as Graph does; check the address"]
        return []

    async def close(self) -> None:
        """See `Broker`."""
        await self._graph.close()
        await self._login.close()

    async def _revoke(self, user: str) -> Reply:
        """The answer to a revocation, its token included, all within the time of one exchange."""
        try:
            async with asyncio.timeout(self._graph.timeout_s):
                return await self._account.ask("POST", f"/users/{part(user)}/revokeSignInSessions")
        except TimeoutError as error:
            raise UnansweredError("timed_out") from error


def _code(reply: Reply) -> str:
    """Graph's own word for an error; empty where there is none."""
    error = reply.field("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _refused(reply: Reply) -> Outcome:
    outcome = outcome_of(reply)
    if reply.status == _NOT_FOUND and _code(reply) == "Request_ResourceNotFound":
        return outcome.model_copy(update={"detail": "no_such_user"})
    return outcome
