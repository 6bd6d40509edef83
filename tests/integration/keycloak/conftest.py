"""A realm for the tests of Keycloak."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.integration.keycloak.realm import Realm


@pytest.fixture(scope="session")
def realm(keycloak: str) -> Iterator[Realm]:
    """It goes when they have run."""
    made = Realm(keycloak, f"clinic-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()
