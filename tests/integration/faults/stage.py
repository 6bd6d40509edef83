"""The topics of a fault test, its processes, what it feeds, and the one check at the end."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import set_forkserver_preload
from pathlib import Path

import msgspec
from kafka.admin import ConfigResource, ConfigResourceType

from sessionwatch.live.entries import STREAM_KEY
from sessionwatch.live.judging import StreamState
from sessionwatch.live.partition_store import PartitionStore, rank
from streams.kafka.batches import Record
from streams.kafka.changelog import PartitionState
from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, layouts
from tests.integration.faults import worker
from tests.integration.live.clients import WAIT_MAX_S, Watcher, feed, read_all
from tests.integration.live.equality import KINDS, assert_as_replayed, end_input, wait_until_judged, written

PARTITIONS = 4
LONG = os.environ.get("SESSIONWATCH_FAULTS") == "long"
"""Whether to run the long form (`make faults`)."""
_EXAMPLE = Path(__file__).parents[3] / "examples" / "hospital-day"
# Processes are forked off one that has imported everything: a start from nothing costs two seconds of a processor.
_PROCESSES: ForkServerContext = multiprocessing.get_context("forkserver")
set_forkserver_preload([worker.__name__])


def example_lines(users: int = 12) -> list[bytes]:
    """Events of the example day as they arrived: of those whom alerts tell of, and of others, up to `users` in all."""
    events = []
    for name in ("warm-up.jsonl.gz", "day.jsonl.gz"):
        for line in gzip.decompress((_EXAMPLE / name).read_bytes()).splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            events.append((event.get("received_at", event.get("at", "")), event.get("user", ""), line))
    golden = Path(__file__).parents[2] / "replay" / "hospital-day.alerts.jsonl"
    told = {json.loads(line)["subject"]["value"] for line in golden.read_text().splitlines()}
    some = sorted({user for _, user, _ in events} - {"", "-"}, key=lambda user: (user not in told, user))[:users]
    return [line for _, user, line in sorted(events, key=lambda event: event[0]) if user in some]


def crowd(lines: Iterable[bytes], count: int) -> list[bytes]:
    """The same events of `count` times as many people, at the same times."""
    found = []
    for line in lines:
        event = json.loads(line)
        for number in range(count):
            other = {key: f"{event[key]}-{number}" for key in ("user", "id", "session") if key in event}
            found.append(json.dumps(event | other).encode())
    return found


def partition_of(line: bytes) -> int:
    """The partition of an event's user."""
    return zlib.crc32(json.loads(line)["user"].encode()) % PARTITIONS


class Stage:
    """One test's."""

    def __init__(self, servers: str, prefix: str, folder: Path) -> None:
        """Make the topics."""
        folder.mkdir(exist_ok=True)
        self.servers, self.prefix, self._log = servers, prefix, folder / "live.log"
        self.events, self.group = f"{prefix}.events.by-user", f"{prefix}.detect.by-user"
        self.changelog = f"{prefix}.state.by-user"
        self.watcher = Watcher(servers)
        self.fed: list[bytes] = []
        self.duplicates = 0
        self.processes: list[ForkServerProcess] = []
        with admin(connection({"SESSIONWATCH_KAFKA": servers})) as client:
            create(client, layouts(prefix, PARTITIONS), 1)

    def start(
        self, trap: str = "", member: str = "", more: Sequence[str] = (), named: Mapping[str, str] | None = None
    ) -> ForkServerProcess:
        """Start `sessionwatch live`."""
        words = ["live", "--prefix", self.prefix, "--source", "okta", "--by", "user", "--member", member, *more]
        settings = {"SESSIONWATCH_KAFKA": self.servers, "TRAP": trap, **(named or {})}
        process = _PROCESSES.Process(target=worker.run, args=(words, settings, str(self._log)), daemon=True)
        process.start()
        self.processes.append(process)
        return process

    def feed(self, lines: Iterable[bytes]) -> None:
        """Write events to the partitions of their users; a broken one to the first."""
        lines = list(lines)
        feed(self.servers, self.events, ((partition_of(line), b"", line) for line in lines))
        self.fed += lines

    def committed(self) -> int:
        """How many records are done with."""
        return sum(self.watcher.committed(self.group, self.events).values())

    def until_judged(self) -> None:
        """Wait until all that was fed is done with."""
        self.until(lambda: self.committed() >= len(self.fed), "all is judged")

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something, and show what the processes said where it does not come."""
        try:
            self.watcher.until(done, what)
        except AssertionError as error:
            error.add_note(self.said())
            raise

    def until_ended(self, process: ForkServerProcess) -> int:
        """Wait for its end; its exit code."""
        process.join(WAIT_MAX_S)
        assert process.exitcode is not None, f"it does not end\n{self.said()}"
        return process.exitcode

    def until_stopped(self, process: ForkServerProcess) -> None:
        """Wait until it stands still."""

        def stands() -> bool:
            assert process.exitcode is None, self.said()
            return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

        self.until(stands, "it stands still")

    def said(self) -> str:
        """What the processes said."""
        return self._log.read_text()[-6000:] if self._log.exists() else ""

    def finish(self, fewest: int = 5) -> None:
        """End the input, have all judged by whoever runs, or by one that is started, and compare."""
        if not any(process.is_alive() for process in self.processes):
            self.start()
        end_input(self.servers, self.prefix, "--by", "user")
        try:
            wait_until_judged(self.watcher, self.servers, self.prefix)
            assert_as_replayed(self.servers, self.prefix, fewest=fewest)
        except AssertionError as error:
            error.add_note(self.said())
            raise
        self.assert_counted_once()

    def state(self) -> list[PartitionState]:
        """What is kept, by partition, as a start reads it."""
        found = [PartitionState() for _ in range(PARTITIONS)]
        for one in read_all(self.servers, self.changelog):
            record: Record = one
            found[one.partition].read([record], rank)
        return found

    def compact(self) -> None:
        """Have the broker compact the changelog now, while nobody works; then its settings are as they were."""
        wanted = {"min.compaction.lag.ms": "0", "segment.ms": "1", "min.cleanable.dirty.ratio": "0.0"}
        self._set(wanted)
        best = {(one.partition, one.key): one.value for one in read_all(self.servers, self.changelog)}
        # A segment is closed by what comes after it.
        for _ in range(2):
            feed(self.servers, self.changelog, [(number, b"-", None) for number in range(PARTITIONS)])
        self.until(
            lambda: sum(one.key != b"-" for one in read_all(self.servers, self.changelog)) == len(best), "compacted"
        )
        layout = next(one for one in layouts(self.prefix, PARTITIONS) if one.name == self.changelog)
        self._set({name: layout.settings()[name] for name in wanted})

    def _set(self, settings: Mapping[str, str]) -> None:
        with admin(connection({"SESSIONWATCH_KAFKA": self.servers})) as client:
            client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self.changelog, configs=dict(settings))])

    def assert_counted_once(self) -> None:
        """Every event that was fed is counted, and none twice; the last entry of each key is its best."""
        counted = duplicates = 0
        for state in self.state():
            assert not state.stale
            entry = PartitionStore(state.data).held("stream", *STREAM_KEY)
            assert entry is not None
            tally = msgspec.msgpack.decode(entry.blob, type=StreamState).tallies["user"]
            counted += tally.events
            duplicates += tally.duplicates
        events = written(self.servers, self.prefix, KINDS)
        assert len(events) == len(self.fed)
        assert (counted, duplicates) == (len(events) - self.duplicates, self.duplicates)

    def halt(self) -> None:
        """Kill what runs; what stands still too."""
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join(WAIT_MAX_S)

    def drain(self, process: ForkServerProcess) -> None:
        """Stop a process as an operator does."""
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        assert self.until_ended(process) == 0, self.said()

    def close(self) -> None:
        """Leave nothing running."""
        self.halt()
        self.watcher.close()
