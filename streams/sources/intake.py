"""Events taken over HTTP: acknowledged when whoever judges them has them on the disk, refused when too much waits."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from streams.monitoring import Reports, Server

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest body of one POST, 8 MiB; a larger one is refused with 413 and nothing of it is taken."""
WAITING_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bodies that wait to be judged, 32 MiB in all; beyond it a POST is refused with 429 and a Retry-After."""
KEY_LENGTH_MAX: Final = 200
"""Characters of an Idempotency-Key."""
RETRY_AFTER_S: Final = 1
UNAVAILABLE: Final = HTTPStatus.SERVICE_UNAVAILABLE
EVENTS_PATH: Final = "/v1/events"


class Posted:
    """One POST that waits for its answer: the body, the format that was named, the sender's own key for it."""

    def __init__(
        self, body: bytes, log_format: str, key: str, answer: Callable[[int, Mapping[str, Any]], None]
    ) -> None:
        self.body, self.format, self.key = body, log_format, key
        self.answer = answer


class Intake:
    """A server on `address` (`HOST:PORT`; port 0 takes a free one) in a thread of its own.

    Bodies wait in `take` order; `reports` is what it says of whoever judges them.

    Raises:
        UsageError: the address is none, or cannot be had.
    """

    def __init__(self, address: str, token: str, wake: threading.Event) -> None:
        """Listen; answers begin with `start`. `wake` is set with each POST."""
        self._server = Server(address, "--listen")
        self._token = token.encode()
        self._wake = wake
        self._waiting: deque[Posted] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self.closing = False
        self.reports = Reports()
        self.refused = 0

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    def start(self) -> None:
        """Begin to answer."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post(EVENTS_PATH, self._post)
        self.reports.add_to(app)
        self._server.start(app, "intake")

    def take(self, bytes_max: int) -> list[Posted]:
        """The bodies that wait, in the order they came, about `bytes_max` bytes of them."""
        taken: list[Posted] = []
        size = 0
        while self._waiting and size < bytes_max:
            posted = self._waiting.popleft()
            size += len(posted.body)
            taken.append(posted)
        with self._lock:
            self._waiting_bytes -= size
        return taken

    def close(self) -> None:
        """Refuse what still waits, and stop listening."""
        self.closing = True
        for posted in self.take(WAITING_BYTES_MAX):
            posted.answer(UNAVAILABLE, {"error": "the watch is stopping; send it again"})
        self._server.close()

    async def _post(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _too_large()
        if self._waiting_bytes + len(body) > WAITING_BYTES_MAX:
            return self._busy()
        status, told = await self._judged(body, request.query.get("format", ""), _key(request))
        return web.json_response(told, status=status, headers=_later() if status == UNAVAILABLE else None)

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why this POST is not taken, before its body is read; None where it is."""
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        refusal: web.Response | None = None
        if not hmac.compare_digest(offered, self._token):
            challenge = {"WWW-Authenticate": "Bearer"}
            refusal = _said(HTTPStatus.UNAUTHORIZED, "give the token: Authorization: Bearer TOKEN", challenge)
        elif request.headers.get("Content-Encoding", "identity") != "identity":
            refusal = _said(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "packed bodies are not taken; send JSON as it is")
        elif len(_key(request)) > KEY_LENGTH_MAX:
            refusal = _said(HTTPStatus.BAD_REQUEST, f"an Idempotency-Key has at most {KEY_LENGTH_MAX} characters")
        elif self.closing:
            refusal = _said(UNAVAILABLE, "the watch is stopping; send it again", _later())
        elif (request.content_length or 0) > BODY_BYTES_MAX:
            refusal = _too_large()
        elif self._waiting_bytes + (request.content_length or 0) > WAITING_BYTES_MAX:
            refusal = self._busy()
        return refusal

    def _busy(self) -> web.Response:
        self.refused += 1
        return _said(HTTPStatus.TOO_MANY_REQUESTS, "too much waits to be judged; send it again later", _later())

    async def _judged(self, body: bytes, log_format: str, key: str) -> tuple[int, Mapping[str, Any]]:
        answered: asyncio.Future[tuple[int, Mapping[str, Any]]] = self._server.loop.create_future()

        def settle(outcome: tuple[int, Mapping[str, Any]]) -> None:
            if not answered.done():
                answered.set_result(outcome)

        def answer(status: int, told: Mapping[str, Any]) -> None:
            self._server.loop.call_soon_threadsafe(settle, (status, told))

        with self._lock:
            self._waiting_bytes += len(body)
        self._waiting.append(Posted(body, log_format, key, answer))
        self._wake.set()
        return await answered


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")


def _too_large() -> web.Response:
    told = f"a body has at most {BODY_BYTES_MAX:,} bytes; send fewer events at a time"
    return _said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


def _said(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": why}, status=status, headers=headers)


def _later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)}
