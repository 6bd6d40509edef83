"""`sessionwatch dead-letter`: what could not be read is told, and comes back once it can be."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sessionwatch.cli.main import main
from sessionwatch.live.state_file import reading
from tests.integration.watch.checks import counted
from tests.replay.command import Ended

GOOD = {"id": "1", "at": "2026-03-31T12:00:00Z", "kind": "login", "user": "ann@clinic.example"}
LATER = {"id": "2", "at": "2026-03-31T12:05:00Z", "kind": "login", "user": "bo@clinic.example"}


@pytest.fixture
def sessionwatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The command, in this process."""

    def run(*words: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["sessionwatch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return run


Run = Callable[..., Ended]


@pytest.fixture
def state(sessionwatch: Run, tmp_path: Path) -> Path:
    """The state of a watch that met two records that it could not read, and has since been mended."""
    log = tmp_path / "log.jsonl"
    broken = json.dumps(LATER).replace('"login"', '"logn"')
    log.write_text(f"{json.dumps(GOOD)}\n{broken}\nno event of ann@clinic.example\n")
    ended = sessionwatch("watch", log, "--once", "--state", tmp_path / "watch.db")
    assert ended.code == 3, ended.err
    return tmp_path / "watch.db"


def mended(path: Path) -> None:
    """A dead letter whose record the program can read by now."""
    db = sqlite3.connect(path)
    for n, entry in db.execute("SELECT n, entry FROM dead_letters").fetchall():
        db.execute("UPDATE dead_letters SET entry = ? WHERE n = ?", (entry.replace(b"logn", b"login"), n))
    db.commit()
    db.close()


def test_they_are_listed_with_reason_and_place(sessionwatch: Run, state: Path, tmp_path: Path) -> None:
    """From the state of a watch and from a file; with --redact nothing of their text is shown."""
    told = sessionwatch("dead-letter", "list", "--state", state)
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "2 dead letters"
    assert "log.jsonl:3: " in told.out
    assert "no event of ann@clinic.example" in told.out
    lines = sessionwatch("dead-letter", "list", "--state", state, "--json").out
    (tmp_path / "dead.jsonl").write_text(lines)
    hidden = sessionwatch("dead-letter", "list", "--file", tmp_path / "dead.jsonl", "--redact").out
    assert hidden.splitlines()[-1] == "2 dead letters"
    assert "ann@clinic.example" not in hidden
    hidden = sessionwatch("dead-letter", "list", "--state", state, "--json", "--redact").out
    assert "ann@clinic.example" not in hidden


def test_what_can_be_read_now_goes_back_into_a_watch(sessionwatch: Run, state: Path) -> None:
    """It is judged at the next start, counted once, and stands in the dead letter no more; the other stays."""
    assert (
        "0 put back, 0 dropped by their adapter, 2 still" in sessionwatch("dead-letter", "retry", "--state", state).out
    )
    mended(state)
    told = sessionwatch("dead-letter", "retry", "--state", state)
    assert told.code == 0, told.err
    assert "1 put back, 0 dropped by their adapter, 1 still not readable" in told.out
    assert "1 events wait for the next start of the watch" in told.out
    assert sessionwatch("watch", state.parent / "log.jsonl", "--once", "--state", state).code == 3
    sums, stream = counted(state)
    assert (sums.records_read, sums.mapped, sums.events_made, sum(sums.dead_letters.values())) == (3, 2, 2, 1)
    assert stream.tallies["user"].events == 2
    with reading(state) as file:
        assert len(file.dead_letters()) == 1


def test_from_a_file_they_go_into_another(sessionwatch: Run, state: Path, tmp_path: Path) -> None:
    """That only its owner may read, ready for a replay; --max bounds it."""
    mended(state)
    (tmp_path / "dead.jsonl").write_text(sessionwatch("dead-letter", "list", "--state", state, "--json").out)
    words = ("dead-letter", "retry", "--file", tmp_path / "dead.jsonl", "--output", tmp_path / "again.jsonl")
    told = sessionwatch(*words)
    assert told.out.startswith(f"1 written to {tmp_path / 'again.jsonl'}, 1 still not readable")
    assert stat.S_IMODE((tmp_path / "again.jsonl").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "again.jsonl").read_text()) == LATER
    assert "0 written" in sessionwatch(*words, "--reason", "another").out


def test_what_does_not_go_together_is_refused(sessionwatch: Run, state: Path, tmp_path: Path) -> None:
    """In one line each."""
    for words, why in (
        (("list", "--state", state, "--file", state), "name one"),
        (("list", "--file", tmp_path / "none.jsonl"), "cannot be read"),
        (("list", "--file", tmp_path / "log.jsonl"), "log.jsonl:1: is no line of a dead letter"),
        (("retry", "--file", tmp_path / "log.jsonl"), "--file and --output go together"),
        (("list",), "Kafka: no servers; set SESSIONWATCH_KAFKA"),
    ):
        ended = sessionwatch("dead-letter", *words)
        assert (ended.code, why in ended.err) == (2, True), (words, ended.err)
