"""Kafka for the tests: one that is named, or one that is started for them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.live.broker import NoBrokerError, servers


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a real broker, the same for all test workers.

    SESSIONWATCH_KAFKA names one; otherwise Apache Kafka is started. Where that cannot be, tests skip with the reason,
    or fail where SESSIONWATCH_REQUIRE_KAFKA is 1.
    """
    if named := os.environ.get("SESSIONWATCH_KAFKA"):
        yield named
        return
    shared = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = Path(base.parent if shared else base) / "kafka"
    try:
        yield servers(folder, os.getppid() if shared else os.getpid())
    except NoBrokerError as error:
        if os.environ.get("SESSIONWATCH_REQUIRE_KAFKA") == "1":
            pytest.fail(f"no Kafka: {error}")
        pytest.skip(f"no Kafka: {error} (SESSIONWATCH_KAFKA can name one)")
    finally:
        if not shared:
            folder.mkdir(exist_ok=True)
            (folder / "stop").touch()


@pytest.fixture
def unique() -> str:
    """A word for names of topics and groups that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"
