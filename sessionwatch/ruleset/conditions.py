"""Conditions on events: written as mappings, run as functions.

All fields of a mapping must hold. A test is a value (equal), a list (one of), or a mapping of operators that must all
hold; `any`, `all` and `not` combine conditions. A test on a place or an address that nobody knows is false, whichever
way it asks (`not_in` too); only `known` asks about that itself. `not` turns around whatever the condition in it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from models.events import KINDS, EventKind, PlacedEvent
from models.written.texts import Misfit, Path, close_to, said_type
from sessionwatch.ruleset.compiled import Predicate
from sessionwatch.ruleset.fields import ATTRIBUTES, FIELDS, EventField, field_named
from sessionwatch.ruleset.lists import Lists
from sessionwatch.ruleset.operators import MisfitError, choices_of, leaf

ALL_KINDS: Final = frozenset(KINDS)

_COMBINED: Final = ("any", "all", "not")


Leaf = tuple[str, Predicate]
"""A field's name and a test that reads that field alone."""


class ConditionError(ValueError):
    """A condition that cannot be run; `misfits` has everything that is wrong in it."""

    def __init__(self, misfits: Iterable[Misfit]) -> None:
        self.misfits = tuple(misfits)
        super().__init__("; ".join(misfit.message for misfit in self.misfits))


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """A condition holds for an event whose kind is in `kinds` and for which `test` is true (None: always).

    `test` is only right for events of `kinds`. `reads` are the keys of `attributes`, `lists` the names of lists,
    `leaves` the tests on single fields, by field, that with the kind it is made up of.
    """

    kinds: frozenset[EventKind]
    test: Predicate | None
    reads: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    leaves: tuple[Leaf, ...] = ()

    @property
    def holds(self) -> Predicate:
        """The whole condition, for events of any kind."""
        kinds, test = self.kinds, self.test
        if kinds == ALL_KINDS:
            return test or (lambda _: True)
        if test is None:
            return lambda event: event.kind in kinds
        return lambda event: event.kind in kinds and test(event)


def compile_condition(said: Any, lists: Lists | None = None) -> CompiledCondition:
    """The condition `said`, ready to run.

    Raises:
        ConditionError: with every misfit in it.

    >>> compiled = compile_condition({"kind": ["login", "refresh"], "user": "Ann"})
    >>> sorted(compiled.kinds)
    ['login', 'refresh']
    """
    compiler = _Compiler(lists or {})
    compiled = compiler.mapping(said, ())
    if compiler.misfits:
        raise ConditionError(compiler.misfits)
    return CompiledCondition(
        *compiled, frozenset(compiler.reads), frozenset(compiler.lists_named), tuple(compiler.leaves)
    )


Part = tuple[frozenset[EventKind], Predicate | None]
"""A condition as kinds and a test that is right for events of these kinds."""

_ANY_EVENT: Final[Part] = (ALL_KINDS, None)


class _Compiler:
    """Compiles one condition, gathering misfits instead of stopping at the first."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.misfits: list[Misfit] = []
        self.reads: set[str] = set()
        self.lists_named: set[str] = set()
        self.leaves: list[Leaf] = []

    def mapping(self, said: Any, path: Path) -> Part:
        """All parts of a mapping."""
        if not isinstance(said, dict):
            return self._misfit(path, f"a condition is a mapping of fields to tests, not {said_type(said)}")
        if not said:
            return self._misfit(path, "a condition needs at least one field")
        return _all([self._part(name, test, (*path, name)) for name, test in said.items()])

    def _part(self, name: str, test: Any, path: Path) -> Part:
        if name == "not":
            return _not(self.mapping(test, path))
        if name in _COMBINED:
            if not isinstance(test, list) or not test:
                return self._misfit(path, f'"{name}" takes a list of conditions')
            parts = [self.mapping(item, (*path, index)) for index, item in enumerate(test)]
            return _all(parts) if name == "all" else _any(parts)
        field = field_named(name)
        if field is None:
            if name == "attributes":
                return self._misfit(path, '"attributes" has no value of its own', "write attributes.KEY", on_key=True)
            return self._misfit(path, f'unknown field "{name}"', _closest_field(name), on_key=True)
        if name.startswith(ATTRIBUTES):
            self.reads.add(name.removeprefix(ATTRIBUTES))
        return self._field(field, test, path)

    def _field(self, field: EventField, test: Any, path: Path) -> Part:
        if isinstance(test, list):
            return self._test(field, "in", test, path, path)
        if not isinstance(test, dict):
            return self._test(field, "is", test, path, path)
        if not test:
            return self._misfit(path, f"{field.name} needs at least one operator")
        return _all(
            [self._test(field, operator, operand, path, (*path, operator)) for operator, operand in test.items()]
        )

    def _test(self, field: EventField, operator: str, operand: Any, field_path: Path, path: Path) -> Part:
        if operand is None:
            hint = f"write {field.name}: {{known: false}} where nothing is meant"
            return self._misfit(path, f"{field.name} needs a value here", hint)
        try:
            if field.name == "kind":
                return cast("frozenset[EventKind]", choices_of(field, operator, operand)), None
            test = _known(field, operator) if operand is True and operator == "known" else None
            test = test or leaf(field, operator, operand, self.lists)
        except MisfitError as error:
            found = error.misfit
            return self._misfit((*path, *found.path), found.message, found.hint, on_key=found.on_key)
        if operator in {"in_list", "not_in_list"}:
            self.lists_named.add(operand)
        self.leaves.append((field.name, test))
        return ALL_KINDS, test

    def _misfit(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> Part:
        self.misfits.append(Misfit(path, message, hint, on_key))
        return _ANY_EVENT


@cache
def _known(field: EventField, operator: str) -> Predicate:
    """The test most asked of all, one for all rules, so that it is seen to be the same."""
    return leaf(field, operator, True, {})  # the operand, as a rule writes it


def _closest_field(name: str) -> str:
    hint = close_to(name, [*FIELDS, *_COMBINED])
    return (
        hint
        if hint.startswith("did you mean")
        else "fields are those of an event, place.country and the like, attributes.KEY"
    )


def _all(parts: list[Part]) -> Part:
    kinds = frozenset.intersection(*(kinds for kinds, _ in parts))
    return kinds, _both([test for _, test in parts if test is not None])


def _both(tests: list[Predicate]) -> Predicate | None:
    match tests:
        case []:
            return None
        case [only]:
            return only
        case [first, second]:
            return lambda event: first(event) and second(event)
        case [first, second, third]:
            return lambda event: first(event) and second(event) and third(event)

    def every(event: PlacedEvent) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs twice as much, and this runs for every event
            if not test(event):
                return False
        return True

    return every


def _any(parts: list[Part]) -> Part:
    """Holds where one part does: for each kind, the tests that can be true for it are known beforehand."""
    kinds = frozenset[EventKind]().union(*(kinds for kinds, _ in parts))
    tests: dict[EventKind, Predicate | None] = {}
    for kind in kinds:
        of_kind = [test for its_kinds, test in parts if kind in its_kinds]
        tests[kind] = None if None in of_kind else _either([test for test in of_kind if test is not None])
    if all(test is None for test in tests.values()):
        return kinds, None
    if all(len(its_kinds) == len(kinds) for its_kinds, _ in parts):
        return kinds, _either([test for _, test in parts if test is not None])

    def by_kind(event: PlacedEvent) -> bool:
        test = tests[event.kind]
        return test is None or test(event)

    return kinds, by_kind


def _either(tests: list[Predicate]) -> Predicate:
    match tests:
        case [only]:
            return only
        case [first, second]:
            return lambda event: first(event) or second(event)

    def some(event: PlacedEvent) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs twice as much, and this runs for every event
            if test(event):
                return True
        return False

    return some


def _not(part: Part) -> Part:
    kinds, test = part
    if test is None:
        return ALL_KINDS - kinds, None
    if kinds == ALL_KINDS:
        return ALL_KINDS, lambda event: not test(event)
    return ALL_KINDS, lambda event: not (event.kind in kinds and test(event))
