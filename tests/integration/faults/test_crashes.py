"""A process that is killed at any step loses nothing and tells nothing twice."""

from __future__ import annotations

from tests.integration.faults.stage import LONG, Stage, renamed

STEPS = ("before_outputs", "after_outputs", "in_state", "after_state", "after_commit")
ROUNDS = 20 if LONG else 1
KILLED = -9


def test_killed_at_each_step(stage: Stage, lines: list[bytes]) -> None:
    """Each process is killed at another step and the next goes on; what stands at the end is a replay's."""
    for number in range(ROUNDS):
        stage.feed(lines if number == 0 else renamed(lines, f"-{number}"))
        for step in STEPS:
            assert stage.until_ended(stage.start(f"{step}:1:die", member="one")) == KILLED, stage.said()
    stage.start(member="one")
    stage.finish()
