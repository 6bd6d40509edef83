"""What tests share: the folder of real logs, the example day, and Hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent

# Same examples in every run; a failure found by more examples is worth a test of its own.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("many", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def example_day() -> Path:
    """The folder of the bundled, generated example."""
    return ROOT / "examples" / "hospital-day"


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """The folder of real logs, which are not part of the project.

    Skips where SESSIONWATCH_REAL_LOGS names no folder; fails instead where SESSIONWATCH_REQUIRE_REAL_LOGS is 1.
    """
    named = os.environ.get("SESSIONWATCH_REAL_LOGS", "")
    folder = Path(named)
    if named and folder.is_dir():
        return folder
    missing = f"SESSIONWATCH_REAL_LOGS is {named!r}, no folder of real logs (see CONTRIBUTING.md)"
    if os.environ.get("SESSIONWATCH_REQUIRE_REAL_LOGS") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skips for want of real logs stand in one line at the end: they are one decision of whoever runs the tests."""
    report = yield
    if report.skipped and "real_logs" in getattr(item, "fixturenames", ()) and isinstance(report.longrepr, tuple):
        report.longrepr = (__file__, 0, report.longrepr[2])
    return report
