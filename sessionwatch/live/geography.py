"""Databases and lists that change on disk while a run goes on: taken up between two batches, never within one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from geo.bundled import BundledMap, Say, bundled_map
from geo.copies import Signature, signature
from geo.databases import Database, Databases
from geo.locator import Locator
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import DatabaseError, RulesetError, SessionwatchError
from sessionwatch.live.logs import Log
from sessionwatch.ruleset.network_lists import NetworkLists, load_network_lists

SETTLED_S: Final = 1.0
"""How long a file must stand as it is before it is read: whoever writes it may not be done."""


@dataclass(slots=True)
class Exchanges:
    """How often a changed file was taken up, and how often the one before it stayed in use."""

    taken_up: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Watched:
    """A file as it was when it was last read, or refused; and as it was last seen, since when."""

    path: Path
    read: Signature | None
    seen: Signature | None = None
    since_s: float = 0.0

    def has_changed(self) -> bool:
        """Whether it is another than the one that was read, and nobody has written to it for a while."""
        now = signature(self.path)
        if now == self.read:
            self.seen = now
            return False
        if now != self.seen:
            self.seen, self.since_s = now, time.monotonic()
        moved_s = 0.0 if now is None else time.time() - max(now[3], now[4]) / 1e9
        return moved_s >= SETTLED_S or time.monotonic() - self.since_s >= SETTLED_S


class Geography:
    """What a live run places events by: the databases of `--geo`, the bundled map, the lists of `--networks`.

    `look` between two batches takes up what has changed on disk, so judgement within one goes by one database. A file
    that cannot be used is told once, and again only when it changes again; the one before it stays in use until then.
    """

    def __init__(self, plan: EnginePlan, reads: frozenset[str] | None, log: Log, say: Say | None = None) -> None:
        """Open everything.

        Raises: RulesetError with every fault of a list of networks; DatabaseError where a database cannot be used.
        """
        self.exchanges = Exchanges()
        self._plan, self._log = plan, log
        self._files = [_Watched(path, signature(path)) for path in plan.geo]
        self._list_files = [_Watched(path, signature(path)) for path in plan.networks]
        self._lists = load_network_lists(plan.rules, plan.networks)
        bundled: BundledMap | None = bundled_map(say) if plan.bundled else None
        self._databases = Databases.open(plan.geo, bundled, lasting=True)
        lists = self._lists
        self.locator = Locator(self._databases, networks=lists.site, curated=lists.curated, reads=reads)

    def look(self) -> None:
        """Take up what has changed since."""
        for file in self._files:
            if file.has_changed():
                file.read = file.seen
                self._guarded(file.path, partial(self._take_database, file.path))
        changed = [file for file in self._list_files if file.has_changed()]
        for file in changed:
            file.read = file.seen
        if changed:
            self._guarded(changed[0].path, self._take_lists)

    def _guarded(self, path: Path, take: Callable[[], None]) -> None:
        try:
            take()
        except SessionwatchError as error:
            self.exchanges.refused += 1
            self._log(f"geography stays as it was: {_one_line(error)}")
        else:
            self.exchanges.taken_up += 1
            self._log(f"geography has taken up {path}", geo_build=repr(self.locator.build))

    def _take_database(self, path: Path) -> None:
        old = next(one for one in self._databases.databases if one.path == path)
        new = Database(path, lasting=True)
        try:
            databases = self._databases.with_instead(old, new)
        except DatabaseError:
            new.close()
            raise
        self._exchange(databases, self._lists)
        old.close()

    def _take_lists(self) -> None:
        self._exchange(self._databases, load_network_lists(self._plan.rules, self._plan.networks))

    def _exchange(self, databases: Databases, lists: NetworkLists) -> None:
        self.locator.exchange(databases, lists.site, lists.curated)
        self._databases, self._lists = databases, lists


def _one_line(error: SessionwatchError) -> str:
    """What is wrong, in a line; of the many faults of a list the first."""
    if not isinstance(error, RulesetError):
        return "; ".join(str(error).splitlines())
    first, *more = error.faults
    said = f"{first.file}:{first.line}:{first.column}: {first.message}"
    return f"{said} (and {len(more):,} more)" if more else said
