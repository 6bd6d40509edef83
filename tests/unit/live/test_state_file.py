"""The state file: one holder, whole steps, and one clear line for whatever is wrong with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from models.events import SessionEvent
from models.instants import instant
from sessionwatch.errors import StateError
from sessionwatch.live.entries import Entry
from sessionwatch.live.judging import Judged
from sessionwatch.live.state_file import StateFile, Step, reading

BIG = b"x" * 100_000


def step(*names: str, blob: bytes = b"blob") -> Step:
    """A step that changes these users."""
    return Step(judged=Judged([], [Entry("user", "t", name, blob, wake_us=5) for name in names], []))


def test_a_second_holder_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    """Two watches over one state would each undo what the other did."""
    path = tmp_path / "deep" / "watch.db"
    with StateFile(path) as file:
        file.commit(step("ann"), notices=False)
        with pytest.raises(StateError, match=r"in use by process \d+; end that first"):
            StateFile(path)
        with reading(path) as other:
            assert other.blobs("user", [("t", "ann")]) == {("t", "ann"): b"blob"}
    with StateFile(path) as file:
        assert list(file.due("user", 5)) == [("t", "ann")]
        assert list(file.due("user", 4)) == []


def test_a_full_disk_leaves_nothing_of_the_step(tmp_path: Path) -> None:
    """And what was there before is there after."""
    path = tmp_path / "watch.db"
    with StateFile(path, pages_max=64) as file:
        file.commit(step("ann"), notices=False)
        with pytest.raises(StateError, match="the disk is full; make room"):
            file.commit(step("ann", "bo", "cy", "di", blob=BIG), notices=False)
        assert file.blobs("user", [("t", "ann"), ("t", "bo")]) == {("t", "ann"): b"blob"}
    with StateFile(path) as file:
        file.commit(step("ann", "bo", "cy", "di", blob=BIG), notices=False)
        assert file.blobs("user", [("t", "di")]) == {("t", "di"): BIG}


def test_what_is_no_state_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Text, another program's database, a newer version's file, a damaged one, a folder, nothing at all."""
    text, other, newer = (tmp_path / name for name in ("text.db", "other.db", "newer.db"))
    text.write_text("dear diary, this is no database at all\n" * 100)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE songs (name TEXT)")
    db.close()
    StateFile(newer).close()
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    for path, why in (
        (text, "is no state file"),
        (other, "is no state file"),
        (newer, "has schema 9, this version reads up to 1; upgrade first"),
        (tmp_path, "cannot be opened"),
    ):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StateError, match=why) as refused:
            StateFile(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)
        assert before == (path.read_bytes() if path.is_file() else b"")
    with pytest.raises(StateError, match="no such state file"):
        reading(tmp_path / "missing.db")
    text.with_name("under").write_text("")
    with pytest.raises(StateError, match="name a state file elsewhere"):
        StateFile(tmp_path / "under" / "watch.db")


def test_events_that_wait_come_back_in_order_of_time(tmp_path: Path) -> None:
    """However they were read, ties in the order of events; and those that were judged do not come again."""
    events = [SessionEvent(id=str(n), at=instant(n // 3 * 1_000_000), kind="login") for n in (3, 2, 1)]
    with StateFile(tmp_path / "watch.db") as file:
        file.commit(Step(held=events), notices=False)
        held, earliest = file.held(2)
        assert [event.id for event in earliest] == ["1", "2"]
        file.commit(Step(judged_held=held), notices=False)
        assert [event.id for event in file.held(9)[1]] == ["3"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds what people did."""
    with StateFile(tmp_path / "watch.db") as file:
        file.commit(Step(meta={"a": msgspec.msgpack.encode(1)}), notices=False)
        modes = {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert modes == {0}
