"""State of a partition and its topic: the best entry wins, foreign records are seen."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from streams.kafka.changelog import PartitionState
from streams.kafka.fence import ForeignRecordsError
from streams.kafka.outputs import Appended


class One(NamedTuple):
    """A record of a changelog."""

    offset: int
    key: bytes
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def rank(entry: bytes) -> tuple[int, int]:
    """An entry is its rank, in two letters."""
    return entry[0], entry[1]


def test_the_best_entry_of_a_key_wins_whoever_wrote_later() -> None:
    """A former owner's stale entry is not gone on from, and the best one is to be written again."""
    state = PartitionState()
    state.read([One(0, b"a", b"20"), One(1, b"b", b"10"), One(4, b"a", b"11")], rank)
    assert state.data == {b"a": b"20", b"b": b"10"}
    assert state.mending() == {b"a": b"20"}
    assert state.next == 5


def test_an_entry_written_again_needs_no_mending_any_more() -> None:
    """By us or by the owner in between."""
    state = PartitionState()
    state.read([One(0, b"a", b"20"), One(1, b"a", b"11"), One(2, b"a", b"20")], rank)
    assert state.mending() == {}


def test_the_same_offset_written_more_often_is_better() -> None:
    """A timer changes an entry without a record: the sequence decides."""
    state = PartitionState()
    state.read([One(0, b"a", b"21"), One(1, b"a", b"22"), One(2, b"a", b"21")], rank)
    assert state.data[b"a"] == b"22"


def test_an_entry_that_is_removed_is_gone() -> None:
    """And nothing of it is mended."""
    state = PartitionState()
    state.read([One(0, b"a", b"20"), One(1, b"a", b"11"), One(2, b"a", None)], rank)
    assert (state.data, state.mending()) == ({}, {})


def test_records_of_somebody_else_in_between_are_seen() -> None:
    """Then nothing is taken over."""
    state = PartitionState(next=7)
    assert state.expect("t", 0, [Appended(7, 3), Appended(10, 1)]) == 11
    with pytest.raises(ForeignRecordsError, match="t partition 0: written at offset 11, expected 10"):
        state.expect("t", 0, [Appended(7, 3), Appended(11, 1)])
    assert state.next == 7
