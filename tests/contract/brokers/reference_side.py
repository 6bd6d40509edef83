"""The embedded broker as the far side of the reference adapter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from aiohttp import web

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.reference import ReferenceBroker
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded import EmbeddedSessions
from sessionwatch.responses.embedded_server import EmbeddedServer, Handler
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import SECRET, FarSide


class ReferenceSide(FarSide):
    """Sessions in memory, behind a real server."""

    name: ClassVar[str] = "reference"

    def __init__(self) -> None:
        self.sessions = EmbeddedSessions(lambda: datetime.now(UTC))
        self._server = EmbeddedServer(self.sessions, Secret(SECRET), [self._hanging])
        self._hang = False
        self._port = 0

    async def start(self) -> None:
        """See `FarSide`."""
        self._port = await self._server.start("127.0.0.1", 0)
        for user in ("ann", "bo"):
            self.sign_in(user)

    async def close(self) -> None:
        """See `FarSide`."""
        await self._server.close()

    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """See `FarSide`."""
        exchange = Exchange(base or f"http://127.0.0.1:{self._port}", timeout_s=timeout_s)
        return ReferenceBroker(exchange, Secret(SECRET), timedelta(minutes=5))

    def elsewhere(self) -> Broker:
        """See `FarSide`."""
        return ReferenceBroker(Exchange(f"http://127.0.0.1:{self._port}/other"), Secret(SECRET))

    def sign_in(self, user: str) -> str:
        """See `FarSide`."""
        return self.sessions.begin(user, f"s {len(self.sessions.sessions)}/{user}").id

    def alive(self, session: str) -> bool:
        """See `FarSide`."""
        return self.sessions.sessions[session].alive

    def demanded(self, user: str) -> bool:
        """See `FarSide`."""
        return user in self.sessions.demanded

    def effects(self) -> int:
        """See `FarSide`."""
        return sum(self.sessions.effects.values())

    def hang_after_next(self) -> None:
        """See `FarSide`."""
        self._hang = True

    @web.middleware
    async def _hanging(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if self._hang and request.method == "PUT":
            self._hang = False
            await asyncio.sleep(2)
        return answer
