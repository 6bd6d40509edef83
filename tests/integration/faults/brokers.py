"""A broker that a test may stop, kill and start again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.keeper import alive
from tests.integration.live.broker import answers, servers
from tests.integration.live.clients import WAIT_MAX_S


class Breakable:
    """One node of its own."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """Start it; `more`: lines of settings.

        Raises:
            NoBrokerError: there is none to be had.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "more").write_text(more)
        self.address = servers(folder, os.getpid())

    @property
    def pid(self) -> int:
        """Its process."""
        return int((self._folder / "pid").read_text())

    def stopped(self) -> bool:
        """Whether it stands still."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def stop(self) -> None:
        """Let it stand still: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        # The signal takes a moment, and an answer could slip out.
        _until(self.stopped, "the broker stands still")

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)
        _until(self.answers, "the broker answers again")

    def kill(self) -> None:
        """As by kill -9; its data stays."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        _until(lambda: not alive(pid), "the broker is gone")

    def start_again(self) -> None:
        """Start it on its data."""
        (self._folder / "again").touch()
        _until(lambda: not (self._folder / "again").exists(), "the broker is started again")

    def answers(self) -> bool:
        """Whether it does."""
        return answers(int(self.address.rpartition(":")[2]))

    def end(self) -> None:
        """Be done with it."""
        (self._folder / "stop").touch()


def _until(done: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WAIT_MAX_S
    while not done():
        assert time.monotonic() < limit, f"not within {WAIT_MAX_S:.0f} s: {what}"
        time.sleep(0.05)
