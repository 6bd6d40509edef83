"""The courier: reads alerts, keeps what is to be sent, sends it until the sink has it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from models.alerts import Notice
from models.findings import SEVERITIES
from sessionwatch.delivery.journal import WAITING_MAX, Journal, Waiting
from sessionwatch.delivery.sink import Document, Receipt, Sink
from sessionwatch.live.alert_rows import AlertRows
from sessionwatch.responses.breaker import backoff_s
from streams.sinks.outgoing import outgoing

READ_MAX: Final = 500
"""Alerts that are read at once."""
IDLE_S: Final = 0.5
"""Seconds between two looks for new alerts."""
TRIES_MAX: Final = 5
"""Tries of one who is asked to stop when all is done, before what still waits is left for the next start."""


class Courier:
    """At least once, with ids that are the same whenever a document is sent.

    In order, but for documents of one request of which the sink took some and put others off: a document says the
    revision that it tells of. What a sink cannot take now waits on disk; what it will never take is put aside.
    `say` is told when sending begins to fail and when it works again.
    """

    def __init__(self, alerts: AlertRows, journal: Journal, sink: Sink, say: Callable[[str], None]) -> None:
        """Bring `alerts` to `sink`, by way of `journal`."""
        self._alerts, self._journal, self._sink, self._say = alerts, journal, sink, say
        self._rng = random.Random()  # noqa: S311  # only spreads retries
        self._tries = 0
        self._alone = 0

    async def run(self, stopped: asyncio.Event, *, until_idle: bool) -> None:
        """Read and send until `stopped`, or until nothing is left or can be sent.

        Raises:
            StateError: the state file or the journal cannot be used.
        """
        while not stopped.is_set():
            taken = self._read()
            waiting = self._journal.waiting(1 if self._alone else self._sink.settings.batch_max)
            if not waiting:
                if until_idle and not taken:
                    return
                await _pause(0.0 if taken else IDLE_S, stopped)
                continue
            receipts = await self._sink.send([one.document for one in waiting])
            wait_s = self._settled(waiting, receipts)
            if until_idle and self._tries >= TRIES_MAX:
                return
            await _pause(wait_s, stopped)

    def _read(self) -> int:
        """Take in what is new, as long as little waits."""
        if self._journal.counts().waiting >= WAITING_MAX:
            return 0
        found = self._alerts.after(*self._journal.position, READ_MAX)
        return self._journal.take((notice, list(self._documents(notice))) for notice in found)

    def _documents(self, notice: Notice) -> Iterator[Document]:
        """What is sent of a notice. Of an alert that was not told yet first that it was raised, whatever came since."""
        settings = self._sink.settings
        told = self._journal.was_told(notice.alert.id)
        serious = SEVERITIES.index(notice.alert.severity) >= SEVERITIES.index(settings.severity_min)
        if not told and (not serious or notice.change == "withdrawn"):
            return  # nobody has to hear that what he never heard of is taken back
        if not told and notice.change != "raised":
            yield from self._document(notice.model_copy(update={"change": "raised"}))
            if notice.change == "updated":
                return
        yield from self._document(notice)

    def _document(self, notice: Notice) -> Iterator[Document]:
        told = outgoing(notice)
        if told.what in self._sink.settings.changes:
            yield Document(told.document, self._sink.encode(told))

    def _settled(self, waiting: Sequence[Waiting], receipts: Sequence[Receipt]) -> float:
        """Note the receipts; how long to wait, in seconds, before the next try."""
        if len(waiting) == 1:
            receipts = [Receipt("refused", one.reason) if one.result == "alone" else one for one in receipts]
        elif any(one.result == "alone" for one in receipts):
            self._alone = len(waiting)
        self._journal.settle(waiting, receipts)
        self._alone = max(self._alone - (len(waiting) == 1), 0)
        for one in receipts:
            if one.result == "refused":
                self._say(f"refused: {one.reason}")
        again = next((one for one in receipts if one.result == "retry"), None)
        if again is None:
            if self._tries:
                self._say("sends again")
            self._tries = 0
            return 0.0
        if not self._tries:
            self._say(f"cannot send: {again.reason}; tries again, and keeps what waits")
        self._tries += 1
        return backoff_s(self._tries, again.wait_s, self._rng)


async def _pause(seconds: float, stopped: asyncio.Event) -> None:
    """Wait, but not longer than until `stopped`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), seconds)
