"""The account by which a broker's interface is asked: a token for a client's secret, by OAuth 2.0."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from sessionwatch.errors import UnansweredError
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.exchange import Exchange, Reply

TOKEN_S_MAX: Final = 3_600.0
"""Seconds that a token of the service account is used at most, whatever the broker says of its life."""
_MARGIN_S: Final = 20.0
_UNAUTHORISED: Final = 401


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who asks for a token: the path where tokens are given, the client and its secret, the scope where one is said."""

    path: str
    client: str
    secret: Secret
    scope: str = ""

    def form(self) -> dict[str, str]:
        """What is sent for a token."""
        said = {
            "grant_type": "client_credentials",
            "client_id": self.client,
            "client_secret": self.secret.reveal(),
            "scope": self.scope,
        }
        return {name: value for name, value in said.items() if value}


class Account:
    """A service account with its token, asked for anew before it ends, and once when it is refused.

    What is asked goes through `exchange`, below the path `below`; tokens come through `tokens`.
    """

    def __init__(self, exchange: Exchange, below: str, service: ServiceAccount, tokens: Exchange) -> None:
        """Hold them; nothing is asked yet."""
        self._exchange = exchange
        self._below = below
        self._service = service
        self._tokens = tokens
        self._renewing = asyncio.Lock()
        self._held: Secret | None = None
        self._until_s = 0.0

    async def ask(self, method: str, path: str, data: Any = None) -> Reply:
        """The answer to a request; where there is no token to be had, the answer to that.

        Raises:
            UnansweredError: there was no answer, or a token that is none.
        """
        refused: Secret | None = None
        while True:
            token = await self._token(refused)
            if isinstance(token, Reply):
                return token
            headers = {"authorization": f"Bearer {token.reveal()}"}
            reply = await self._exchange.ask(method, self._below + path, headers=headers, data=data)
            if reply.status != _UNAUTHORISED or refused is not None:
                return reply
            refused = token

    async def _token(self, refused: Secret | None) -> Secret | Reply:
        async with self._renewing:
            if self._held is not None and self._held is not refused and time.monotonic() < self._until_s:
                return self._held
            reply = await self._tokens.ask("POST", self._service.path, form=self._service.form())
            if not reply.ok:
                return reply
            token, life_s = reply.field("access_token"), reply.field("expires_in")
            if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
                raise UnansweredError("nonsense")
            life_s = float(life_s) if type(life_s) is int else 0.0
            self._held, self._until_s = Secret(token), time.monotonic() + min(life_s, TOKEN_S_MAX) - _MARGIN_S
            return self._held
