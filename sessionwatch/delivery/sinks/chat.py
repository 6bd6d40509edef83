"""A channel of people: Slack, Teams and their like take a short text by an address that is itself the secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Self

import httpx
import msgspec

from models.findings import Severity
from sessionwatch.delivery.sink import Document, Receipt, Sink, SinkSettings, receipt_of
from sessionwatch.errors import UnansweredError, UsageError
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange
from streams.sinks.outgoing import Outgoing, What

_MARKUP: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "*": "", "_": "\\_", "@": "(at)"})
"""So that no id of a log becomes a link, a heading or a call to a whole channel."""


class ChatSettings(SinkSettings):
    """How a channel is set up. `base` is how its address begins (https://hooks.slack.com); the secret is all of it.

    People are told what is serious and what is taken back, and nothing between.
    """

    severity_min: Severity = "high"
    changes: tuple[What, ...] = ("raised", "withdrawn")


class ChatSink(Sink):
    """Each document is one message. A channel keeps no ids: one that is sent twice is read twice."""

    name: ClassVar[str] = "chat"
    Settings: ClassVar[type[SinkSettings]] = ChatSettings

    def __init__(self, exchange: Exchange, path: Secret) -> None:
        """Speak through `exchange`; `path` is the secret part of the address."""
        self._exchange, self._path = exchange, path

    @classmethod
    def of(cls, settings: SinkSettings) -> Self:
        """See `Sink.of`."""
        address = secret_of(settings.secret_variable, settings.secret_file, "the channel's whole address").reveal()
        base = settings.base.rstrip("/")
        if not address.startswith(f"{base}/"):
            raise UsageError(f"the secret is no address that begins with {base}/; base and secret belong together")
        path = httpx.URL(address).raw_path.decode()
        root = address[: len(address) - len(path)]
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(root, authority=settings.authority, timeout_s=timeout_s, whose="sink")
        return cls(exchange, Secret(path))

    def encode(self, told: Outgoing) -> bytes:
        """See `Sink`."""
        return msgspec.json.encode({"text": text_of(told)})

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
        headers = {"content-type": "application/json"}
        try:
            reply = await self._exchange.ask("POST", self._path.reveal(), headers=headers, content=document.line)
        except UnansweredError as error:
            return Receipt("retry", error.reason)
        receipt = receipt_of(reply)
        return Receipt("refused", receipt.reason) if receipt.result == "alone" else receipt


def text_of(told: Outgoing) -> str:
    """The message: what, about whom, when, and the id to look it up by."""
    head = f"{told.severity.upper()}: {told.rule_title}" if told.what == "raised" else f"{told.what}: {told.rule_title}"
    who = f"user {told.user}" if told.user else f"{told.by} {told.subject}".strip()
    session = f", session {told.session}" if told.session else ""
    where = f", from {', '.join(told.ips[:3])}" if told.ips else ""
    when = f"{told.first_at:%Y-%m-%d %H:%M:%S} to {told.last_at:%H:%M:%S} UTC"
    body = f"{who}{session}{where}; {when}; rule {told.rule}; alert {told.alert}"
    return f"{head}\n{body}".translate(_MARKUP)
