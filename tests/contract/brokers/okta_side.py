"""Okta's management interface as far as the adapter uses it, after its published reference."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

from aiohttp import web

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.okta import OktaBroker, OktaSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded_server import Handler
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import SECRET, FarSide


class OktaSide(FarSide):
    """An organisation whose users' logins are `ann` and `bo`; the token's owner is `admin`."""

    name: ClassVar[str] = "okta"

    def __init__(self) -> None:
        self.ids = {user: f"00u{user}" for user in ("ann", "bo", "admin")}
        self.sessions: dict[str, str] = {}
        self.asked: list[str] = []
        self.limited_s: float | None = None
        self._effects = 0
        self._hang = False
        self._begun = 0
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def start(self) -> None:
        """See `FarSide`."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/api/v1/users", self._list)
        app.router.add_get("/api/v1/users/{user}", self._get)
        app.router.add_delete("/api/v1/users/{id}/sessions", self._clear)
        app.router.add_get("/api/v1/sessions/{session}", self._session)
        app.router.add_delete("/api/v1/sessions/{session}", self._end)
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
        return self.with_settings(f"{self._base}/other")

    def with_settings(self, base: str = "", *, timeout_s: float = 5.0, **more: Any) -> OktaBroker:
        """The adapter with other settings; single sessions may be ended."""
        said = {"kill_sessions": True, **more}
        settings = OktaSettings(broker="okta", base=base or self._base, **said)
        return OktaBroker(Exchange(settings.base, timeout_s=timeout_s), Secret(SECRET), settings)

    def sign_in(self, user: str) -> str:
        """See `FarSide`."""
        self._begun += 1
        session = f"102{self._begun}"
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

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if request.headers.get("authorization") != f"SSWS {SECRET}":
            return _no(401, "E0000011", "Invalid token provided")
        if self.limited_s is not None:
            answer = _no(429, "E0000047", "API call exceeded rate limit due to too many requests.")
            answer.headers["X-Rate-Limit-Reset"] = str(int(time.time() + self.limited_s))
            return answer
        answered = await handler(request)
        if self._hang and request.method == "DELETE":
            self._hang = False
            await asyncio.sleep(2)
        return answered

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([self._person("admin")])

    async def _get(self, request: web.Request) -> web.Response:
        said = request.match_info["user"]
        user = "admin" if said == "me" else next((one for one in self.ids if one.startswith(said.lower())), None)
        user = next((one for one, id_ in self.ids.items() if id_ == said), user)
        if user is None:
            return _no(404, "E0000007", f"Not found: Resource not found: {said} (User)")
        return web.json_response(self._person(user))

    async def _clear(self, request: web.Request) -> web.Response:
        user = next((one for one, id_ in self.ids.items() if id_ == request.match_info["id"]), None)
        if user is None:
            return _no(404, "E0000007", "Not found: Resource not found (User)")
        for session in [one for one, owner in self.sessions.items() if owner == user]:
            del self.sessions[session]
            self._effects += 1
        return web.Response(status=204)

    async def _session(self, request: web.Request) -> web.Response:
        session = request.match_info["session"]
        if session not in self.sessions:
            return _no(404, "E0000007", f"Not found: Resource not found: {session} (Session)")
        user = self.sessions[session]
        return web.json_response({"id": session, "userId": self.ids[user], "login": user, "status": "ACTIVE"})

    async def _end(self, request: web.Request) -> web.Response:
        session = request.match_info["session"]
        if self.sessions.pop(session, None) is None:
            return _no(404, "E0000007", f"Not found: Resource not found: {session} (Session)")
        self._effects += 1
        return web.Response(status=204)

    def _person(self, user: str) -> dict[str, Any]:
        return {"id": self.ids[user], "status": "ACTIVE", "profile": {"login": user}}


def _no(status: int, code: str, summary: str) -> web.Response:
    body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae1", "errorCauses": []}
    return web.json_response(body, status=status)
