"""Keycloak's stored events, read by its admin interface: user events and admin events, oldest first, by time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sessionwatch.errors import BrokerError, UnansweredError
from sessionwatch.responses.account import Account, ServiceAccount
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.exchange import Exchange, Reply, part, retry_after_s

Kind = Literal["user", "admin"]
PATHS: Final[dict[Kind, str]] = {"user": "/events", "admin": "/admin-events"}
SWITCHES: Final[dict[Kind, str]] = {"user": "eventsEnabled", "admin": "adminEventsEnabled"}
PAGE_MAX: Final = 500
"""Events asked for at once; fewer where an answer of so many is too large to be read."""
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_AGAIN: Final = frozenset({408, 425, 429})
_SERVER: Final = 500


class AwayError(BrokerError):
    """Keycloak gives no answer now and may give one later, no sooner than after `wait_s` seconds."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        """Hold it."""
        self.wait_s = wait_s
        super().__init__(message)


class KeycloakEvents:
    """The events of one realm, by a client with a service account. One event loop; `close` it."""

    def __init__(self, exchange: Exchange, realm: str, client: str, secret: Secret) -> None:
        """Ask through `exchange` with the secret of `client`; nothing is asked yet."""
        self._exchange = exchange
        self._client = client
        service = ServiceAccount(f"/realms/{part(realm)}/protocol/openid-connect/token", client, secret)
        self._account = Account(exchange, f"/admin/realms/{part(realm)}", service, exchange)
        self.where = f"{exchange.base}, realm {realm}"
        self._page = PAGE_MAX

    async def close(self) -> None:
        """Give back the connections."""
        await self._exchange.close()

    async def switched(self) -> dict[str, Any]:
        """What the realm keeps: `eventsEnabled`, `adminEventsEnabled`, `eventsExpiration` in seconds (0: for ever).

        Raises:
            AwayError: there is no answer now.
            BrokerError: the client is refused, lacks a role, or the realm is none; with what to mend.
        """
        said = (await self._ask("/events/config")).data()
        if not isinstance(said, dict):
            raise self._no_keycloak()
        return said

    async def since(self, kind: Kind, from_ms: int) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of what happened at `from_ms` (milliseconds since 1970) or later; some events may come twice.

        Raises: as `switched`.
        """
        first = 0
        while True:
            page = await self._read(kind, from_ms, first)
            yield page
            if len(page) < self._page:
                return
            # By time and not by place, because what expires at the beginning would move all others.
            last_ms = page[-1]["time"]
            from_ms, first = (last_ms, 0) if last_ms > from_ms else (from_ms, first + len(page))

    async def _read(self, kind: Kind, from_ms: int, first: int) -> list[dict[str, Any]]:
        asked = f"{PATHS[kind]}?dateFrom={from_ms}&direction=asc&first={first}"
        try:
            reply = await self._ask(f"{asked}&max={self._page}")
        except _TooLargeError:
            if self._page == 1:
                raise BrokerError(f"{self.where}: an event at {from_ms} ms is too large to be read") from None
            self._page = max(1, self._page // 4)
            return await self._read(kind, from_ms, first)
        page = reply.data()
        if not isinstance(page, list) or not all(_is_event(one) for one in page):
            raise self._no_keycloak()
        return page

    async def _ask(self, path: str) -> Reply:
        try:
            reply = await self._account.ask("GET", path)
        except UnansweredError as error:
            if error.reason == "too_large":
                raise _TooLargeError from error
            raise AwayError(f"{self._exchange.base} gives no answer ({error.reason}); is it up?") from error
        if reply.ok:
            return reply
        self._refuse(reply)
        raise self._no_keycloak(reply.status)

    def _refuse(self, reply: Reply) -> None:
        """Say what a refusal means, where that is known."""
        status = reply.status
        if status == _UNAUTHORISED:
            what = f"the client {self._client} or its secret is refused; it needs a service account"
            raise BrokerError(f"{self.where}: {what}")
        if status == _FORBIDDEN:
            role = "the role view-events of realm-management"
            raise BrokerError(f"{self.where}: give the service account of {self._client} {role}")
        if status == _NOT_FOUND:
            raise BrokerError(f"{self.where}: there is no such realm; check address and realm")
        if status in _AGAIN or status >= _SERVER:
            wait_s = retry_after_s(reply.headers.get("retry-after", ""), datetime.now(UTC)) or 0.0
            raise AwayError(f"{self.where}: answers {status}; it is asked again later", wait_s)

    def _no_keycloak(self, status: int = 200) -> BrokerError:
        return BrokerError(f"{self.where}: answers {status}, not as Keycloak does; check address and realm")


class _TooLargeError(Exception):
    """The answer has more bytes than are read."""


def _is_event(one: Any) -> bool:
    """Whether it has what every event has."""
    return isinstance(one, dict) and isinstance(one.get("id"), str) and type(one.get("time")) is int
