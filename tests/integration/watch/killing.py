"""Runs a watch again and again, each time killed without notice at another point, then once to its end.

    python -m tests.integration.watch.killing FOLDER KILLS SEED

`FOLDER/input.jsonl` is what comes, bit by bit, as `FOLDER/log.jsonl`. Forks, so that modules and rules load once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sessionwatch.cli.main import app
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.live import watch
from sessionwatch.live.judging import LiveJudge
from sessionwatch.live.state_file import StateFile
from sessionwatch.ruleset.loading import bundled_rules
from streams.sinks.notice_file import NoticeFile
from streams.sources import segments

POINTS = (
    (LiveJudge, "judge"),
    (StateFile, "commit"),
    (StateFile, "_write"),
    (NoticeFile, "append"),
    (StateFile, "unwritten"),
)
"""Each step of a batch; a kill comes before or after the n-th call. After `_write` is inside the transaction."""


def die() -> None:
    """As a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


def doomed(owner: type, name: str, n: int, *, before: bool) -> None:
    """Make the n-th call of a method the last thing that this process does."""
    method: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == n:
            die()
        result = method(*given, **named)
        if not before and calls == n:
            die()
        return result

    setattr(owner, name, counted)


def torn(sink: NoticeFile, lines: list[bytes]) -> None:
    """Half of the lines reach the file, the last of them in part."""
    data = b"".join(line + b"\n" for line in lines)
    os.write(sink._descriptor, data[: len(data) // 2])
    die()


def run(folder: Path, *words: str, name: str = "watch") -> int:
    """Watch in a process of its own; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        state, notices = folder / f"{name}.db", folder / f"{'' if name == 'watch' else name}notices.jsonl"
        with (folder / "stderr.txt").open("ab") as told:
            os.dup2(told.fileno(), 2)
        app(["watch", str(folder / "log.jsonl"), f"--state={state}", f"--notices={notices}", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill, append, kill, and in the end let it run."""
    r = random.Random(seed)
    ruleset = EnginePlan((bundled_rules(),)).ruleset()
    EnginePlan.ruleset = lambda _self: ruleset  # type: ignore[method-assign]  # loaded once for all children
    watch.STEP_EVENTS = 40  # type: ignore[misc]  # many small steps
    segments.SEGMENT_BYTES = 8 * 1024  # type: ignore[misc]  # and many pieces
    data = (folder / "input.jsonl").read_bytes()
    log = folder / "log.jsonl"
    log.write_bytes(b"")
    given = 0
    plain = (watch.Watch.tick, NoticeFile.append, {(o, n): getattr(o, n) for o, n in POINTS})
    for kill in range(kills):
        more = len(data) * (kill + 1) // kills - given
        with log.open("ab") as file:
            file.write(data[given : given + more])
        given += more
        watch.Watch.tick = lambda _self: die()  # type: ignore[method-assign]  # at the latest when nothing is left to do
        owner, name = POINTS[kill % len(POINTS)]
        doomed(owner, name, r.randrange(1, 9), before=r.random() < 0.5)
        if r.random() < 0.2:
            NoticeFile.append = torn  # type: ignore[assignment]  # a write that is cut short
        code = run(folder, "--format=native")
        assert code == -signal.SIGKILL, code
        watch.Watch.tick, NoticeFile.append = plain[0], plain[1]  # type: ignore[method-assign]  # as they were
        for (one, method), original in plain[2].items():
            setattr(one, method, original)
    for name in ("watch", "whole"):
        assert run(folder, "--format=native", "--once", name=name) == 3, (folder / "stderr.txt").read_text()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
