"""Every name of Faust, aiokafka and mode that is not public, touched here and nowhere else. Their versions are pinned.

Faust keeps the group, the assignment, the callbacks of a change of owner and the commit timer. Its way of data is
replaced, for what was seen on a real broker:

* `_wait_next_records` hands a live set of partitions to the fetching thread; empty there means all, and records of
  paused partitions are dropped: `_getmany` hands over a copy, and the lane checks that batches are contiguous.
* seeking to the committed offset does nothing for a partition without one: the lane seeks by itself.
* a commit that fails crashes the worker: here it is tried again.
* a refused commit is remembered as committed: here it is not.
* a table recovers slowly, and loses state in quick changes of owner: there is no table.
* a crash while the broker is away never ends: `streams.kafka.watchdog` ends the process.
* a seek that takes longer than the request time-out looks to the recovery task like the end of the service: the task
  ends without a word, and no record flows again: `perform_seek` does nothing, the lane seeks.
* an error of the group is kept until somebody polls, and until then the member does nothing: here it is asked for.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.errors import KafkaError as ClientError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import Consumer, ConsumerThread, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from streams.kafka.lane import Lane
from streams.kafka.watchdog import EXIT_GIVEN_UP, end_process

EXIT_GRACE_S: Final = 10.0
"""Seconds for an orderly end after a batch was given up."""
FETCH_WAIT_MS: Final = 100
LOOK_EVERY_S: Final = 1.0
"""Seconds between two looks at whether the group works."""
RESUME_MAX_S: Final = 60.0
"""Seconds beyond a request time-out in which records must flow after partitions were given; then the process ends."""
GATE_LOOK_S: Final = 0.1
"""Seconds between two looks at whether records may be taken."""

TOUCHED: Final[Mapping[type, Mapping[str, str]]] = {
    Consumer: {
        "_filter_tps_with_pending_acks": "(self, topics=None)",
        "_new_offset": "(self, tp)",
        "_commit_offsets": "(self, offsets, start_new_transaction=True)",
        "_wait_next_records": "(self, timeout)",
        "_drain_messages": "(self, fetcher)",
        "on_partitions_revoked": "(self, revoked)",
        "on_partitions_assigned": "(self, assigned, generation_id=0)",
        "wait_empty": "(self)",
        "perform_seek": "(self)",
    },
    ThreadDelegateConsumer: {
        "_new_consumer_thread": "(self)",
        "_getmany": "(self, active_partitions, timeout)",
        "assignment": "(self)",
    },
    ConsumerThread: {"__init__": "(self, consumer, **kwargs)"},
    driver.AIOKafkaConsumerThread: {
        "_create_worker_consumer": "(self, transport)",
        "_commit": "(self, offsets)",
        "_ensure_consumer": "(self)",
        "commit": "(self, offsets)",
        "seek_wait": "(self, partitions)",
        "call_thread": "(self, fun, *args, **kwargs)",
        "earliest_offsets": "(self, *partitions)",
        "highwaters": "(self, *partitions)",
        "assignment": "(self)",
    },
    driver.Consumer: {"on_stop": "(self)"},
    driver.Transport: {"__init__": "(self, *args, **kwargs)"},
    GroupCoordinator: {"check_errors": "(self)"},
    Service: {"crash": "(self, reason)", "wait": "(self, *coros, timeout=None)"},
}
"""By class the methods that are overridden or called, with their parameters. A contract test compares them."""
TOUCHED_IN_CODE: Final[Mapping[type, Mapping[str, tuple[str, ...]]]] = {
    Consumer: {
        "__init__": ("_committed_offset", "can_resume_flow"),
        "_commit_tps": ("_filter_committable_offsets",),
        "_filter_committable_offsets": ("_new_offset",),
        "stop_flow": ("flow_active",),
    },
    ThreadDelegateConsumer: {"__init__": ("_thread",)},
    driver.AIOKafkaConsumerThread: {"__post_init__": ("tp_last_committed_at",)},
    AIOKafkaConsumer: {"__init__": ("_fetch_max_wait_ms", "_fetch_max_bytes", "_coordinator")},
}
"""By class and method the names that its code uses and that are relied upon."""

logger = logging.getLogger(__name__)


def parameters(method: Any) -> str:
    """Names, defaults and stars of a method's parameters, without their types."""
    signature = inspect.signature(method)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


class LaneThread(driver.AIOKafkaConsumerThread):
    """The thread with the client."""

    consumer: LaneConsumer

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        client = super()._create_worker_consumer(transport)
        client._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001  # 1500 is written in the code of Faust
        client._fetch_max_bytes = self.consumer.lane.settings.fetch_bytes_max  # noqa: SLF001  # no setting of Faust
        return client

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        now_s, assigned = time.monotonic(), self.assignment()
        wanted = {
            driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(at, "") for tp, at in offsets.items() if tp in assigned
        }
        if not wanted:
            return False
        self.tp_last_committed_at.update(dict.fromkeys(offsets, now_s))
        client, limit_s = self._ensure_consumer(), self.consumer.lane.settings.request_timeout_s
        try:
            await asyncio.wait_for(client.commit(wanted), limit_s)
        except (CommitFailedError, IllegalStateError, ClientError, TimeoutError) as error:
            logger.warning("a commit failed and will be tried again: %r", error)
            return False
        self.consumer.lane.fence.confirmed()
        return True

    async def committed(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """The committed offsets, of those that have one; within the request time-out, for the thread has two hands."""
        return await self.call_thread(self._committed, list(partitions))  # type: ignore[no-any-return]  # mode has no types

    async def _committed(self, partitions: list[TP]) -> Mapping[TP, int]:
        client, limit_s = self._ensure_consumer(), self.consumer.lane.settings.request_timeout_s
        asked = asyncio.gather(*(client.committed(driver.ensure_aiokafka_TP(tp)) for tp in partitions))
        found = await asyncio.wait_for(asked, limit_s)
        return {tp: at for tp, at in zip(partitions, found, strict=True) if at}

    async def check(self) -> None:
        """Raise what the group has met and could not get over."""
        await self.call_thread(self._check)

    async def _check(self) -> None:
        self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001  # nothing public asks without polling


class FaustMembership:
    """What the lane asks of its consumer: `streams.kafka.fence.Membership`."""

    def __init__(self, consumer: LaneConsumer) -> None:
        """Ask this one."""
        self._consumer = consumer
        self._topic = consumer.lane.settings.topic

    @property
    def _thread(self) -> LaneThread:
        return self._consumer._thread  # noqa: SLF001  # ours, see _new_consumer_thread

    @property
    def flowing(self) -> bool:
        """Whether no change of owner is under way."""
        return bool(self._consumer.flow_active)

    def assigned(self) -> frozenset[int]:
        """Our partitions."""
        return frozenset(tp.partition for tp in self._consumer.assignment() if tp.topic == self._topic)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit these; whether the broker has accepted it."""
        return await self._thread.commit(by_topic(self._topic, offsets))

    async def committed(self) -> Mapping[int, int]:
        """The committed offsets of our partitions."""
        found = await self._thread.committed(TP(self._topic, number) for number in self.assigned())
        self._consumer._committed_offset.update(found)  # noqa: SLF001  # what Faust knows
        return {tp.partition: at for tp, at in found.items()}

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Fetch from these offsets on."""
        await self._thread.seek_wait(by_topic(self._topic, offsets))

    async def first_offsets(self) -> Mapping[int, int]:
        """The oldest offsets of our partitions."""
        ours = [TP(self._topic, number) for number in self.assigned()]
        return {tp.partition: at for tp, at in (await self._thread.earliest_offsets(*ours)).items()} if ours else {}

    async def end_offsets(self, topic: str, partitions: frozenset[int]) -> Mapping[int, int]:
        """Where the next records of a topic will be."""
        asked = [TP(topic, number) for number in partitions]
        return {tp.partition: at for tp, at in (await self._thread.highwaters(*asked)).items()} if asked else {}


def by_topic(topic: str, offsets: Mapping[int, int]) -> dict[TP, int]:
    """Offsets with the topic beside the partition, as Faust has them."""
    return {TP(topic, number): at for number, at in offsets.items()}


class LaneConsumer(driver.Consumer):
    """A member of the group whose records go to the lane. Its app may subscribe to the lane's topic alone."""

    lane: Lane
    _thread: LaneThread
    _given_s: float | None = None

    def _new_consumer_thread(self) -> LaneThread:
        self.lane.bind(FaustMembership(self))
        return LaneThread(self, loop=self.loop, beacon=self.beacon)

    # What Faust tells.

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Partitions are taken."""
        self.lane.revoking()
        self._given_s = None
        # Stops the flow, waits for what is in flight, commits.
        await super().on_partitions_revoked(revoked)
        self.lane.revoked()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions are given."""
        topic = self.lane.settings.topic
        self.lane.assigned(frozenset(tp.partition for tp in assigned if tp.topic == topic))
        self._given_s = time.monotonic()
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        """Wait for what is in flight."""
        await self.lane.drained()
        await super().wait_empty()

    async def perform_seek(self) -> None:
        """Leave positions to the lane."""

    async def on_stop(self) -> None:
        """Stop writing too."""
        await super().on_stop()
        await self.lane.stop()

    # Commits follow the lane.

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        ours = by_topic(self.lane.settings.topic, self.lane.advanced)
        return (tp for tp in ours if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self.lane.advanced.get(tp.partition)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002  # Faust's signature
        before = {tp: self._committed_offset[tp] for tp in offsets}
        done = await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction)
        if not done:
            self._committed_offset.update(before)
        return done

    # The loop.

    async def _getmany(self, active_partitions: Iterable[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        wanted = frozenset(active_partitions or ())
        if not wanted:
            await asyncio.sleep(0.05)
            return {}
        return await super()._getmany(wanted, timeout)  # type: ignore[arg-type]  # it is only read

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set() or self.should_stop):  # noqa: SLF001  # as stock does
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as stock does
                elif not self.lane.ready:
                    await self.lane.open()
                elif not self.lane.gate():
                    await self.lane.tick()
                    await asyncio.sleep(GATE_LOOK_S)
                elif not await self._round():
                    return
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _round(self) -> bool:
        """Fetch and work off; whether to go on."""
        fetched, _ = await self._wait_next_records(1.0)
        if fetched is None or self.should_stop:
            return False
        # What was fetched across a change of owner is dropped: positions are set anew before the lane opens.
        if self.flow_active and self.lane.ready:
            try:
                if fetched:
                    await self.lane.take({tp.partition: records for tp, records in fetched.items()})
                await self.lane.tick()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever the judge raises: nothing advanced, and the process must end
                await self._give_up(error)
                return False
        await asyncio.sleep(0)
        return True

    async def _give_up(self, error: BaseException) -> None:
        logger.critical("giving up, exit code %d: %r", EXIT_GIVEN_UP, error)
        asyncio.get_running_loop().call_later(EXIT_GRACE_S, end_process, EXIT_GIVEN_UP)
        await self.crash(error)

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(self.lane.settings.watch_every_s)
            await self.lane.watch()

    @Service.task
    async def _measure(self) -> None:
        while not self.should_stop:
            await self.lane.measure()
            await self.sleep(self.lane.settings.measure_every_s)

    @Service.task
    async def _look(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_EVERY_S)
            try:
                await self._thread.check()
            except ClientError as error:
                await self._give_up(error)
                return
            limit_s = RESUME_MAX_S + self.lane.settings.request_timeout_s
            if self.flow_active or self._given_s is None:
                continue
            if time.monotonic() - self._given_s > limit_s:
                await self._give_up(TimeoutError("partitions were given, and no records flow"))
                return


def install(app: Any, lane: Lane) -> None:
    """Make the app's consumer one that feeds `lane`; before the app starts."""
    consumer = type("LaneConsumer", (LaneConsumer,), {"lane": lane})
    transport = type("LaneTransport", (driver.Transport,), {"Consumer": consumer})
    app.transport = transport(app.conf.broker_consumer, app)
