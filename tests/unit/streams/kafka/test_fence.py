"""Who may write: the fence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from streams.kafka.fence import Fence, FencedError


class Group:
    """A membership that says what it is told to."""

    flowing = True
    accepts = True

    def __init__(self) -> None:
        """Nothing was committed."""
        self.commits: list[Mapping[int, int]] = []

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Note it."""
        self.commits.append(offsets)
        return self.accepts


class Clock:
    """A clock that is set."""

    now_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


@pytest.fixture
def group() -> Group:
    """A group that accepts."""
    return Group()


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def fence(group: Group, clock: Clock) -> Fence:
    """A fence whose broker waits ten seconds."""
    made = Fence(10.0, clock)
    made.membership = group
    return made


def test_a_change_of_owner_stops_what_began_before(fence: Fence) -> None:
    """Whoever noted the count before may not write after."""
    fence.check(fence.epoch)
    before = fence.epoch
    fence.changed()
    with pytest.raises(FencedError):
        fence.check(before)


def test_nothing_is_written_while_partitions_change_hands(fence: Fence, group: Group) -> None:
    """Also where the count has not moved yet."""
    group.flowing = False
    with pytest.raises(FencedError):
        fence.check(fence.epoch)


def test_the_broker_is_asked_only_where_its_last_word_is_old(fence: Fence, group: Group, clock: Clock) -> None:
    """A commit for every write would cost a round trip each; none would let a zombie write."""
    fence.confirmed()
    clock.now_s += 5.9
    asyncio.run(fence.ask(0, {0: 7}))
    assert group.commits == []
    clock.now_s += 0.2
    asyncio.run(fence.ask(0, {0: 7}))
    asyncio.run(fence.ask(0, {0: 8}))
    assert group.commits == [{0: 7}]


@pytest.mark.parametrize("offsets", [{0: 7}, {}])
def test_without_the_brokers_word_nothing_is_written(fence: Fence, group: Group, offsets: Mapping[int, int]) -> None:
    """A refused commit says that we are no member any more; no offset to commit says nothing, which is not enough."""
    group.accepts = False
    fence.doubt()
    with pytest.raises(FencedError):
        asyncio.run(fence.ask(0, offsets))
