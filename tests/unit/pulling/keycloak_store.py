"""A stand-in for Keycloak's store of events, with the words that 26.7.4 answered."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

SECRET = "planted-secret-of-the-puller"  # noqa: S105 - planted to be searched for


def event(number: int, time_ms: int, *, admin: bool = False, **more: Any) -> dict[str, Any]:
    """An event as the store has it."""
    what = {"operationType": "ACTION", "resourceType": "USER"} if admin else {"type": "LOGIN", "userId": "ann"}
    return {"id": f"{'a' if admin else 'u'}{number}", "time": time_ms, "realmId": "r1", **what, **more}


class Store:
    """One realm `clinic` on a free port. `answers` are given in turn instead of what would be, each once."""

    def __init__(self) -> None:
        self.user: list[dict[str, Any]] = []
        self.admin: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {"eventsEnabled": True, "adminEventsEnabled": True, "eventsExpiration": 0}
        self.answers: list[web.Response] = []
        self.asked: list[str] = []
        self.base = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to answer."""
        app = web.Application()
        app.router.add_post("/realms/{realm}/protocol/openid-connect/token", self._token)
        app.router.add_get("/admin/realms/{realm}/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.match_info["realm"] != "clinic":
            return web.json_response({"error": "Realm does not exist"}, status=404)
        if form.get("client_secret") != SECRET:
            return web.json_response({"error": "unauthorized_client"}, status=401)
        return web.json_response({"access_token": "token", "expires_in": 300})

    async def _get(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.answers:
            return self.answers.pop(0)
        path = request.match_info["path"]
        if path == "events/config":
            return web.json_response(self.config)
        stored = self.admin if path == "admin-events" else self.user
        from_ms, first, many = (int(request.query[name]) for name in ("dateFrom", "first", "max"))
        later = sorted((one for one in stored if one["time"] >= from_ms), key=lambda one: int(one["time"]))
        return web.Response(text=json.dumps(later[first : first + many]), content_type="application/json")
