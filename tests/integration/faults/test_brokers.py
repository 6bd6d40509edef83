"""A broker that stands still, dies and comes back: every partition is taken up again, and nothing is lost."""

from __future__ import annotations

from tests.integration.faults.brokers import Breakable
from tests.integration.faults.stage import Stage


def test_stands_still_just_as_partitions_are_given(
    breakable: Breakable, broken_stage: Stage, lines: list[bytes]
) -> None:
    """For longer than a request may take; then all partitions are read on, without a new start of anything."""
    third = len(lines) // 3
    first = broken_stage.start()
    broken_stage.feed(lines[:third])
    broken_stage.until_judged()
    second = broken_stage.start(f"assigned:1:{breakable.pid}")
    broken_stage.until(breakable.stopped, "the broker stands still")
    try:
        # Nothing can be asked of the broker meanwhile: what is waited for is that a process says so.
        broken_stage.until(lambda: "RequestTimedOut" in broken_stage.said(), "a request has timed out")
    finally:
        breakable.go_on()
    broken_stage.feed(lines[third:])
    broken_stage.finish()
    assert first.is_alive()
    assert second.is_alive()


def test_killed_and_started_again(breakable: Breakable, broken_stage: Stage, lines: list[bytes]) -> None:
    """While a batch is written and with more to come; the processes live on and judge the rest."""
    third = len(lines) // 3
    processes = [broken_stage.start() for _ in range(2)]
    broken_stage.feed(lines[:third])
    broken_stage.until(lambda: broken_stage.committed() > 0, "something committed")
    breakable.kill()
    breakable.start_again()
    broken_stage.feed(lines[third:])
    broken_stage.finish()
    assert all(process.is_alive() for process in processes)


def test_a_crash_while_the_broker_is_away_ends_the_process(
    breakable: Breakable, broken_stage: Stage, lines: list[bytes]
) -> None:
    """In an error and within its limit: a process that only hangs would keep its partitions for ever."""
    broken_stage.feed(lines[: len(lines) // 2])
    process = broken_stage.start(f"measured:3:{breakable.pid}+raise")
    broken_stage.until(breakable.stopped, "it begins to crash")
    try:
        assert broken_stage.until_ended(process) not in {0, None}
    finally:
        breakable.go_on()
    broken_stage.feed(lines[len(lines) // 2 :])
    broken_stage.start()
    broken_stage.finish()
