"""Events taken over HTTP: acknowledged when whoever judges them has them on the disk, refused when too much waits."""

from __future__ import annotations

import asyncio
import hmac
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from sessionwatch.errors import UsageError

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest body of one POST, 8 MiB; a larger one is refused with 413 and nothing of it is taken."""
WAITING_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bodies that wait to be judged, 32 MiB in all; beyond it a POST is refused with 429 and a Retry-After."""
KEY_LENGTH_MAX: Final = 200
"""Characters of an Idempotency-Key."""
RETRY_AFTER_S: Final = 1
PORTS: Final = 65_536
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

    Bodies wait in `take` order; `metrics`, `ready` and `moves` are what it says of whoever judges them.

    Raises:
        UsageError: the address is none, or cannot be had.
    """

    def __init__(self, address: str, token: str, wake: threading.Event) -> None:
        """Listen; answers begin with `start`. `wake` is set with each POST."""
        self._socket = _listening(address)
        self._token = token.encode()
        self._wake = wake
        self._waiting: deque[Posted] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.closing = False
        self.ready = False
        self.metrics: Callable[[], str] = str
        self.moves: Callable[[], bool] = lambda: True
        self.refused = 0

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True, name="intake").start()

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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._stopped.wait(2)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post(EVENTS_PATH, self._post)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.SockSite(runner, self._socket).start())
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()
        self._stopped.set()

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
        answered: asyncio.Future[tuple[int, Mapping[str, Any]]] = self._loop.create_future()

        def settle(outcome: tuple[int, Mapping[str, Any]]) -> None:
            if not answered.done():
                answered.set_result(outcome)

        def answer(status: int, told: Mapping[str, Any]) -> None:
            self._loop.call_soon_threadsafe(settle, (status, told))

        with self._lock:
            self._waiting_bytes += len(body)
        self._waiting.append(Posted(body, log_format, key, answer))
        self._wake.set()
        return await answered

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self.ready and self.moves():
            return web.Response(text="ready\n")
        why = "stalled: look at standard error and the disk" if self.ready else "not ready"
        return web.Response(text=f"{why}\n", status=UNAVAILABLE)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.metrics(), content_type="text/plain", charset="utf-8")


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")


def _too_large() -> web.Response:
    told = f"a body has at most {BODY_BYTES_MAX:,} bytes; send fewer events at a time"
    return _said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


def _said(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": why}, status=status, headers=headers)


def _later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)}


def _listening(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) >= PORTS:
        raise UsageError(f"--listen {address}: is no address; write 127.0.0.1:8088, or [::1]:8088")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise UsageError(
            f"--listen {address}: cannot be had: {error.strerror}; choose another port or address"
        ) from error
