"""`sessionwatch live`: what it has told at the end is what a replay of the same events in files finds."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, layouts
from tests.integration.live.clients import WAIT_MAX_S, Watcher, feed, read_all
from tests.integration.live.equality import assert_as_replayed, end_input, wait_until_judged

GOLDEN = Path(__file__).parents[2] / "replay" / "hospital-day.alerts.jsonl"
PARTITIONS = 2


class Live:
    """The topics of a test, and the processes that judge them."""

    def __init__(self, servers: str, prefix: str, folder: Path) -> None:
        """Make the topics."""
        self.servers, self.prefix, self.log = servers, prefix, folder / "live.log"
        self.events, self.group = f"{prefix}.events.by-user", f"{prefix}.detect.by-user"
        self.watcher = Watcher(servers)
        self._processes: list[subprocess.Popen[bytes]] = []
        with admin(connection({"SESSIONWATCH_KAFKA": servers})) as client:
            create(client, layouts(prefix, PARTITIONS), 1)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the command."""
        words = ["--prefix", self.prefix, "--member", "one", "--source", "okta"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sessionwatch.cli.main", "live", *words],
                env={**os.environ, "SESSIONWATCH_KAFKA": self.servers},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def committed(self) -> int:
        """How many records are done with."""
        return sum(self.watcher.committed(self.group, self.events).values())

    def close(self) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.watcher.close()


@pytest.fixture
def live(kafka: str, unique: str, tmp_path: Path) -> Iterator[Live]:
    """Topics of one test."""
    made = Live(kafka, unique, tmp_path)
    yield made
    made.close()


def test_killed_and_begun_again_it_tells_what_a_replay_finds(live: Live, example_day: Path) -> None:
    """Killed in the middle of the example day: every alert by user of the golden file, byte for byte, and no other."""
    files = [example_day / "warm-up.jsonl.gz", example_day / "day.jsonl.gz"]
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines() if line.strip()]
    records = [(_partition(line), b"", line) for line in sorted(lines, key=_arrived)]
    half = len(records) // 2
    feed(live.servers, live.events, records[:half])
    first = live.start()
    live.watcher.until(lambda: first.poll() is not None or live.committed() > 0, "something committed")
    assert first.poll() is None, live.log.read_text()
    first.kill()
    first.wait()
    feed(live.servers, live.events, records[half:])
    second = live.start()
    end_input(live.servers, live.prefix)
    wait_until_judged(live.watcher, live.servers, live.prefix)
    second.send_signal(signal.SIGTERM)
    assert second.wait(WAIT_MAX_S) == 0, live.log.read_text()
    stood = assert_as_replayed(live.servers, live.prefix)
    golden = [line for line in GOLDEN.read_bytes().splitlines() if b'"by":"user"' in line]
    assert sorted(stood.values()) == sorted(golden)
    assert len(read_all(live.servers, f"{live.prefix}.dead-letter")) >= 1


def _arrived(line: bytes) -> str:
    """When a line arrived; a broken one at once."""
    try:
        event = json.loads(line)
    except ValueError:
        return ""
    return event.get("received_at", event.get("at", ""))


def _partition(line: bytes) -> int:
    try:
        return zlib.crc32(json.loads(line).get("user", "").encode()) % PARTITIONS
    except ValueError:
        return 0
