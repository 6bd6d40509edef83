"""Which topics an event belongs in: those of the subjects that some rule judges it for, and no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from models.events import KINDS, EventKind, PlacedEvent
from models.findings import By
from sessionwatch.engine.program import value_of
from sessionwatch.ruleset.compiled import Ruleset
from streams.kafka.batches import Output
from streams.kafka.keys import Keys
from streams.kafka.marks import Origin, Progress, marked

SESSION: Final[By] = "session"


class Route(NamedTuple):
    """A topic of events by one kind of subject, and how many partitions it has."""

    topic: str
    partitions: int


def kinds_of(ruleset: Ruleset) -> tuple[By, ...]:
    """The kinds of subject that rules judge, and sessions: by them it is found out whose an event is."""
    found = {rule.by for rule in ruleset.rules if rule.mode != "off"}
    return tuple(sorted(found | {SESSION}, key=lambda by: (by != SESSION, by)))


class Router:
    """Makes the records of events: for each kind of subject that wants one, a record in its partition."""

    def __init__(self, ruleset: Ruleset, routes: Mapping[By, Route]) -> None:
        """Hold the rules and where events by each kind go."""
        self.routes = routes
        self._keys = Keys()
        wanted: dict[EventKind, set[By]] = {kind: set() for kind in KINDS}
        for rule in ruleset.rules:
            if rule.mode != "off" and rule.by in routes:
                for kind in rule.kinds | rule.detector.hears:
                    wanted[kind].add(rule.by)
        self._wanted: dict[EventKind, list[tuple[By, Callable[[PlacedEvent], str]]]] = {
            kind: [(by, value_of(by)) for by in sorted(kinds - {SESSION})] for kind, kinds in wanted.items()
        }

    def records(self, event: PlacedEvent, value: bytes, origin: Origin) -> list[Output]:
        """The records of an event as its source wrote it, `value` its bytes.

        One that names only a session goes there alone: whose it is, is said by the lane over sessions.
        """
        found = []
        if event.session and SESSION in self.routes:
            found.append(self._record(SESSION, event.session, value, (origin.header(),)))
            if not event.user:
                return found
        return found + self.others(event, value, (origin.header(),))

    def others(
        self, event: PlacedEvent, value: bytes, headers: tuple[tuple[str, bytes], ...], *, but: Sequence[By] = ()
    ) -> list[Output]:
        """The records of an event for all kinds of subject but sessions, and but those left out."""
        found = []
        for by, value_in in self._wanted[event.kind]:
            if by not in but and (subject := value_in(event)):
                found.append(self._record(by, subject, value, headers))
        return found

    def progress(self, progress: Progress, kinds: Sequence[By] | None = None) -> list[Output]:
        """A mark for every partition of the topics of `kinds` (None: of all)."""
        value = msgspec.json.encode(progress)
        return [
            Output(route.topic, None, value, number, (marked("progress"),))
            for by, route in self.routes.items()
            if kinds is None or by in kinds
            for number in range(route.partitions)
        ]

    def _record(self, by: By, subject: str, value: bytes, headers: tuple[tuple[str, bytes], ...]) -> Output:
        route, key = self.routes[by], subject.encode()
        return Output(route.topic, key, value, self._keys.partition(key, route.partitions), headers)
