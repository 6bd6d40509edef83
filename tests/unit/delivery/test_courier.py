"""From the state file to the sink: each alert at least once, in order, by the same id, whatever happens between."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from models.alerts import Notice
from sessionwatch.delivery.courier import TRIES_MAX, Courier
from sessionwatch.delivery.journal import Journal
from sessionwatch.delivery.sink import STORED, Document, Receipt, Sink, SinkSettings
from sessionwatch.errors import StateError
from sessionwatch.live.alert_rows import AlertRows
from streams.sinks.outgoing import Outgoing
from tests.unit.streams.sinks.siem_alerts import alert as made
from tests.unit.streams.sinks.siem_alerts import notice

ALERTS = """
CREATE TABLE alerts (
  id TEXT PRIMARY KEY, first INTEGER NOT NULL, n INTEGER NOT NULL, change TEXT NOT NULL, supersedes TEXT,
  alert BLOB NOT NULL
);
"""


class Kept(Sink):
    """A sink in memory that answers as `answer` says."""

    name = "kept"

    def __init__(self, **settings: Any) -> None:
        self.settings = SinkSettings(sink="kept", base="https://siem.example", **settings)
        self.answer: Callable[[Sequence[Document]], list[Receipt]] = lambda batch: [STORED] * len(batch)
        self.batches: list[list[str]] = []
        self.got: list[tuple[str, str]] = []

    @classmethod
    def of(cls, settings: Any) -> Self:
        """Not set up by a file."""
        raise NotImplementedError

    def encode(self, told: Outgoing) -> bytes:
        """What a test reads."""
        return f"{told.alert} {told.what}".encode()

    async def send(self, documents: Sequence[Document]) -> list[Receipt]:
        """As `answer` says."""
        receipts = self.answer(documents)
        self.batches.append([one.id for one in documents])
        stored = [one for one, said in zip(documents, receipts, strict=True) if said.result == "stored"]
        self.got += [(one.id, one.line.decode()) for one in stored]
        return receipts

    async def close(self) -> None:
        """Nothing."""


class Watch:
    """A state file with nothing in it but alerts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(ALERTS)

    def tell(self, alert: str, change: str, first: int, **changes: Any) -> Notice:
        """As a watch does: the newest notice of an alert takes the place of the one before."""
        told = notice(change, (first, 0), alert=made(id=alert, **changes))
        self._db.execute(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?)",
            (alert, first, 0, change, told.supersedes, told.alert.to_json()),
        )
        return told


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """A watch's state file."""
    return Watch(tmp_path / "watch.state")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """What is kept of one sink."""
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


def delivered(watch: Watch, journal: Journal, sink: Sink, said: list[str] | None = None) -> None:
    """Let the courier send what there is."""
    alerts = AlertRows(watch.path)
    courier = Courier(alerts, journal, sink, (said if said is not None else []).append)
    asyncio.run(courier.run(asyncio.Event(), until_idle=True))
    alerts.close()


def lines(sink: Kept) -> list[str]:
    """What the sink was told, in order."""
    return [line for _, line in sink.got]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessionwatch.delivery.courier.backoff_s", lambda *_: 0.0)


def test_each_change_is_sent_once_and_in_order(watch: Watch, journal: Journal) -> None:
    """Also when the courier looks in between, and is started anew."""
    sink = Kept(batch_max=2)
    for n in range(5):
        watch.tell(f"a{n}", "raised", n)
        delivered(watch, journal, sink)
    watch.tell("a1", "updated", 10)
    watch.tell("a3", "withdrawn", 11)
    delivered(watch, journal, sink)
    delivered(watch, journal, sink)
    assert lines(sink) == [*(f"a{n} raised" for n in range(5)), "a1 updated", "a3 withdrawn"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("raised", ["a raised"]),
        ("updated", ["a raised"]),
        ("resolved", ["a raised", "a settled"]),
        ("withdrawn", []),
    ],
)
def test_an_alert_that_changed_before_it_was_seen_is_raised_first(
    change: str, expected: list[str], watch: Watch, journal: Journal
) -> None:
    """A SIEM counts what is raised; and nobody hears that what he never heard of is taken back."""
    watch.tell("a", change, 3)
    sink = Kept()
    delivered(watch, journal, sink)
    assert lines(sink) == expected


def test_only_what_is_serious_enough_is_sent_until_it_becomes_so(watch: Watch, journal: Journal) -> None:
    """An alert that rises is raised when it reaches the limit, and then followed to its end."""
    sink = Kept(severity_min="high", changes=("raised", "withdrawn"))
    watch.tell("a", "raised", 1, severity="low")
    watch.tell("b", "raised", 2, severity="critical")
    delivered(watch, journal, sink)
    assert lines(sink) == ["b raised"]
    watch.tell("a", "updated", 3, severity="high")
    watch.tell("b", "updated", 4, severity="critical")
    delivered(watch, journal, sink)
    watch.tell("a", "withdrawn", 5, severity="low")
    delivered(watch, journal, sink)
    assert lines(sink) == ["b raised", "a raised", "a withdrawn"]


def test_what_cannot_be_sent_waits_and_loses_nothing(watch: Watch, journal: Journal) -> None:
    """The sink is away, then back: everything comes, in order; that it failed and works again is said once each."""
    for n in range(7):
        watch.tell(f"a{n}", "raised", n)
    sink, said = Kept(batch_max=3), []
    sink.answer = lambda batch: [Receipt("retry", "status_503")] * len(batch)
    delivered(watch, journal, sink, said)
    assert not sink.got
    assert len(sink.batches) == TRIES_MAX
    assert journal.counts().waiting == 7
    answers = iter([Receipt("retry", "status_503"), *[STORED] * 10])
    sink.answer = lambda batch: [next(answers)] * len(batch)
    delivered(watch, journal, sink, said)
    assert lines(sink) == [f"a{n} raised" for n in range(7)]
    assert said == ["cannot send: status_503; tries again, and keeps what waits"] * 2 + ["sends again"]
    assert journal.counts()[:3] == (7, 0, 0)


def test_what_is_never_taken_is_put_aside_and_can_be_sent_anew(watch: Watch, journal: Journal) -> None:
    """A request that is refused whole is taken apart, so that one bad document holds up nobody."""
    for n in range(5):
        watch.tell(f"a{n}", "raised", n)
    sink = Kept(batch_max=5)
    sink.answer = lambda batch: (
        [Receipt("alone", "status_400") if any(b"a2" in d.line for d in batch) else STORED] * len(batch)
    )
    delivered(watch, journal, sink)
    assert lines(sink) == [f"a{n} raised" for n in (0, 1, 3, 4)]
    ((_, reason, _),) = journal.refused()
    assert reason == "status_400"
    assert journal.put_back() == 1
    sink.answer = lambda batch: [STORED] * len(batch)
    delivered(watch, journal, sink)
    assert lines(sink)[-1] == "a2 raised"
    assert not list(journal.refused())


def test_a_crash_after_the_sending_sends_the_same_again(watch: Watch, tmp_path: Path) -> None:
    """Killed before it noted what was taken, and the alert changed since: the same documents, then the change."""
    watch.tell("a", "updated", 1)
    sink = Kept()

    def dies(batch: Sequence[Document]) -> list[Receipt]:
        sink.got += [(one.id, one.line.decode()) for one in batch]
        raise KeyboardInterrupt

    sink.answer = dies
    first = Journal(tmp_path / "journal")
    with pytest.raises(KeyboardInterrupt):
        delivered(watch, first, sink)
    first.close()
    watch.tell("a", "resolved", 9)
    sink.answer = lambda batch: [STORED] * len(batch)
    second = Journal(tmp_path / "journal")
    delivered(watch, second, sink)
    second.close()
    assert lines(sink) == ["a raised", "a raised", "a settled"]
    assert len({id_ for id_, _ in sink.got}) == 2


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_faults_ends_with_each_document_stored_or_put_aside(
    seed: int, watch: Watch, tmp_path: Path
) -> None:
    """Random answers, random restarts: each alert is raised once, its last change is told, and nothing waits."""
    dice = random.Random(seed)
    sink, changes = Kept(batch_max=4), {}

    def answer(batch: Sequence[Document]) -> list[Receipt]:
        told = [dice.choice([STORED, STORED, Receipt("retry", "busy")]) for _ in batch]
        return [Receipt("alone", "status_413")] * len(batch) if len(batch) > 1 and dice.random() < 0.2 else told

    for step in range(60):
        alert = f"a{dice.randrange(12)}"
        changes[alert] = "raised" if alert not in changes else dice.choice(["updated", "resolved"])
        watch.tell(alert, changes[alert], step)
        if dice.random() < 0.3:
            sink.answer = answer
            journal = Journal(tmp_path / "journal")
            delivered(watch, journal, sink)
            journal.close()
    sink.answer = lambda batch: [STORED] * len(batch)
    journal = Journal(tmp_path / "journal")
    delivered(watch, journal, sink)
    assert journal.counts().waiting == 0
    journal.close()
    for alert, change in changes.items():
        told = [line.split()[1] for _, line in sink.got if line.split()[0] == alert]
        assert told.count("raised") == 1
        assert change != "resolved" or "settled" in told


def test_where_too_much_waits_no_more_is_read(watch: Watch, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal stays small while a sink is away; the state file has the rest."""
    monkeypatch.setattr("sessionwatch.delivery.courier.WAITING_MAX", 3)
    monkeypatch.setattr("sessionwatch.delivery.courier.READ_MAX", 2)
    for n in range(20):
        watch.tell(f"a{n}", "raised", n)
    sink = Kept()
    sink.answer = lambda batch: [Receipt("retry", "away")] * len(batch)
    delivered(watch, journal, sink)
    assert journal.counts().waiting <= 4
    sink.answer = lambda batch: [STORED] * len(batch)
    delivered(watch, journal, sink)
    assert lines(sink) == [f"a{n} raised" for n in range(20)]


def test_a_state_file_that_is_none_is_told(tmp_path: Path) -> None:
    """Missing, or something else: what, where, what to do."""
    with pytest.raises(StateError, match="no such state file"):
        AlertRows(tmp_path / "none")
    (tmp_path / "other").write_bytes(b"no database at all, but long enough to be looked at")
    with pytest.raises(StateError, match="nothing is sent until it can be read"):
        list(AlertRows(tmp_path / "other").after(-1, -1, 10))
