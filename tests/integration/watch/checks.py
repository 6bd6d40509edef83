"""What a watch left behind, and what it must equal."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from sessionwatch.live.judging import StreamState
from sessionwatch.live.records import Sums
from sessionwatch.live.state_file import reading

BOUND_S = 110
"""Within the two minutes that native events may be late."""


def day(example_day: Path) -> list[bytes]:
    """The lines of the example's last day, two of them broken."""
    return gzip.decompress((example_day / "day.jsonl.gz").read_bytes()).splitlines(keepends=True)


def late(lines: list[bytes], seed: int) -> list[bytes]:
    """The lines as they may arrive: each some time late within its bound, one in twenty twice."""
    r = random.Random(seed)
    arriving, at = [], datetime.fromisoformat("2026-03-31T00:00:00+00:00")
    for line in lines:
        try:
            at = datetime.fromisoformat(json.loads(line)["at"])
        except ValueError:
            arriving.append((at, line))
            continue
        arriving.append((at + timedelta(seconds=r.uniform(0, BOUND_S)), line))
        if r.random() < 0.05:
            arriving.append((at + timedelta(seconds=r.uniform(0, BOUND_S)), line))
    return [line for _, line in sorted(arriving, key=lambda one: one[0])]


def watched(state: Path) -> bytes:
    """The alerts that stand in a state file, as `sessionwatch state alerts` writes them."""
    with reading(state) as file:
        return b"".join(alert + b"\n" for alert in file.standing(late=False))


def told(notices: Path) -> dict[str, bytes]:
    """What a consumer of the notices holds: each alert at its highest revision, in order, each line once."""
    latest: dict[str, dict[str, Any]] = {}
    for line in notices.read_bytes().splitlines():
        notice = json.loads(line)
        before = latest.get(notice["alert"]["id"])
        assert before is None or before["revision"] < notice["revision"], "a notice stands there twice"
        assert before is None or before["change"] != "resolved"
        assert (notice["change"] == "raised") == (before is None or before["change"] == "withdrawn")
        latest[notice["alert"]["id"]] = notice
    return {name: n for name, n in latest.items() if n["change"] != "withdrawn"}


def counted(state: Path) -> tuple[Sums, StreamState]:
    """What was counted: of records, and of events."""
    db = sqlite3.connect(f"file:{state}?mode=ro", uri=True)
    ((sums,),) = db.execute("SELECT value FROM meta WHERE key = 'sums'")
    ((stream,),) = db.execute("SELECT blob FROM entries WHERE kind = 'stream'")
    db.close()
    return msgspec.msgpack.decode(sums, type=Sums), msgspec.msgpack.decode(stream, type=StreamState)
