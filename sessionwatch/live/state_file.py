"""All that a watch keeps in one SQLite file: a transaction a step, so that a crash leaves a whole step or nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from models.events import SessionEvent
from models.findings import By
from sessionwatch.errors import StateError
from sessionwatch.live.entries import Entry, EntryKind
from sessionwatch.live.judging import Judged
from sessionwatch.live.packing import Packing
from streams.deadletter import Entry as DeadEntry
from streams.sources.segments import Position

SCHEMA: Final = 1
"""The schema of the file. Newer ones are refused rather than guessed at."""
APPLICATION: Final = 0x5E5510
DEAD_LETTERS_MAX: Final = 100_000
"""Dead letters, and events later than their bound, that the state file keeps of each; the oldest go first."""
FACTORS_MAX: Final = 100_000
"""Further factors shown that the state file keeps for whoever demanded them; the oldest go first."""
MODE: Final = 0o600
CACHE_KIB: Final = 64 * 1024
"""What of the file stays in memory while it is worked on: entries are read and written in no order."""
CHECKPOINT_PAGES: Final = 8_192
"""Pages in the log of writes (32 MB) before they go into the file: a page that changes in every step goes once."""
ASKED_MAX: Final = 512
"""Entries asked for in one query."""

_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
  kind TEXT, tenant TEXT, value TEXT, blob BLOB NOT NULL, wake_us INTEGER NOT NULL, seen INTEGER NOT NULL,
  PRIMARY KEY (kind, tenant, value)
);
CREATE INDEX entries_wake ON entries (kind, wake_us);
CREATE TABLE positions (key TEXT PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE alerts (
  id TEXT PRIMARY KEY, first INTEGER NOT NULL, n INTEGER NOT NULL, change TEXT NOT NULL, supersedes TEXT,
  alert BLOB NOT NULL
);
CREATE TABLE notices (n INTEGER PRIMARY KEY AUTOINCREMENT, line BLOB NOT NULL);
CREATE TABLE held (
  n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, sequence INTEGER NOT NULL, rank INTEGER NOT NULL, id TEXT NOT NULL,
  event BLOB NOT NULL
);
CREATE INDEX held_order ON held (at_us, sequence, rank, id);
CREATE TABLE dead_letters (n INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL);
CREATE TABLE late (n INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL);
CREATE TABLE requests (key TEXT PRIMARY KEY, n INTEGER NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE forgotten (hash TEXT NOT NULL, first INTEGER NOT NULL);
"""
_LATER: Final = """
CREATE INDEX IF NOT EXISTS alerts_revision ON alerts (first, n);
CREATE TABLE IF NOT EXISTS factors (
  n INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, user TEXT NOT NULL, at_us INTEGER NOT NULL
);
"""
"""What files of earlier versions get when they are next opened, and those of the same schema may lack."""
_KEEP: Final = """
INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, tenant, value)
DO UPDATE SET blob = excluded.blob, wake_us = excluded.wake_us, seen = excluded.seen
"""
_OF_DISK: Final = {
    "SQLITE_FULL": "the disk is full; make room and start again, nothing is lost",
    "SQLITE_CANTOPEN": "cannot be opened; check the folder and who may write there",
    "SQLITE_READONLY": "may not be written; check who owns it",
    "SQLITE_PERM": "may not be read; check who owns it",
    "SQLITE_NOTADB": "is no state file; name another one, or move it away",
    "SQLITE_CORRUPT": "is damaged; restore a copy, or move it away and begin anew",
    "SQLITE_IOERR": "cannot be read or written: the disk fails; nothing is lost that was acknowledged",
    "SQLITE_BUSY": "is in use by another program; end that first",
}
"""What SQLite's errors mean, and what to do, in words."""


@dataclass(slots=True)
class Step:
    """What one transaction writes. `held`: events to judge later; `judged_held`: held rows that `judged` took in.

    `lines`: notices that are not of the engine. `retried`: dead letters that were put back.
    """

    judged: Judged | None = None
    lines: list[bytes] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    held: list[SessionEvent] = field(default_factory=list)
    judged_held: list[int] = field(default_factory=list)
    dead_letters: list[DeadEntry] = field(default_factory=list)
    retried: list[int] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    meta: dict[str, bytes] = field(default_factory=dict)
    written_until: int = 0
    factors: list[tuple[str, str, int]] = field(default_factory=list)
    """Tenant, user and time of each further factor that somebody showed."""


class StateFile:
    """The file at `path`, held for one process alone; a store of entries as `LiveJudge` reads them.

    Raises:
        StateError: it cannot be opened, is another's, in use, or of a newer schema.
    """

    def __init__(
        self, path: Path, *, create: bool = True, pages_max: int | None = None, read_only: bool = False
    ) -> None:
        """Open it, or make it; `pages_max` bounds it, in pages of 4 KiB. `read_only`: a watch may have it as well."""
        self.path = path
        if not create and not path.exists():
            raise StateError(f"{path}: no such state file; `sessionwatch watch --state` makes it")
        self._lock = -1 if read_only else self._locked()
        try:
            with self._told():
                self._db = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
                self._prepare(pages_max)
        except StateError:
            self._unlock()
            raise

    def _locked(self) -> int:
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, MODE)
        except OSError as error:
            raise StateError(f"{lock}: cannot be made: {error.strerror}; name a state file elsewhere") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.read(handle, 20).decode(errors="replace").strip()
            os.close(handle)
            raise StateError(f"{self.path}: in use by process {who}; end that first, or name another file") from error
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        return handle

    def _prepare(self, pages_max: int | None) -> None:
        db = self._db
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION:
            raise StateError(f"{self.path}: {_OF_DISK['SQLITE_NOTADB']}")
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        if schema > SCHEMA:
            raise StateError(f"{self.path}: has schema {schema}, this version reads up to {SCHEMA}; upgrade first")
        # What names a person is found in blobs too, and those are packed.
        unpacked = Packing().unpacked
        db.create_function("plain", 1, lambda blob: unpacked(blob, "some subject"), deterministic=True)
        if self._lock < 0:
            db.execute("PRAGMA query_only = ON")
            return
        db.execute("PRAGMA secure_delete = ON")
        self.path.chmod(MODE)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if pages_max is not None:
            db.execute(f"PRAGMA max_page_count = {pages_max}")
        if not tables:
            db.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; {_TABLES} COMMIT;"
            )
        db.executescript(_LATER)

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let others have the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's complaints as one line that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            said = next(
                (text for code, text in _OF_DISK.items() if name.startswith(code)), f"{error}; look at the file"
            )
            raise StateError(f"{self.path}: {said}") from error

    def commit(self, step: Step, *, notices: bool) -> None:
        """Write `step` whole or not at all; `notices`: keep its notices until they are written elsewhere too.

        Raises: StateError where it cannot be written; then nothing of it was.
        """
        with self.transaction():
            self._write(step, notices=notices)

    def _write(self, step: Step, *, notices: bool) -> None:
        db, many = self._db, self._db.executemany
        if step.judged is not None:
            gone = [entry[:3] for entry in step.judged.changed if entry.blob is None]
            many("DELETE FROM entries WHERE kind = ? AND tenant = ? AND value = ?", gone)
            # In the order of the table: what lies on one page is written together.
            kept = sorted(entry for entry in step.judged.changed if entry.blob is not None)
            many(_KEEP, kept)
            told = [(notice, bytes(notice.alert)) for notice in step.judged.notices]
            rows = [(_id_of(alert), *n.revision, n.change, n.supersedes, alert) for n, alert in told]
            many("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?)", rows)
            if notices:
                many("INSERT INTO notices (line) VALUES (?)", [(n.to_json(),) for n, _ in told])
            many("INSERT INTO late (event) VALUES (?)", [(msgspec.msgpack.encode(e),) for e in step.judged.late])
        if notices:
            many("INSERT INTO notices (line) VALUES (?)", [(line,) for line in step.lines])
        positions = [(position.key, msgspec.msgpack.encode(position)) for position in step.positions]
        many("INSERT OR REPLACE INTO positions VALUES (?, ?)", positions)
        held = [(*event.order, msgspec.msgpack.encode(event)) for event in step.held]
        many("INSERT INTO held (at_us, sequence, rank, id, event) VALUES (?, ?, ?, ?, ?)", held)
        many("DELETE FROM held WHERE n = ?", [(n,) for n in step.judged_held])
        many("DELETE FROM dead_letters WHERE n = ?", [(n,) for n in step.retried])
        many("INSERT INTO dead_letters (entry) VALUES (?)", [(msgspec.json.encode(one),) for one in step.dead_letters])
        for table in ("dead_letters", "late"):
            db.execute(f"DELETE FROM {table} WHERE n <= (SELECT max(n) FROM {table}) - {DEAD_LETTERS_MAX}")  # noqa: S608  # names of our own
        many("INSERT OR REPLACE INTO requests SELECT ?, ifnull(max(n), 0) + 1, ? FROM requests", step.requests)
        many("INSERT OR REPLACE INTO meta VALUES (?, ?)", step.meta.items())
        many("INSERT INTO factors (tenant, user, at_us) VALUES (?, ?, ?)", step.factors)
        db.execute("DELETE FROM factors WHERE n <= (SELECT max(n) FROM factors) - ?", (FACTORS_MAX,))
        db.execute("DELETE FROM notices WHERE n <= ?", (step.written_until,))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the caller's own.

        Raises: StateError where it cannot be written; then nothing of it was.
        """
        with self._told(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def compact(self) -> None:
        """Give back the pages of what was deleted, and leave nothing of it in the log of writes."""
        with self._told():
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query of this project's own finds."""
        with self._told():
            return self._db.execute(query, values).fetchall()

    def blobs(self, kind: By, subjects: Collection[tuple[str, str]], /) -> Mapping[tuple[str, str], bytes]:
        """See `sessionwatch.live.entries.Store`."""
        found: dict[tuple[str, str], bytes] = {}
        waiting = sorted(subjects)
        while waiting:
            tenant = waiting[0][0]
            asked = [value for of, value in waiting[:ASKED_MAX] if of == tenant]
            del waiting[: len(asked)]
            marks = ", ".join("?" * len(asked))
            query = f"SELECT value, blob FROM entries WHERE kind = ? AND tenant = ? AND value IN ({marks})"  # noqa: S608  # marks alone
            found |= {(tenant, value): blob for value, blob in self.rows(query, kind, tenant, *asked)}
        return found

    def due(self, kind: By, until_us: int, /) -> Iterable[tuple[str, str]]:
        """See there."""
        return self.rows("SELECT tenant, value FROM entries WHERE kind = ? AND wake_us <= ?", kind, until_us)

    def entries(self, kind: EntryKind, /) -> Iterable[Entry]:
        """See there."""
        query = "SELECT kind, tenant, value, blob, wake_us, seen FROM entries WHERE kind = ? ORDER BY seen, value"
        return [Entry(*row) for row in self.rows(query, kind)]

    @property
    def size_bytes(self) -> int:
        """How much disk the state takes, its log of writes included."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def meta(self, key: str) -> bytes | None:
        """A value of the watch's own."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def positions(self) -> list[Position]:
        """How far each file is read."""
        rows = self.rows("SELECT blob FROM positions")
        return [msgspec.msgpack.decode(blob, type=Position) for (blob,) in rows]

    def held(self, count: int) -> tuple[list[int], list[SessionEvent]]:
        """The earliest `count` events that were read and not judged yet, with their rows."""
        rows = self.rows("SELECT n, event FROM held ORDER BY at_us, sequence, rank, id, n LIMIT ?", count)
        return [n for n, _ in rows], [msgspec.msgpack.decode(event, type=SessionEvent) for _, event in rows]

    def unwritten(self) -> list[tuple[int, bytes]]:
        """Notices that are to be written elsewhere, in order."""
        return self.rows("SELECT n, line FROM notices ORDER BY n")

    def letters(self) -> list[tuple[int, bytes]]:
        """The records that could not be read, as JSON, with their rows, in the order they came."""
        return self.rows("SELECT n, entry FROM dead_letters ORDER BY n")

    def dead_letters(self) -> list[bytes]:
        """The same without their rows."""
        return [entry for _, entry in self.letters()]

    def answer(self, key: str) -> bytes | None:
        """What a request was answered that came with this key."""
        rows = self.rows("SELECT answer FROM requests WHERE key = ?", key)
        return rows[0][0] if rows else None

    def standing(self, *, late: bool) -> list[bytes]:
        """Every alert that was not withdrawn, by (`first_at`, `id`); `late`: also those raised later than the bound."""
        rows = self.rows("SELECT alert FROM alerts WHERE change != 'withdrawn'")
        told = [(msgspec.json.decode(alert, type=_Sorted), alert) for (alert,) in rows]
        return [alert for one, alert in sorted(told, key=lambda t: (t[0].first_at, t[0].id)) if late or not one.late]


def reading(path: Path) -> StateFile:
    """The state file at `path` to look at, also while a watch writes it.

    Raises: StateError where it is missing, another's, or of a newer schema.
    """
    return StateFile(path, create=False, read_only=True)


class _Sorted(msgspec.Struct):
    id: str
    first_at: datetime
    late: bool = False


def _id_of(alert: bytes) -> str:
    return _ID.decode(alert).id


_ID: Final = msgspec.json.Decoder(_Sorted)
