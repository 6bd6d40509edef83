"""Live judging on a real Kafka: events a second beside stock stream processors, latency, recovery. One run, ratios.

    python -m bench.live [--events N] [--peer-events N] [--seconds S] [--rate N]

Ours judges by the bundled rules by user, with state and notices acknowledged and offsets committed; the peers
(bench/live_peers.py) write one state an event and detect nothing. Ours is timed from its first event to the commit of
its last, the peers from their first event to their last. Needs Java 17 and mvn; Quix Streams goes into an environment
of its own, out/bench/quix, because it cannot share ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bench.replay import machine
from bench.stream import lines
from sessionwatch.live.partition_store import rank
from streams.kafka.changelog import Changelog, PartitionState
from streams.kafka.connection import connection
from streams.kafka.topics import admin, create, layouts
from tests.integration.keeper import java
from tests.integration.live import clients
from tests.integration.live.broker import Broker, jars

ROOT: Final = Path(__file__).parent.parent
PARTITIONS: Final = 4
RECOVERY: Final = ((300, 400_000), (4_096, 40_000))
"""Bytes of an entry, and how many of them are read."""
QUIX: Final = "quixstreams==3.28.1"
WAIT_MAX_S: Final = 600.0


class Named(msgspec.Struct):
    """An event of an alert."""

    id: str


class Head(msgspec.Struct):
    """What is read of an alert for its latency."""

    events: list[Named] = []


class Notice(msgspec.Struct):
    """What is read of a notice."""

    alert: Head


class Ours:
    """`sessionwatch live` over topics of its own."""

    def __init__(self, servers: str, prefix: str) -> None:
        """Make the topics."""
        self.servers, self.prefix, self.topic = servers, prefix, f"{prefix}.events.by-user"
        self.watcher = clients.Watcher(servers)
        with admin(connection({"SESSIONWATCH_KAFKA": servers})) as client:
            create(client, layouts(prefix, PARTITIONS), 1)

    def start(self) -> subprocess.Popen[str]:
        """Start it; returns when it is ready."""
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sessionwatch.cli.main",
                "live",
                "--prefix",
                self.prefix,
                "--source",
                "okta",
                "--by",
                "user",
            ],
            env={**os.environ, "SESSIONWATCH_KAFKA": self.servers},
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in process.stderr or ():
            if "live ready" in line:
                return process
        raise SystemExit("live has not become ready")

    def until(self, events: int) -> float:
        """Wait until so many are committed; the clock then."""
        limit = time.monotonic() + WAIT_MAX_S
        while sum(self.watcher.committed(f"{self.prefix}.detect.by-user", self.topic).values()) < events:
            if time.monotonic() > limit:
                raise SystemExit(f"{self.prefix}: not judged within {WAIT_MAX_S:.0f} s")
            time.sleep(0.05)
        return time.perf_counter()


def judged(servers: str, events: Sequence[bytes]) -> dict[str, Any]:
    """How long ours takes for a backlog, with what it wrote to its changelog."""
    ours = Ours(servers, "bench")
    feed(servers, ours.topic, events)
    process = ours.start()
    begun_s, used_s = time.perf_counter(), processor_s(process.pid)
    wall_s = ours.until(len(events)) - begun_s
    used_s = processor_s(process.pid) - used_s
    end(process)
    written = sum(
        len(one.value or b"") + len(one.key or b"") for one in clients.read_all(servers, "bench.state.by-user")
    )
    notices = len(clients.read_all(servers, "bench.notices"))
    return {"events": len(events), "wall_s": wall_s, "processor_s": used_s, "written": written, "notices": notices}


def peer(name: str, servers: str, topic: str, events: int) -> dict[str, Any]:
    """How long one of the others takes for the first `events` of a topic."""
    python = sys.executable if name == "stock" else str(quix_python())
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as folder:
        words = [
            python,
            str(ROOT / "bench" / "live_peers.py"),
            name,
            servers,
            topic,
            str(PARTITIONS),
            str(events),
            folder,
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_MAX_S, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            return {"events": events, **json.loads(line)}
    raise SystemExit(f"{name} has said nothing:\n{(done.stdout + done.stderr)[-2000:]}")


def quix_python() -> Path:
    """The Python of an environment with Quix Streams, which is made where it is not there."""
    folder = ROOT / "out" / "bench" / "quix"
    if not (folder / "bin" / "quixstreams-ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", QUIX], check=True)
        (folder / "bin" / "quixstreams-ready").touch()
    return folder / "bin" / "python"


def latency(servers: str, events: Sequence[bytes], rate: int) -> dict[str, Any]:
    """From the record of the newest event of an alert to that of its notice, at so many events a second."""
    ours = Ours(servers, "paced")
    process = ours.start()
    half = len(events) // 2
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=0)
    begun_s = time.monotonic()
    for number, line in enumerate(events):
        producer.send(ours.topic, partition=partition_of(line), key=b"", value=line)
        ahead_s = number / rate - (time.monotonic() - begun_s)
        if not number % 50 and ahead_s > 0:
            time.sleep(ahead_s)
    producer.flush()
    took_s = time.monotonic() - begun_s
    producer.close()
    ours.until(len(events))
    end(process)
    warm = {json.loads(line)["id"] for line in events[half:]}
    at_ms = {json.loads(value)["id"]: stamp for stamp, value in stamped(servers, ours.topic)}
    waits = []
    for stamp, value in stamped(servers, "paced.notices"):
        told = msgspec.json.decode(value, type=Notice).alert.events
        named = [one.id for one in told if one.id in at_ms]
        newest = max(named, key=at_ms.__getitem__, default=None)
        if newest in warm:
            waits.append(stamp - at_ms[newest])
    waits.sort()
    at = (
        {f"p{share}_ms": waits[min(len(waits) - 1, len(waits) * share // 100)] for share in (50, 90, 99)}
        if waits
        else {}
    )
    return {"notices": len(waits), "rate": round(len(events) / took_s), **at}


async def recovered(servers: str, size: int, count: int) -> float:
    """Seconds to read a changelog of so many entries of so many bytes."""
    topic = f"changelog-{size}"
    clients.create(servers, {topic: PARTITIONS}, **{"cleanup.policy": "compact"})
    filler = bytes(size - 12)
    feed_entries = ((n % PARTITIONS, b"k%d" % n, n.to_bytes(8, "big") + bytes(4) + filler) for n in range(count))
    clients.feed(servers, topic, feed_entries)
    states = {number: PartitionState() for number in range(PARTITIONS)}
    log = Changelog(topic, rank, connection({"SESSIONWATCH_KAFKA": servers}).for_aiokafka())
    begun_s = time.perf_counter()
    read = await log.recover(states, lambda: True)
    took_s = time.perf_counter() - begun_s
    if not read == count == sum(len(state.data) for state in states.values()):
        raise SystemExit(f"{read:,} of {count:,} entries were read")
    return took_s


def stamped(servers: str, topic: str) -> Iterator[tuple[int, bytes]]:
    """Every record with its time in milliseconds."""
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=None, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=100).values():
            yield from ((one.timestamp, one.value) for one in records)
    consumer.close(autocommit=False)


def feed(servers: str, topic: str, events: Sequence[bytes]) -> None:
    """Write events under their users."""
    clients.feed(
        servers, topic, ((partition_of(line), json.loads(line).get("user", "").encode(), line) for line in events)
    )


def partition_of(line: bytes) -> int:
    """Of an event's user."""
    return zlib.crc32(json.loads(line).get("user", "").encode()) % PARTITIONS


def processor_s(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end(process: subprocess.Popen[str]) -> None:
    """Have it drain; what it still says is read, or it would wait for that."""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_MAX_S)


def ratios(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures by the names that others look for. By the clock; `_processor` by the time of the processor."""
    rate = {name: {by: one["events"] / one[by] for by in ("wall_s", "processor_s")} for name, one in found.items()}
    made: dict[str, Any] = {"events_per_s": round(rate["ours"]["wall_s"])}
    for name, key in (("stock", "vs_stock_faust_table"), ("quix", "vs_quix_state")):
        if name in rate:
            made[key] = round(rate["ours"]["wall_s"] / rate[name]["wall_s"], 2)
            made[f"{key}_processor"] = round(rate["ours"]["processor_s"] / rate[name]["processor_s"], 2)
    made["changelog_bytes_per_event"] = round(found["ours"]["written"] / found["ours"]["events"], 1)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description="Live judging on a real Kafka, beside stock stream processors.")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--peer-events", type=int, default=60_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--peers", nargs="*", default=["stock", "quix"])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "out" / "bench" / "live.json")
    asked = parser.parse_args(arguments)
    events = [line.encode() for line in lines(asked.events, 1)]
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
        broker = Broker(Path(folder) / "broker", java("Apache Kafka"), jars())
        broker.start()
        servers = f"127.0.0.1:{broker.port}"
        try:
            found: dict[str, dict[str, Any]] = {"ours": judged(servers, events)}
            for name in asked.peers:
                found[name] = peer(name, servers, "bench.events.by-user", asked.peer_events)
            paced = latency(servers, [line.encode() for line in lines(asked.rate * asked.seconds, 2)], asked.rate)
            took = {size: asyncio.run(recovered(servers, size, count)) for size, count in RECOVERY}
        finally:
            broker.kill()
    made = ratios(found) | {"p99_ms": paced.get("p99_ms"), "latency": paced}
    (small, many), (large, few) = RECOVERY
    made |= {
        "recovery_records_per_s": round(many / took[small]),
        "recovery_mb_per_s": round(large * few / took[large] / 1e6),
    }
    made |= {"load": os.getloadavg()[0], "machine": machine(), "partitions": PARTITIONS, "steps": found}
    made["bytes_per_event"] = round(sum(map(len, events)) / len(events), 1)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(made, indent=1) + "\n")
    print(json.dumps({name: value for name, value in made.items() if name != "steps"}, indent=1))


if __name__ == "__main__":
    main()
