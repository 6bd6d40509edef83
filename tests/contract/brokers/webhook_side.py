"""A program that takes signed orders, as the far side of the webhook's adapter."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from aiohttp import web

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.webhook import WebhookBroker, WebhookSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded import EmbeddedSessions, NoSuchError
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import SECRET, FarSide


class WebhookSide(FarSide):
    """Sessions in memory; an order whose signature is wrong or old is refused with 401."""

    name: ClassVar[str] = "webhook"

    def __init__(self) -> None:
        self.sessions = EmbeddedSessions(lambda: datetime.now(UTC))
        self.orders: list[dict[str, Any]] = []
        self._hang = False
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def start(self) -> None:
        """See `FarSide`."""
        app = web.Application()
        app.router.add_post("/hook", self._order)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        for user in ("ann", "bo"):
            self.sign_in(user)

    async def close(self) -> None:
        """See `FarSide`."""
        assert self._runner is not None
        await self._runner.cleanup()

    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """See `FarSide`."""
        return self.keyed(SECRET, base or f"{self._base}/hook", timeout_s=timeout_s)

    def elsewhere(self) -> Broker:
        """See `FarSide`."""
        return self.keyed(SECRET, f"{self._base}/other")

    def keyed(self, secret: str, base: str = "", *, timeout_s: float = 5.0) -> WebhookBroker:
        """The adapter with another key."""
        settings = WebhookSettings(broker="webhook", base=base or f"{self._base}/hook", token_lifetime=None)
        return WebhookBroker(Exchange(settings.base, timeout_s=timeout_s), Secret(secret), settings)

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

    async def _order(self, request: web.Request) -> web.Response:
        body, head = await request.read(), request.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        wanted = f"v1,{base64.b64encode(hmac.digest(SECRET.encode(), signed, 'sha256')).decode()}"
        age = datetime.now(UTC) - datetime.fromtimestamp(int(head["webhook-timestamp"]), UTC)
        if not hmac.compare_digest(wanted, head["webhook-signature"]) or abs(age) > timedelta(minutes=5):
            return web.json_response({"error": "wrong_signature"}, status=401)
        said = json.loads(body)
        self.orders.append(dict(said))
        id_ = said.pop("id")
        if said["verb"] == "check":
            return web.json_response({"id": id_, "result": "applied"})
        try:
            result = self.sessions.order(id_, said)
        except NoSuchError as error:
            return web.json_response({"error": str(error)}, status=404)
        if self._hang:
            self._hang = False
            await asyncio.sleep(2)
        return web.json_response({"id": id_, "result": result})
