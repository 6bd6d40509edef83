"""Graph and the place where its tokens are given, as far as the adapter uses them, after their published reference."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, ClassVar

from aiohttp import web

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.entra import EntraBroker, EntraSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import SECRET, FarSide

TENANT = "clinic.example"
CLIENT = "6e1c7a52-6c6b-4d2b-9c6c-2f6f2f1a0b11"


class EntraSide(FarSide):
    """A tenant with two users; a revocation holds at once, which the real one takes minutes for."""

    name: ClassVar[str] = "entra"

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.given = 0
        self.permitted = True
        self.answer: web.Response | None = None
        self.bodies: list[bytes] = []
        self._effects = 0
        self._hang = False
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def start(self) -> None:
        """See `FarSide`."""
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_post("/v1.0/users/{user}/revokeSignInSessions", self._revoke)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """See `FarSide`."""
        assert self._runner is not None
        await self._runner.cleanup()

    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """See `FarSide`."""
        return self.with_settings(base or self._base, timeout_s=timeout_s)

    def elsewhere(self) -> Broker:
        """See `FarSide`."""
        return self.with_settings(tenant="klinik.example")

    def with_settings(self, base: str = "", *, timeout_s: float = 5.0, **more: Any) -> EntraBroker:
        """The adapter with other settings."""
        base = base or self._base
        said = {"tenant": TENANT, "client": CLIENT, **more}
        settings = EntraSettings(broker="entra", base=base, login=base, **said)
        graph, login = Exchange(base, timeout_s=timeout_s), Exchange(base, timeout_s=timeout_s)
        return EntraBroker(graph, login, Secret(SECRET), settings)

    def sign_in(self, user: str) -> str:
        """See `FarSide`."""
        session = secrets.token_hex(8)
        self.sessions[session] = user
        return session

    def alive(self, session: str) -> bool:
        """See `FarSide`."""
        return session in self.sessions

    def demanded(self, user: str) -> bool:
        """See `FarSide`. It cannot be."""
        return False

    def effects(self) -> int:
        """See `FarSide`."""
        return self._effects

    def hang_after_next(self) -> None:
        """See `FarSide`."""
        self._hang = True

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.match_info["tenant"] != TENANT:
            return web.json_response({"error": "invalid_request", "error_codes": [90002]}, status=400)
        wanted = ("client_credentials", CLIENT, SECRET, f"{self._base}/.default")
        if tuple(form.get(name) for name in ("grant_type", "client_id", "client_secret", "scope")) != wanted:
            return web.json_response({"error": "invalid_client", "error_codes": [7000215]}, status=401)
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        self.given += 1
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    async def _revoke(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _no(401, "InvalidAuthenticationToken")
        if not self.permitted:
            return _no(403, "Authorization_RequestDenied")
        if self.answer is not None:
            return self.answer
        user = request.match_info["user"]
        if user not in {"ann", "bo"}:
            return _no(404, "Request_ResourceNotFound")
        for session in [one for one, owner in self.sessions.items() if owner == user]:
            del self.sessions[session]
            self._effects += 1
        if self._hang:
            self._hang = False
            await asyncio.sleep(2)
        return web.json_response({"@odata.context": "", "value": True})


def _no(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status)
