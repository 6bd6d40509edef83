"""The reference contract served over HTTP from memory: `sessionwatch broker serve`. For demonstrations and tests."""

from __future__ import annotations

import asyncio
import hmac
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, get_args

from aiohttp import web

from models.actions import Verb
from sessionwatch.errors import UsageError
from sessionwatch.responses.brokers.reference import CONTRACT
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded import EmbeddedSessions, NoSuchError, OtherOrderError, Session

BODY_BYTES_MAX: Final = 64 * 1024
"""Bytes of a request to the embedded broker; a larger one is refused with 413."""
CONTRACT_FILE: Final = Path(__file__).parent / "brokers" / "reference.openapi.json"
"""The contract in OpenAPI 3.1."""
ORDERED: Final = frozenset(get_args(Verb)) - {"notify"}
FIELDS: Final = frozenset({"verb", "tenant", "user", "session", "alert", "rule", "why", "undoes"})
"""What an order may say."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class EmbeddedServer:
    """The server around `sessions`; all but the contract itself need the bearer's `token`."""

    def __init__(self, sessions: EmbeddedSessions, token: Secret, middlewares: Sequence[Any] = ()) -> None:
        """`middlewares`: aiohttp's, such as a test's that delays answers."""
        self.sessions = sessions
        self._middlewares = middlewares
        self._token = token
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen at `host` and `port` (0 takes a free one); the port.

        Raises:
            UsageError: that cannot be had.
        """
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(f"{host}:{port} cannot be had: {error.strerror}; choose another") from error
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def application(self) -> web.Application:
        """The routes: those of the contract, and those of the demonstration under `/demo`."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard, *self._middlewares])
        route = app.router
        route.add_get("/openapi.json", _contract)
        route.add_get("/v1/health", _health)
        route.add_get("/v1/counts", self._counts)
        route.add_get("/v1/sessions/{session}", self._session)
        route.add_put("/v1/actions/{id}", self._order)
        route.add_post("/demo/sessions", self._begin)
        route.add_post("/demo/sessions/{session}/use", self._use)
        route.add_post("/demo/sessions/{session}/factor", self._factor)
        route.add_get("/demo/effects", self._effects)
        route.add_get("/demo/events", self._events)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        wanted = self._token.reveal().encode()
        if request.path != "/openapi.json" and not hmac.compare_digest(given.encode(errors="replace"), wanted):
            return _refused(HTTPStatus.UNAUTHORIZED, "wrong_token")
        return await handler(request)

    async def _counts(self, _request: web.Request) -> web.Response:
        return web.json_response({"sessions_alive": self.sessions.count()})

    async def _session(self, request: web.Request) -> web.Response:
        found = self.sessions.sessions.get(request.match_info["session"])
        return _refused(HTTPStatus.NOT_FOUND, "no_such_session") if found is None else self._shown(found)

    def _shown(self, session: Session, status: int = HTTPStatus.OK) -> web.Response:
        told = {"session": session.id, "user": session.user, "alive": session.alive}
        return web.json_response({**told, "step_up": session.user in self.sessions.demanded}, status=status)

    async def _order(self, request: web.Request) -> web.Response:
        said = await _object(request)
        if said is None or not _is_order(said):
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no_order")
        action = request.match_info["id"]
        try:
            result = self.sessions.order(action, said)
        except NoSuchError as error:
            return _refused(HTTPStatus.NOT_FOUND, str(error))
        except OtherOrderError:
            return _refused(HTTPStatus.CONFLICT, "id_of_another_action")
        return web.json_response({"id": action, "result": result})

    async def _begin(self, request: web.Request) -> web.Response:
        said = await _object(request)
        texts = {} if said is None else {name: str(value) for name, value in said.items()}
        if not texts.get("user") or not set(texts) <= {"user", "session", "ip", "device"}:
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no_session")
        texts.setdefault("session", uuid.uuid4().hex)
        return self._shown(self.sessions.begin(**texts), HTTPStatus.CREATED)

    async def _use(self, request: web.Request) -> web.Response:
        came = self.sessions.use(request.match_info["session"])
        refused = {"session_ended": HTTPStatus.UNAUTHORIZED, "step_up_required": HTTPStatus.FORBIDDEN}
        return _refused(refused[came], came) if came in refused else web.json_response({"result": came})

    async def _factor(self, request: web.Request) -> web.Response:
        said = await _object(request)
        if said is None or not isinstance(said.get("passed"), bool):
            return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "no_factor")
        try:
            self.sessions.factor(request.match_info["session"], passed=said["passed"])
        except NoSuchError as error:
            return _refused(HTTPStatus.NOT_FOUND, str(error))
        return web.json_response({"result": "ok"})

    async def _effects(self, _request: web.Request) -> web.Response:
        return web.json_response(self.sessions.effects)

    async def _events(self, _request: web.Request) -> web.Response:
        lines = "".join(json.dumps(event) + "\n" for event in self.sessions.happened)
        return web.Response(text=lines, content_type="application/x-ndjson")


async def serve(server: EmbeddedServer, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until the task is cancelled; `ready` is given the port."""
    ready(await server.start(host, port))
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()


async def _contract(_request: web.Request) -> web.Response:
    return web.Response(body=CONTRACT_FILE.read_bytes(), content_type="application/json")


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"contract": CONTRACT})


async def _object(request: web.Request) -> dict[str, Any] | None:
    """The body, where it is a JSON object."""
    try:
        said = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _is_order(said: Mapping[str, Any]) -> bool:
    texts = all(isinstance(value, str) for value in said.values())
    needed = bool(said.get("user")) and (said.get("verb") != "kill_session" or bool(said.get("session")))
    return texts and set(said) <= FIELDS and said.get("verb") in ORDERED and needed


def _refused(status: HTTPStatus, word: str) -> web.Response:
    return web.json_response({"error": word}, status=status)
