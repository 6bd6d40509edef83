"""Log formats to session events, one file a format. The registry is what stands in this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import timedelta
from functools import cache

from sessionwatch.errors import UsageError
from streams.adapters.adapter import Adapter


@cache
def adapters() -> dict[str, Adapter]:
    """Every adapter by name, in alphabetical order."""
    found: dict[str, Adapter] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, Adapter) and kind.__module__ == loaded.__name__ and not inspect.isabstract(kind):
                found[kind.name] = kind()
    return dict(sorted(found.items()))


def adapter(name: str) -> Adapter:
    """The adapter called `name`.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return adapters()[name]
    except KeyError:
        raise UsageError(f"no format is called {name!r}; there are: auto, {', '.join(adapters())}") from None


def lateness_by_source() -> dict[str, timedelta]:
    """How late each feed usually is, by the name that its events carry in `source`."""
    return {name: each.lateness for name, each in adapters().items()}
