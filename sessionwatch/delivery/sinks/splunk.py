"""Splunk's HTTP Event Collector, with acknowledgement where the token asks for it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field

from models.spans import Span
from sessionwatch.delivery.sink import STORED, Document, Receipt, Sink, SinkSettings, receipt_of
from sessionwatch.errors import UnansweredError
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange
from streams.sinks.hec import hec_line
from streams.sinks.outgoing import Outgoing

EVENTS: Final = "/services/collector/event"
ACKNOWLEDGED: Final = "/services/collector/ack"
POLL_S: Final = 0.5
"""Seconds between two questions whether a request is indexed; each next one waits longer, up to `POLL_S_MAX`."""
POLL_S_MAX: Final = 5.0
"""The longest wait between two such questions, in seconds."""


class SplunkSettings(SinkSettings):
    """How a collector is set up; the secret is its token.

    `acknowledged`: the token has indexer acknowledgement switched on; without it `stored` is what the collector took.
    """

    acknowledged: bool = True
    acknowledged_within: Annotated[Span, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(minutes=2)


class SplunkSink(Sink):
    """Events go in one request a batch. Splunk stores what is sent twice twice, under one `document_id`."""

    name: ClassVar[str] = "splunk"
    Settings: ClassVar[type[SinkSettings]] = SplunkSettings

    def __init__(self, exchange: Exchange, secret: Secret, settings: SplunkSettings) -> None:
        """Speak through `exchange`, on a channel of one's own."""
        self._exchange, self._secret, self._settings = exchange, secret, settings
        self._channel = str(uuid.uuid4())

    @classmethod
    def of(cls, settings: SplunkSettings) -> Self:
        """See `Sink.of`."""
        secret = secret_of(settings.secret_variable, settings.secret_file, "the token of the collector")
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s, whose="sink")
        return cls(exchange, secret, settings)

    def encode(self, told: Outgoing) -> bytes:
        """See `Sink`."""
        return hec_line(told)

    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """See `Sink`."""
        many = len(documents)
        try:
            reply = await self._exchange.ask(
                "POST", EVENTS, headers=self._headers(), content=b"".join(one.line for one in documents)
            )
            if not reply.ok:
                return [receipt_of(reply)] * many
            if not self._settings.acknowledged:
                return [STORED if reply.field("code") == 0 else Receipt("retry", "nonsense")] * many
            number = reply.field("ackId")
            if type(number) is not int:
                return [Receipt("retry", "no acknowledgement; set acknowledged: false if the token gives none")] * many
            return [await self._acknowledged(number)] * many
        except UnansweredError as error:
            return [Receipt("retry", error.reason)] * many

    async def close(self) -> None:
        """See `Sink`."""
        await self._exchange.close()

    def _headers(self) -> dict[str, str]:
        return {
            "authorization": f"Splunk {self._secret.reveal()}",
            "x-splunk-request-channel": self._channel,
            "content-type": "application/json",
        }

    async def _acknowledged(self, number: int) -> Receipt:
        """Ask until it is indexed: the collector may lose what it took before that."""
        until_s, wait_s = time.monotonic() + self._settings.acknowledged_within.total_seconds(), POLL_S
        while True:
            reply = await self._exchange.ask("POST", ACKNOWLEDGED, headers=self._headers(), data={"acks": [number]})
            if not reply.ok:
                return Receipt("retry", f"status_{reply.status}")
            said: Any = reply.field("acks")
            if isinstance(said, dict) and said.get(str(number)) is True:
                return STORED
            if time.monotonic() + wait_s > until_s:
                return Receipt("retry", "not_acknowledged")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, POLL_S_MAX)
