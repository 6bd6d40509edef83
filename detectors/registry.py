"""Which detectors there are: every module of this package, and every plugin that announces itself.

Adding a detector is adding one file. A plugin is any installed distribution with an entry point in the group
`sessionwatch.detectors` that names a `Detector` subclass.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

import msgspec

import detectors
from detectors.detector import Detector, DetectorEvidence, DetectorParams, DetectorState
from sessionwatch.errors import DetectorError

PLUGINS: Final = "sessionwatch.detectors"
"""The entry point group that plugins use."""

_KIND: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

AnyDetector = type[Detector[Any, Any]]


@cache
def detector_kinds() -> Mapping[str, AnyDetector]:
    """Every detector by the word that a rule file uses for it, in the order of these words. Found once a process.

    Raises:
        DetectorError: a module or plugin cannot be imported, is no detector, or two detectors share one `kind`.
    """
    found = [(f"{cls.__module__}.{cls.__qualname__}", cls) for cls in own_detectors()]
    found += plugin_detectors(entry_points(group=PLUGINS))
    return by_kind(found)


def own_detectors() -> Iterator[AnyDetector]:
    """Every concrete detector that a module of this package defines."""
    for info in sorted(pkgutil.iter_modules(detectors.__path__), key=lambda info: info.name):
        name = f"{detectors.__name__}.{info.name}"
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise DetectorError(f"detector module {name} cannot be imported: {_said(error)}") from error
        yield from defined_in(module)


def defined_in(module: ModuleType) -> list[AnyDetector]:
    """The concrete detectors that `module` itself defines, not those that it only imports."""
    return [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and issubclass(cls, Detector)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
        and not cls.__name__.startswith("_")
    ]


def plugin_detectors(points: Iterable[EntryPoint]) -> list[tuple[str, AnyDetector]]:
    """The detectors behind `points`, each with where it comes from, in the order of their names.

    Raises:
        DetectorError: one cannot be loaded, or is no concrete `Detector` subclass.
    """
    found = []
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        dist = f" of {point.dist.name}" if point.dist is not None else ""
        origin = f"plugin {point.name}{dist} ({point.value})"
        try:
            cls = point.load()
        except Exception as error:
            raise DetectorError(f"{origin} cannot be loaded: {_said(error)}; repair or uninstall it") from error
        if not (inspect.isclass(cls) and issubclass(cls, Detector)):
            raise DetectorError(f"{origin} is no Detector: its entry point must name a subclass of Detector")
        if inspect.isabstract(cls):
            lacking = ", ".join(sorted(cls.__abstractmethods__))
            raise DetectorError(f"{origin} is an unfinished detector: it does not define {lacking}")
        found.append((origin, cls))
    return found


def by_kind(found: Iterable[tuple[str, AnyDetector]]) -> dict[str, AnyDetector]:
    """`found` (where from, detector) by kind, in the order of kinds; one class met twice counts once.

    Raises:
        DetectorError: two detectors share one kind, or one lacks what its contract asks of the class itself.
    """
    kinds: dict[str, AnyDetector] = {}
    origins: dict[str, str] = {}
    for origin, cls in found:
        _check_class(origin, cls)
        if kinds.get(cls.kind, cls) is not cls:
            raise DetectorError(
                f'two detectors call themselves "{cls.kind}": {origins[cls.kind]} and {origin}; rename one'
            )
        kinds[cls.kind] = cls
        origins.setdefault(cls.kind, origin)
    return dict(sorted(kinds.items()))


def _check_class(origin: str, cls: AnyDetector) -> None:
    kind = getattr(cls, "kind", None)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise DetectorError(f"{origin} needs `kind`, a snake_case word for rule files, and has {kind!r}")
    parts: tuple[tuple[str, type[Any]], ...] = (
        ("Params", DetectorParams),
        ("State", DetectorState),
        ("Evidence", DetectorEvidence),
    )
    for name, base in parts:
        part = getattr(cls, name, None)
        if not (inspect.isclass(part) and issubclass(part, base)):
            raise DetectorError(f"{origin} needs `{name}`, a subclass of {base.__name__}, and has {part!r}")
    _check_defaults(origin, cls)


def _check_defaults(origin: str, cls: AnyDetector) -> None:
    for name in ("subjects", "hears", "reads"):
        if not isinstance(getattr(cls, name), frozenset):
            raise DetectorError(f"{origin} needs `{name}` to be a frozenset")
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(cls.State()), type=cls.State)
    except (TypeError, msgspec.MsgspecError) as error:
        raise DetectorError(
            f"{origin} has a `State` that cannot start empty and go to bytes: {_said(error)}"
        ) from error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
