"""What is on its way to one sink, on disk: how far the alerts were read, what waits, and what was refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from models.alerts import Notice
from sessionwatch.delivery.sink import Document, Receipt
from sessionwatch.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING_MAX: Final = 10_000
"""Documents that wait for a sink; while there are as many, no more alerts are read, and the state file keeps them."""
REFUSED_MAX: Final = 100_000
"""Documents kept that a sink refused; of more, the oldest go, and are counted."""
_MODE: Final = 0o600
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (alert TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, line BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS refused (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, line BLOB NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL
);
"""


class Waiting(NamedTuple):
    """A document that waits, and its place in the queue."""

    n: int
    document: Document


class Counts(NamedTuple):
    """Documents: sent so far, waiting, refused and kept, refused and gone."""

    sent: int
    waiting: int
    refused: int
    gone: int


class Journal:
    """A file beside the state file. What is written before it is sent is sent the same after a crash.

    Raises:
        StateError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or make it."""
        self.path = path
        try:
            path.touch(mode=_MODE)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{path}: {error}; what is on its way cannot be kept there") from error

    def close(self) -> None:
        """Let it be."""
        self._db.close()

    @property
    def position(self) -> tuple[int, int]:
        """The revision of the last alert that was read."""
        said = self._meta("position", "-1 -1").split()
        return int(said[0]), int(said[1])

    def counts(self) -> Counts:
        """How much was sent, waits, and was refused."""
        waiting, refused = (
            int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # two tables of ours
            for table in ("waiting", "refused")
        )
        return Counts(int(self._meta("sent", "0")), waiting, refused, int(self._meta("gone", "0")))

    def was_told(self, alert: str) -> bool:
        """Whether the sink has been told of the alert."""
        return self._db.execute("SELECT 1 FROM told WHERE alert = ?", (alert,)).fetchone() is not None

    def take(self, notices: Iterable[tuple[Notice, Sequence[Document]]]) -> int:
        """Keep what is to be sent of each notice, and that it was read; how many notices."""
        taken = 0
        with self._transaction():
            for notice, documents in notices:
                rows = [(one.id, one.line) for one in documents]
                self._db.executemany("INSERT INTO waiting (id, line) VALUES (?, ?)", rows)
                if rows:
                    self._db.execute("INSERT OR IGNORE INTO told VALUES (?)", (notice.alert.id,))
                self._set("position", f"{notice.revision[0]} {notice.revision[1]}")
                taken += 1
        return taken

    def waiting(self, limit: int) -> list[Waiting]:
        """The first documents that wait, in the order in which their alerts changed."""
        rows = self._db.execute("SELECT n, id, line FROM waiting ORDER BY n LIMIT ?", (limit,)).fetchall()
        return [Waiting(n, Document(id_, line)) for n, id_, line in rows]

    def settle(self, sent: Sequence[Waiting], receipts: Sequence[Receipt]) -> None:
        """Note what became of each: what is stored goes, what is refused is put aside, all else waits on."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            for (n, document), receipt in zip(sent, receipts, strict=True):
                if receipt.result not in {"stored", "refused"}:
                    continue
                self._db.execute("DELETE FROM waiting WHERE n = ?", (n,))
                if receipt.result == "stored":
                    self._set("sent", str(int(self._meta("sent", "0")) + 1))
                else:
                    self._db.execute(
                        "INSERT INTO refused (id, line, reason, at) VALUES (?, ?, ?, ?)",
                        (document.id, document.line, receipt.reason, at),
                    )
            gone = self._db.execute(
                "DELETE FROM refused WHERE n <= (SELECT max(n) FROM refused) - ?", (REFUSED_MAX,)
            ).rowcount
            if gone > 0:
                self._set("gone", str(int(self._meta("gone", "0")) + gone))

    def refused(self) -> Iterator[tuple[str, str, str]]:
        """Of each document that was refused: its id, why, and when (UTC)."""
        yield from self._db.execute("SELECT id, reason, at FROM refused ORDER BY n")

    def put_back(self) -> int:
        """Let all that was refused wait again; how many."""
        with self._transaction():
            self._db.execute("INSERT INTO waiting (id, line) SELECT id, line FROM refused ORDER BY n")
            return self._db.execute("DELETE FROM refused").rowcount

    def _meta(self, key: str, unless: str) -> str:
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return unless if found is None else str(found[0])

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}; make room, and start again: nothing is lost") from error
