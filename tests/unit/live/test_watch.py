"""A watch, step by step: POSTs, the clock, other rules, dead letters, and what is known of a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import HOUR_US
from sessionwatch.errors import StateError
from sessionwatch.live import watch as watching
from sessionwatch.live.erasure import erase, kept_of
from sessionwatch.live.feeds import Feeds
from sessionwatch.live.records import Records, WatchSettings
from sessionwatch.live.state_file import StateFile
from sessionwatch.live.watch import Watch, written_until
from sessionwatch.ruleset.compiled import CompiledRule
from streams.sinks.notice_file import NoticeFile
from tests.property.sketch_rules import Export, Idle, NoParams, rule
from tests.unit.engine.story import event, rules

EXPORTS = rule("export", Export(NoParams()), {"export"}, HOUR_US)
BY_IP = rule("by_ip", Export(NoParams()), {"export"}, HOUR_US, by="ip")
IDLE = rule("idle", Idle(NoParams()), {"login"}, HOUR_US)


class Post:
    """A POST, and what it was answered."""

    def __init__(self, body: bytes, key: str = "", log_format: str = "") -> None:
        self.body, self.key, self.format = body, key, log_format
        self.answers: list[tuple[int, Mapping[str, Any]]] = []

    def answer(self, status: int, told: Mapping[str, Any]) -> None:
        """Note the answer."""
        self.answers.append((status, told))


class Waiting:
    """An intake with these POSTs in it."""

    def __init__(self, *posts: Post) -> None:
        self.posts = list(posts)

    def take(self, _bytes_max: int) -> list[Post]:
        """All of them."""
        taken, self.posts = self.posts, []
        return taken


def body(*events: SessionEvent) -> bytes:
    """Events as a sender writes them."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in events)


@contextmanager
def begun(folder: Path, *compiled: CompiledRule, pages_max: int | None = None, **settings: Any) -> Iterator[Watch]:
    """A watch over `folder`, from where the last one was."""
    path = str(folder / "notices.jsonl")
    with StateFile(folder / "watch.db", pages_max=pages_max) as state:
        sink = NoticeFile(path, written_until(state, path))
        records = Records(WatchSettings(format="native", **settings), state.meta("sums"))
        try:
            yield Watch(rules(*compiled), Locator(), records, state, sink)
        finally:
            sink.close()


def send(watch: Watch, *posts: Post) -> list[tuple[int, Mapping[str, Any]]]:
    """What these POSTs are answered, all in one step."""
    assert watch.read_posts(Waiting(*posts))  # type: ignore[arg-type]  # a stand-in
    return [answer for post in posts for answer in post.answers]


def changes(folder: Path) -> list[tuple[str, str]]:
    """(change, rule) of each notice in the file."""
    notices = [json.loads(line) for line in (folder / "notices.jsonl").read_text().splitlines()]
    return [(notice["change"], notice["alert"]["rule"]["id"]) for notice in notices]


def test_posts_of_one_step_are_answered_each(tmp_path: Path) -> None:
    """Good ones with counts, bad ones with the reason; a key that came before is answered as then, judged once."""
    good = body(event("in", 0), event("x", 1, "export", count=2000))
    with begun(tmp_path, EXPORTS) as watch:
        first = send(watch, Post(good + b"no json\n", "k"), Post(b"", "e"), Post(good, log_format="songs"))
        assert [status for status, _ in first] == [200, 400, 400]
        assert first[0][1] == {"records": 3, "events": 2, "dropped": 0, "dead_letters": 1}
        copy = b"[" + good.split(b"\n")[1] + b"]"
        again = send(watch, Post(good + b"no json\n", "k"), Post(copy))
        assert again == [first[0], (200, {"records": 1, "events": 1, "dropped": 0, "dead_letters": 0})]
        assert (watch.records.accounting.records_read, watch.records.accounting.dead_letter) == (4, 1)
        assert 'sessionwatch_judged_duplicates_total{by="user"} 1\n' in watch.metrics()
    assert changes(tmp_path) == [("raised", "export")]


def test_ties_of_one_step_are_judged_in_their_order(tmp_path: Path) -> None:
    """Many events of one second, the last first: none is late, and none had to settle early."""
    story = [event(f"{n:03}", 0, "export") for n in reversed(range(400))]
    with begun(tmp_path, EXPORTS) as watch:
        send(watch, Post(body(*story)))
        counts = watch.judge.engine.lanes[0].counts
        assert (counts.events, counts.late) == (400, 0)


def test_a_full_disk_answers_nobody(tmp_path: Path) -> None:
    """What is not on the disk is not acknowledged, and after a new start the sender's second try counts once."""
    events = [event(str(n), n, "export", count=2000, user=f"user-{n}", resource="r" * 900) for n in range(300)]
    post = Post(body(*events))
    with begun(tmp_path, EXPORTS, pages_max=80) as watch, pytest.raises(StateError, match="the disk is full"):
        send(watch, post)
    assert post.answers == []
    assert changes(tmp_path) == []
    with begun(tmp_path, EXPORTS) as watch:
        assert send(watch, Post(post.body))[0][1]["events"] == 300
        assert watch.records.accounting.records_read == 300
    assert changes(tmp_path).count(("raised", "export")) == 300


def test_what_the_clock_raises_is_withdrawn_by_an_event_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent feed looks idle; when it speaks again, what it says counts."""
    now_s = 1000.0
    monkeypatch.setattr(watching.time, "monotonic", lambda: now_s)
    with begun(tmp_path, IDLE) as watch:
        send(watch, Post(body(event("in", 0))))
        watch.tick()
        assert changes(tmp_path) == []
        now_s += 20 * 60
        watch.tick()
        watch.tick()
        assert changes(tmp_path) == [("raised", "idle")]
        send(watch, Post(body(event("out", 5, "logout"))))
        watch.close()
    assert changes(tmp_path) == [("raised", "idle"), ("withdrawn", "idle")]


def test_a_start_under_other_rules_goes_on(tmp_path: Path) -> None:
    """What was raised stays as it was raised, what is new is learned from here on, nothing is told twice."""
    with begun(tmp_path, EXPORTS) as watch:
        send(watch, Post(body(event("in", 0), event("x", 1, "export", count=2000), event("w", 200, "export"))))
    with begun(tmp_path, IDLE, BY_IP) as watch:
        send(watch, Post(body(event("y", 300, "export", count=2000, ip="198.51.100.7"))))
        assert watch.judge.engine.lanes[0].counts.relearned > 0
        watch.finish()
        standing = [json.loads(alert)["rule"]["id"] for alert in watch.state.standing(late=False)]
    assert standing.count("export") == 1
    assert standing.count("by_ip") == 1
    assert [change for change in changes(tmp_path) if change == ("raised", "export")] == [("raised", "export")]


def files_with(folder: Path, name: str) -> list[str]:
    """The files of a folder in which these letters stand."""
    return [path.name for path in folder.iterdir() if name.encode() in path.read_bytes()]


def test_what_is_forgotten_stands_nowhere_in_the_state(tmp_path: Path) -> None:
    """Also where an address's or a device's state, a dead letter or an alert mentions the person; others stay."""
    story: Sequence[SessionEvent] = [
        event("in", 0, user="ann.smith"),
        event("x", 1, "export", user="ann.smith", count=2000, ip="198.51.100.7"),
        event("y", 2, "export", user="bo", count=2000, session="s2", device="d2"),
    ]
    with begun(tmp_path, EXPORTS, BY_IP) as watch:
        send(watch, Post(body(*story) + b'{"user": "ann.smith"}\n'))
        watch.close()
    assert "watch.db" in files_with(tmp_path, "ann.smith")
    with StateFile(tmp_path / "watch.db") as state:
        kept = kept_of(state, "ann.smith")
        assert {"user", "ip", "owners", "alert", "dead letter"} <= {one.what for one in kept}
        assert erase(state, "ann.smith") == len(kept)
        assert kept_of(state, "ann.smith") == []
        assert len([one for one in kept_of(state, "bo") if one.what == "user"]) == 1
        ((mark, offset),) = state.rows("SELECT hash, first FROM forgotten")
        assert len(mark) == 64
        assert offset > 0
    (tmp_path / "notices.jsonl").unlink()
    assert files_with(tmp_path, "ann.smith") == []
    with begun(tmp_path, EXPORTS, BY_IP) as watch:
        assert send(watch, Post(body(event("z", 9, user="ann.smith"))))[0][0] == 200


def test_redacted_dead_letters_have_no_text(tmp_path: Path) -> None:
    """The place and the reason remain."""
    with begun(tmp_path, EXPORTS, redact=True) as watch:
        send(watch, Post(body(event("in", 0)) + b'{"user": "ann.smith"}\n'))
        (entry,) = map(json.loads, watch.state.dead_letters())
    assert (entry["file"], entry["line"], "raw" in entry) == ("http", 2, False)


def test_a_silent_feed_is_told_among_the_notices(tmp_path: Path) -> None:
    """As a line of its own, in the file when the watch knows of it, and without an alert."""
    now_s = 0.0
    with begun(tmp_path, EXPORTS) as watch:
        watch.feeds = Feeds({"fast": timedelta(minutes=5)}, lambda: now_s)
        now_s = 200.0
        send(watch, Post(body(event("in", 0))))
        now_s = 400.0
        assert watch.look_at_feeds() == []
        now_s = 501.0
        assert [notice.operational for notice in watch.look_at_feeds()] == ["feed_silent"]
        assert 'sessionwatch_feed_silent{source="fast"} 1\n' in watch.metrics()
        send(watch, Post(body(event("x", 1, "export", count=2000))))
        assert [notice.operational for notice in watch.look_at_feeds()] == ["feed_speaks"]
    told = [json.loads(line) for line in (tmp_path / "notices.jsonl").read_text().splitlines()]
    assert [one.get("operational", one.get("change")) for one in told] == ["feed_silent", "raised", "feed_speaks"]
