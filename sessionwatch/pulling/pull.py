"""Keycloak's events pulled: look after look, both kinds in one order of time, each event written once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sessionwatch.errors import BrokerError
from sessionwatch.live.logs import Log
from sessionwatch.pulling.keycloak_events import SWITCHES, AwayError, KeycloakEvents, Kind
from sessionwatch.pulling.output import Output, PositionFile, Reached

AWAY_S: Final = 1.0
AWAY_S_MAX: Final = 60.0
"""Seconds until Keycloak is asked again at most, where it gave no answer and did not itself ask for more."""
SWITCHES_S: Final = 60.0
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class PullSettings:
    """Which kinds are pulled, how long before the latest time each look begins, and the time between two looks."""

    kinds: tuple[Kind, ...]
    overlap: timedelta
    every: timedelta


class Pull:
    """Pulls the events of one realm into a file."""

    def __init__(
        self, events: KeycloakEvents, position: PositionFile, output: Output, settings: PullSettings, log: Log
    ) -> None:
        """Go on from `position`."""
        self._events, self._position, self._output, self._settings, self._log = events, position, output, settings, log
        self.written = 0

    async def check(self) -> None:
        """Whether the realm keeps what is asked for.

        Raises:
            AwayError: Keycloak gives no answer now.
            BrokerError: it keeps none, or does not let us read them; with what to mend.
        """
        said = await self._events.switched()
        off = [kind for kind in self._settings.kinds if said.get(SWITCHES[kind]) is not True]
        if off:
            what = " and ".join(f"{kind} events" for kind in off)
            raise BrokerError(f"{self._events.where}: {what} are not kept; switch them on in the realm's settings")
        kept_s = said.get("eventsExpiration")
        reached = self._position.position.reached.get("user")
        if type(kept_s) is int and kept_s > 0 and reached is not None and reached.until_ms:
            away_s = time.time() - reached.until_ms / _MS
            if away_s > kept_s:
                self._log("gap", since_ms=reached.until_ms, away_s=round(away_s), kept_s=kept_s)

    async def look(self) -> int:
        """Write what is new, and keep how far it is; how many events that were.

        Raises: as `check`, and UsageError where it cannot be written.
        """
        before = self.written
        pages = {kind: self._events.since(kind, self._reached(kind).from_ms(self._overlap)) for kind in self._kinds}
        waiting: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in pages}
        while pages or any(waiting.values()):
            for kind in list(pages):
                await self._fill(kind, pages, waiting)
            self._write(waiting, [waiting[kind][-1]["time"] for kind in pages])
        return self.written - before

    async def run(self, stopped: asyncio.Event, *, once: bool) -> None:
        """Look until `stopped`, or once until there is no more.

        Raises: as `check`; what Keycloak may answer later is waited for, but not before the first look or `once`.
        """
        await self.check()
        self._log("ready", of=self._events.where, kinds=",".join(self._kinds), output=self._output.path)
        checked = time.monotonic()
        first, away_s = True, AWAY_S
        while not stopped.is_set():
            wait_s = self._settings.every.total_seconds()
            try:
                if time.monotonic() - checked > SWITCHES_S:
                    await self.check()
                    checked = time.monotonic()
                await self.look()
                first, away_s = False, AWAY_S
            except AwayError as error:
                if once or first:
                    raise
                wait_s = max(away_s, error.wait_s)
                away_s = min(away_s * 2, AWAY_S_MAX)
                self._log("away", said=str(error), again_s=wait_s)
            if once:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), wait_s)

    @property
    def _kinds(self) -> tuple[Kind, ...]:
        return self._settings.kinds

    @property
    def _overlap(self) -> timedelta:
        return self._settings.overlap

    def _reached(self, kind: Kind) -> Reached:
        return self._position.position.reached.setdefault(kind, Reached())

    async def _fill(
        self,
        kind: Kind,
        pages: dict[Kind, AsyncIterator[list[dict[str, Any]]]],
        waiting: dict[Kind, list[dict[str, Any]]],
    ) -> None:
        """Have something of this kind wait, if there is more."""
        while not waiting[kind]:
            page = await anext(pages[kind], None)
            if page is None:
                del pages[kind]
                return
            waiting[kind] = self._reached(kind).new(page)

    def _write(self, waiting: dict[Kind, list[dict[str, Any]]], bounds: list[int]) -> None:
        """Write in order of time what waits, as far as nothing earlier can come."""
        bound_ms = min(bounds, default=None)
        ready: list[dict[str, Any]] = []
        now_ms = round(time.time() * _MS)
        for kind, events in waiting.items():
            going = [one for one in events if bound_ms is None or one["time"] <= bound_ms]
            waiting[kind] = events[len(going) :]
            reached = self._reached(kind)
            reached.ids |= {one["id"]: one["time"] for one in going}
            ready += going
            reached.forget(self._overlap, now_ms)
        if ready:
            self._output.append(sorted(ready, key=lambda one: int(one["time"])))
            self._position.keep()
            self.written += len(ready)
