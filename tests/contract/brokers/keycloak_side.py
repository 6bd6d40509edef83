"""Keycloak's admin interface as far as the adapter uses it, with the statuses and words that 26.7.4 answered."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, ClassVar

from aiohttp import web

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.keycloak import KeycloakBroker, KeycloakSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded_server import Handler
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import SECRET, FarSide

CLIENT = "ehr-client-id"
NAMES = ("email", "firstName", "lastName")
KNOWN = {"id", "username", "enabled", "requiredActions", "attributes", "access", *NAMES}


class KeycloakSide(FarSide):
    """A realm `clinic` with users and sessions, and a realm `other` with nobody."""

    name: ClassVar[str] = "keycloak"

    def __init__(self) -> None:
        self.users = {user: _person(user) for user in ("ann", "bo")}
        self.credentials = {user: [{"type": "password"}, {"type": "otp"}] for user in self.users}
        self.online: dict[str, str] = {}
        self.offline: dict[str, str] = {}
        self.declared = {"step_up_required", "ward"}
        self.roles = {"manage-users", "view-events"}
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.base = ""
        self._effects = 0
        self._hang = False
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """See `FarSide`."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/realms/{realm}/protocol/openid-connect/token", self._token)
        admin = "/admin/realms/{realm}"
        app.router.add_get(f"{admin}/users", self._list)
        app.router.add_get(f"{admin}/users/profile", self._profile)
        app.router.add_get(f"{admin}/events/config", self._events)
        app.router.add_get(f"{admin}/users/{{user}}", self._get)
        app.router.add_put(f"{admin}/users/{{user}}", self._put)
        app.router.add_get(f"{admin}/users/{{user}}/credentials", self._credentials)
        app.router.add_get(f"{admin}/users/{{user}}/sessions", self._sessions)
        app.router.add_get(f"{admin}/users/{{user}}/offline-sessions/{{client}}", self._offline)
        app.router.add_post(f"{admin}/users/{{user}}/logout", self._logout)
        app.router.add_delete(f"{admin}/sessions/{{session}}", self._delete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """See `FarSide`."""
        assert self._runner is not None
        await self._runner.cleanup()

    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """See `FarSide`."""
        return self.of_realm("clinic", base, timeout_s=timeout_s)

    def elsewhere(self) -> Broker:
        """See `FarSide`."""
        return self.of_realm("clinik")

    def of_realm(self, realm: str, base: str | None = None, *, timeout_s: float = 5.0, **more: Any) -> KeycloakBroker:
        """The adapter for a realm, with other settings."""
        said = {"offline_clients": (CLIENT,), "base": base or self.base, **more}
        settings = KeycloakSettings(broker="keycloak", realm=realm, **said)
        return KeycloakBroker(Exchange(settings.base, timeout_s=timeout_s), Secret(SECRET), settings)

    def sign_in(self, user: str) -> str:
        """See `FarSide`."""
        session = secrets.token_urlsafe(18)
        self.online[session] = user
        return session

    def alive(self, session: str) -> bool:
        """See `FarSide`."""
        return session in self.online or session in self.offline

    def demanded(self, user: str) -> bool:
        """See `FarSide`."""
        return bool(self.users[user]["attributes"].get("step_up_required") == ["true"])

    def effects(self) -> int:
        """See `FarSide`."""
        return self._effects

    def hang_after_next(self) -> None:
        """See `FarSide`."""
        self._hang = True

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        realm = request.match_info.get("realm", "")
        if not request.path.startswith("/admin"):
            return await handler(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _no(401, "HTTP 401 Unauthorized")
        if realm not in {"clinic", "other"}:
            return _no(404, "Realm not found.")
        if ("view-events" if "/events/" in request.path else "manage-users") not in self.roles:
            return _no(403, "HTTP 403 Forbidden")
        user = request.match_info.get("user")
        if user is not None and (user not in self.users or realm == "other"):
            return _no(404, "User not found")
        answer = await handler(request)
        if self._hang and request.method != "GET":
            self._hang = False
            await asyncio.sleep(2)
        return answer

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.match_info["realm"] not in {"clinic", "other"}:
            return _no(404, "Realm does not exist")
        if form.get("client_secret") != SECRET or form.get("grant_type") != "client_credentials":
            return _no(401, "unauthorized_client")
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": 299, "token_type": "Bearer"})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([self.users["ann"]])

    async def _profile(self, _request: web.Request) -> web.Response:
        rights = {"view": ["admin"], "edit": ["admin"]}
        return web.json_response({"attributes": [{"name": name, "permissions": rights} for name in self.declared]})

    async def _events(self, _request: web.Request) -> web.Response:
        return web.json_response({"eventsEnabled": True, "adminEventsEnabled": True})

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.users[request.match_info["user"]])

    async def _put(self, request: web.Request) -> web.Response:
        said, before = await request.json(), self.users[request.match_info["user"]]
        await asyncio.sleep(0.02)  # time for another writer to come between
        if not set(said) <= KNOWN:
            return _no(400, "unknown field")
        after = {**before, **said}
        if "attributes" in said:
            after["attributes"] = {name: value for name, value in said["attributes"].items() if name in self.declared}
            after |= {name: said.get(name) for name in NAMES}
        self._effects += after != before
        self.users[request.match_info["user"]] = after
        return web.Response(status=204)

    async def _credentials(self, request: web.Request) -> web.Response:
        return web.json_response(self.credentials[request.match_info["user"]])

    async def _sessions(self, request: web.Request) -> web.Response:
        return web.json_response(_of(self.online, request.match_info["user"]))

    async def _offline(self, request: web.Request) -> web.Response:
        if request.match_info["client"] != CLIENT:
            return _no(404, "Client not found")
        return web.json_response(_of(self.offline, request.match_info["user"]))

    async def _logout(self, request: web.Request) -> web.Response:
        for one in _of(self.online, request.match_info["user"]):
            del self.online[one["id"]]
            self._effects += 1
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        kind = self.offline if request.query.get("isOffline") == "true" else self.online
        if request.match_info["realm"] == "other" or kind.pop(request.match_info["session"], None) is None:
            return _no(404, "Sesssion not found")
        self._effects += 1
        return web.Response(status=204)


def _person(user: str) -> dict[str, Any]:
    names = {"email": f"{user}@clinic.example", "firstName": user.title(), "lastName": "Example"}
    rest = {"enabled": True, "requiredActions": [], "attributes": {"ward": ["3"]}, "access": {"manage": True}}
    return {"id": user, "username": user, **names, **rest}


def _of(sessions: dict[str, str], user: str) -> list[dict[str, str]]:
    return [{"id": session, "userId": owner} for session, owner in sessions.items() if owner == user]


def _no(status: int, word: str) -> web.Response:
    return web.json_response({"error": word}, status=status)
