"""A process that is killed at any step loses nothing and tells nothing twice."""

from __future__ import annotations

from tests.integration.faults.stage import LONG, Stage, crowd

STEPS = ("in_state", "after_state", "after_commit", "before_outputs", "after_outputs")
ROUNDS = ((20, STEPS[:3]), (4, STEPS)) if LONG else ((1, STEPS),)
KILLED = -9


def test_killed_at_each_step(stage: Stage, lines: list[bytes]) -> None:
    """Each process is killed at another step and the next goes on; what stands at the end is a replay's."""
    stage.feed(crowd(lines, 6) if LONG else lines)
    for rounds, steps in ROUNDS:
        for step in steps * rounds:
            assert stage.until_ended(stage.start(f"{step}:1:die", member="one")) == KILLED, stage.said()
    stage.start(member="one")
    stage.finish()
