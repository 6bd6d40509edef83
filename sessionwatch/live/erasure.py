"""What is kept about a person in a state file, and its erasure: what names the person goes, wherever it stands."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

from sessionwatch.live.state_file import StateFile

_HOLDS: Final = (
    ("entries", "kind", "value", "plain(blob)"),
    ("alerts", "'alert'", "id", "alert"),
    ("notices", "'notice'", "n", "line"),
    ("held", "'event'", "n", "event"),
    ("late", "'late event'", "n", "event"),
    ("dead_letters", "'dead letter'", "n", "entry"),
)
"""Where a name may stand: table, what it is called, what tells one row, the bytes, unpacked where they were packed."""
KEY_BYTES: Final = 32


class Kept(NamedTuple):
    """One thing that is kept: what it is, which one, how large."""

    what: str
    value: str
    size_bytes: int


def kept_of(file: StateFile, user: str) -> list[Kept]:
    """Everything in `file` that names `user` (a canonical key): the person's own state, and whatever mentions it."""
    found = []
    for table, what, value, data in _HOLDS:
        where = f"instr({data}, CAST(? AS BLOB)) > 0" + (" OR value = ?" if table == "entries" else "")
        values = (user.encode(), user) if table == "entries" else (user.encode(),)
        query = f"SELECT {what}, {value}, length({data}) FROM {table} WHERE {where} ORDER BY 1, 2"  # noqa: S608  # names of our own
        found += [Kept(str(a), str(b), c) for a, b, c in file.rows(query, *values)]
    return found


def erase(file: StateFile, user: str) -> int:
    """Erase everything that names `user`, and leave a keyed hash of the name and the stream's offset; how much it was.

    State of an address, a device or a session that mentions the person goes whole: it starts learning anew.
    Raises: StateError where the file cannot be written; then nothing was erased.
    """
    key = file.meta("key") or secrets.token_bytes(KEY_BYTES)
    mark = hmac.new(key, user.encode(), hashlib.sha256).hexdigest()
    erased = 0
    with file.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('key', ?)", (key,))
        for table, _, _, data in _HOLDS:
            where = f"instr({data}, CAST(? AS BLOB)) > 0"
            query = f"DELETE FROM {table} WHERE {where}" + (" OR value = ?" if table == "entries" else "")  # noqa: S608  # names of our own
            values = (user.encode(), user) if table == "entries" else (user.encode(),)
            erased += db.execute(query, values).rowcount
        (offset,) = db.execute("SELECT ifnull(max(seen), 0) FROM entries WHERE kind = 'stream'").fetchone()
        db.execute("INSERT INTO forgotten VALUES (?, ?)", (mark, offset))
    file.compact()
    return erased
