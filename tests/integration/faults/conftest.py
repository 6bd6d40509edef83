"""A stage for each fault test, on the common broker or on one that may be broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.brokers import Breakable
from tests.integration.faults.stage import Stage, example_lines
from tests.integration.keeper import NoBrokerError, give_up


@pytest.fixture(scope="session")
def lines() -> list[bytes]:
    """What is fed."""
    return example_lines()


@pytest.fixture
def stage(kafka: str, unique: str, tmp_path: Path) -> Iterator[Stage]:
    """Topics on the common broker."""
    made = Stage(kafka, unique, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """A broker that the module's tests have for themselves."""
    try:
        broker = Breakable(tmp_path_factory.mktemp("breakable"))
    except NoBrokerError as error:
        give_up("Kafka", error)
    yield broker
    broker.end()


@pytest.fixture
def broken_stage(breakable: Breakable, unique: str, tmp_path: Path) -> Iterator[Stage]:
    """Topics on it."""
    made = Stage(breakable.address, unique, tmp_path)
    yield made
    made.close()
