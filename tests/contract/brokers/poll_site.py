"""A site whose receiver fetches its events: the adapter, the transmitter, and a receiver that checks what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from models.actions import Action, Verb
from sessionwatch.responses.brokers.ssf import Poll, SsfBroker, SsfSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.event_spool import EventSpool
from sessionwatch.responses.security_events import Signer
from sessionwatch.responses.transmitter import Offer, Transmitter, transmit
from tests.contract.brokers.far_side import SECRET, order
from tests.contract.brokers.ssf_side import AUDIENCE, ISSUER, SsfSide, pem, read_key

BASE = "https://sessionwatch.clinic.example"


class Site:
    """Both our processes in one: the adapter that keeps events, and the transmitter that a receiver asks."""

    def __init__(self, folder: Path, **more: Any) -> None:
        said = {"issuer": ISSUER, "audience": (AUDIENCE,), "subject": "opaque", "delivery": "poll", **more}
        self.settings = SsfSettings(broker="ssf", base=BASE, **{"sessions": True, "step_up": True, **said})
        signer = Signer(ISSUER, (AUDIENCE,), read_key(pem()))
        self.spool = EventSpool(folder / "spool.db")
        self.broker = SsfBroker(Poll(EventSpool(folder / "spool.db"), signer), self.settings)
        offer = Offer(BASE, self.broker.types)
        self.server = Transmitter(self.spool, signer, Secret(f"Bearer {SECRET}"), offer)
        self.checks = SsfSide()
        self.client = httpx.AsyncClient()

    async def ask(
        self, method: str, path: str, data: Any = None, *, secret: str = SECRET, **more: Any
    ) -> httpx.Response:
        """The answer to a receiver's request."""
        headers = {"authorization": f"Bearer {secret}"}
        return await self.client.request(method, path, json=data, headers=headers, **more)

    async def begin(self, **said: Any) -> str:
        """Ask for a stream; its id."""
        answer = await self.ask("POST", "/ssf/stream", said)
        assert answer.status_code == 201
        return str(answer.json()["stream_id"])

    async def fetch(self, **said: Any) -> dict[str, dict[str, Any]]:
        """The events that wait, each checked as a receiver does, by id and in order."""
        answer = await self.ask("POST", "/ssf/poll", {"returnImmediately": True, **said})
        assert answer.status_code == 200
        found = {}
        for jti, token in answer.json()["sets"].items():
            claims = self.checks.checked(token.encode())
            assert isinstance(claims, dict)
            assert claims["jti"] == jti
            found[jti] = claims
        return found


def on(folder: Path, told: Callable[[Site], Awaitable[None]], **more: Any) -> None:
    """Run `told` over a site that serves."""

    async def go() -> None:
        site = Site(folder, **more)
        taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(transmit(site.server, "127.0.0.1", 0, taken.set_result))
        site.client.base_url = httpx.URL(f"http://127.0.0.1:{await taken}")
        try:
            await told(site)
        finally:
            await site.client.aclose()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await site.broker.close()
            site.spool.close()

    asyncio.run(go())


def asked(verb: Verb, user: str = "ann", session: str = "s1") -> Action:
    """An action as of now."""
    return order(verb, user, session)
