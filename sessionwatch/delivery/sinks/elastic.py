"""Elasticsearch (and OpenSearch): documents of the Elastic Common Schema by bulk requests that create."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from pydantic import Field

from sessionwatch.delivery.sink import STORED, Document, Receipt, Sink, SinkSettings, receipt_of
from sessionwatch.errors import UnansweredError
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange
from streams.sinks.ecs import ecs_line
from streams.sinks.outgoing import Outgoing

_CREATED: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT})
"""409: a document of that id is there, and ids are of their content."""
_PASSES: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
"""An index or a right that is missing is mended by a person."""


class ElasticSettings(SinkSettings):
    """How Elasticsearch is set up; the secret is an API key as it is sent, in base64."""

    index: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,200}$", description="an index or a data stream")] = (
        "sessionwatch-alerts"
    )


class ElasticSink(Sink):
    """Each document is created under its own id, so one that is sent twice is there once."""

    name: ClassVar[str] = "elastic"
    Settings: ClassVar[type[SinkSettings]] = ElasticSettings

    def __init__(self, exchange: Exchange, secret: Secret, settings: ElasticSettings) -> None:
        """Speak through `exchange`."""
        self._exchange, self._secret = exchange, secret
        self._path = f"/{settings.index}/_bulk"

    @classmethod
    def of(cls, settings: ElasticSettings) -> Self:
        """See `Sink.of`."""
        secret = secret_of(settings.secret_variable, settings.secret_file, "an API key of Elasticsearch")
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s, whose="sink")
        return cls(exchange, secret, settings)

    def encode(self, told: Outgoing) -> bytes:
        """See `Sink`."""
        return ecs_line(told)

    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """See `Sink`."""
        body = b"".join(
            msgspec.json.encode({"create": {"_id": one.id}}) + b"\n" + one.line + b"\n" for one in documents
        )
        headers = {"content-type": "application/x-ndjson", "authorization": f"ApiKey {self._secret.reveal()}"}
        try:
            reply = await self._exchange.ask("POST", self._path, headers=headers, content=body)
        except UnansweredError as error:
            return [Receipt("retry", error.reason)] * len(documents)
        if not reply.ok:
            return [receipt_of(reply)] * len(documents)
        items = reply.field("items")
        if not isinstance(items, list) or len(items) != len(documents):
            return [Receipt("retry", "nonsense")] * len(documents)
        return [_receipt(item, one) for item, one in zip(items, documents, strict=True)]

    async def close(self) -> None:
        """See `Sink`."""
        await self._exchange.close()


def _receipt(item: Any, document: Document) -> Receipt:
    said = item.get("create") if isinstance(item, dict) else None
    status = said.get("status") if isinstance(said, dict) else None
    if not isinstance(said, dict) or type(status) is not int or said.get("_id", document.id) != document.id:
        return Receipt("retry", "nonsense")
    if status in _CREATED:
        return STORED
    error = said.get("error")
    kind = error.get("type") if isinstance(error, dict) else ""
    reason = f"status_{status}" + (f" {kind[:60]}" if isinstance(kind, str) and kind.replace("_", "").isalpha() else "")
    passes = status in _PASSES or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Receipt("retry" if passes else "refused", reason)
