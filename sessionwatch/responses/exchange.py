"""One exchange over HTTP with a broker: bounded in bytes and time, whatever the other side does.

Redirects are not followed: a broker that has moved is set up anew by a person. TLS is always verified, by the system's
authorities or a site's own; nothing switches that off.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from models.actions import Outcome
from sessionwatch.errors import BrokerError, UnansweredError

REPLY_BYTES_MAX: Final = 1024 * 1024
"""Bytes of an answer; of a longer one nothing is believed."""
RETRY_AFTER_S_MAX: Final = 3_600.0
"""Seconds that a broker may put us off for at once; asked for longer, it is asked again after these."""
TIMEOUT_S: Final = 15.0
"""Seconds that an exchange takes at most, from the first byte sent to the last received. Long, because a broker may
tell every application of a session before it answers."""
CONNECTIONS_MAX: Final = 64
"""Connections to one broker at a time."""
_HTTP_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_ACCEPTED: Final = 202
_TRY_AGAIN: Final = frozenset({408, 409, 423, 425, 429})
_SERVER: Final = range(500, 600)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its headers (names in small letters), its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it is any of 200 to 299."""
        return self.status in _HTTP_OK

    def data(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def field(self, name: str) -> Any:
        """A field of the body where that is a JSON object, else None."""
        data = self.data()
        return data.get(name) if isinstance(data, dict) else None


class Exchange:
    """A client of one base address. One event loop; `close` it.

    `authority` is a file with a site's own certificate authorities in PEM; None: those of the system.
    """

    def __init__(
        self, base: str, *, authority: Path | None = None, timeout_s: float = TIMEOUT_S, whose: str = "broker"
    ) -> None:
        """Prepare it; nothing is asked yet. `whose` address it is, messages say.

        Raises:
            BrokerError: `base` is no http or https address, or `authority` cannot be read.
        """
        url = _address(base, whose)
        self.base = str(url).rstrip("/")
        self.timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            verify=verified(authority),
            follow_redirects=False,
            trust_env=False,  # a proxy in the environment would see every session's id
            timeout=httpx.Timeout(timeout_s),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
        )

    async def ask(  # the parts of a request
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Send a request and read the whole answer; `data` goes as JSON. `path` begins with a slash.

        Raises:
            UnansweredError: there was no answer within time and bytes. What was asked may have been done.
        """
        request = self._client.build_request(
            method,
            self.base + path,
            headers={"accept-encoding": "identity", **(headers or {})},
            json=data,
            data=form,
            content=content,
        )
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._reply(request)
        except TimeoutError as error:
            raise UnansweredError("timed_out") from error
        except httpx.HTTPError as error:
            raise UnansweredError(_reason(error)) from error

    async def _reply(self, request: httpx.Request) -> Reply:
        response = await self._client.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():  # unpacked, a small answer may fill the memory
                body += chunk
                if len(body) > REPLY_BYTES_MAX:
                    raise UnansweredError("too_large")
        finally:
            await response.aclose()
        return Reply(response.status_code, dict(response.headers.items()), bytes(body))

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()


def outcome_of(reply: Reply, *, accepted: frozenset[int] = frozenset({_ACCEPTED})) -> Outcome:
    """What an answer means where a broker has no other words for it; 401 and 404 are the adapter's to judge first.

    2xx: applied, or accepted. 408, 409, 423, 425, 429 and 5xx: retryable, no sooner than `Retry-After` says. All else
    is rejected; a redirect too, since it is not followed.
    """
    status = reply.status
    if reply.ok:
        return Outcome(result="accepted" if status in accepted else "applied", status=status)
    if status in _TRY_AGAIN or status in _SERVER:
        wait_s = retry_after_s(reply.headers.get("retry-after", ""), datetime.now(UTC))
        return Outcome(result="retryable", status=status, detail=f"status_{status}", retry_after_s=wait_s)
    if status in _REDIRECTS:
        return Outcome(result="rejected", status=status, detail="redirected")
    return Outcome(result="rejected", status=status, detail=f"status_{status}")


def unanswered(error: UnansweredError) -> Outcome:
    """The outcome of what was asked and not answered: ask again."""
    return Outcome(result="retryable", detail=error.reason)


def names_one(*ids: str) -> bool:
    """Whether each names one thing below an address: an empty one, dots or slashes would name something else.

    >>> names_one("ann@clinic.example"), names_one(".."), names_one("ann/sessions")
    (True, False, False)
    """
    return all(one.strip(".") and one.isprintable() and not set(one) & {"/", "\\"} for one in ids)


def part(text: str) -> str:
    """One part of a path, whatever stands in it."""
    return quote(text, safe="")


def retry_after_s(text: str, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for, at most `RETRY_AFTER_S_MAX`; None where it is none.

    >>> retry_after_s("120", datetime(2026, 3, 2, tzinfo=UTC))
    120.0
    >>> retry_after_s("Mon, 02 Mar 2026 00:00:30 GMT", datetime(2026, 3, 2, tzinfo=UTC))
    30.0
    >>> retry_after_s("soon", datetime(2026, 3, 2, tzinfo=UTC))
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), RETRY_AFTER_S_MAX)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)


def _address(base: str, whose: str) -> httpx.URL:
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL as error:
        raise BrokerError(f"the {whose}'s address is none: {error}; write https://{whose}.example") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise BrokerError(f"the {whose}'s address must begin with https:// (or http:// on the same machine)")
    if url.userinfo:
        raise BrokerError(f"the {whose}'s address holds a password; give it in the environment or a file")
    if url.scheme == "http" and url.host not in {"127.0.0.1", "::1", "localhost"}:
        raise BrokerError(f"http:// to {url.host} would show every secret on the way; use https://")
    return url


@cache  # reading the system's authorities takes a while, and a broker may have several addresses
def _system() -> ssl.SSLContext:
    return ssl.create_default_context()


def verified(authority: Path | None) -> ssl.SSLContext:
    """What certificates are held against: the authorities in a file of PEM, or those of the system.

    Raises:
        BrokerError: the file cannot be read.
    """
    if authority is None:
        return _system()
    try:
        return ssl.create_default_context(cafile=str(authority))
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"{authority} holds no certificate authority that can be read: {error}") from error


def _reason(error: httpx.HTTPError) -> str:
    """The word for what went wrong; nothing of the request is in it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls_failed"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return "timed_out"
    return "connect_failed" if isinstance(error, httpx.ConnectError) else "broken_off"
