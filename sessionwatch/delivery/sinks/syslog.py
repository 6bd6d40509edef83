"""Syslog (RFC 5424) with CEF: over TLS (RFC 5425), TCP (octet counting, RFC 6587) or UDP (RFC 5426)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import ClassVar, Final, Literal, Self, cast
from urllib.parse import urlsplit

from sessionwatch.delivery.sink import STORED, Document, Receipt, Sink, SinkSettings
from sessionwatch.errors import BrokerError
from sessionwatch.responses.exchange import verified
from streams.sinks.cef import cef_line
from streams.sinks.outgoing import Outgoing

PORTS: Final = {"tls": 6514, "tcp": 601, "udp": 514}
"""Where each listens unless the address says: RFC 5425, 6587 and 5426."""
DATAGRAM_BYTES_MAX: Final = 8_192
"""Bytes of a message over UDP; a longer one would be cut on its way, and is refused."""

Transport = Literal["tls", "tcp", "udp"]


class SyslogSink(Sink):
    """Messages on one connection, made anew where it broke.

    Syslog acknowledges nothing: what was handed to the system counts as stored, and what was under way when the other
    side died is lost there. Over UDP anything may be. TLS and a relay near by lose least.
    """

    name: ClassVar[str] = "syslog"

    def __init__(
        self, transport: Transport, host: str, port: int, context: ssl.SSLContext | None, wait_s: float
    ) -> None:
        """Nothing is opened yet."""
        self._transport, self._host, self._port, self._context = transport, host, port, context
        self._wait_s = wait_s
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    def of(cls, settings: SinkSettings) -> Self:
        """See `Sink.of`."""
        said = urlsplit(settings.base)
        if said.scheme not in PORTS or not said.hostname or said.path.strip("/") or said.username:
            raise BrokerError("the sink's address must be tls://HOST:PORT, tcp://HOST:PORT or udp://HOST:PORT")
        try:
            port = said.port or PORTS[said.scheme]
        except ValueError as error:
            raise BrokerError(f"the sink's address has no port that can be: {error}") from error
        transport = cast("Transport", said.scheme)
        context = verified(settings.authority) if transport == "tls" else None
        return cls(transport, said.hostname, port, context, settings.timeout.total_seconds())

    def encode(self, told: Outgoing) -> bytes:
        """See `Sink`."""
        return cef_line(told)

    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """See `Sink`."""
        try:
            async with asyncio.timeout(self._wait_s):
                if self._transport == "udp":
                    return await self._datagrams(documents)
                writer = await self._connected()
                writer.write(b"".join(b"%d %b" % (len(one.line), one.line) for one in documents))
                await writer.drain()
        except TimeoutError:
            await self.close()
            return [Receipt("retry", "timed_out")] * len(documents)
        except ssl.SSLError:
            await self.close()
            return [Receipt("retry", "tls_failed")] * len(documents)
        except OSError:
            await self.close()
            return [Receipt("retry", "connect_failed")] * len(documents)
        return [STORED] * len(documents)

    async def close(self) -> None:
        """See `Sink`."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is not None and self._reader is not None and not self._reader.at_eof():
            return self._writer
        await self.close()
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
        return self._writer

    async def _datagrams(self, documents: Sequence[Document]) -> list[Receipt]:
        loop = asyncio.get_running_loop()
        family, kind, protocol, _, address = (await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM))[0]
        receipts = []
        with socket.socket(family, kind, protocol) as sending:
            sending.setblocking(False)
            for one in documents:
                if len(one.line) > DATAGRAM_BYTES_MAX:
                    receipts.append(Receipt("refused", "too_large"))
                    continue
                await loop.sock_sendto(sending, one.line, address)
                receipts.append(STORED)
        return receipts
