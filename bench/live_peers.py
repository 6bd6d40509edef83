"""What stock stream processors do with the same topic: decode an event, write one state, commit. No detection at all.

    python bench/live_peers.py stock|quix SERVERS TOPIC PARTITIONS EVENTS FOLDER

Prints a JSON line with the seconds from the first event to the last, by the clock and of the processor. Runs with the
Python of the project for `stock`, and with one that has quixstreams for `quix`, so that nothing of ours is imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Clock:
    """Counts events, and ends the process with a line at the last."""

    def __init__(self, events: int) -> None:
        """So many are to come."""
        self.left, self.events = events, events
        self.begun_s = self.used_s = 0.0

    def tick(self) -> None:
        """One more."""
        if self.left == self.events:
            self.begun_s, self.used_s = time.perf_counter(), time.process_time()
        self.left -= 1
        if not self.left:
            wall_s, processor_s = time.perf_counter() - self.begun_s, time.process_time() - self.used_s
            sys.__stdout__.write(json.dumps({"wall_s": wall_s, "processor_s": processor_s}) + "\n")  # type: ignore[union-attr]  # it is there
            sys.__stdout__.flush()  # type: ignore[union-attr]  # as above
            os._exit(0)


def counted(state: dict[str, Any] | None, event: dict[str, Any]) -> dict[str, Any]:
    """The state of a user after an event: how many, the newest, the last addresses."""
    state = state or {"n": 0, "at": "", "ips": []}
    ips = state["ips"] if event.get("ip") in state["ips"] else [*state["ips"], event.get("ip")][-8:]
    return {"n": state["n"] + 1, "at": max(state["at"], event["at"]), "ips": ips}


def stock(servers: str, topic: str, partitions: int, clock: Clock, folder: str) -> None:
    """A Faust agent with one table write an event."""
    import faust
    import msgspec

    app = faust.App(
        f"{topic}-stock",
        broker=f"kafka://{servers}",
        datadir=folder,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0,
        broker_max_poll_records=5_000,
        consumer_max_fetch_size=4 << 20,
        producer_max_batch_size=512 << 10,
        producer_linger=0.005,
        stream_recovery_delay=0.0,
    )
    table = app.Table("state", key_type=bytes, value_type=bytes, partitions=partitions)
    source = app.topic(topic, key_type=bytes, value_type=bytes, value_serializer="raw")

    @app.agent(source)
    async def count(stream: Any) -> None:
        async for event in stream.events():
            stored = table.get(event.key)
            state = counted(msgspec.msgpack.decode(stored) if stored else None, msgspec.json.decode(event.value))
            table[event.key] = msgspec.msgpack.encode(state)
            clock.tick()

    sys.argv = ["stock", "worker", "-l", "error", "--without-web"]
    app.main()


def quix(servers: str, topic: str, clock: Clock, folder: str) -> None:
    """Quix Streams with one state write an event."""
    from quixstreams import Application

    app = Application(
        broker_address=servers,
        consumer_group=f"{topic}-quix",
        auto_offset_reset="earliest",
        state_dir=folder,
        commit_interval=1.0,
        loglevel="ERROR",
        consumer_extra_config={"fetch.wait.max.ms": 50},
    )

    def count(value: bytes, state: Any) -> bytes:
        state.set("s", counted(state.get("s"), json.loads(value)))
        clock.tick()
        return value

    source = app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")
    app.dataframe(source).apply(count, stateful=True)
    app.run()


def main(peer: str, servers: str, topic: str, partitions: str, events: str, folder: str) -> None:
    """Be one of them."""
    if peer == "stock":
        stock(servers, topic, int(partitions), Clock(int(events)), folder)
    else:
        quix(servers, topic, Clock(int(events)), folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
