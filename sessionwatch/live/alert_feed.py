"""What the response policy decides about the alerts in a watch's state file: read beside the watch, never written.

An alert is written in the same transaction as the step that raised it, under a revision that only rises. So the file
itself is the queue: whoever remembers the revision that he came to misses nothing and sees nothing twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from models.actions import Instruction
from models.alerts import Alert, Change
from models.instants import instant, span_us, to_us
from models.rules import Mode
from sessionwatch.errors import StateError
from sessionwatch.live.judging import StreamState
from sessionwatch.responses.audit import Entry
from sessionwatch.responses.policy import Policy, Told, instructions_of
from sessionwatch.responses.runner import Decided

CHAIN_MAX: Final = 100
"""Alerts of one chain that are looked back through for the first."""
BUSY_S: Final = 5.0


class Position(NamedTuple):
    """How far it was read: the revision of the last alert, the last factor shown, the feed's time that was told."""

    first: int = -1
    n: int = -1
    factor: int = 0
    feed_us: int = 0

    @classmethod
    def of(cls, text: str) -> Position:
        """From its text; the beginning where that is empty."""
        return cls(*(int(word) for word in text.split())) if text else cls()

    def __str__(self) -> str:
        return " ".join(map(str, self))


class AlertFeed:
    """Decisions about the alerts in the state file at `path`; see `sessionwatch.responses.runner.Source`.

    `modes` are the rules' own modes. An alert that changed several times between two looks is decided as it stands.
    Raises: StateError where the file is missing or cannot be read.
    """

    def __init__(self, path: Path, policy: Policy, modes: Mapping[str, Mode]) -> None:
        """Open it, and learn who broke the glass so far."""
        if not path.is_file():
            raise StateError(f"{path}: no such state file; `sessionwatch watch --state` makes it")
        self.path, self.policy, self.modes = path, policy, modes
        self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        self._db.execute("PRAGMA query_only = ON")
        self._version = -1
        self._glass: dict[tuple[str, str], int] = {}
        for _, _, change, alert in self._alerts(Position(), 1_000_000):
            self._note_emergency(change, alert)

    def close(self) -> None:
        """Let it be."""
        self._db.close()

    def sessions(self) -> int | None:
        """How many sessions the watch remembers, counted now."""
        return int(self._rows("SELECT count(*) FROM entries WHERE kind = 'owners'")[0][0])

    def decided(self, position: str, limit: int) -> Decided:
        """See `Source`: alerts first, then factors that were shown, then how far the feed has come."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return Decided([], [], position)
        at = Position.of(position)
        found = list(self._alerts(at, limit))
        instructions: list[Instruction] = []
        entries: list[Entry] = []
        for _, _, change, alert in found:
            if self._note_emergency(change, alert):
                until = instant(self._glass[alert.tenant, alert.user])
                instructions.append(Instruction(what="spare", tenant=alert.tenant, user=alert.user, at=until))
        for first, n, change, alert in found:
            self._decide((first, n), change, alert, instructions, entries)
            at = at._replace(first=first, n=n)
        # What takes an action's place comes before what takes it back: nobody is let off for a moment.
        instructions.sort(key=lambda one: ("act", "spare").index(one.what) if one.what in {"act", "spare"} else 2)
        if len(found) < limit:
            self._version = version
            at = self._factors(at, instructions)
        return Decided(instructions, entries, str(at))

    def _alerts(self, after: Position, limit: int) -> Iterator[tuple[int, int, Change, Alert]]:
        query = "SELECT first, n, change, alert FROM alerts WHERE (first, n) > (?, ?) ORDER BY first, n LIMIT ?"
        for first, n, change, line in self._rows(query, after.first, after.n, limit):
            yield first, n, change, Alert.model_validate_json(line)

    def _decide(
        self, revision: tuple[int, int], change: Change, alert: Alert, out: list[Instruction], entries: list[Entry]
    ) -> None:
        until_us = self._glass.get((alert.tenant, alert.user), -1)
        told = Told(
            change,
            revision,
            self._chain(alert.id),
            self.modes.get(alert.rule.id, "alert"),
            emergency=bool(alert.user) and to_us(alert.first_at) <= until_us,
        )
        decision = self.policy.decide(alert, told)
        out += instructions_of(decision, alert)
        entries.append(Entry("decision", decision.model_dump(mode="json")))

    def _note_emergency(self, change: Change, alert: Alert) -> bool:
        """Whether somebody broke the glass with this alert, which is remembered."""
        emergency = self.policy.written.emergency_access
        if alert.rule.id not in emergency.rules or change == "withdrawn" or not alert.user:
            return False
        key = (alert.tenant, alert.user)
        self._glass[key] = max(self._glass.get(key, 0), to_us(alert.last_at) + span_us(emergency.lasts))
        return True

    def _chain(self, alert: str) -> str:
        """The first alert of the chain; itself where it took nobody's place."""
        for _ in range(CHAIN_MAX):
            found = self._rows("SELECT supersedes FROM alerts WHERE id = ?", alert)
            if not found or found[0][0] is None:
                break
            alert = found[0][0]
        return alert

    def _factors(self, at: Position, instructions: list[Instruction]) -> Position:
        """Factors that were shown, and how far the feed has come; neither from a watch that does not note them."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'factors'"):
            return at
        query = "SELECT n, tenant, user, at_us FROM factors WHERE n > ? ORDER BY n"
        for n, tenant, user, at_us in self._rows(query, at.factor):
            instructions.append(Instruction(what="passed", tenant=tenant, user=user, at=instant(at_us)))
            at = at._replace(factor=n)
        for (blob,) in self._rows("SELECT blob FROM entries WHERE kind = 'stream'"):
            watermark_us = msgspec.msgpack.decode(blob, type=StreamState).watermark_us
            if watermark_us > at.feed_us:
                instructions.append(Instruction(what="progress", tenant="", at=instant(watermark_us)))
                at = at._replace(feed_us=watermark_us)
        return at

    def _rows(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns of this query
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StateError(f"{self.path}: {error}; nothing is decided until it can be read") from error
