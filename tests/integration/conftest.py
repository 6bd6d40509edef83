"""Servers for the tests: each is one that is named, or one that is started for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.keeper import common
from tests.integration.keycloak.server import addresses
from tests.integration.live.broker import servers


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a real Apache Kafka, the same for all test workers."""
    with common("Kafka", servers, Path(tmp_path_factory.getbasetemp())) as address:
        yield address


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The http address of a real Keycloak, the same for all test workers.

    One that is named must take X-Forwarded-For, and admin's password from SESSIONWATCH_KEYCLOAK_ADMIN_PASSWORD.
    """
    with common("Keycloak", addresses, Path(tmp_path_factory.getbasetemp())) as address:
        yield address


@pytest.fixture
def unique() -> str:
    """A word for names of topics, groups and realms that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"
