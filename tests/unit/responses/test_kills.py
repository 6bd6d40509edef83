"""The runner killed between any two of its steps: each action has its effect once, and the log holds."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.actions import Action, Outcome
from models.policies import PolicyFile
from sessionwatch.responses.audit_reading import records, verify
from sessionwatch.responses.embedded import EmbeddedSessions
from tests.unit.responses.working import WRITTEN, Told, Work, about, act, action

PEOPLE = 8
WIDE: PolicyFile = WRITTEN.model_copy(
    update={
        "caps": WRITTEN.caps.model_copy(
            update={
                "actions_per_minute_max": 999,
                "kills_per_minute_max": 999,
                "rule_actions_per_minute_max": 999,
                "live_share_max": 1.0,
            }
        )
    }
)


class Killed(BaseException):
    """The process is gone: nothing after this point is done."""


def armed(work: Work, fuse: list[int]) -> None:
    """Let the process end at a step: before or after anything that is written, or asked of the broker."""

    def burn() -> None:
        fuse[0] -= 1
        if fuse[0] <= 0:
            raise Killed

    append, transaction, do = work.audit.append, work.outbox.transaction, work.broker.do

    def appending(*arguments: Any) -> Any:
        burn()
        head = append(*arguments)
        burn()
        return head

    @contextlib.contextmanager
    def within() -> Iterator[None]:
        burn()
        with transaction():
            yield
            burn()
        burn()

    async def doing(one: Action) -> Outcome:
        burn()
        outcome = await do(one)
        burn()
        return outcome

    work.audit.append = appending  # type: ignore[method-assign]  # the test's own steps
    work.outbox.transaction = within  # type: ignore[method-assign]  # the test's own steps
    work.broker.do = doing  # type: ignore[method-assign]  # the test's own steps


def begun(folder: Path, told: Told, sessions: EmbeddedSessions | None, now: Any) -> Work:
    """A process over what the last one left; the broker's sessions go on without it."""
    work = Work(folder, WIDE, now, told)
    if sessions is not None:
        work.sessions = work.broker.sessions = sessions
        sessions.clock = lambda: work.now
    return work


@pytest.mark.parametrize("seed", range(40))
def test_killed_at_any_step_each_effect_comes_once(tmp_path: Path, seed: int) -> None:
    """Kills, demands, withdrawals, late answers: none lost, none twice, all on record before it was done."""
    rng = random.Random(seed)
    told = Told()
    work = begun(tmp_path, told, None, WORK_AT)
    for n in range(PEOPLE):
        work.sign_in(f"u{n}", f"s{n}")
        told.lines.append(act(action("step_up", f"u{n}", alert=f"a{n}")))
        told.lines.append(act(action("kill_session", f"u{n}", f"s{n}", alert=f"b{n}")))
    told.lines.append(about("cancel", "u0", "a0"))
    sessions = work.sessions
    for _ in range(8):
        armed(work, [rng.randint(1, 60)])
        work.broker.answers = [Outcome(result="retryable", detail="timed_out")] * rng.randint(0, 2)
        with contextlib.suppress(Killed):
            work.work(timedelta(seconds=rng.randint(0, 3)))
        now = work.now
        work.close()
        work = begun(tmp_path, told, sessions, now)
    for _ in range(4):
        work.work(timedelta(minutes=1))
    assert set(sessions.effects.values()) == {1}
    assert not any(session.alive for session in sessions.sessions.values())
    assert sessions.demanded == {f"u{n}" for n in range(1, PEOPLE)}
    assert {row.state for row in work.rows()} == {"final"}
    found = verify([tmp_path / "audit"], None)
    assert found.faults == []
    attempted = {one["data"]["key"] for one in records([tmp_path / "audit"]) if one["what"] == "attempt"}
    assert set(sessions.effects) <= attempted
    work.close()


WORK_AT = Work.now
