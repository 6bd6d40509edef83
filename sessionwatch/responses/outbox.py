"""The outbox: what was decided and is to be done, in one SQLite file; it outlives whoever works through it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from models.actions import DONE, Action, ActionReport, Outcome
from sessionwatch.errors import StateError
from sessionwatch.responses.audit import Entry

State = Literal["unsettled", "waiting", "sending", "held", "dead", "final"]
"""Of an action: waits until its alert has settled; waits its turn; the broker is asked; a person must say; every try
failed; over."""
SCHEMA: Final = 1
"""The schema of the outbox. Newer ones are refused rather than guessed at."""
APPLICATION: Final = 0x5E5511
KEPT_MAX: Final = 500_000
"""Actions that are over and kept in the outbox to be told from new ones; beyond it the oldest go."""
MODE: Final = 0o600
BUSY_S: Final = 5.0

_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE actions (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, user TEXT NOT NULL,
  alert TEXT NOT NULL, rule TEXT NOT NULL, verb TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,
  due REAL NOT NULL, deadline REAL NOT NULL, begun REAL, ended REAL, attempts INTEGER NOT NULL DEFAULT 0,
  generation INTEGER NOT NULL DEFAULT 0, lifted INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,
  undone INTEGER NOT NULL DEFAULT 0, answered TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '', action TEXT NOT NULL
);
CREATE INDEX actions_open ON actions (state, due) WHERE state != 'final';
CREATE INDEX actions_turn ON actions (tenant, user, n) WHERE state IN ('waiting', 'sending');
CREATE INDEX actions_begun ON actions (begun) WHERE begun IS NOT NULL;
CREATE INDEX actions_alert ON actions (alert);
CREATE INDEX actions_target ON actions (tenant, verb, target, ended);
CREATE TABLE settled (alert TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE escalations (
  id TEXT PRIMARY KEY, due_us INTEGER NOT NULL, verb TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE spared (
  tenant TEXT NOT NULL, user TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (tenant, user)
) WITHOUT ROWID;
CREATE TABLE reports (n INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
CREATE TABLE agreed (what TEXT PRIMARY KEY, by TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """An action as the outbox keeps it. Instants are seconds since the epoch, by the runner's clock."""

    n: int
    id: str
    state: State
    due: float
    deadline: float
    attempts: int
    generation: int
    lifted: int
    cancelled: int
    result: str
    detail: str
    action: Action

    @property
    def key(self) -> str:
        """The idempotency key: the id, with how often it was taken back and asked for anew."""
        return self.id if not self.generation else f"{self.id}.{self.generation}"


_COLUMNS: Final = "n, id, state, due, deadline, attempts, generation, lifted, cancelled, result, detail, action"


class Outbox:
    """The file at `path`; every method but `transaction` is called within one. Several processes may use it.

    Raises:
        StateError: it cannot be opened, is another's, or of a newer schema.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open it, or make it."""
        self.path = path
        if not create and not path.exists():
            raise StateError(f"{path}: no such outbox; `sessionwatch respond` makes it beside the state file")
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
            self._prepare()

    def _prepare(self) -> None:
        db = self.db
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application != APPLICATION or schema > SCHEMA):
            raise StateError(f"{self.path}: is no outbox of this version; name another file, or upgrade")
        self.path.chmod(MODE)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if not tables:
            db.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; {_TABLES} COMMIT;"
            )

    def close(self) -> None:
        """Let it be."""
        with contextlib.suppress(sqlite3.Error):
            self.db.close()

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done within is kept, or nothing of it.

        Raises: StateError where it cannot be written; then nothing of it was.
        """
        with self._told():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}; nothing is done until it can be written") from error

    def meta(self, key: str, otherwise: str = "") -> str:
        """A value of the runner's own."""
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return otherwise if found is None else str(found[0])

    def keep(self, key: str, value: str) -> None:
        """Set it."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def rows(self, where: str, *values: Any, limit: int = 1_000) -> list[Row]:
        """Actions by a condition of this project's own."""
        query = f"SELECT {_COLUMNS} FROM actions WHERE {where} ORDER BY n LIMIT {limit}"  # noqa: S608  # words of our own
        found = self.db.execute(query, values).fetchall()
        return [Row._make([*one[:-1], Action.model_validate_json(one[-1])]) for one in found]

    def change(self, n: int, **columns: Any) -> None:
        """Set columns of one action."""
        words = ", ".join(f"{name} = ?" for name in columns)
        self.db.execute(f"UPDATE actions SET {words} WHERE n = ?", (*columns.values(), n))  # noqa: S608  # words of our own

    def add(self, action: Action, now: float, state: State = "waiting") -> bool:
        """A new action at the end of its user's; False where its id is known."""
        head = (action.id, action.tenant, action.user, action.alert, action.rule.id, action.verb, action.target, state)
        names = "id, tenant, user, alert, rule, verb, target, state, due, deadline, action"
        values = (*head, now, action.expires_at.timestamp(), action.to_json().decode())
        query = f"INSERT OR IGNORE INTO actions ({names}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608  # words of our own
        return bool(self.db.execute(query, values).rowcount)

    def report(self, action: Action, outcome: Outcome, broker: str, at: datetime, attempts: int) -> Entry:
        """Keep what is to be told of an action; the same for the audit log."""
        report = ActionReport(action=action, outcome=outcome, broker=broker, at=at, attempts=attempts)
        self.db.execute("INSERT INTO reports (line) VALUES (?)", (report.to_json().decode(),))
        return Entry("outcome", report.model_dump(mode="json"), action.by)

    def reports(self, limit: int = 10_000) -> list[tuple[int, str]]:
        """What is to be told, in order."""
        return self.db.execute("SELECT n, line FROM reports ORDER BY n LIMIT ?", (limit,)).fetchall()

    def told(self, until: int) -> None:
        """It was told."""
        self.db.execute("DELETE FROM reports WHERE n <= ?", (until,))

    def waiting(self, now: float, limit: int) -> list[Row]:
        """The actions whose turn it is: due, and the first of their user's that are not over."""
        where = (
            "state = 'waiting' AND due <= ? AND NOT EXISTS (SELECT 1 FROM actions AS before WHERE before.tenant ="
            " actions.tenant AND before.user = actions.user AND before.n < actions.n AND before.state IN"
            " ('waiting', 'sending'))"
        )
        return self.rows(where, now, limit=limit)

    def begun_since(self, at: float) -> list[tuple[str, str, int]]:
        """The verb and rule of what was begun since then, and how often."""
        wanted = "begun > ? AND verb NOT IN ('notify', 'clear_step_up')"
        query = f"SELECT verb, rule, count(*) FROM actions WHERE {wanted} GROUP BY verb, rule"  # noqa: S608  # words of our own
        return self.db.execute(query, (at,)).fetchall()

    def done_lately(self, action: Action, since: float) -> bool:
        """Whether the same was done to the same target since then, for another reason."""
        results = ", ".join(f"'{result}'" for result in sorted(DONE))
        query = (
            "SELECT 1 FROM actions WHERE tenant = ? AND verb = ? AND target = ? AND ended > ? AND undone = 0"  # noqa: S608  # words of our own
            f" AND id != ? AND result IN ({results}) LIMIT 1"
        )
        values = (action.tenant, action.verb, action.target, since, action.id)
        return self.db.execute(query, values).fetchone() is not None

    def counts(self) -> dict[str, int]:
        """How many actions are in each state."""
        return dict(self.db.execute("SELECT state, count(*) FROM actions GROUP BY state").fetchall())

    def forget_old(self) -> None:
        """Drop the oldest that are over, beyond `KEPT_MAX`."""
        self.db.execute(
            "DELETE FROM actions WHERE state = 'final' AND n <= (SELECT max(n) FROM actions) - ?", (KEPT_MAX,)
        )


def held_for_one(path: Path) -> int:
    """The handle of the lock that lets one runner at a time work through the outbox at `path`.

    Raises: StateError where another holds it.
    """
    lock = path.with_name(f"{path.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StateError(f"{path}: another runner works through it; end that first") from error
    return handle


def shown(row: Row) -> dict[str, Any]:
    """An action as people list it."""
    one = row.action
    return {
        "id": row.id,
        "state": row.state,
        "verb": one.verb,
        "user": one.user,
        "target": one.target,
        "rule": one.rule.id,
        "alert": one.alert,
        "at": one.at.isoformat(),
        "attempts": row.attempts,
        "result": row.result,
        "detail": row.detail,
        "by": one.by,
    }
