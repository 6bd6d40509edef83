"""Security events that wait to be fetched, and the stream that their receiver asked for, in one SQLite file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sessionwatch.errors import StateError

Status = Literal["enabled", "paused", "disabled"]
"""Of a stream: events are handed out; kept until it is enabled again; neither."""
STATUSES: Final = ("enabled", "paused", "disabled")
Put = Literal["kept", "known", "no_stream", "disabled", "not_requested", "full"]
"""What became of an event: kept to be fetched; kept or fetched before; not kept, with the reason."""
SCHEMA: Final = 1
APPLICATION: Final = 0x5E55F1
WAITING_MAX: Final = 100_000
"""Events that wait to be fetched; beyond it an action is tried again later."""
OVER_MAX: Final = 100_000
"""Ids of events that were fetched, refused or too late, kept to be known again; beyond it the oldest are forgotten."""
_MODE: Final = 0o600
_BUSY_S: Final = 5.0
_TABLES: Final = """
CREATE TABLE events (
  n INTEGER PRIMARY KEY AUTOINCREMENT, jti TEXT NOT NULL UNIQUE, token BLOB, until REAL NOT NULL,
  came TEXT NOT NULL DEFAULT 'waiting'
);
CREATE INDEX events_waiting ON events (n) WHERE came = 'waiting';
CREATE TABLE stream (
  one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
  requested TEXT NOT NULL, description TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the receiver asked for. `requested` None: every type of event that there is."""

    id: str
    status: Status = "enabled"
    reason: str = ""
    requested: tuple[str, ...] | None = None
    description: str = ""

    def wants(self, type_: str) -> bool:
        """Whether events of the type are to be kept for it."""
        return self.requested is None or type_ in self.requested


class EventSpool:
    """The file at `path`, made where there is none. Several processes may use it; what was put is on the disk.

    Instants are seconds since 1970.

    Raises:
        StateError: it cannot be opened or written, is another's, or of a newer schema.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or make it."""
        self.path = path
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
            with self._transaction():
                self._prepare()
            path.chmod(_MODE)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def stream(self) -> Stream | None:
        """The stream; None where no receiver has asked for one."""
        with self._told():
            row = self._db.execute("SELECT id, status, reason, requested, description FROM stream").fetchone()
        if row is None:
            return None
        id_, status, reason, requested, description = row
        wanted = json.loads(requested)
        return Stream(id_, status, reason, None if wanted is None else tuple(wanted), description)

    def keep_stream(self, stream: Stream) -> None:
        """Begin the stream, or change it; a disabled one holds nothing for later."""
        row = (stream.id, stream.status, stream.reason, json.dumps(stream.requested), stream.description)
        with self._told(), self._transaction():
            self._db.execute("INSERT OR REPLACE INTO stream VALUES (1, ?, ?, ?, ?, ?)", row)
            if stream.status == "disabled":
                self._end("dropped", "came = 'waiting'")

    def end_stream(self) -> None:
        """Forget the stream and what waits for it."""
        with self._told(), self._transaction():
            self._db.execute("DELETE FROM stream")
            self._end("dropped", "came = 'waiting'")

    def put(self, jti: str, type_: str, token: bytes, until: float, *, always: bool = False) -> Put:
        """Keep an event to be fetched before `until`; one that is known is not kept twice.

        `always`: it is of the stream itself, and wanted whatever was asked for.
        """
        with self._told(), self._transaction():
            if self._db.execute("SELECT 1 FROM events WHERE jti = ?", (jti,)).fetchone():
                return "known"
            stream = self.stream()
            if stream is None or stream.status == "disabled":
                return "no_stream" if stream is None else "disabled"
            if not always and not stream.wants(type_):
                return "not_requested"
            if self._count("waiting") >= WAITING_MAX:
                return "full"
            self._db.execute("INSERT INTO events (jti, token, until) VALUES (?, ?, ?)", (jti, token, until))
            return "kept"

    def take(self, count: int, now: float) -> tuple[dict[str, bytes], bool]:
        """The first `count` events that wait, by id and in order, and whether there are more; they go on waiting.

        What is too late to be worth doing is not handed out any more.
        """
        with self._told(), self._transaction():
            self._end("late", "came = 'waiting' AND until <= ?", now)
            stream = self.stream()
            if stream is None or stream.status != "enabled":
                return {}, False
            asked = "SELECT jti, token FROM events WHERE came = 'waiting' ORDER BY n LIMIT ?"
            rows = self._db.execute(asked, (count + 1,)).fetchall()
        return dict(rows[:count]), len(rows) > count

    def settle(self, fetched: Iterable[str], refused: Mapping[str, str]) -> None:
        """The receiver has these and keeps them, and does not take those, each with its word for why."""
        with self._told(), self._transaction():
            for jti in fetched:
                self._end("fetched", "came = 'waiting' AND jti = ?", jti)
            for jti, word in refused.items():
                self._end(f"refused {word}".strip(), "came = 'waiting' AND jti = ?", jti)
            last = "SELECT n FROM events WHERE came != 'waiting' ORDER BY n DESC LIMIT 1 OFFSET ?"
            self._db.execute(f"DELETE FROM events WHERE came != 'waiting' AND n <= ({last})", (OVER_MAX,))  # noqa: S608  # a query of ours

    def counts(self) -> dict[str, int]:
        """How many events came to what: `waiting`, `fetched`, `late`, `dropped`, `refused` with the word for why."""
        with self._told():
            return dict(self._db.execute("SELECT came, count(*) FROM events GROUP BY came ORDER BY came").fetchall())

    def _count(self, came: str) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM events WHERE came = ?", (came,)).fetchone()
        return int(count)

    def _end(self, came: str, where: str, *said: float | str) -> None:
        self._db.execute(f"UPDATE events SET came = ?, token = NULL WHERE {where}", (came, *said))  # noqa: S608  # conditions of ours

    def _prepare(self) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (schema,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application != APPLICATION or schema > SCHEMA):
            raise StateError(f"{self.path}: is no spool of this version; name another file, or upgrade")
        if not tables:
            for statement in (*_TABLES.split(";\n"), f"PRAGMA application_id = {APPLICATION}"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{self.path}: the spool cannot be used ({error}); make room, or name another") from error
