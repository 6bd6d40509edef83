"""What a running process says of itself over HTTP: that it lives, whether it is ready, and what it has counted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from sessionwatch.errors import UsageError

PORTS: Final = 65_536
EXPOSITION: Final = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


@dataclass(slots=True)
class Reports:
    """Whom the server asks, from its own thread. `unready`: why there is no readiness; nothing where there is."""

    metrics: Callable[[], str] = str
    unready: Callable[[], str] = lambda: "not ready"

    def add_to(self, app: web.Application) -> None:
        """Answer under /healthz, /readyz and /metrics."""
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        why = self.unready()
        return web.Response(text=f"{why or 'ready'}\n", status=HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self.metrics().encode(), headers=EXPOSITION)


class Server:
    """Serves on a socket, in a thread with an event loop of its own."""

    def __init__(self, address: str, option: str) -> None:
        """Listen on `address` (`HOST:PORT`; port 0 takes a free one), which `option` has named.

        Raises:
            UsageError: the address is none, or cannot be had.
        """
        self._socket = _listening(address, option)
        self._stopped = threading.Event()
        self.loop: asyncio.AbstractEventLoop

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def start(self, app: web.Application, name: str) -> None:
        """Begin to answer, in a thread of this name."""
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, args=(app,), daemon=True, name=name).start()

    def close(self) -> None:
        """Stop listening."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._stopped.wait(2)

    def _run(self, app: web.Application) -> None:
        asyncio.set_event_loop(self.loop)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self.loop.run_until_complete(runner.setup())
        self.loop.run_until_complete(web.SockSite(runner, self._socket).start())
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.close()
        self._stopped.set()


class Monitor:
    """A server with nothing but reports: no password, since it tells of rules and counts and of no person."""

    def __init__(self, address: str, reports: Reports) -> None:
        """Answer at `address`.

        Raises:
            UsageError: the address is none, or cannot be had.
        """
        self._server = Server(address, "--monitor")
        app = web.Application()
        reports.add_to(app)
        self._server.start(app, "monitor")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    def close(self) -> None:
        """Stop answering."""
        self._server.close()


def _listening(address: str, option: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) >= PORTS:
        raise UsageError(f"{option} {address}: is no address; write 127.0.0.1:8088, or [::1]:8088")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise UsageError(
            f"{option} {address}: cannot be had: {error.strerror}; choose another port or address"
        ) from error
