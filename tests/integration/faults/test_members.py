"""Members of the group that come, go, hang and crash."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.faults.stage import LONG, Stage, crowd

ROUNDS = 12 if LONG else 2
STEPS = ("before_outputs", "after_outputs", "in_state", "after_state") if LONG else ("in_state",)


def test_three_come_and_go(stage: Stage, lines: list[bytes]) -> None:
    """One leaves in an orderly way, one is killed and new ones come while events are judged, again and again."""
    running = [stage.start() for _ in range(3)]
    events = crowd(lines, 5) if LONG else lines
    share = len(events) // ROUNDS + 1
    for at in range(0, len(events), share):
        before = stage.committed()
        stage.feed(events[at : at + share])
        stage.until(lambda before=before: stage.committed() > before, "something is committed")
        leaving, dying, *staying = running
        dying.kill()
        stage.drain(leaving)
        running = [*staying, stage.start(), stage.start()]
    stage.finish()


@pytest.mark.parametrize("step", STEPS)
def test_a_former_owner_that_goes_on(stage: Stage, lines: list[bytes], step: str) -> None:
    """Stopped at a step for longer than its session, it wakes to partitions that are another's and spoils nothing.

    Not even for a cold start from a changelog that has been compacted since.
    """
    half = len(lines) // 2
    stage.feed(lines[:half])
    former = stage.start(f"{step}:2:stop")
    stage.until_stopped(former)
    stage.start()
    stage.until_judged()
    assert former.pid is not None
    os.kill(former.pid, signal.SIGCONT)
    stage.feed(lines[half:])
    stage.until_judged()
    # It is a member again and has its share, or the count of those that are ready would not rise.
    stage.until(lambda: stage.said().count("live ready") >= 4, "both have partitions")
    stage.halt()
    stage.compact()
    stage.start()
    stage.finish()
