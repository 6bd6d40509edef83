"""Whom no rule will say anything of: told from all events at once, before anything is judged.

A replay knows its whole input. What most people did in it can be seen to bring no verdict, without judging event for
event: too few failures in all, one place, no other device. Such subjects are quiet, and left out; what would have been
counted of them is counted. It changes nothing that a replay tells: what cannot be told for sure is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.columns import OF_EVENT, OF_PLACE, Bounds, Columns, Ints, Mask, changes
from geo.locator import Locator
from models.conditions import Condition
from models.events import SessionEvent, account_of
from models.findings import By
from models.places import Place
from sessionwatch.engine.in_order import EVENTS_AT_ONE_INSTANT_MAX, SUBJECT_KINDS, Engine
from sessionwatch.engine.shapes import Shapes
from sessionwatch.ruleset.compiled import CompiledRule, Ruleset

EVENTS_MAX: Final = 50_000_000
"""Events looked at together, about 100 bytes each; a larger input is judged as it is."""
AT_US_MAX: Final = 2**52
"""Instants that a float holds exactly: those before the year 2112."""
MIX: Final = 1_000_003
BITS: Final = 2**64 - 1

TEXTS: Final = ("id", "tenant", *sorted(OF_EVENT))
PLACES_MAX: Final = 1_000_000
"""Addresses whose place is remembered while looking; when there are more, all are forgotten, and looked up again."""


@dataclass(slots=True)
class Tally:
    """What would have been counted of quiet subjects under one rule."""

    evaluated: int = 0
    not_evaluable: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Needs:
    """Which events to judge, by their place in the input, and of which subjects; what the others come to.

    `loud`: by subject kind the digests of subjects that must be judged. `left_out` events are in nobody's judgement.
    """

    needed: Mask
    loud: dict[By, frozenset[int]]
    tallies: dict[str, Tally]
    left_out: int
    newest_us: int

    def apply(self, engine: Engine) -> None:
        """Make `engine` judge loud subjects alone, and count what is left out; before it has judged anything."""
        for lane in engine.lanes:
            lane.owns = _owns(self.loud[lane.program.by])
        engine.counts.events += self.left_out
        engine.newest_us = max(engine.newest_us, self.newest_us)
        for rule, tally in self.tallies.items():
            counts = engine.counts.rules[rule]
            counts.evaluated += tally.evaluated
            counts.not_evaluable.update(tally.not_evaluable)


def _owns(loud: frozenset[int]) -> Callable[[tuple[str, str]], bool]:
    return lambda subject: not subject[1] or (hash(subject[1]) * MIX ^ hash(subject[0])) & BITS in loud


class Quiet:
    """Takes in all events of a replay in any order, and then tells which of them need judging."""

    def __init__(self, ruleset: Ruleset, locator: Locator) -> None:
        """Look on behalf of `ruleset`; `locator` is not that of the engine, whose counts it would change."""
        self._shapes = Shapes(ruleset)
        self._rules = ruleset.rules
        self._by_account = any(rule.by == "account" for rule in ruleset.rules)
        self._locator = locator
        self._places: dict[str, tuple[Place | None, int, int]] = {}
        self._of_places: dict[Place | None, tuple[tuple[Any, ...], tuple[bool, ...]]] = {}
        self._place_rows: list[tuple[str, tuple[Any, ...]]] = []
        self._place_numbers: dict[tuple[Any, ...], int] = {}
        self._place_shapes: dict[tuple[bool, ...], int] = {}
        self._columns: dict[str, list[NDArray[Any]]] = {}
        self._count = 0
        self._able = self._shapes.able and not any(rule.detector.near_misses for rule in ruleset.rules)

    def add(self, events: Sequence[SessionEvent]) -> None:
        """Look at `events`."""
        self._count += len(events)
        if not self._able or self._count > EVENTS_MAX:
            self._able = False
            self._columns.clear()
            return
        if any(not event.user and event.session for event in events):
            # Whose session it is takes all events of the session in order.
            self._able = False
        found = self._found(events)
        self._keep("place", np.array([at[1] for at in found], np.int32))
        self._keep("shape", self._shapes.numbers(events, [at[2] for at in found], self._locator.locate))
        skewed = [event.received_at is not None and event.at > event.received_at for event in events]
        self._keep("forced", np.array(skewed, np.bool_))
        self._keep("at", np.array([event.at.timestamp() for event in events], np.float64))
        for name in TEXTS:
            self._keep(name, _digests(events, name))
        if self._by_account:
            self._keep("account", np.fromiter(map(hash, map(account_of, events)), np.int64, len(events)))
        for name in ("count", "bytes"):
            self._keep(name, np.array([getattr(event, name) for event in events], np.int64))

    def _keep(self, name: str, column: NDArray[Any]) -> None:
        self._columns.setdefault(name, []).append(column)

    def _found(self, events: Sequence[SessionEvent]) -> list[tuple[Place | None, int, int]]:
        """What `_located` says of each event, remembered or new; new addresses are looked up together."""
        known = self._places.get
        remembered = [at if (at := known(event.ip)) is not None and at[0] == event.place else None for event in events]
        self._locator.warm([event for event, at in zip(events, remembered, strict=True) if at is None])
        return [self._located(event) if at is None else at for event, at in zip(events, remembered, strict=True)]

    def _located(self, event: SessionEvent) -> tuple[Place | None, int, int]:
        """The number of where `event` was and of what conditions say of that; remembered where it is final."""
        placed = self._locator.locate(event)
        known = self._of_places.get(placed.place)
        if known is None:
            if len(self._of_places) >= PLACES_MAX:
                self._of_places.clear()
            said = tuple(test(placed) for test in self._shapes.of_place)
            known = self._of_places[placed.place] = (_of_place(placed.place), said)
        row = (placed.network, known[0])
        number = self._place_numbers.setdefault(row, len(self._place_rows))
        if number == len(self._place_rows):
            self._place_rows.append(row)
        said = known[1]
        if self._shapes.of_address:
            said = (*said, *[test(placed) for test in self._shapes.of_address])
        shape = self._place_shapes.setdefault(said, len(self._place_shapes))
        found = (event.place, number, shape)
        if self._locator.remembers(event):
            if len(self._places) >= PLACES_MAX:
                self._places.clear()
            self._places[event.ip] = found
        return found

    def needs(self) -> Needs | None:
        """What to judge; None where that is everything, because it cannot be told."""
        able = self._able and self._shapes.able and self._count > 0
        if not able or self._locator.failed or self._locator.set_aside:
            return None
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        self._columns.clear()
        at_us = np.rint(columns.pop("at") * 1e6).astype(np.int64)
        order = np.argsort(at_us, kind="stable")
        at_us = at_us[order]
        ahead = EVENTS_AT_ONE_INSTANT_MAX - 1
        held = len(at_us) > ahead and bool((at_us[ahead:] == at_us[:-ahead]).any())
        if held or abs(at_us[[0, -1]]).max() >= AT_US_MAX:
            return None
        columns = {name: column[order] for name, column in columns.items()}
        columns["forced"] |= _copies(columns.pop("id"), at_us)
        decision = _Decision(self._shapes, self._rules, at_us, columns, self._place_rows)
        needed = decision.needed()
        unsorted = np.zeros(len(order), np.bool_)
        unsorted[order] = needed
        sound = at_us[~columns["forced"]]
        newest_us = int(sound[-1]) if len(sound) else int(at_us[0])
        left_out = int(len(needed) - needed.sum())
        return Needs(unsorted, decision.loud, decision.tallies, left_out, newest_us)


class _Decision:
    """Goes through all rules, and finds who is loud."""

    def __init__(
        self,
        shapes: Shapes,
        rules: Sequence[CompiledRule],
        at_us: Ints,
        columns: dict[str, NDArray[Any]],
        places: list[tuple[str, tuple[Any, ...]]],
    ) -> None:
        self._rules = rules
        self._conditions = shapes.conditions
        self._table = shapes.table()
        self._kinds = np.array([hash(kind) for kind in shapes.kinds], np.int64)
        self._at_us = at_us
        self._forced: Mask = columns["forced"]
        self._columns = columns
        self._place_columns = _place_columns(places)
        self.loud: dict[By, frozenset[int]] = {by: frozenset() for by in SUBJECT_KINDS}
        self.tallies: dict[str, Tally] = {}

    def needed(self) -> Mask:
        """The events to judge, in order of time."""
        needed = self._forced.copy()
        for index, rule in enumerate(self._rules):
            if rule.mode != "off" and rule.by == "tenant":
                needed |= self._answers(index)
        for by in SUBJECT_KINDS:
            indices = [index for index, rule in enumerate(self._rules) if rule.by == by and rule.mode != "off"]
            if indices:
                needed |= self._lane(by, indices)
        return needed

    def _answers(self, row: int) -> Mask:
        """What a row of the table says of each event."""
        answers: Mask = self._table[row][self._columns["shape"]]
        return answers

    def _lane(self, by: By, indices: list[int]) -> Mask:
        """The events needed because of the subjects of one kind, whose rules are at `indices`."""
        value = self._text({"ip": "network"}.get(by, by))
        subject = value * MIX ^ self._columns["tenant"]
        order = np.argsort(subject, kind="stable")
        group = np.cumsum(changes(subject[order])) - 1
        named = value[order] != 0
        loud = np.zeros(int(group[-1]) + 1, np.bool_)
        loud[group[self._forced[order]]] = True
        silent: list[tuple[CompiledRule, Mask, dict[str, Ints], Ints]] = []
        wanted = np.zeros(len(order), np.bool_)
        shape = self._columns["shape"][order]
        for index in indices:
            rule = self._rules[index]
            if not self._table[index].any():
                self.tallies[rule.id] = Tally()
                continue
            selected = self._table[index][shape]
            wanted |= selected
            looked_at = self._table[index] | self._table[len(self._rules) + index]
            rows = np.flatnonzero(looked_at[shape] & named)
            bounds = self._bounds(rule, rows, group, selected, order)
            if bounds is None:
                loud[group[rows]] = True
                bounds = Bounds(np.zeros(len(rows), np.bool_))
            loud[group[rows[bounds.loud]]] = True
            reasons = {reason: rows[mask] for reason, mask in bounds.not_evaluable.items()}
            silent.append((rule, selected, reasons, rows))
        quiet = ~loud[group] & named
        for rule, selected, reasons, _ in silent:
            counted = Counter({reason: int(quiet[rows].sum()) for reason, rows in reasons.items()})
            self.tallies[rule.id] = Tally(int((selected & quiet).sum()), +counted)
        self.loud[by] = frozenset(subject[order][loud[group] & named].view(np.uint64).tolist())
        needed = np.zeros(len(order), np.bool_)
        needed[order] = (loud[group] & named) | (~named & wanted)
        return needed

    def _bounds(self, rule: CompiledRule, rows: Ints, group: Ints, selected: Mask, order: Ints) -> Bounds | None:
        """What the detector says of the events at `rows` of a lane's `order`."""
        at = order[rows]

        def column_of(name: str) -> NDArray[Any]:
            if name == "kind":
                kinds: NDArray[Any] = self._kinds[self._columns["shape"][at]]
                return kinds
            if name in self._place_columns:
                found: NDArray[Any] = self._place_columns[name][self._columns["place"][at]]
                return found
            return self._columns[name][at]

        def answers_of(condition: Condition) -> Mask:
            row = 2 * len(self._rules) + list(self._conditions).index(id(condition))
            answers: Mask = self._table[row][self._columns["shape"][at]]
            return answers

        events = Columns(group[rows], self._at_us[at], selected[rows], column_of, answers_of)
        return rule.detector.bounds(events) if len(events) else Bounds(events.selected)

    def _text(self, name: str) -> NDArray[Any]:
        found: NDArray[Any]
        if name in self._place_columns:
            found = self._place_columns[name][self._columns["place"]]
        else:
            found = self._columns[name]
        return found


def _digests(events: Sequence[SessionEvent], name: str) -> Ints:
    return np.fromiter(map(hash, map(getattr, events, repeat(name))), np.int64, len(events))


def _copies(ids: Ints, at_us: Ints) -> Mask:
    """Events that may be copies of one: of equal id and time."""
    keys = ids * MIX ^ at_us
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.isin(keys, twice) if len(twice) else np.zeros(len(keys), np.bool_)


def _of_place(place: Place | None) -> tuple[Any, ...]:
    nowhere = float("nan")
    if place is None:
        return (nowhere, nowhere, 0.0, *("" for _ in OF_PLACE))
    latitude = nowhere if place.latitude is None else place.latitude
    longitude = nowhere if place.longitude is None else place.longitude
    said = {name: getattr(place, name) for name in OF_PLACE} | {"asn": f"AS{place.asn}" if place.asn else ""}
    return (latitude, longitude, place.radius_km, *said.values())


def _place_columns(rows: list[tuple[str, tuple[Any, ...]]]) -> dict[str, NDArray[Any]]:
    network, places = zip(*rows, strict=True)
    latitude, longitude, radius_km, *texts = zip(*places, strict=True)
    columns: dict[str, NDArray[Any]] = {
        "network": np.array([hash(one) for one in network], np.int64),
        "latitude": np.array(latitude, np.float64),
        "longitude": np.array(longitude, np.float64),
        "radius_km": np.array(radius_km, np.float64),
    }
    for name, column in zip(OF_PLACE, texts, strict=True):
        columns[f"place.{name}"] = np.array([hash(one) for one in column], np.int64)
    return columns
