"""The plugin of CONTRIBUTING.md is installed as anybody would install it, found, tested and used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def plugged(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the example plugin is installed, beside the one that the tests run in."""
    folder = tmp_path_factory.mktemp("plugin")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"),
            *("--no-deps", "--no-build-isolation", "--target", folder, root / "examples" / "plugin"),
        ],
        check=True,
        capture_output=True,
    )
    return {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}


def said(plugged: dict[str, str], *command: str | Path) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(command, env=plugged, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_is_found(plugged: dict[str, str]) -> None:
    """An installed plugin stands among the detectors, with its parameters."""
    assert "weekend_login" in said(plugged, BIN / "sessionwatch", "detectors")
    assert "history_min" in said(plugged, BIN / "sessionwatch", "detectors", "weekend_login")


def test_is_not_there_uninstalled() -> None:
    """Otherwise the test above would prove nothing."""
    assert "weekend_login" not in said(dict(os.environ), BIN / "sessionwatch", "detectors")


def test_keeps_the_contract(plugged: dict[str, str], root: Path) -> None:
    """Its own tests pass, which hold it to what every detector promises."""
    tests = root / "examples" / "plugin" / "tests"
    printed = said(plugged, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, tests)
    assert "1 passed" in printed


def test_its_rule_passes_its_tests(plugged: dict[str, str], root: Path) -> None:
    """The rule that comes with it loads, fires where it says so, and is quiet where it says so."""
    said(plugged, BIN / "sessionwatch", "test", str(root / "examples" / "plugin" / "weekend_login.yaml"))
