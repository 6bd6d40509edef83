"""A webhook: any program that takes alerts by signed POST, as OCSF findings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar, Self

from sessionwatch.delivery.sink import Document, Receipt, Sink, SinkSettings, receipt_of
from sessionwatch.errors import UnansweredError
from sessionwatch.responses.brokers.webhook import key_of, signature
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange
from streams.sinks.ocsf import ocsf_line
from streams.sinks.outgoing import Outgoing


class WebhookSink(Sink):
    """Each document is one POST, signed as Standard Webhooks say, with the document's id as `webhook-id`.

    `base` is the whole address. Whoever takes it answers 2xx for an id that it has already.
    """

    name: ClassVar[str] = "webhook"

    def __init__(self, exchange: Exchange, secret: Secret) -> None:
        """Speak through `exchange`; `secret` signs."""
        self._exchange, self._secret = exchange, secret

    @classmethod
    def of(cls, settings: SinkSettings) -> Self:
        """See `Sink.of`."""
        secret = secret_of(settings.secret_variable, settings.secret_file, "the key that signs")
        key_of(secret)
        timeout_s = settings.timeout.total_seconds()
        return cls(Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s, whose="sink"), secret)

    def encode(self, told: Outgoing) -> bytes:
        """See `Sink`."""
        return ocsf_line(told)

    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """See `Sink`. In order, and not beyond one that must be sent again."""
        receipts: list[Receipt] = []
        for one in documents:
            receipts.append(await self._sent(one))
            if receipts[-1].result == "retry":
                break
        return receipts + [Receipt("retry", "waits")] * (len(documents) - len(receipts))

    async def close(self) -> None:
        """See `Sink`."""
        await self._exchange.close()

    async def _sent(self, document: Document) -> Receipt:
        at_s = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": document.id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(key_of(self._secret), document.id, at_s, document.line),
        }
        try:
            reply = await self._exchange.ask("POST", "", headers=headers, content=document.line)
        except UnansweredError as error:
            return Receipt("retry", error.reason)
        receipt = receipt_of(reply)
        return Receipt("refused", receipt.reason) if receipt.result == "alone" else receipt
