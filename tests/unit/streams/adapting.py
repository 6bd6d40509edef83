"""What tests of formats share: examples to change, and what comes of records."""

from __future__ import annotations

import copy
import json
from typing import Any

from models.events import SessionEvent
from streams.adapters import adapters
from streams.adapters.adapter import Dropped


def example(name: str, title: str) -> dict[str, Any]:
    """A copy of an adapter's own example, to be changed."""
    return copy.deepcopy(dict(next(each.record for each in adapters()[name].examples if title in each.title)))


def adapted(name: str, record: dict[str, Any]) -> list[SessionEvent]:
    """The events of a record."""
    adapter = adapters()[name]
    made = adapter.adapt(adapter.decode(json.dumps(record).encode()))
    assert not isinstance(made, Dropped), made
    return list(made)


def dropped(name: str, record: dict[str, Any]) -> str:
    """The reason why a record is dropped."""
    made = adapters()[name].adapt(record)
    assert isinstance(made, Dropped), made
    return made.reason
