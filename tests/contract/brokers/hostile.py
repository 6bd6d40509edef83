"""A server that is up to no good: each fault is a way to answer any request wrongly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def status(line: str, body: bytes = b"{}", *headers: str) -> Answer:
    """A whole answer with this status line."""

    async def answer(out: asyncio.StreamWriter) -> None:
        head = "".join(f"{header}\r\n" for header in headers)
        out.write(f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)

    return answer


async def closes_mid_body(out: asyncio.StreamWriter) -> None:
    """Less than it says."""
    out.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id"')


async def closes_at_once(_out: asyncio.StreamWriter) -> None:
    """No word."""


async def says_nothing(_out: asyncio.StreamWriter) -> None:
    """Longer than anybody waits."""
    await asyncio.sleep(30)


async def one_byte_a_while(out: asyncio.StreamWriter) -> None:
    """Always something, never enough: no wait between two bytes is too long by itself."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    await _trickle(out)


async def one_header_byte_a_while(out: asyncio.StreamWriter) -> None:
    """The same before the body."""
    out.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await _trickle(out)


async def endless_body(out: asyncio.StreamWriter) -> None:
    """A body of a gigabyte."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(16_000):
        out.write(b"x" * 65_536)
        await out.drain()


async def packed_bomb(out: asyncio.StreamWriter) -> None:
    """A small body that says it is a large one, packed."""
    body = b"\x1f\x8b" + b"\0" * 500
    out.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def no_http(out: asyncio.StreamWriter) -> None:
    """Another protocol."""
    out.write(b"SSH-2.0-OpenSSH_9.9\r\n")


FAULTS: dict[str, tuple[Answer, str]] = {
    "closes mid-body": (closes_mid_body, "retryable"),
    "closes at once": (closes_at_once, "retryable"),
    "says nothing": (says_nothing, "retryable"),
    "one byte a while": (one_byte_a_while, "retryable"),
    "one header byte a while": (one_header_byte_a_while, "retryable"),
    "a gigabyte": (endless_body, "retryable"),
    "packed": (packed_bomb, "retryable"),
    "no HTTP": (no_http, "retryable"),
    "nonsense": (status("200 OK", b"<html>welcome</html>"), "retryable"),
    "another shape": (status("200 OK", b'{"id": [], "result": [], "access_token": {}, "error": {}}'), "retryable"),
    "not found, in another shape": (status("404 Not Found", b'{"error": [], "result": {}}'), "rejected"),
    "redirect": (status("301 Moved", b"", "Location: http://127.0.0.1:9/steal"), "rejected"),
    "bad request": (status("400 Bad Request"), "rejected"),
    "unauthorised": (status("401 Unauthorized"), "rejected"),
    "forbidden": (status("403 Forbidden"), "rejected"),
    "not found": (status("404 Not Found"), "rejected"),
    "not found, in HTML": (status("404 Not Found", b"<h1>no such page</h1>"), "rejected"),
    "unprocessable": (status("422 Unprocessable"), "rejected"),
    "too many": (status("429 Too Many Requests"), "retryable"),
    "too many, with a time": (status("429 Too Many Requests", b"", "Retry-After: 7"), "retryable"),
    "server error": (status("500 Internal Server Error", b"stack trace"), "retryable"),
    "bad gateway": (status("502 Bad Gateway"), "retryable"),
    "unavailable": (status("503 Service Unavailable", b"", "Retry-After: 7"), "retryable"),
}
"""Each fault, and the outcome that it must come to."""
SLOW = frozenset({"says nothing", "one byte a while", "one header byte a while"})
"""Those that last as long as anybody waits; who asks them should not wait long, and may wait for the others."""


@contextlib.asynccontextmanager
async def hostile(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a server that answers so, and the requests that it was sent."""
    asked: list[bytes] = []
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def talk(read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks[task] = write
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            asked.append(await read.readuntil(b"\r\n\r\n"))
            await answer(write)
            await write.drain()
        write.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", asked
    finally:
        server.close()
        for task, write in talks.items():
            task.cancel()
            write.transport.abort()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.01)


async def _trickle(out: asyncio.StreamWriter) -> None:
    for _ in range(600):
        out.write(b"x")
        await out.drain()
        await asyncio.sleep(0.05)
