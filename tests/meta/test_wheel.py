"""What is installed has all that is run: packages, rules, tables, licence."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_has_every_rule_and_list(root: Path, wheel: set[str]) -> None:
    """An installed sessionwatch finds the rules that the checkout has."""
    rules = {path.relative_to(root) for path in (root / "rules").rglob("*.yaml")}
    assert rules
    assert {f"sessionwatch/bundled/{path}" for path in rules} <= wheel


@pytest.mark.parametrize("package", ["models", "geo", "detectors", "streams", "sessionwatch"])
def test_has_all_of_every_package(root: Path, wheel: set[str], package: str) -> None:
    """Modules, and the tables and marks that lie beside them."""
    files = {
        str(path.relative_to(root))
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= wheel
    assert f"{package}/py.typed" in wheel


def test_has_nothing_beside_them(wheel: set[str]) -> None:
    """No tests, benchmarks or examples, which would be packages of very general names."""
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "models",
        "geo",
        "detectors",
        "streams",
        "sessionwatch",
    }
