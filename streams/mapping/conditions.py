"""Conditions on records: written as those of rules, on the paths of a record instead of the fields of an event.

All parts of a mapping must hold. A test is a value (equal), a list (one of), or a mapping of operators that must all
hold; `any`, `all` and `not` combine conditions. Values are compared as text: true is "true", 7 is "7". Nothing at a
path is empty text, which equals nothing that may be written, and is no number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from models.written.texts import Misfit, Path, close_to, said_type
from streams.adapters.fields import Path as Steps
from streams.adapters.fields import find, text

Holds = Callable[[Any], bool]
"""Whether a condition holds for a record."""
Steppable = Callable[[str, Path], Steps | None]
"""The steps of a path that is written at a place; None where it is no path, which has been noted."""

OPERATORS: Final = ("is", "in", "not_in", "starts_with", "ends_with", "contains", "at_least", "at_most", "known")
_COMBINED: Final = ("any", "all", "not")
_NUMBER_LENGTH_MAX: Final = 32


class ConditionReader:
    """Compiles the conditions of one mapping, gathering misfits instead of stopping at the first."""

    def __init__(self, misfits: list[Misfit], steps: Steppable) -> None:
        """Note faults in `misfits`; paths are told by `steps`."""
        self._misfits = misfits
        self._steps = steps

    def read(self, said: Any, path: Path) -> Holds:
        """The condition `said`, at `path` of the file."""
        if not isinstance(said, dict):
            return self._misfit(path, f"a condition is a mapping of paths to tests, not {said_type(said)}")
        if not said:
            return self._misfit(path, "a condition needs at least one path")
        return _all([self._part(name, test, (*path, name)) for name, test in said.items()])

    def _part(self, name: str, test: Any, path: Path) -> Holds:
        if name == "not":
            inner = self.read(test, path)
            return lambda record: not inner(record)
        if name in _COMBINED:
            if not isinstance(test, list) or not test:
                return self._misfit(path, f'"{name}" takes a list of conditions')
            parts = [self.read(item, (*path, index)) for index, item in enumerate(test)]
            return _all(parts) if name == "all" else lambda record: any(part(record) for part in parts)
        steps = self._steps(name, path)
        if isinstance(test, dict) and not test:
            return self._misfit(path, f'"{name}" needs at least one operator')
        if not isinstance(test, dict):
            test, at = {"in" if isinstance(test, list) else "is": test}, None
        else:
            at = path
        parts = [self._test(operator, operand, (*at, operator) if at else path) for operator, operand in test.items()]
        return _on(steps or (), parts)

    def _test(self, operator: str, operand: Any, path: Path) -> Callable[[Any], bool]:
        if operator not in OPERATORS:
            self._misfit(path, f'unknown operator "{operator}"', close_to(operator, OPERATORS), on_key=True)
            return _never
        if operator in {"known", "at_least", "at_most"}:
            return self._known(operand, path) if operator == "known" else self._bound(operator, operand, path)
        if operator in {"in", "not_in"}:
            return self._among(operand, path, wanted=operator == "in")
        several = operand if isinstance(operand, list) and operator != "is" else [operand]
        texts = tuple(self._text(value, path if len(several) == 1 else (*path, n)) for n, value in enumerate(several))
        return _text_test(operator, texts)

    def _known(self, operand: Any, path: Path) -> Callable[[Any], bool]:
        if not isinstance(operand, bool):
            return self._misfit(path, f'"known" is true or false, not {said_type(operand)}')
        return lambda value: (value is not None and value not in ("", [], {})) is operand

    def _among(self, operand: Any, path: Path, *, wanted: bool) -> Callable[[Any], bool]:
        if not isinstance(operand, list) or not operand:
            return self._misfit(path, "a list with at least one value is needed here")
        among = frozenset(self._text(value, (*path, index)) for index, value in enumerate(operand))
        return lambda value: (text(value) in among) is wanted

    def _bound(self, operator: str, operand: Any, path: Path) -> Callable[[Any], bool]:
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            return self._misfit(path, f'"{operator}" takes a number, not {said_type(operand)}')
        if operator == "at_least":
            return lambda value: (number := _number(value)) is not None and number >= operand
        return lambda value: (number := _number(value)) is not None and number <= operand

    def _text(self, value: Any, path: Path) -> str:
        if isinstance(value, dict | list) or value is None or value == "":
            self._misfit(path, f"a value is needed here, not {said_type(value) if value != '' else 'empty text'}")
        return text(value)

    def _misfit(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> Holds:
        self._misfits.append(Misfit(path, message, hint, on_key))
        return _never


def paths_of(said: Any) -> tuple[str, ...]:
    """The paths that a condition reads, in the order they stand there.

    >>> paths_of({"any": [{"a": 1}, {"not": {"b.c": 2}}], "d": 3})
    ('a', 'b.c', 'd')
    """
    if isinstance(said, list):
        return tuple(path for item in said for path in paths_of(item))
    if not isinstance(said, dict):
        return ()
    return tuple(path for name, test in said.items() for path in (paths_of(test) if name in _COMBINED else (name,)))


def words_of(said: Any) -> str:
    """A condition on one line, for a person.

    >>> words_of({"a": {"contains": "x"}, "not": {"b": [1, 2]}})
    'a contains x, not (b 1 or 2)'
    """
    if isinstance(said, list):
        return " or ".join(map(words_of, said))
    if not isinstance(said, dict):
        return text(said)
    parts = (
        f"{name} ({words_of(test)})" if name == "not" else words_of(test) if name in _COMBINED else _words(name, test)
        for name, test in said.items()
    )
    return ", ".join(parts)


def _words(path: str, test: Any) -> str:
    return f"{path} {words_of(test)}"


def _never(_: Any) -> bool:
    return False


def _on(steps: Steps, parts: list[Callable[[Any], bool]]) -> Holds:
    if len(parts) == 1:
        (only,) = parts
        return lambda record: only(find(record, steps))
    return lambda record: all(part(find(record, steps)) for part in parts)


def _all(parts: list[Holds]) -> Holds:
    if len(parts) == 1:
        return parts[0]
    return lambda record: all(part(record) for part in parts)


def _text_test(operator: str, texts: tuple[str, ...]) -> Callable[[Any], bool]:
    match operator:
        case "starts_with":
            return lambda value: text(value).startswith(texts)
        case "ends_with":
            return lambda value: text(value).endswith(texts)
        case "contains":
            return lambda value: any(each in text(value) for each in texts)
    return lambda value: text(value) == texts[0]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) and len(value) <= _NUMBER_LENGTH_MAX else None
    except ValueError:
        return None
