"""The lane on a real broker: nothing lost and nothing counted twice, wherever a process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.watchdog import EXIT_GIVEN_UP
from tests.integration.live.clients import WAIT_MAX_S, Watcher, create, feed, read_all
from tests.integration.live.counting import DIED, ENTRY, EVERY, alert_id, rank

PARTITIONS = 2
KEYS = 40


class Counting:
    """A topic, its counting processes, and the check at the end."""

    def __init__(self, servers: str, name: str, folder: Path) -> None:
        """Make the topics."""
        self.servers, self.topic, self.alerts = servers, f"{name}-events", f"{name}-alerts"
        self.group, self.changelog = f"{name}-group", f"{name}-state"
        self.fed = 0
        self.extra: dict[bytes, int] = {}
        self.log = folder / "process.log"
        self.watcher = Watcher(servers)
        self._processes: list[subprocess.Popen[bytes]] = []
        create(servers, {self.topic: PARTITIONS, self.alerts: 1})
        create(servers, {self.changelog: PARTITIONS}, **{"cleanup.policy": "compact"})

    def start(self, **named: str) -> subprocess.Popen[bytes]:
        """Start a process; under one name, so that it gets its partitions back at once."""
        settings = {
            "SESSIONWATCH_KAFKA": self.servers,
            "GROUP": self.group,
            "TOPIC": self.topic,
            "CHANGELOG": self.changelog,
            "ALERTS": self.alerts,
            "PARTITIONS": str(PARTITIONS),
            "MEMBER": "one",
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.live.counting"],
                env={**os.environ, **settings, **named},
                cwd=Path(__file__).parents[3],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def feed(self, count: int) -> None:
        """Write events, the keys in turn."""
        numbers = range(self.fed, self.fed + count)
        feed(self.servers, self.topic, ((n % KEYS % PARTITIONS, b"u%d" % (n % KEYS), b"event") for n in numbers))
        self.fed += count

    def finish(self) -> None:
        """Start a process, wait until all is committed, stop it in an orderly way."""
        process = self.start()
        self.watcher.until(
            lambda: process.poll() is not None or self._committed() == self.fed + sum(self.extra.values()), self.said()
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_MAX_S) == 0, self.said()

    def _committed(self) -> int:
        return sum(self.watcher.committed(self.group, self.topic).values())

    def said(self) -> str:
        """What the processes said."""
        return self.log.read_text()[-4000:] if self.log.exists() else ""

    def check(self) -> None:
        """The counts, as the last record of each key in the changelog has them, and the alerts: all and no other."""
        last = {one.key: ENTRY.unpack(one.value or b"")[2] for one in read_all(self.servers, self.changelog)}
        wanted = {b"u%d" % key: len(range(key, self.fed, KEYS)) for key in range(min(KEYS, self.fed))}
        wanted |= {key: wanted[key] + more for key, more in self.extra.items()}
        assert last == wanted, self.said()
        told = {one.value for one in read_all(self.servers, self.alerts)}
        assert told == {alert_id(key, n) for key, count in wanted.items() for n in range(EVERY, count + 1, EVERY)}

    def close(self) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.watcher.close()


@pytest.fixture
def counting(kafka: str, unique: str, tmp_path: Path) -> Iterator[Counting]:
    """Topics of one test."""
    made = Counting(kafka, unique, tmp_path)
    yield made
    made.close()


def test_a_process_may_end_at_any_step(counting: Counting) -> None:
    """Ended before and after its outputs, in the middle of its state and after it, the next one makes all exact."""
    for point in ("before_outputs:2", "after_outputs:2", "in_state", "after_state:2"):
        counting.feed(900)
        assert counting.start(DIE=point).wait(WAIT_MAX_S) == DIED, counting.said()
    counting.finish()
    counting.check()
    alerts = Counter(one.value for one in read_all(counting.servers, counting.alerts))
    # That the crash came after the outputs is shown by outputs that are there twice, under one id.
    assert max(alerts.values()) > 1


def test_a_batch_that_cannot_be_judged_holds_its_partition(counting: Counting) -> None:
    """Nothing of it is committed, the process ends in an error, and after the fix the count is exact."""
    counting.feed(400)
    feed(counting.servers, counting.topic, [(0, b"u0", b"poison")])
    counting.extra = {b"u0": 1}
    counting.feed(400)
    assert counting.start(POISON="1").wait(WAIT_MAX_S) in {1, EXIT_GIVEN_UP}, counting.said()
    held = counting.watcher.committed(counting.group, counting.topic).get(0, 0)
    assert held <= 400 // PARTITIONS
    assert "giving up" in counting.said()
    counting.finish()
    counting.check()


def test_a_start_takes_the_best_entry_and_writes_it_again(counting: Counting) -> None:
    """A stale entry that a former owner wrote last is neither gone on from nor left for compaction to keep."""
    counting.feed(KEYS * 3)
    counting.finish()
    best = {one.key: one for one in read_all(counting.servers, counting.changelog)}
    stale = ENTRY.pack(0, 1, 1)
    feed(counting.servers, counting.changelog, [(best[key].partition, key, stale) for key in (b"u0", b"u1")])
    counting.feed(KEYS * 3)
    counting.finish()
    counting.check()
    log = [one.value or b"" for one in read_all(counting.servers, counting.changelog) if one.key == b"u0"]
    assert log[log.index(stale) + 1] == best[b"u0"].value
    ranks = [rank(entry) for entry in log if entry != stale]
    assert ranks == sorted(ranks)
