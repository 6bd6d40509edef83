"""Rules by tenant: closed buckets of event time, judged whole, so that the order inside a bucket does not matter."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from models.events import OrderKey, PlacedEvent
from sessionwatch.engine.counts import EngineCounts, RuleCounts
from sessionwatch.engine.folds import Subject, digest, opened, trigger_of_event, write
from sessionwatch.engine.judgement import Published
from sessionwatch.engine.program import BucketProgram

Owns = Callable[[Subject], bool]


OpenBucket = tuple[str, str, int, bytes, list[bytes]]
"""Rule id, tenant, start, the detector's encoded state, and the events seen where copies may come."""


class BucketState(msgspec.Struct, array_like=True):
    """How far is closed, and what is open."""

    closed_us: int
    open: list[OpenBucket]


class Buckets:
    """Open buckets of every rule by tenant."""

    def __init__(
        self, program: BucketProgram, counts: EngineCounts, owns: Owns | None = None, *, copies: bool = False
    ) -> None:
        """Run `program` for the tenants that `owns` accepts; `copies`: the same event may come again."""
        self.program = program
        self.counts = [counts.rules.setdefault(rule.id, RuleCounts()) for rule in program.rules]
        self.owns = owns
        self.closed_us = -(2**62)
        self._open: dict[tuple[int, str, int], Any] = {}
        self._next_close_us = 2**62
        self._copies = copies
        self._seen: dict[tuple[int, str, int], set[bytes]] = {}
        self.touched: set[tuple[int, str, int]] = set()
        """Buckets that changed, or are closed, since whoever stores them last took this set."""

    def add(self, event: PlacedEvent) -> bool:
        """Count `event` into its buckets; False where a bucket it belongs to has closed already."""
        in_time = True
        for index, rule in self.program.table[event.kind]:
            if rule.when is not None and not rule.when(event):
                continue
            if self.owns is not None and not self.owns((event.tenant, "")):
                continue
            detector = self.program.detectors[index]
            start_us = event.at_us - event.at_us % detector.bucket_us
            if start_us + detector.bucket_us <= self.closed_us:
                self.counts[index].late += 1
                in_time = False
                continue
            key = (index, event.tenant, start_us)
            state = self._open.get(key)
            if state is None:
                state = self._open[key] = rule.detector.State()
                self._next_close_us = min(self._next_close_us, start_us + detector.bucket_us)
            if self._copies and not self._first(key, event):
                continue
            self.counts[index].evaluated += 1
            detector.add(event, state)
            self.touched.add(key)
        return in_time

    def _first(self, key: tuple[int, str, int], event: PlacedEvent) -> bool:
        """Whether `event` is the first of its copies in the bucket; a fuller copy that comes later changes nothing."""
        seen = self._seen.setdefault(key, set())
        mark = hashlib.blake2b(trigger_of_event(event).encode(), digest_size=8).digest()
        if mark in seen:
            return False
        seen.add(mark)
        return True

    def close_until(self, at_us: int, out: Published) -> None:
        """Close and judge every bucket that ends by `at_us`, oldest first."""
        self.closed_us = max(self.closed_us, at_us)
        if at_us < self._next_close_us:
            return
        due = []
        self._next_close_us = 2**62
        for index, tenant, start_us in self._open:
            end_us = start_us + self._length(index)
            if end_us <= at_us:
                due.append((end_us, index, tenant, start_us))
            else:
                self._next_close_us = min(self._next_close_us, end_us)
        for end_us, index, tenant, start_us in sorted(due):
            self._close(index, tenant, start_us, end_us, out)

    def _length(self, index: int) -> int:
        return self.program.detectors[index].bucket_us

    def _close(self, index: int, tenant: str, start_us: int, end_us: int, out: Published) -> None:
        rule = self.program.rules[index]
        self.touched.add((index, tenant, start_us))
        self._seen.pop((index, tenant, start_us), None)
        finding = self.program.detectors[index].close(start_us, self._open.pop((index, tenant, start_us)))
        if finding is None:
            return
        alerts = rule.mode in {"alert", "enforce"}
        self.counts[index].fired += alerts
        self.counts[index].shadowed += not alerts
        if alerts:
            subject = (tenant, tenant)
            fold = opened(rule, subject, finding, None, start_us, digest(rule.id, tenant, str(start_us)))
            fold.last_us = end_us
            order: OrderKey = (end_us, -1, -1, "")
            alert = write(fold, rule, "tenant", subject)
            out[fold.alert_id] = (fold.alert_id, f"{rule.id}|{finding.key}", order, alert)

    def snapshot(self) -> BucketState:
        """What is open, as plain data."""
        return BucketState(self.closed_us, [self._stored(key) for key in sorted(self._open)])

    def stored(self, key: tuple[int, str, int]) -> OpenBucket | None:
        """One bucket, by (place of its rule, tenant, start), as plain data; None where it has closed."""
        return self._stored(key) if key in self._open else None

    def _stored(self, key: tuple[int, str, int]) -> OpenBucket:
        index, tenant, start_us = key
        data = msgspec.msgpack.encode(self._open[key])
        return (self.program.rules[index].id, tenant, start_us, data, sorted(self._seen.get(key, ())))

    def restore(self, state: BucketState) -> None:
        """Go on from a snapshot; buckets of rules that are no longer loaded are dropped."""
        index_of = {rule.id: i for i, rule in enumerate(self.program.rules)}
        self.closed_us = state.closed_us
        for rule_id, tenant, start_us, data, seen in state.open:
            if (index := index_of.get(rule_id)) is None:
                continue
            rule = self.program.rules[index]
            self._open[index, tenant, start_us] = msgspec.msgpack.decode(data, type=rule.detector.State)
            if seen:
                self._seen[index, tenant, start_us] = set(seen)
            self._next_close_us = min(self._next_close_us, start_us + self._length(index))


def share(worker: int, workers: int) -> Owns:
    """The subjects of one of several workers; each belongs to exactly one, the same on every machine."""
    return lambda subject: zlib.crc32(f"{subject[0]}\0{subject[1]}".encode()) % workers == worker
