"""Okta, through its management interface: a user's sessions cleared; one ended only where a site asks for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field

from models.actions import Action, Outcome, Verb
from sessionwatch.errors import BrokerError, UnansweredError
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import (
    RETRY_AFTER_S_MAX,
    Exchange,
    Reply,
    names_one,
    outcome_of,
    part,
    unanswered,
)

_NO_CONTENT: Final = 204
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_RESOURCE_NOT_FOUND: Final = "E0000007"
"""Okta's code for what it looked for and does not have; a page of somebody between us has none."""


class OktaSettings(BrokerSettings):
    """How Okta is set up; the secret is an API token. `base` is the organisation: https://clinic.okta.com.

    `kill_sessions`: whether single sessions may be ended. Okta does not say that the session's id of its log is the one
    that its interface takes, so a site sets this after it has seen it to be so. `oauth_tokens`: a killed user's refresh
    and access tokens are revoked as well. `forget_devices`: factors that devices remember are asked for again.
    """

    kill_sessions: Annotated[bool, Field(description="single sessions too; only where a site has tried it")] = False
    oauth_tokens: bool = True
    forget_devices: bool = True


class OktaBroker(Broker):
    """Okta has no idempotency keys and cannot demand a factor of a live session: it kills, and does nothing less.

    A user is named by id or login and looked up first, since Okta takes the beginning of a login for the whole, and
    `me` for the owner of the token.
    """

    name: ClassVar[str] = "okta"
    Settings: ClassVar[type[BrokerSettings]] = OktaSettings

    def __init__(self, exchange: Exchange, token: Secret, settings: OktaSettings) -> None:
        """Speak through `exchange`."""
        self._exchange = exchange
        self._token = token
        self._said = settings
        verbs: set[Verb] = {"kill_user", "kill_session"} if settings.kill_sessions else {"kill_user"}
        self.capabilities = Capabilities(frozenset(verbs), token_lifetime=settings.token_lifetime)

    @classmethod
    def of(cls, settings: OktaSettings) -> Self:
        """See `Broker.of`."""
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s)
        return cls(exchange, secret_of(settings.secret_variable, settings.secret_file, "Okta's API token"), settings)

    async def kill_session(self, action: Action) -> Outcome:
        """See `Broker`. `rejected` where the session is another user's."""
        return await self._bounded(self._kill_session(action))

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`. Asked again, it also ends what the user began in between."""
        return await self._bounded(self._kill_user(action))

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`. None: Okta knows sessions by ids that its log need not have."""
        return None

    async def check(self) -> list[str]:
        """See `Broker`. Whether the token may clear sessions is seen only when it does."""
        try:
            reply = await self._ask("GET", "/users?limit=1")
        except UnansweredError as error:
            raise BrokerError(f"{self._exchange.base} gives no answer ({error.reason}); is it up?") from error
        if reply.status == _UNAUTHORISED:
            return [f"{self._exchange.base}: the API token is refused; make one for this organisation"]
        if reply.status == _FORBIDDEN:
            return [f"{self._exchange.base}: the API token may not see users; its owner must be able to clear sessions"]
        if not (reply.ok and isinstance(reply.data(), list)):
            return [f"{self._exchange.base} answers {reply.status}, not as Okta does; check the address"]
        return []

    async def close(self) -> None:
        """See `Broker`."""
        await self._exchange.close()

    async def _ask(self, method: str, path: str) -> Reply:
        headers = {"authorization": f"SSWS {self._token.reveal()}", "accept": "application/json"}
        return await self._exchange.ask(method, f"/api/v1{path}", headers=headers)

    async def _bounded(self, doing: Coroutine[Any, Any, Outcome]) -> Outcome:
        """What comes of several requests, all within the time of one exchange."""
        try:
            async with asyncio.timeout(self._exchange.timeout_s):
                return await doing
        except TimeoutError:
            return Outcome(result="retryable", detail="timed_out")
        except UnansweredError as error:
            return unanswered(error)

    async def _kill_user(self, action: Action) -> Outcome:
        if not names_one(action.user):
            return Outcome(result="rejected", detail="no_id")
        reply = await self._ask("GET", f"/users/{part(action.user)}")
        if not reply.ok:
            return _refused(reply, "no_such_user")
        id_, profile = reply.field("id"), reply.field("profile")
        if not (isinstance(id_, str) and names_one(id_) and isinstance(profile, dict)):
            return _nonsense(reply)
        if not _is(action.user, id_, profile.get("login")):
            return Outcome(result="rejected", status=reply.status, detail="another_user")
        tokens, devices = str(self._said.oauth_tokens).lower(), str(self._said.forget_devices).lower()
        path = f"/users/{part(id_)}/sessions?oauthTokens={tokens}&forgetDevices={devices}"
        return self._done(await self._ask("DELETE", path), "no_such_user")

    async def _kill_session(self, action: Action) -> Outcome:
        if not names_one(action.user, action.target):
            return Outcome(result="rejected", detail="no_id")
        path = f"/sessions/{part(action.target)}"
        reply = await self._ask("GET", path)
        if reply.ok:
            if reply.field("id") != action.target:
                return _nonsense(reply)
            if not _is(action.user, reply.field("userId"), reply.field("login")):
                return Outcome(result="rejected", status=reply.status, detail="session_of_another_user")
            reply = await self._ask("DELETE", path)
        if reply.status == _NOT_FOUND and reply.field("errorCode") == _RESOURCE_NOT_FOUND:
            return Outcome(result="already_applied", status=reply.status, detail="no_such_session")
        return self._done(reply, "")

    def _done(self, reply: Reply, not_found: str) -> Outcome:
        """Okta says of what it did nothing but 204; a page of somebody between us with 200 is no such word."""
        if not reply.ok:
            return _refused(reply, not_found)
        if reply.status != _NO_CONTENT:
            return _nonsense(reply)
        lifetime = self.capabilities.token_lifetime
        until = None if lifetime is None else datetime.now(UTC) + lifetime
        return Outcome(result="applied", status=reply.status, worst_case_effective_at=until)


def reset_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds until `X-Rate-Limit-Reset`, by Okta's own clock where it tells it, at most `RETRY_AFTER_S_MAX`.

    >>> sent = {"x-rate-limit-reset": "1772442030", "date": "Mon, 02 Mar 2026 09:00:00 GMT"}
    >>> reset_s(sent, datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    30.0
    >>> reset_s({"x-rate-limit-reset": "soon"}, datetime(2026, 3, 2, tzinfo=UTC))
    """
    text = headers.get("x-rate-limit-reset", "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    with contextlib.suppress(ValueError):  # without its clock ours must do
        told = parsedate_to_datetime(headers.get("date", ""))
        now = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
    return min(max(float(text[:12]) - now.timestamp(), 0.0), RETRY_AFTER_S_MAX)


def _is(user: str, id_: Any, login: Any) -> bool:
    """Whether it is the user by the id, or by the login, which has no case."""
    return id_ == user or (isinstance(login, str) and login.casefold() == user.casefold())


def _nonsense(reply: Reply) -> Outcome:
    return Outcome(result="retryable", status=reply.status, detail="nonsense")


def _refused(reply: Reply, not_found: str) -> Outcome:
    outcome = outcome_of(reply)
    if reply.status == _TOO_MANY and outcome.retry_after_s is None:
        return outcome.model_copy(update={"retry_after_s": reset_s(reply.headers, datetime.now(UTC))})
    if not_found and reply.status == _NOT_FOUND and reply.field("errorCode") == _RESOURCE_NOT_FOUND:
        return outcome.model_copy(update={"detail": not_found})
    return outcome
