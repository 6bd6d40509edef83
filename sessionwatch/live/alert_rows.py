"""The alerts in a watch's state file, by revision: read beside the watch, never written.

An alert is written in the same transaction as the step that raised it, under a revision that only rises. So the file
itself is a queue: whoever remembers the revision that he came to misses nothing and sees nothing twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from models.alerts import Alert, Notice
from sessionwatch.errors import StateError

BUSY_S: Final = 5.0
"""Seconds that a reader waits for whoever writes the file."""


class AlertRows:
    """The newest notice of each alert. An alert that changed several times between two looks is seen as it stands.

    Raises:
        StateError: the file is missing, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Open it."""
        if not path.is_file():
            raise StateError(f"{path}: no such state file; `sessionwatch watch --state` makes it")
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        self._db.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Let it be."""
        self._db.close()

    def after(self, first: int, n: int, limit: int) -> Iterator[Notice]:
        """The notices above the revision (`first`, `n`), `limit` at most, in the order of their revisions."""
        query = (
            "SELECT first, n, change, supersedes, alert FROM alerts WHERE (first, n) > (?, ?) ORDER BY first, n LIMIT ?"
        )
        try:
            rows = self._db.execute(query, (first, n, limit)).fetchall()
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}; nothing is sent until it can be read") from error
        for at, place, change, supersedes, line in rows:
            alert = Alert.model_validate_json(line)
            yield Notice(change=change, revision=(at, place), supersedes=supersedes, alert=alert)
