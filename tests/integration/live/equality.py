"""The one check at the end of every run over Kafka: what stands is what a replay of the same events in files finds.

How to use it, once the events are in the topics and while whoever judges them is running:

    end_input(servers, prefix)                      # the end-of-input record, into every partition
    wait_until_judged(watcher, servers, prefix)     # every group has committed every record
    assert_as_replayed(servers, prefix)

`assert_as_replayed` reads all topics of events, drops what a writer wrote again after a crash (the same origin),
replays the rest by the bundled rules of the kinds asked for, and compares every alert that stands in the notices,
byte for byte; withdrawn and late ones are left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
from kafka import KafkaConsumer, TopicPartition

from models.events import SessionEvent
from models.instants import NEVER_US, to_us
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.plan import EnginePlan, attributes_read
from sessionwatch.live.ending import counts
from sessionwatch.ruleset.loading import bundled_rules
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.canonical import Canonical
from streams.decoding import Decoding
from streams.kafka.marks import is_mark, origin_of
from streams.sources.records import RawRecord
from tests.integration.live.clients import Watcher, read_all
from tests.replay.command import sessionwatch

KINDS = ("user",)
"""The subject kinds whose topics are looked at unless told."""


class Noticed(msgspec.Struct):
    """A notice as a consumer reads it; the alert as its bytes."""

    change: str
    revision: tuple[int, int]
    alert: msgspec.Raw


class Head(msgspec.Struct):
    """What the check reads of an alert."""

    id: str
    late: bool = False


def events_topic(prefix: str, kind: str) -> str:
    """The topic of events by this kind."""
    return f"{prefix}.events.by-{kind}"


def end_input(servers: str, prefix: str, *words: str) -> None:
    """Write the end-of-input record, by the command that people use."""
    before = os.environ.get("SESSIONWATCH_KAFKA")
    os.environ["SESSIONWATCH_KAFKA"] = servers
    try:
        ended = sessionwatch("control", "end-of-input", "--prefix", prefix, *words)
    finally:
        if before is None:
            del os.environ["SESSIONWATCH_KAFKA"]
        else:
            os.environ["SESSIONWATCH_KAFKA"] = before
    assert ended.code == 0, ended.err


def ends(servers: str, topic: str) -> dict[int, int]:
    """The end offset of each partition that is not empty."""
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=None, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        return {one.partition: end for one, end in consumer.end_offsets(partitions).items() if end}
    finally:
        consumer.close(autocommit=False)


def wait_until_judged(watcher: Watcher, servers: str, prefix: str, kinds: Sequence[str] = KINDS) -> None:
    """Wait until the groups of these kinds have committed all that is in their topics now; by session goes first."""
    for kind in sorted(kinds, key=lambda kind: kind != "session"):
        topic, group = events_topic(prefix, kind), f"{prefix}.detect.by-{kind}"
        wait_until_committed(watcher, group, topic, ends(servers, topic))


def wait_until_committed(watcher: Watcher, group: str, topic: str, wanted: Mapping[int, int]) -> None:
    """Wait until a group has come to these offsets of a topic."""

    def done() -> bool:
        committed = watcher.committed(group, topic)
        return all(committed.get(number, 0) >= end for number, end in wanted.items())

    watcher.until(done, f"{group} has judged {topic}")


def standing(servers: str, prefix: str) -> dict[str, bytes]:
    """The alerts of a consumer that keeps the highest revision of each id, less those withdrawn or late."""
    kept: dict[str, Noticed] = {}
    for record in read_all(servers, f"{prefix}.notices"):
        if (record.key or b"").startswith(b"feed "):
            continue
        notice = msgspec.json.decode(record.value or b"", type=Noticed)
        alert = msgspec.json.decode(notice.alert, type=Head)
        before = kept.get(alert.id)
        if before is None or notice.revision >= before.revision:
            kept[alert.id] = notice
        if alert.late:
            del kept[alert.id]
    return {key: bytes(one.alert) for key, one in kept.items() if one.change != "withdrawn"}


def written(servers: str, prefix: str, kinds: Sequence[str]) -> list[SessionEvent]:
    """Every event of these topics once: not what was written again, nor what a lane made out of other events."""
    seen: set[tuple[str, int, int]] = set()
    accounting = Accounting()
    decoding = Decoding(Canonical("default", {}, accounting), 1 << 20, accounting, lambda *_: None)
    native, found = adapters(())["native"], []
    lanes = tuple(events_topic(prefix, kind) + "/" for kind in ("session",))
    for kind in kinds:
        topic = events_topic(prefix, kind)
        for record in read_all(servers, topic):
            origin = origin_of(record)
            if is_mark(record.headers) or (origin is not None and origin.source.startswith(lanes)):
                continue
            key = (f"{topic}/{record.partition}", record.offset, 0) if origin is None else tuple(origin)
            if key not in seen:
                seen.add(key)
                found += decoding.events(topic, native, RawRecord(record.value or b"", 0, record.offset))
    return found


def replayed(events: Sequence[SessionEvent], kinds: Sequence[str], until_us: int | None = None) -> dict[str, bytes]:
    """The alerts of a replay in order, by the bundled rules of these kinds."""
    plan = EnginePlan((bundled_rules(),))
    loaded = plan.ruleset()
    ruleset = replace(loaded, rules=tuple(rule for rule in loaded.rules if rule.by in kinds))
    engine = Engine(ruleset, plan.locator(attributes_read(ruleset)))
    newest_us = max((to_us(event.at) for event in events if counts(event)), default=-NEVER_US)
    out = dict(engine.process(sorted(events, key=lambda event: event.at)))
    out |= engine.finish(newest_us if until_us is None else until_us)
    return {key: one[3] for key, one in out.items()}


def assert_as_replayed(
    servers: str, prefix: str, *, kinds: Sequence[str] = KINDS, until_us: int | None = None, fewest: int = 1
) -> dict[str, bytes]:
    """Compare; returns what stands. `until_us`: where the input ended later than at its newest event.

    `fewest`: so many alerts must there be, or the comparison would say nothing.
    """
    wanted = replayed(written(servers, prefix, kinds), kinds, until_us)
    stood = standing(servers, prefix)
    assert len(wanted) >= fewest
    missing, more = wanted.keys() - stood.keys(), stood.keys() - wanted.keys()
    assert not missing, f"{len(missing)} of {len(wanted)} alerts were not told, e.g. {wanted[min(missing)].decode()}"
    assert not more, f"{len(more)} alerts stand that a replay does not find, e.g. {stood[min(more)].decode()}"
    other = [key for key, alert in wanted.items() if stood[key] != alert]
    assert not other, f"{len(other)} differ:\n{stood[other[0]].decode()}\n{wanted[other[0]].decode()}"
    return stood
