"""A sink takes alerts over a network: the contract that each of them keeps, and how one is set up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field

from models.findings import Severity
from models.rules import Written
from models.spans import Span
from sessionwatch.responses.exchange import Reply, retry_after_s
from streams.sinks.outgoing import Outgoing, What

BATCH_MAX: Final = 1_000
"""Documents that are sent in one request, whatever a sink's file asks for."""
CHANGES: Final[tuple[What, ...]] = ("raised", "updated", "withdrawn", "settled")

_OUR_FAULT: Final = frozenset({400, 413, 422})
"""What a sink says of the documents themselves. All other faults are of its set-up or its state, and pass."""


@dataclass(frozen=True, slots=True)
class Document:
    """One notice as it is sent: `id` is the same whenever it is, `line` its encoded bytes."""

    id: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a document, and why: a short text without anything of the document.

    stored: the sink has it for good. retry: send it again, no sooner than after `wait_s` seconds. alone: the sink
    refused the whole request and did not say for which document, so each goes by itself. refused: it never takes it.
    """

    result: Literal["stored", "retry", "alone", "refused"]
    reason: str = ""
    wait_s: float | None = None


STORED: Final = Receipt("stored")


class SinkSettings(Written):
    """How a sink is set up, as a file says it; a sink adds its own keys. No secret stands in it.

    `authority`: a file with a site's own certificate authorities. `severity_min` and `changes`: what is sent at all.
    """

    sink: Annotated[str, Field(description="which one it is")]
    base: Annotated[str, Field(description="its address: https://siem.example:8088")]
    authority: Path | None = None
    timeout: Annotated[Span, Field(gt=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=15)
    batch_max: Annotated[int, Field(ge=1, le=BATCH_MAX)] = 100
    severity_min: Severity = "info"
    changes: Annotated[tuple[What, ...], Field(min_length=1)] = CHANGES
    secret_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "SESSIONWATCH_SINK_TOKEN"  # noqa: S105  # the name of a variable, not its value
    secret_file: Path | None = None


class Sink(ABC):
    """One system that takes alerts; asynchronous, used by one event loop.

    Who writes one promises, and `tests/contract/test_sinks.py` holds every one to it: `send` never raises for what the
    other side does, gives one receipt a document in their order, and says `stored` only where the sink said so itself
    (syslog has no way to: there, where the bytes were handed over).
    """

    name: ClassVar[str]
    Settings: ClassVar[type[SinkSettings]] = SinkSettings
    settings: SinkSettings

    @classmethod
    @abstractmethod
    def of(cls, settings: Any) -> Self:
        """The sink that `settings` describe; nothing is sent yet.

        Raises:
            UsageError: the secret is not where it says.
            BrokerError: the address or the authority cannot be used.
        """

    @abstractmethod
    def encode(self, told: Outgoing) -> bytes:
        """The document of a notice; the same bytes whenever it is asked."""

    @abstractmethod
    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """Send them, and say what became of each."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""


def receipt_of(reply: Reply) -> Receipt:
    """What an answer over HTTP means for all that was sent in its request.

    2xx: stored. 400, 413, 422: something in it is not taken, so each is tried alone. All else passes or is mended by a
    person (a token, an address), so nothing is given up for it.
    """
    if reply.ok:
        return STORED
    reason = f"status_{reply.status}"
    if reply.status in _OUR_FAULT:
        return Receipt("alone", reason)
    return Receipt("retry", reason, retry_after_s(reply.headers.get("retry-after", ""), datetime.now(UTC)))
