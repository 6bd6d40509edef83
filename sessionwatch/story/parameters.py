"""The numbers and spans of time among a rule's parameters, with the bounds within which each may be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from math import isfinite, nextafter
from typing import Any, Final, NamedTuple, get_args

import annotated_types as at

from detectors.detector import DetectorParams

_SECOND: Final = timedelta(seconds=1)

Number = int | float
"""A parameter's value as a number: a span of time in whole seconds."""


class Parameter(NamedTuple):
    """One parameter, or one key of a mapping: where it stands, its value as a number, its bounds, and its type."""

    path: tuple[str, ...]
    value: Number
    least: Number
    most: Number
    type: type[Any]

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return self.type is not float

    def written(self, value: Number) -> Any:
        """`value` as the parameter holds it."""
        return timedelta(seconds=value) if self.type is timedelta else self.type(value)


def parameters(params: DetectorParams) -> Iterator[Parameter]:
    """Every number and span of `params` that is set and bounded on both sides."""
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if isinstance(value, Mapping):
            marks = [mark for part in get_args(info.annotation) for mark in getattr(part, "__metadata__", ())]
            inner = [mark for field in marks for mark in getattr(field, "metadata", (field,))]
            for key, one in value.items():
                yield from _bounded((name, str(key)), one, inner)
        else:
            yield from _bounded((name,), value, info.metadata)


def _bounded(path: tuple[str, ...], value: Any, marks: Iterable[Any]) -> Iterator[Parameter]:
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        return
    kind = type(value)
    least, most = None, None
    for mark in marks:
        match mark:
            case at.Ge(bound):
                least = _number(bound)
            case at.Gt(bound):
                least = _beyond(_number(bound), 1, kind)
            case at.Le(bound):
                most = _number(bound)
            case at.Lt(bound):
                most = _beyond(_number(bound), -1, kind)
    if least is not None and most is not None and isfinite(most):
        # A parameter of type float may be set to a whole number.
        yield Parameter(path, _number(value), least, most, kind)


def _number(value: Any) -> Number:
    number: Number = int(value / _SECOND) if isinstance(value, timedelta) else value
    return number


def _beyond(bound: Number, sign: int, kind: type[Any]) -> Number:
    return nextafter(bound, sign * float("inf")) if kind is float else bound + sign
