"""`sessionwatch live` in a process of a test: with short times, and a trap at one step of the order of operations.

TRAP is `step:nth:deed`. Steps: `before_outputs`, `after_outputs`, `in_state` (a half of it is written, or all checks
are done and nothing is), `after_state`, `after_commit`, `assigned`, `measured`. Deeds: `die` (as by kill -9), `stop`
(SIGSTOP), or the process id of a broker that is stopped, with `+raise` an error as well, from then on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

# What the command imports when it runs, so that a process that is forked has it already.
import faust.cli.worker  # noqa: F401

from sessionwatch.cli.main import main
from streams.kafka.batches import Output
from streams.kafka.faust_private import LaneThread
from streams.kafka.lane import Lane
from streams.kafka.outputs import Appended, Outputs
from streams.kafka.settings import LaneSettings

TIMES = {
    "commit_every_s": 0.2,
    "watch_every_s": 1.0,
    "measure_every_s": 1.0,
    "heartbeat_every_s": 0.5,
    "drain_max_s": 10.0,
    "exit_max_s": 15.0,
    "session_timeout_s": 6.0,
    "rebalance_timeout_s": 20.0,
    "request_timeout_s": 8.0,
    "fetch_records_max": 200,
}
"""Times and amounts in place of those for production."""


class Trap:
    """Does its deed when its step is taken for the nth time, once."""

    def __init__(self, told: str) -> None:
        """As TRAP says; an empty one does nothing."""
        self.step, nth, self.deed = (*told.split(":"), "", "", "")[:3]
        self.left = int(nth or 0)
        self.broken = False

    def next(self, step: str) -> bool:
        """Whether the deed is due now."""
        if step == self.step:
            self.left -= 1
        return step == self.step and self.left == 0

    def take(self, step: str) -> None:
        """Take a step."""
        if self.next(step):
            self.act()
        if self.broken and step == self.step:
            raise ValueError("a trap")

    def act(self) -> None:
        """Do it."""
        broker, more, _ = self.deed.partition("+raise")
        self.broken = bool(more)
        pid = int(broker) if broker.isdigit() else os.getpid()
        os.kill(pid, signal.SIGKILL if self.deed == "die" else signal.SIGSTOP)


def lay(trap: Trap) -> None:
    """Put the trap into the lane."""
    write, append, commit, assigned = Outputs.write, Outputs.append, LaneThread._commit, Lane.assigned
    measure = Lane.measure

    async def trapped_write(self: Outputs, outputs: Iterable[Output]) -> None:
        trap.take("before_outputs")
        await write(self, outputs)
        trap.take("after_outputs")

    async def trapped_append(
        self: Outputs, topic: str, partition: int, entries: Mapping[bytes, bytes | None]
    ) -> list[Appended]:
        if trap.next("in_state"):
            if trap.deed == "die":
                await append(self, topic, partition, dict(list(entries.items())[: len(entries) // 2]))
            trap.act()
        done = await append(self, topic, partition, entries)
        trap.take("after_state")
        return done

    async def trapped_commit(self: LaneThread, offsets: Any) -> bool:
        done = await commit(self, offsets)
        if done:
            trap.take("after_commit")
        return done

    def trapped_assigned(self: Lane, partitions: frozenset[int]) -> None:
        trap.take("assigned")
        assigned(self, partitions)

    async def trapped_measure(self: Lane) -> None:
        trap.take("measured")
        await measure(self)

    replaced: dict[str, tuple[type, Callable[..., Awaitable[Any] | None]]] = {
        "write": (Outputs, trapped_write),
        "append": (Outputs, trapped_append),
        "_commit": (LaneThread, trapped_commit),
        "assigned": (Lane, trapped_assigned),
        "measure": (Lane, trapped_measure),
    }
    for name, (owner, method) in replaced.items():
        setattr(owner, name, method)


def hurry(times: Mapping[str, float]) -> None:
    """Make these the times of every lane, whoever sets them."""
    begin = LaneSettings.__init__

    def hurried(self: LaneSettings, *given: Any, **named: Any) -> None:
        begin(self, *given, **{**named, **times})

    setattr(LaneSettings, "__init__", hurried)  # noqa: B010  # mypy takes an assignment for a mistake


def run(words: Sequence[str], named: Mapping[str, str], log: str) -> None:
    """Be `sessionwatch` with these words; what it says goes to `log`."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(named)
    hurry(TIMES)
    lay(Trap(named.get("TRAP", "")))
    sys.argv = ["sessionwatch", *words]
    main()
