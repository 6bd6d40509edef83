"""The one producer of a lane: idempotent, every acknowledgement awaited, thrown away after any failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import aiokafka

from sessionwatch.errors import KafkaError
from streams.kafka.batches import Output
from streams.kafka.settings import WRITE_BYTES_MAX

_Row = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value and headers of a record."""
STOP_MAX_S: Final = 10.0
"""Seconds that a client may take to stop; afterwards it is left behind."""


class Appended(NamedTuple):
    """Records that were written together: the offset of the first, and how many."""

    offset: int
    records: int


class Stoppable(Protocol):
    """A client."""

    async def stop(self) -> None:
        """Stop it."""


async def stop_quietly(client: Stoppable) -> None:
    """Stop a client that has failed or is done with; what it has to say about that helps nobody."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.stop(), STOP_MAX_S)


class Outputs:
    """Writes records and waits until all in-sync replicas have them."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Hold the settings of an aiokafka producer; it starts at the first write."""
        self._settings = settings
        self._producer: Any = None
        self._starting = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()

    async def write(self, outputs: Iterable[Output]) -> None:
        """Write, each to its topic; returns when the broker has acknowledged all."""
        producer = await self._started()
        placed: dict[tuple[str, int], list[Output]] = {}
        free: list[Output] = []
        for one in outputs:
            if one.partition is None:
                free.append(one)
            else:
                placed.setdefault((one.topic, one.partition), []).append(one)

        async def chain(topic: str, partition: int, ours: list[Output], acknowledged: list[Awaitable[Any]]) -> None:
            for part in _parts(producer.create_batch, topic, [(one.key, one.value, one.headers) for one in ours]):
                written = await producer.send_batch(part, topic, partition=partition)
                acknowledged.append(written)
                await asyncio.wait((written,))
                written.result()

        async def send(acknowledged: list[Awaitable[Any]]) -> None:
            for one in free:
                headers = list(one.headers) or None
                written = await producer.send(one.topic, value=one.value, key=one.key, headers=headers)
                acknowledged.append(written)  # what was sent before a failure must be in the list
            chains = [chain(topic, number, ours, acknowledged) for (topic, number), ours in placed.items()]
            for ended in await asyncio.gather(*chains, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended

        await self._acknowledged(producer, send)

    async def append(self, topic: str, partition: int, entries: Mapping[bytes, bytes | None]) -> list[Appended]:
        """Write entries to one partition in as few record batches as they fit; each is written whole or not at all.

        Raises:
            KafkaError: an entry is larger than a record batch may be.
        """
        producer = await self._started()
        counts: list[int] = []

        async def send(acknowledged: list[Awaitable[Any]]) -> None:
            for part in _parts(producer.create_batch, topic, [(key, value, ()) for key, value in entries.items()]):
                counts.append(part.record_count())
                acknowledged.append(await producer.send_batch(part, topic, partition=partition))

        written = await self._acknowledged(producer, send)
        return [Appended(one.offset, count) for one, count in zip(written, counts, strict=True)]

    async def stop(self) -> None:
        """Stop the producer."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await stop_quietly(producer)

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                producer = aiokafka.AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=WRITE_BYTES_MAX,
                    max_request_size=4 * WRITE_BYTES_MAX,
                    **self._settings,
                )
                try:
                    await producer.start()
                except BaseException:
                    await stop_quietly(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _acknowledged(self, producer: Any, send: Callable[[list[Awaitable[Any]]], Awaitable[None]]) -> list[Any]:
        """What the broker says to all that `send` sends.

        After a failure the producer goes: a new one has a new id, and no trouble with sequence numbers of the old.
        """
        pending: list[Any] = []
        try:
            await send(pending)
            return await asyncio.gather(*pending)
        except BaseException:
            for one in pending:
                one.add_done_callback(_heard)
            if self._producer is producer:
                self._producer = None
                task = asyncio.ensure_future(stop_quietly(producer))
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)
            raise


def _parts(create: Callable[[], Any], topic: str, records: Iterable[_Row]) -> Iterable[Any]:
    part = create()
    for key, value, headers in records:
        if part.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None:
            continue
        if part.record_count():
            yield part
        part = create()
        if part.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            raise KafkaError(
                f"{topic}: an entry of {len(value or b''):,} bytes is larger than a record batch of "
                f"{WRITE_BYTES_MAX:,} bytes; state must stay below that"
            )
    if part.record_count():
        yield part


def _heard(future: asyncio.Future[Any]) -> None:
    """Take note of how it ended, or the event loop complains that nobody did."""
    if not future.cancelled():
        future.exception()
