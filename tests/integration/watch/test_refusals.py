"""What a watch cannot work with ends in one line that says what, where and what to do, and nothing is half done."""

from __future__ import annotations

import contextlib
import gzip
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from sessionwatch.cli.main import main
from sessionwatch.live.state_file import StateFile


@pytest.fixture
def log(example_day: Path, tmp_path: Path) -> Path:
    """A log of a hundred events."""
    path = tmp_path / "log.jsonl"
    lines = gzip.decompress((example_day / "day.jsonl.gz").read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:100]))
    return path


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The last line of a command that ends with 2, and that it is no traceback."""
    monkeypatch.setattr(sys, "argv", ["sessionwatch", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert "Traceback" not in said
    return said.splitlines()[-1]


def test_each_refusal_is_one_line(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong calls, a token that is none, a port that is taken, a state file that another watch has."""
    monkeypatch.delenv("SESSIONWATCH_TOKEN", raising=False)
    state = tmp_path / "watch.db"
    with socket.create_server(("127.0.0.1", 0)) as other, StateFile(tmp_path / "held.db"):
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        token = tmp_path / "token"
        token.write_text("correct-horse-battery\n")
        for words, why in (
            (("watch", "--state", state), "nothing to watch"),
            (("watch", "-", log, "--state", state), "goes alone"),
            (("watch", "--listen", taken, "--once", "--state", state), "leave one of them out"),
            (("watch", "--listen", taken, "--state", state), "SESSIONWATCH_TOKEN must hold a token"),
            (("watch", "--listen", taken, "--token-file", tmp_path / "none", "--state", state), "cannot be read"),
            (("watch", "--listen", taken, "--token-file", token, "--state", state), "choose another port"),
            (("watch", log, "--state", tmp_path / "held.db"), "in use by process"),
            (("watch", log, "--state", state, "--notices", tmp_path), "is a folder; name a file"),
            (("watch", tmp_path / "gone", "--state", state), "no such file"),
            (("watch", log, "--state", state, "--bound", "okta"), "write okta=5m"),
            (("watch", log, "--state", state, "--lateness", "some"), "neither all nor seen"),
            (("state", "alerts", "--state", tmp_path / "missing.db"), "no such state file"),
        ):
            assert why in refused(monkeypatch, capsys, *words), words


def test_a_full_disk_stops_the_watch_and_loses_nothing(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With room again it goes on from where it was: nothing of the step that failed is there twice."""
    words = ("watch", log, "--once", "--state", tmp_path / "watch.db", "--notices", tmp_path / "notices.jsonl")
    full = log.read_bytes()
    log.write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["sessionwatch", *map(str, words)])
    with pytest.raises(SystemExit):
        main()
    capsys.readouterr()
    with contextlib.closing(sqlite3.connect(tmp_path / "watch.db")) as state:
        pages = state.execute("PRAGMA page_count").fetchone()[0]
    log.write_bytes(full)
    monkeypatch.setenv("SESSIONWATCH_STATE_PAGES_MAX", str(pages + 1))
    line = refused(monkeypatch, capsys, *words)
    assert line.endswith("watch.db: the disk is full; make room and start again, nothing is lost")
    assert (tmp_path / "notices.jsonl").read_bytes() == b""
    monkeypatch.delenv("SESSIONWATCH_STATE_PAGES_MAX")
    monkeypatch.setattr(sys, "argv", ["sessionwatch", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "records=100 " in capsys.readouterr().err.splitlines()[-1]
