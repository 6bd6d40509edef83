"""Sliding windows: exact while small, never too high when large, never larger than their bounds."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.windows import EXACT_MAX, SLICES, Distinct, Sums

WINDOW_US = 6_400

entries = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 9)), max_size=120)


def true_sum(done: list[tuple[int, int]], at_us: int) -> int:
    """The sum that a window must hold, by looking at everything."""
    return sum(amount for time_us, amount in done if at_us - WINDOW_US < time_us <= at_us)


@given(entries)
def test_sums_are_exact_while_small(gaps: list[tuple[int, int]]) -> None:
    """Up to 256 entries a window's sum is the sum of what it holds, to the last event."""
    sums, done, at_us = Sums(), [], 0
    for gap_us, amount in gaps:
        at_us += gap_us
        assert sums.within(at_us, WINDOW_US) == true_sum(done, at_us)
        sums.add(at_us, amount, WINDOW_US)
        done.append((at_us, amount))
        assert sums.within(at_us, WINDOW_US) == true_sum(done, at_us)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=300, max_size=900))
def test_sums_beyond_that_lack_at_most_a_slice(gaps: list[tuple[int, int]]) -> None:
    """A crowded window stays bounded, and lacks at most what its oldest 1/64 holds."""
    sums, done, at_us = Sums(), [], 0
    for gap_us, amount in gaps:
        at_us += gap_us
        sums.add(at_us, amount, WINDOW_US)
        done.append((at_us, amount))
        true = true_sum(done, at_us)
        line_us = at_us - WINDOW_US
        oldest = sum(a for t, a in done if line_us < t <= line_us + WINDOW_US // SLICES)
        assert true - oldest <= sums.within(at_us, WINDOW_US) <= true
        assert len(sums.times_us) <= EXACT_MAX + 1


@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from("abcdef")), max_size=80))
def test_distinct_counts_what_the_window_holds(steps: list[tuple[int, str]]) -> None:
    """Different values are counted by when they were last seen, the one being asked for included."""
    distinct, done, at_us = Distinct(), [], 0
    for gap_us, value in steps:
        at_us += gap_us
        want = {v for t, v in done if t > at_us - WINDOW_US} | {value}
        assert distinct.within(value, at_us, WINDOW_US) == len(want)
        distinct.add(value, at_us, WINDOW_US, 100)
        done.append((at_us, value))


def test_a_late_event_looks_both_ways() -> None:
    """The fullest window that holds a late time may end after it."""
    sums = Sums()
    for at_us, amount in ((0, 1), (3_000, 2), (5_000, 4), (8_000, 8)):
        sums.add(at_us, amount, 10_000)
    assert sums.fullest_around(4_000, 6_400) == 2 + 4 + 8
    assert sums.fullest_around(100, 6_400) == 1 + 2 + 4
    assert sums.fullest_around(20_000, 6_400) == 0


def test_distinct_keeps_no_more_than_it_may() -> None:
    """A flood of values leaves the latest ones."""
    distinct = Distinct()
    for at_us in range(500):
        distinct.add(f"v{at_us}", at_us, 10_000, 20)
    assert list(distinct.last_us) == [f"v{n}" for n in range(480, 500)]


@given(entries)
def test_windows_survive_bytes(gaps: list[tuple[int, int]]) -> None:
    """To bytes and back between any two entries changes nothing."""
    plain, packed, at_us = Sums(), Sums(), 0
    for gap_us, amount in gaps:
        at_us += gap_us
        plain.add(at_us, amount, WINDOW_US)
        packed = msgspec.msgpack.decode(msgspec.msgpack.encode(packed), type=Sums)
        packed.add(at_us, amount, WINDOW_US)
    assert plain == packed
