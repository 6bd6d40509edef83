"""Which brokers there are, and how one is set up: by an address, or by a file that is read strictly."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any, Final

from models.written.nodes import note, read_yaml
from models.written.shapes import validated
from models.written.texts import Misfit, close_to, read_text
from sessionwatch.errors import UsageError, WrittenError
from sessionwatch.responses import brokers
from sessionwatch.responses.broker import Broker, BrokerSettings

DEFAULT: Final = "reference"
"""What is meant where only an address is given."""


@cache
def known_brokers() -> dict[str, type[Broker]]:
    """Every broker's adapter by its name."""
    found: dict[str, type[Broker]] = {}
    for module in pkgutil.iter_modules(brokers.__path__):
        loaded = importlib.import_module(f"{brokers.__name__}.{module.name}")
        for _, cls in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(cls, Broker) and not inspect.isabstract(cls) and cls.__module__ == loaded.__name__:
                found[cls.name] = cls
    return dict(sorted(found.items()))


def broker_of(said: str) -> Broker:
    """The broker that `said` names: an address, of one that keeps the reference contract, or a file.

    Raises:
        UsageError: there is no such file, or the secret is not where it says.
        WrittenError: the file has faults, all of them told.
        BrokerError: the address or the authority cannot be used.
    """
    if "://" in said:
        cls = known_brokers()[DEFAULT]
        return _set_up(cls, cls.Settings(broker=DEFAULT, base=said))
    path = Path(said)
    if not path.is_file():
        raise UsageError(f"{said}: there is no such file; give an address such as https://broker.example, or a file")
    return _of_file(path)


def _of_file(path: Path) -> Broker:
    source = read_text(path)
    root = read_yaml(source) if not source.faults else None
    settings: Any = None
    cls: type[Broker] | None = None
    if root is not None:
        name = root.find(("broker",)).value
        cls = known_brokers().get(name) if isinstance(name, str) else None
        if cls is None:
            message = f'there is no broker "{name}"' if isinstance(name, str) else 'the key "broker" is missing'
            note(source, root, [Misfit(("broker",), message, close_to(str(name), known_brokers()))])
        else:
            settings = validated(cls.Settings, root, source)
    if source.faults or cls is None:
        raise WrittenError(source.faults)
    return _set_up(cls, settings)


def _set_up(cls: type[Broker], settings: BrokerSettings) -> Broker:
    broker = cls.of(settings)
    broker.settings = settings
    return broker
