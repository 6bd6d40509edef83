"""The topics of one test and the commands that work on them, each a process as people start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sessionwatch.live.topology import raw_names
from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, layouts, raw_topic
from tests.integration.live.clients import WAIT_MAX_S, Watcher
from tests.integration.live.equality import ends, wait_until_committed


class Site:
    """Topics under a prefix of their own."""

    def __init__(
        self,
        servers: str,
        prefix: str,
        folder: Path,
        *,
        partitions: int = 2,
        kinds: Sequence[str],
        raw: Sequence[str] = (),
    ) -> None:
        """Make the topics."""
        self.servers, self.prefix, self.log, self.raw = servers, prefix, folder / "site.log", raw
        self.watcher = Watcher(servers)
        self._processes: list[subprocess.Popen[bytes]] = []
        with admin(connection({"SESSIONWATCH_KAFKA": servers})) as client:
            create(client, layouts(prefix, partitions, kinds, raw_names(raw) if raw else ()), 1)

    def start(self, command: str, *words: str, member: str = "") -> subprocess.Popen[bytes]:
        """Start a command; under a lasting name, so that it gets its partitions back at once."""
        words = ("--prefix", self.prefix, "--member", member or command, *words)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sessionwatch.cli.main", command, *words],
                env={**os.environ, "SESSIONWATCH_KAFKA": self.servers},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def until_committed(self, group: str, topic: str, at_least: int = 1) -> None:
        """Wait until a group has committed so many records of a topic; every process must be alive."""

        def done() -> bool:
            assert all(one.poll() in {None, -signal.SIGKILL, 0} for one in self._processes), self.said()
            return sum(self.watcher.committed(group, topic).values()) >= at_least

        self.watcher.until(done, f"{at_least} records of {topic} by {group}\n{self.said()}")

    def until_normalised(self) -> None:
        """Wait until all raw topics are normalised up to their ends as they are now."""
        for name in raw_names(self.raw):
            topic = raw_topic(self.prefix, name)
            wait_until_committed(self.watcher, f"{self.prefix}.normalise.{name}", topic, ends(self.servers, topic))

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Stop it in an orderly way."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_MAX_S) == 0, self.said()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it at once."""
        process.kill()
        process.wait()

    def said(self) -> str:
        """What the processes said."""
        return self.log.read_text()[-6000:] if self.log.exists() else ""

    def close(self) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.watcher.close()
