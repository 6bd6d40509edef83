"""Log formats to session events, one file a format: in Python here, or a mapping in `mappings/`.

The registry is what stands in this folder, and the mappings that a user names.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

from sessionwatch.errors import UsageError
from streams.adapters.adapter import Adapter


@cache
def _built_in() -> dict[str, Adapter]:
    from streams.mapping.loading import bundled_mappings  # it reads with what stands in this package

    found: dict[str, Adapter] = {each.name: each for each in bundled_mappings()}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, Adapter) and kind.__module__ == loaded.__name__ and not inspect.isabstract(kind):
                found[kind.name] = kind()
    return dict(sorted(found.items()))


@cache
def adapters(mappings: tuple[Path, ...] = ()) -> dict[str, Adapter]:
    """Every adapter by name, in alphabetical order: in Python, by a mapping here, or by a file of `mappings`.

    Raises:
        MappingError: a file of `mappings` has faults, with all of them.
    """
    if not mappings:
        return _built_in()
    from streams.mapping.loading import load_mappings  # as above

    own = {each.name: each for each in load_mappings(mappings, _built_in())}
    return dict(sorted({**_built_in(), **own}.items()))


def adapter(name: str, formats: Mapping[str, Adapter] | None = None) -> Adapter:
    """The adapter called `name`, of `formats` (all that come with sessionwatch).

    Raises:
        UsageError: there is none of that name.
    """
    known = adapters() if formats is None else formats
    try:
        return known[name]
    except KeyError:
        raise UsageError(f"no format is called {name!r}; there are: auto, {', '.join(known)}") from None


def lateness_by_source(mappings: tuple[Path, ...] = ()) -> dict[str, timedelta]:
    """How late each feed usually is, by the name that its events carry in `source`."""
    return {name: each.lateness for name, each in adapters(mappings).items()}
