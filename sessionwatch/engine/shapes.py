"""Events of one shape: alike in all that conditions ask of them, so that each condition is asked once a shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.conditions import Condition
from models.events import KINDS, EventKind, PlacedEvent, SessionEvent
from sessionwatch.ruleset.compiled import Predicate, Ruleset

Leaf = tuple[str, Predicate]

FEW_VALUES: Final = ("kind", "outcome", "interactive", "role", "action")
"""Fields with few different values: they are part of a shape as they are. Of others it has the answers of tests."""
OF_ADDRESS: Final = frozenset({"ip", "network"})
"""Fields whose final form is known once an event is placed, as are its place and the parts of that."""
UNKNOWN_BEFORE: Final = frozenset({"at_us", "received_us", "rank"})
"""Fields that an event has only once it is placed, and that differ from event to event."""
SHAPES_MAX: Final = 20_000
"""Shapes told apart; an input with more is judged as it is."""

_few: Final[Callable[[Any], Any]] = attrgetter(*FEW_VALUES)


class Shapes:
    """The shapes met so far, and for each which rules select it and which conditions hold."""

    def __init__(self, ruleset: Ruleset) -> None:
        """Look at what the rules' conditions ask."""
        self.rules = ruleset.rules
        asked = [(one, rule.kinds | rule.detector.hears) for rule in self.rules for one in rule.detector.asks]
        self.conditions: dict[int, Condition] = {id(one): one for one, _ in asked}
        said = [(() if rule.when is None else rule.leaves, rule.kinds) for rule in self.rules]
        said += [(one.leaves, kinds) for one, kinds in asked]
        leaves = [(leaf, kinds) for found, kinds in said for leaf in found or ()]
        self.able = all(found is not None for found, _ in said)
        self.able &= not any(name in UNKNOWN_BEFORE for (name, _), _ in leaves)
        placed = [(name, test) for (name, test), _ in leaves if _is_of_place(name)]
        self.of_address = tuple(test for name, test in placed if name in OF_ADDRESS)
        self.of_place = tuple(test for name, test in placed if name not in OF_ADDRESS)
        others = [(leaf, kinds) for leaf, kinds in leaves if leaf[0] not in FEW_VALUES and not _is_of_place(leaf[0])]
        # Tests take placed events; a session event has the same fields but for those that were looked after above.
        self._of_event: dict[EventKind, tuple[Any, ...]]
        self._of_event = {kind: _tests(others, kind, attributes=False) for kind in KINDS}
        self._of_attributes: dict[EventKind, tuple[Any, ...]]
        self._of_attributes = {kind: _tests(others, kind, attributes=True) for kind in KINDS}
        self._numbers: dict[Any, int] = {}
        self._rows: list[tuple[bool, ...]] = []
        self.kinds: list[EventKind] = []

    def numbers(
        self,
        events: Sequence[SessionEvent],
        place_shapes: Sequence[int],
        placed: Callable[[SessionEvent], PlacedEvent],
    ) -> NDArray[np.int32]:
        """The number of each shape; the shapes of their places are known, `placed` places one where that is needed."""
        found, known = [], self._numbers.get
        of_event, of_attributes = self._of_event, self._of_attributes
        for event, few, place_shape in zip(events, map(_few, events), place_shapes, strict=True):
            key: Any = (few, place_shape)
            if tests := of_event[few[0]]:
                if len(tests) == 1:
                    key = (few, place_shape, tests[0](event))
                else:
                    key = (few, place_shape, *[test(event) for test in tests])
            if event.attributes and (tests := of_attributes[few[0]]):
                key = (key, "attributes", *[test(event) for test in tests])
            number = known(key)
            found.append(self._new(key, event, placed) if number is None else number)
        return np.array(found, np.int32)

    def _new(self, key: Any, event: SessionEvent, placed: Callable[[SessionEvent], PlacedEvent]) -> int:
        number = self._numbers[key] = len(self._rows)
        self._rows.append(self._row(placed(event)))
        self.kinds.append(event.kind)
        self.able &= number < SHAPES_MAX
        return number

    def _row(self, event: PlacedEvent) -> tuple[bool, ...]:
        selects = [event.kind in rule.kinds and (rule.when is None or rule.when(event)) for rule in self.rules]
        hears = [event.kind in rule.detector.hears for rule in self.rules]
        return (*selects, *hears, *(one.holds(event) for one in self.conditions.values()))

    def table(self) -> NDArray[np.bool_]:
        """A row for each rule that selects, then one for each that hears, then one for each condition; by shape."""
        width = 2 * len(self.rules) + len(self.conditions)
        return np.array(self._rows, np.bool_).reshape(len(self._rows), width).T.copy()


def _is_of_place(name: str) -> bool:
    return name in OF_ADDRESS or name == "place" or name.startswith("place.")


def _tests(
    leaves: Iterable[tuple[Leaf, frozenset[EventKind]]], kind: EventKind, *, attributes: bool
) -> tuple[Predicate, ...]:
    """The tests that rules which want a kind make of other fields, each once."""
    wanted = {
        id(test): test
        for (name, test), kinds in leaves
        if kind in kinds and name.startswith("attributes.") is attributes
    }
    return tuple(wanted.values())
