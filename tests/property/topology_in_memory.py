"""The whole topology without a broker: topics are lists, lanes run in an order that a seed gives, and die anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from models.findings import By
from sessionwatch.engine.lateness import Lateness
from sessionwatch.engine.notices import NoticeRecord
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.live.normalising import Normaliser
from sessionwatch.live.partitions import OutputTopics, PartitionJudges
from sessionwatch.live.routing import SESSION, Route, Router, kinds_of
from sessionwatch.live.topology import rules_by
from sessionwatch.ruleset.compiled import Ruleset
from streams.adapters import adapters
from streams.kafka.batches import Batch, Judge, Look, Outcome, Ticker
from streams.kafka.keys import Keys
from streams.kafka.marks import marked


class One(NamedTuple):
    """A record."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Lane:
    """A lane's place in one partition, and what is kept of it."""

    topic: str
    number: int
    begun: Callable[[], tuple[Judge, Ticker]]
    pace: int
    judge: Judge = field(init=False)
    ticker: Ticker = field(init=False)
    state: dict[bytes, bytes] = field(default_factory=dict)
    at: int = 0
    committed: int = 0
    fresh: bool = True

    def __post_init__(self) -> None:
        """Start."""
        self.judge, self.ticker = self.begun()


class Topology:
    """Raw topics of native events, all lanes over them, and a clock that moves with every step."""

    def __init__(
        self, plan: EnginePlan, lateness: Lateness, seed: int, *, raw: Mapping[str, int], partitions: int = 2
    ) -> None:
        """Nothing is judged yet."""
        self.random = random.Random(seed)
        self.ruleset: Ruleset = plan.ruleset()
        self.kinds: tuple[By, ...] = kinds_of(self.ruleset)
        self.topics: dict[tuple[str, int], list[One]] = {}
        self.partitions = dict(raw) | {f"by-{by}": partitions for by in self.kinds}
        self.clock_s, self.deaths, self.deadly = 1_000.0, 0, 0.0
        self.judges: list[PartitionJudges] = []
        self._keys = Keys()
        routes: dict[By, Route] = {by: Route(f"by-{by}", partitions) for by in self.kinds}
        makers = dict(raw) | {"by-session": partitions}
        locator, native = plan.locator(), adapters(())["native"]
        router = Router(self.ruleset, routes)

        def normaliser() -> tuple[Judge, Ticker]:
            one = Normaliser(native, locator, router, makers, "dead-letter", now_s=lambda: self.clock_s)
            return one, one.tick

        def judging(by: By) -> Callable[[], tuple[Judge, Ticker]]:
            def begun() -> tuple[Judge, Ticker]:
                topics = OutputTopics("notices", "dead-letter", "late")
                one = PartitionJudges(rules_by(self.ruleset, by), locator, lateness, native, topics, by=by)
                one.router, one.now_s = (router if by == SESSION else None), lambda: self.clock_s
                self.judges.append(one)
                return one, one.tick

            return begun

        pace = [2, 3]
        self.lanes = [
            Lane(t, n, normaliser, self.random.choice(pace)) for t, count in raw.items() for n in range(count)
        ]
        self.lanes += [
            Lane(f"by-{by}", n, judging(by), self.random.choice(pace)) for by in self.kinds for n in range(partitions)
        ]
        for lane in self.lanes:
            if lane.topic in raw:
                self.tick(lane)

    def put(
        self, topic: str, number: int, value: bytes, headers: Sequence[tuple[str, bytes]] = (), at_ms: int = 0
    ) -> None:
        """Write a record."""
        records = self.topics.setdefault((topic, number), [])
        records.append(One(2 * len(records), value, None, 0, headers))

    def end(self, raw: Iterable[str]) -> None:
        """End the input of raw topics."""
        for topic in raw:
            for number in range(self.partitions[topic]):
                self.put(topic, number, b"", [marked("end")])

    def run(self) -> None:
        """Until all is judged, and told, by all."""
        for _ in range(3):
            while busy := [lane for lane in self.lanes if lane.at < len(self._log(lane))]:
                self.step(self.random.choice([lane for lane in busy for _ in range(lane.pace)]))
            for lane in self.lanes:
                self.clock_s += 6
                self.tick(lane)

    def step(self, lane: Lane) -> None:
        """A batch of one lane, and now and then its ticker."""
        self.clock_s += 0.05
        log = self._log(lane)
        batch = log[lane.at : lane.at + self.random.randrange(1, 40)]
        outcome = lane.judge(Batch(lane.topic, lane.number, batch, lane.state, lane.fresh))
        if self.random.random() < self.deadly:
            self.deaths += 1
            self._write(lane, outcome, dies=True)
            lane.judge, lane.ticker = lane.begun()
            lane.fresh, lane.at = True, lane.committed
            return
        self._write(lane, outcome)
        lane.fresh, lane.at = False, lane.at + len(batch)
        if self.random.random() < 0.5:
            lane.committed = lane.at
        if self.random.random() < 0.1:
            self.tick(lane)

    def tick(self, lane: Lane) -> None:
        """Time passes for a lane."""
        look = Look(Batch(lane.topic, lane.number, (), lane.state, lane.fresh), lane.at >= len(self._log(lane)))
        for outcome in lane.ticker({lane.number: look}).values():
            self._write(lane, outcome)
        lane.fresh = False

    def _log(self, lane: Lane) -> list[One]:
        return self.topics.get((lane.topic, lane.number), [])

    def _write(self, lane: Lane, outcome: Outcome, *, dies: bool = False) -> None:
        """Outputs, then state; who dies writes a part of the first, or of the second."""
        outputs, entries = list(outcome.outputs), list(outcome.state.items())
        if dies and self.random.random() < 0.5:
            outputs, entries = outputs[: self.random.randrange(len(outputs) + 1)], []
        elif dies:
            entries = entries[: self.random.randrange(len(entries) + 1)]
        for one in outputs:
            number = one.partition
            if number is None:
                number = self._keys.partition(one.key or b"", self.partitions.get(one.topic, 1))
            records = self.topics.setdefault((one.topic, number), [])
            records.append(One(2 * len(records), one.value, one.key, 0, one.headers))
        for key, value in entries:
            if value is None:
                lane.state.pop(key, None)
            else:
                lane.state[key] = value

    def standing(self) -> dict[str, bytes]:
        """The alerts that stand."""
        kept: dict[str, NoticeRecord] = {}
        for record in self.topics.get(("notices", 0), []):
            notice = msgspec.json.decode(record.value or b"", type=NoticeRecord)
            alert = msgspec.json.decode(notice.alert)
            before = kept.get(alert["id"])
            if not alert.get("late") and (before is None or notice.revision >= before.revision):
                kept[alert["id"]] = notice
        return {key: bytes(one.alert) for key, one in kept.items() if one.change != "withdrawn"}
