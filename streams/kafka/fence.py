"""Who may write a partition now: own count of changes of owner, and the broker's word where that is old."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

ASK_AFTER: Final = 0.6
"""Share of the session time-out after which the broker's last word on our membership is too old to write by."""


class FencedError(Exception):
    """This process may not write the partition now. Nothing advances; the partition is opened anew."""


class ForeignRecordsError(FencedError):
    """Somebody else wrote into our partition of the changelog: a former owner that does not know it yet."""


class Membership(Protocol):
    """What the lane needs of whoever keeps it in its consumer group. Offsets are by partition of the lane's topic."""

    @property
    def flowing(self) -> bool:
        """Whether no change of owner is under way."""

    def assigned(self) -> frozenset[int]:
        """Our partitions."""

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit; true where the broker has accepted it, and with it our membership."""

    async def committed(self) -> Mapping[int, int]:
        """The committed offsets of our partitions, those that have one."""

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Fetch from these offsets on."""

    async def first_offsets(self) -> Mapping[int, int]:
        """The oldest offset that each of our partitions still has."""

    async def end_offsets(self, topic: str, partitions: frozenset[int]) -> Mapping[int, int]:
        """The offsets that the next records of `topic` will have, as the broker says now."""


class Fence:
    """Counts changes of owner. Whoever works on a partition notes the count, and stops where it has moved on.

    The group's generation, as the client knows it, is not enough: a process that was stopped for longer than the
    session time-out learns of its expulsion only at its next heartbeat, and would write over its successor.
    """

    def __init__(self, session_timeout_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        """Hold how long the broker waits for a sign of life."""
        self.epoch = 0
        self.membership: Membership | None = None
        self._ask_after_s = session_timeout_s * ASK_AFTER
        self._now_s = now_s
        self._confirmed_s = float("-inf")

    def changed(self) -> None:
        """Partitions were taken or given."""
        self.epoch += 1

    def confirmed(self) -> None:
        """The broker has just accepted a commit of ours, or given us partitions."""
        self._confirmed_s = self._now_s()

    def doubt(self) -> None:
        """Ask the broker before the next write, whatever it said before."""
        self._confirmed_s = float("-inf")

    def check(self, epoch: int) -> None:
        """Raise FencedError where partitions have changed hands since `epoch`, or are about to."""
        if self.epoch != epoch or self.membership is None or not self.membership.flowing:
            raise FencedError("partitions are changing hands")

    async def ask(self, epoch: int, offsets: Mapping[int, int]) -> None:
        """Have the broker confirm that we are a member, by a commit of `offsets`, where its last word is old."""
        self.check(epoch)
        if self._now_s() - self._confirmed_s >= self._ask_after_s:
            if self.membership is None or not offsets or not await self.membership.commit(offsets):
                raise FencedError("the broker does not confirm that we are a member of the group")
            self.confirmed()
        self.check(epoch)
