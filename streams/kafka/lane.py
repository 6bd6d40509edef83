"""The lane: whole batches of one topic to one function, its outputs and state written, then the offset advances.

For each partition and batch, in this order and no other:

    1 judge     on entries that nothing else changes; records that an entry has seen are skipped there
    2 outputs   written, every acknowledgement awaited
    3 fence     are these still our partitions? Where the broker's last word on that is old, it is asked
    4 state     the changed entries, written, acknowledged, and with nobody else's records in between
    5 adopt     entries and the position in the changelog, together
    6 advance   the offset; the group's timer commits it

A crash before 4 has the same outputs written again, under the same ids; a crash after it has the records skipped.
The lane knows nothing of Faust: `streams.kafka.faust_private` drives it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from aiokafka.errors import IllegalStateError, NodeNotReadyError
from aiokafka.errors import KafkaConnectionError as ClientConnectionError
from aiokafka.errors import KafkaError as ClientError
from aiokafka.errors import KafkaTimeoutError as ClientTimeoutError

from streams.kafka.batches import Batch, Judge, Look, Outcome, Output, Record, Ticker
from streams.kafka.changelog import Changelog, PartitionState
from streams.kafka.fence import Fence, FencedError, ForeignRecordsError, Membership
from streams.kafka.outputs import Outputs
from streams.kafka.reach import Reach
from streams.kafka.settings import LaneSettings

BACK_OFF_S = 0.2
BACK_OFF_MAX_S = 5.0
"""Seconds between two tries of a batch, at most; they double from BACK_OFF_S."""
SAMPLED = 1_000
"""Entries of a partition from which the size of all is reckoned."""
PASSING = (ClientError, IllegalStateError, asyncio.TimeoutError, OSError)
"""What a broker that is away raises; it passes."""
AWAY = (ClientTimeoutError, ClientConnectionError, NodeNotReadyError)
"""What says that no broker has answered: nothing is wrong with the batch, however often that happens."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LaneCounts:
    """What the lane did since the process began."""

    batches: int = 0
    records: int = 0
    outputs: int = 0
    entries: int = 0
    recovered: int = 0
    mended: int = 0
    fenced: int = 0
    foreign: int = 0
    fetched_again: int = 0
    holes: int = 0
    tries_failed: int = 0


class Lane:
    """State, positions and the order of operations of one topic's partitions in one process."""

    def __init__(self, settings: LaneSettings, judge: Judge, changelog: Changelog, outputs: Outputs) -> None:
        """Hold what it works with; `bind` gives it its membership."""
        self.settings = settings
        self.counts = LaneCounts()
        self.fence = Fence(settings.session_timeout_s)
        self.on_open: Callable[[], None] = lambda: None
        self.on_batch: Callable[[float], None] = lambda _seconds: None
        self.on_measure: Callable[[], Sequence[Output]] = tuple
        self.lagging: Mapping[int, int] | None = None
        """By partition how many records waited when `measure` last asked; None where the broker did not tell."""
        self.ticker: Ticker | None = None
        self.gate: Callable[[], bool] = lambda: True
        self._judge = judge
        self._changelog = changelog
        self._outputs = outputs
        self._states: dict[int, PartitionState] = {}
        self._advanced: dict[int, int] = {}
        self._expected: dict[int, int] = {}
        self._holes: dict[int, tuple[int, int]] = {}
        self._open_epoch = -1
        self._reach = Reach()
        self._tick_s = 0.0
        self._idle = asyncio.Event()
        self._idle.set()

    def bind(self, membership: Membership) -> None:
        """Work for this member of the group."""
        self.fence.membership = membership

    @property
    def _membership(self) -> Membership:
        if self.fence.membership is None:
            raise FencedError("the lane is not in a group yet")
        return self.fence.membership

    @property
    def ready(self) -> bool:
        """Whether state is complete, positions are set and records are judged. A group that is joined is not enough."""
        member = self.fence.membership
        return member is not None and self._open_epoch == self.fence.epoch and member.flowing

    @property
    def advanced(self) -> Mapping[int, int]:
        """By partition the offset to commit."""
        return self._advanced

    @property
    def keys(self) -> int:
        """How many entries are kept."""
        return sum(len(state.data) for state in list(self._states.values()))

    @property
    def state_bytes(self) -> int:
        """How many bytes they have, less their keys: reckoned from some of each partition."""
        found = 0
        for state in list(self._states.values()):
            some = list(islice(state.data.values(), SAMPLED))
            found += sum(map(len, some)) * len(state.data) // max(len(some), 1)
        return found

    # What the group tells.

    def revoking(self) -> None:
        """Partitions are about to be taken: nothing more is written. What has advanced may still be committed."""
        self.fence.changed()

    def revoked(self) -> None:
        """They are taken."""
        self._forget_positions()

    def assigned(self, partitions: frozenset[int]) -> None:
        """These are ours from now on. State that we keep of them stays, with its position in the changelog."""
        self.fence.changed()
        self._forget_positions()
        self.fence.confirmed()
        self._states = {number: self._states.get(number) or PartitionState() for number in partitions}

    def _forget_positions(self) -> None:
        self._advanced.clear()
        self._expected.clear()
        self._holes.clear()
        self._reach.forget()

    async def drained(self) -> None:
        """Wait for the batches in flight, for as long as the settings allow; what is not done then is fenced."""
        try:
            await asyncio.wait_for(self._idle.wait(), self.settings.drain_max_s)
        except TimeoutError:
            logger.warning("a batch is in flight for more than %s s; it is fenced", self.settings.drain_max_s)

    # Opening.

    async def open(self) -> None:
        """Make state complete and set positions, or wait a moment where that is not possible yet."""
        epoch = self.fence.epoch
        self._idle.clear()
        try:
            await self._recover(epoch)
            await self._position(epoch)
            await self._mend(epoch)
            self.fence.check(epoch)
            self._open_epoch = epoch
            logger.info("open: partitions %s, %s entries", sorted(self._states), f"{self.keys:,}")
            self.on_open()
        except FencedError:
            self.counts.fenced += 1
            await asyncio.sleep(0.1)
        except PASSING as error:
            logger.warning("cannot open the lane yet: %r", error)
            await asyncio.sleep(0.5)
        finally:
            self._idle.set()

    async def _recover(self, epoch: int) -> None:
        for state in self._states.values():
            state.fresh = True
        if self._states:
            self.counts.recovered += await self._changelog.recover(self._states, lambda: epoch == self.fence.epoch)

    async def _position(self, epoch: int) -> None:
        """Seek every partition; stock Faust does not move one that has no committed offset."""
        membership = self._membership
        committed, first = await membership.committed(), await membership.first_offsets()
        to = {
            number: max(self._advanced.get(number, 0), committed.get(number, 0), first.get(number, 0))
            for number in membership.assigned()
        }
        if to:
            await membership.seek(to)
        self.fence.check(epoch)
        self._expected.update(to)

    async def _mend(self, epoch: int) -> None:
        for number, state in self._states.items():
            if entries := state.mending():
                await self._write(number, state, entries, epoch)
                self.counts.mended += len(entries)
            state.stale.clear()

    # Working.

    async def take(self, fetched: Mapping[int, Sequence[Record]]) -> None:
        """Work off what was fetched, partition by partition at the same time.

        Raises:
            Exception: a batch failed as often as the settings allow. Nothing of it has advanced; the process must end.
        """
        epoch = self.fence.epoch
        self._idle.clear()
        try:
            ended = await asyncio.gather(
                *(self._work_off(number, records, epoch) for number, records in fetched.items() if records),
                return_exceptions=True,
            )
        finally:
            self._idle.set()
        failed = [one for one in ended if isinstance(one, BaseException)]
        for error in failed:
            if not isinstance(error, FencedError):
                raise error
        for error in failed:
            self.counts.fenced += 1
            self._fenced(error, epoch)
        if failed and epoch == self.fence.epoch:
            await asyncio.sleep(0.1)

    def _fenced(self, error: BaseException, epoch: int) -> None:
        if isinstance(error, ForeignRecordsError):
            self.counts.foreign += 1
            self.fence.doubt()
            logger.warning("%s", error)
        if epoch == self.fence.epoch:
            self._open_epoch = -1

    async def _work_off(self, number: int, records: Sequence[Record], epoch: int) -> None:
        new = await self._contiguous(number, records)
        if not new:
            return
        where = f"{self.settings.topic} partition {number} offsets {new[0].offset} to {new[-1].offset}"
        wait_s, failed = BACK_OFF_S, 0
        while True:
            try:
                await self._batch(number, new, epoch)
            except FencedError:
                raise
            except AWAY as error:
                logger.warning("%s: the broker is away: %r", where, error)
            except Exception as error:  # the judge's own doing, whatever it is: nothing may advance
                failed += 1
                self.counts.tries_failed += 1
                logger.error("%s: try %d of %d: %r", where, failed, self.settings.tries_max, error)  # noqa: TRY400  # a trace for every try would flood the log
                if failed == self.settings.tries_max:
                    raise
            else:
                return
            self._states[number].fresh = True
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, BACK_OFF_MAX_S)

    async def _contiguous(self, number: int, records: Sequence[Record]) -> Sequence[Record]:
        """The records from the expected offset on. Where some are missing before them, they are fetched once more."""
        expected = self._expected.get(number)
        if expected is None:
            raise FencedError(f"partition {number} has no position")
        if records[0].offset < expected:
            records = [record for record in records if record.offset >= expected]
        if records and records[0].offset > expected:
            hole = (expected, records[0].offset)
            if self._holes.get(number) != hole:
                self._holes[number] = hole
                self.counts.fetched_again += 1
                await self._membership.seek({number: expected})
                return ()
            self.counts.holes += 1
            logger.warning("%s partition %d: no records at offsets %d to %d", self.settings.topic, number, *hole)
        return records

    async def _batch(self, number: int, records: Sequence[Record], epoch: int) -> None:
        begun_s = time.perf_counter()
        self.fence.check(epoch)
        state = self._states[number]
        outcome: Outcome = self._judge(Batch(self.settings.topic, number, records, state.data, state.fresh))
        # From here on the judge is ahead of us; whatever fails makes it begin anew.
        state.fresh = True
        if outcome.outputs:
            await self._outputs.write(outcome.outputs)
        await self._write(number, state, outcome.state, epoch)
        self.fence.check(epoch)
        self._advanced[number] = self._expected[number] = records[-1].offset + 1
        state.fresh = False
        self.counts.batches += 1
        self.counts.records += len(records)
        self.counts.outputs += len(outcome.outputs)
        self.counts.entries += len(outcome.state)
        self.on_batch(time.perf_counter() - begun_s)

    async def _write(
        self, number: int, state: PartitionState, entries: Mapping[bytes, bytes | None], epoch: int
    ) -> None:
        if not entries:
            return
        await self.fence.ask(epoch, self._advanced or self._expected)
        appended = await self._outputs.append(self._changelog.topic, number, entries)
        next_offset = state.expect(self._changelog.topic, number, appended)
        self.fence.check(epoch)
        state.adopt(entries, next_offset)

    # Time.

    async def tick(self) -> None:
        """Ask the ticker what time makes of our partitions, now and then, and write that as of a batch.

        Raises:
            Exception: the ticker failed. Nothing of it was written.
        """
        now_s = time.monotonic()
        if self.ticker is None or not self.ready or now_s < self._tick_s:
            return
        self._tick_s, epoch = now_s + self.settings.tick_every_s, self.fence.epoch
        self._idle.clear()
        try:
            ends = await self._membership.end_offsets(self.settings.topic, frozenset(self._expected))
            caught_up = self._reach.caught_up(ends, self._expected)
            looks = {
                number: Look(Batch(self.settings.topic, number, (), state.data, state.fresh), number in caught_up)
                for number, state in self._states.items()
                if number in self._expected
            }
            await self._apply(self.ticker(looks), looks, epoch)
        except FencedError as error:
            self.counts.fenced += 1
            self._fenced(error, epoch)
        except PASSING as error:
            logger.warning("what time makes of our partitions is not written yet: %r", error)
        finally:
            self._idle.set()

    async def _apply(self, outcomes: Mapping[int, Outcome], looks: Mapping[int, Look], epoch: int) -> None:
        for number in looks:
            self._states[number].fresh = True
        self.fence.check(epoch)
        outputs = [one for outcome in outcomes.values() for one in outcome.outputs]
        if outputs:
            await self._outputs.write(outputs)
        for number in looks:
            if number in outcomes:
                await self._write(number, self._states[number], outcomes[number].state, epoch)
            self._states[number].fresh = False
        self.counts.outputs += len(outputs)

    # Watching.

    async def watch(self) -> None:
        """Has anybody else written to the changelog of a partition that is idle here? Then it is read again."""
        if not (self._states and self.ready and self._idle.is_set()):
            return
        epoch, before = self.fence.epoch, {number: state.next for number, state in self._states.items()}
        try:
            ends = await self._membership.end_offsets(self._changelog.topic, frozenset(before))
        except PASSING:
            return
        foreign = [number for number, end in ends.items() if end > before[number]]
        if foreign and epoch == self.fence.epoch and all(self._states[n].next == before[n] for n in foreign):
            logger.warning("somebody else has written to %s partitions %s", self._changelog.topic, foreign)
            self.counts.foreign += 1
            self.fence.doubt()
            self._open_epoch = -1

    async def lag(self) -> Mapping[int, int]:
        """By partition how many records are still to come, as the broker says: the client's own figure is too old."""
        expected = dict(self._expected)
        ends = await self._membership.end_offsets(self.settings.topic, frozenset(expected))
        return {number: max(0, end - expected[number]) for number, end in ends.items()}

    async def measure(self) -> None:
        """Ask how much waits, and write what `on_measure` has to tell; the broker may be away."""
        try:
            self.lagging = await self.lag()
        except (FencedError, *PASSING):
            self.lagging = None
        told = self.on_measure()
        if told:
            try:
                await self._outputs.write(told)
            except PASSING as error:
                logger.warning("what is to be told of feeds is not written: %r", error)

    async def stop(self) -> None:
        """Stop writing."""
        await self._outputs.stop()
