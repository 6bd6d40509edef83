"""A process for the tests: counts the events of each key in a lane, and dies where it is told to.

Settings come from the environment: GROUP, TOPIC, CHANGELOG, ALERTS, PARTITIONS, DIE (`before_outputs`,
`after_outputs`, `in_state`, `after_state`, each with `:` and at which time), POISON.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Mapping

from streams.kafka.batches import Batch, Outcome, Output, Rank
from streams.kafka.changelog import Changelog
from streams.kafka.connection import connection
from streams.kafka.lane import Lane
from streams.kafka.outputs import Appended, Outputs
from streams.kafka.settings import LaneSettings
from streams.kafka.worker import app_of, work

ENTRY = struct.Struct(">qqq")
EVERY = 7
DIED = 9


def rank(entry: bytes) -> Rank:
    """The offset and the sequence in an entry."""
    offset, sequence, _ = ENTRY.unpack(entry)
    return offset, sequence


def alert_id(key: bytes, count: int) -> bytes:
    """The same for the same event, whoever counts it and how often."""
    return hashlib.blake2b(b"%s|%d" % (key, count), digest_size=16).hexdigest().encode()


def count(batch: Batch) -> Outcome:
    """Count; every seventh event of a key is an alert."""
    changed: dict[bytes, bytes | None] = {}
    alerts: list[Output] = []
    for record in batch.records:
        key = record.key or b""
        entry = changed.get(key) or batch.state.get(key)
        offset, sequence, seen = ENTRY.unpack(entry) if entry else (-1, 0, 0)
        if record.offset <= offset:
            continue
        if "POISON" in os.environ and record.value == b"poison":
            raise ValueError("poison")
        changed[key] = ENTRY.pack(record.offset, sequence + 1, seen + 1)
        if (seen + 1) % EVERY == 0:
            alerts.append(Output(os.environ["ALERTS"], key, alert_id(key, seen + 1)))
    return Outcome(alerts, changed)


class MortalOutputs(Outputs):
    """Dies at a step of the order of operations."""

    point, _, nth = os.environ.get("DIE", "").partition(":")
    left = int(nth or 1)

    def _step(self, point: str) -> None:
        if point == MortalOutputs.point:
            MortalOutputs.left -= 1
            if MortalOutputs.left == 0:
                os._exit(DIED)

    async def write(self, outputs: Iterable[Output]) -> None:
        """Write, or die before or after."""
        self._step("before_outputs")
        await super().write(outputs)
        self._step("after_outputs")

    async def append(self, topic: str, partition: int, entries: Mapping[bytes, bytes | None]) -> list[Appended]:
        """Write, or die in the middle or afterwards."""
        if self.point == "in_state" and len(entries) > 1 and MortalOutputs.left == 1:
            half = dict(list(entries.items())[: len(entries) // 2])
            await super().append(topic, partition, half)
        self._step("in_state")
        appended = await super().append(topic, partition, entries)
        self._step("after_state")
        return appended


def main() -> None:
    """Work until told to stop."""
    named = os.environ
    settings = LaneSettings(
        group=named["GROUP"],
        topic=named["TOPIC"],
        changelog=named["CHANGELOG"],
        partitions=int(named["PARTITIONS"]),
        member=named.get("MEMBER", ""),
        tries_max=2,
        fetch_records_max=200,
        commit_every_s=0.2,
        watch_every_s=1.0,
        session_timeout_s=float(named.get("SESSION_S", "20")),
        request_timeout_s=float(named.get("REQUEST_S", "60")),
        heartbeat_every_s=1.0,
        drain_max_s=10.0,
        exit_max_s=20.0,
    )
    broker = connection(named)
    clients = broker.for_aiokafka()
    outputs = MortalOutputs(clients | {"request_timeout_ms": int(settings.request_timeout_s * 1000)})
    lane = Lane(settings, count, Changelog(settings.changelog, rank, clients), outputs)
    work(app_of(lane, broker))


if __name__ == "__main__":
    main()
