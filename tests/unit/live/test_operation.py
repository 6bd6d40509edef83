"""What a running process says of itself: feeds that stop, readiness, metrics, and lines without secrets."""

from __future__ import annotations

import json
import logging
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sessionwatch.live.exposition import Histogram, Metric, Pauses, Sample, exposition
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.lane_reports import LaneReports, RawReports, WorkerReports
from sessionwatch.live.logs import begin_log
from sessionwatch.live.metrics import CATALOGUE, Measured
from sessionwatch.live.readiness import Watchdog
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.kafka.batches import Batch, Outcome, Output, Record
from streams.kafka.lane import LaneCounts
from streams.monitoring import Monitor, Reports

BEGUN = datetime(2026, 3, 31, 12, tzinfo=UTC)


class Clock:
    """A clock that a test moves, in seconds."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.s

    def now(self) -> datetime:
        """The same as an instant."""
        return BEGUN + timedelta(seconds=self.s)


@pytest.fixture
def clock() -> Clock:
    """One that stands still."""
    return Clock()


def test_a_feed_that_stops_is_told_once_and_once_when_it_speaks_again(clock: Clock) -> None:
    """By the clock alone, from its last event or the start; sources that nobody expects are only measured."""
    feeds = Feeds({"okta": timedelta(minutes=30)}, clock, clock.now)
    clock.s = 600
    feeds.heard(["okta", "duo"])
    clock.s = 600 + 1800
    assert feeds.look() == []
    clock.s += 1
    (told,) = feeds.look()
    assert (told.operational, told.source, told.since) == ("feed_silent", "okta", BEGUN + timedelta(seconds=600))
    assert json.loads(told.to_json())["silent_after_s"] == 1800
    assert (feeds.look(), feeds.is_silent("okta"), feeds.is_silent("duo")) == ([], True, False)
    assert feeds.silence_s() == {"duo": 1801, "okta": 1801}
    feeds.heard(["okta"])
    (told,) = feeds.look()
    assert (told.operational, told.at) == ("feed_speaks", clock.now())
    assert feeds.look() == []
    clock.s += 1801
    assert [one.operational for one in feeds.look()] == ["feed_silent"]


def test_a_feed_that_never_spoke_is_silent_too(clock: Clock) -> None:
    """Since the start: a source that is set up wrongly is found out."""
    feeds = Feeds({"okta": timedelta(minutes=5)}, clock, clock.now)
    clock.s = 301
    assert [(one.source, one.since) for one in feeds.look()] == [("okta", BEGUN)]


def test_it_is_stalled_only_where_something_waits(clock: Clock) -> None:
    """Progress, or nothing to do, is readiness; a broker that does not tell is none for long."""
    watchdog = Watchdog(60, clock)
    for _ in range(10):
        clock.s += 30
        watchdog.saw(5, 0)
    assert watchdog.unready() == ""
    watchdog.saw(5, 7)
    clock.s += 61
    watchdog.saw(5, 7)
    assert watchdog.unready() == "stalled: 7 records wait, and none is done for 61 s"
    watchdog.saw(6, 6)
    assert watchdog.unready() == ""
    watchdog.saw(12, 0)
    for n in range(3):
        clock.s += 30
        watchdog.saw(12 + n, None)
    assert watchdog.unready() == "nobody tells for 90 s how much waits: is the broker away?"


def test_what_prometheus_reads() -> None:
    """Names, types, labels that need escaping, and buckets that rise."""
    seconds = Histogram()
    for one in (0.0005, 0.25, 0.5, 100):
        seconds.observe(one)
    catalogue = {"a_total": Metric("counter", ("b",), "Said."), "c_seconds": Metric("histogram", (), "Long.")}
    text = exposition(catalogue, [("a_total", [Sample({"b": 'x"\n\\'}, 2)]), ("c_seconds", seconds.samples())])
    assert "# HELP sessionwatch_a_total Said.\n# TYPE sessionwatch_a_total counter\n" in text
    assert 'sessionwatch_a_total{b="x\\"\\n\\\\"} 2\n' in text
    rising = [int(n) for n in re.findall(r"c_seconds_bucket\{.*\} (\d+)", text)]
    assert rising == [1, 1, 1, 1, 3, 3, 3, 3, 4]
    assert text.endswith("sessionwatch_c_seconds_sum 100.7505\nsessionwatch_c_seconds_count 4\n")


def test_pauses_of_the_collector_are_seen() -> None:
    """Each collection is one, until nobody listens."""
    import gc

    with Pauses() as pauses:
        gc.collect()
    seen = pauses.count
    gc.collect()
    assert pauses.count == seen > 0


class FakeLane:
    """A lane as the reports see it."""

    def __init__(self) -> None:
        self.lagging: dict[int, int] | None = {0: 3}
        self.counts = LaneCounts(records=2)
        self.ready = False
        self.keys, self.state_bytes = 11, 2200


class FakeJudges:
    """Judges that tell of one alert."""

    def __init__(self) -> None:
        self.accounting = Accounting()

    def __call__(self, batch: Batch) -> Outcome:
        """Tell."""
        alert = {"id": "a", "rule": {"id": "new_device"}}
        return Outcome(
            [Output("n", b"a", json.dumps({"change": "raised", "alert": alert}).encode()), Output("d", None, b"{}")]
        )

    def judges(self) -> dict[int, Any]:
        """None has begun."""
        return {}


class FakeRecord:
    """A record of a topic."""

    def __init__(self, value: bytes) -> None:
        self.value, self.offset, self.timestamp, self.key, self.headers = value, 0, 0, b"", ()


def test_a_worker_tells_of_itself(clock: Clock) -> None:
    """Recovery is no readiness; metrics are those of the catalogue; a silent feed is told on the topic of notices."""
    feeds = Feeds({"okta": timedelta(seconds=5)}, clock, clock.now)
    reports = LaneReports(FakeJudges(), feeds, "n", begin_log("live", "text"))
    reports.lane = FakeLane()
    records: list[Record] = [FakeRecord(b'{"source": "okta"}'), FakeRecord(b"\xff"), FakeRecord(b'{"source": "duo"}')]
    clock.s = 4
    reports.judge(Batch("t", 0, records, {}, fresh=True))
    clock.s = 8
    assert reports.look() == []
    assert reports.unready() == "recovering: 11 entries read"
    reports.lane.ready = True  # type: ignore[misc]  # the fake's
    assert reports.unready() == ""
    clock.s = 10
    (told,) = reports.look()
    assert (told.topic, told.key, json.loads(told.value)["operational"]) == ("n", b"feed okta", "feed_silent")
    text = reports.metrics()
    assert 'sessionwatch_lag_events{partition="0"} 3\n' in text
    assert 'sessionwatch_notices_total{rule="new_device",change="raised"} 1\n' in text
    assert 'sessionwatch_feed_silent{source="okta"} 1\n' in text
    assert "sessionwatch_ready 1\n" in text
    named = set(re.findall(r"# TYPE sessionwatch_(\w+)", text))
    assert named == set(CATALOGUE) - {"held_events", "refused_total"}


class FakeNormaliser(FakeJudges):
    """A normaliser, as its reports see it."""

    adapter = adapters(())["okta"]


def test_a_normaliser_tells_of_the_format_that_speaks(clock: Clock) -> None:
    """By what comes to its raw topic, whatever that says."""
    feeds = Feeds({"okta": timedelta(seconds=5)}, clock, clock.now)
    normaliser: Any = FakeNormaliser()
    worker = WorkerReports(feeds, Measured())
    part = worker.parts["okta"] = RawReports(normaliser, feeds, "n", begin_log("normalise", "text"), worker.measured)
    part.lane = FakeLane()
    clock.s = 4
    part.judge(Batch("t", 0, [FakeRecord(b"anything")], {}, fresh=True))
    clock.s = 8
    assert part.look() == []
    assert worker.unready() == "okta: recovering: 11 entries read"
    assert 'sessionwatch_lag_events{partition="okta/0"} 3\n' in worker.metrics()
    clock.s = 10
    assert [json.loads(one.value)["operational"] for one in part.look()] == ["feed_silent"]


def test_a_monitor_answers() -> None:
    """Over HTTP, until it is closed."""
    why = ["recovering"]
    monitor = Monitor("127.0.0.1:0", Reports(lambda: "a 1\n", lambda: why[0]))

    port = monitor.port

    def asked(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert asked("/healthz") == (200, "alive\n")
    assert asked("/readyz") == (503, "recovering\n")
    why[0] = ""
    assert asked("/readyz") == (200, "ready\n")
    assert asked("/metrics") == (200, "a 1\n")
    monitor.close()
    with pytest.raises(OSError, match="refused"):
        asked("/healthz")


def test_lines_are_objects_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and those of libraries, traces too: a planted password is in none of them."""
    secret = 'hunter22 "of" the cluster'  # noqa: S105  # planted
    log = begin_log("live", "json", [secret, ""])
    log("ready", entries=3, broker=f"kafka://u:{secret}@a:1")
    try:
        int(secret)
    except ValueError:
        logging.getLogger("aiokafka.conn").exception("failed for %s", secret)
    begin_log("watch", "text", [secret])("ready", rules=38, token=secret)
    said = capsys.readouterr().err
    assert secret not in said
    *objects, last = said.splitlines()
    first, second = map(json.loads, objects)
    assert (first["command"], first["level"], first["said"], first["entries"]) == ("live", "info", "ready", 3)
    assert datetime.fromisoformat(first["at"]).tzinfo is not None
    assert (second["from"], second["level"], "Traceback" in second["trace"]) == ("aiokafka.conn", "error", True)
    assert last == "watch ready rules=38 token=***"
