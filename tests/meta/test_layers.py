"""The rooms keep to their layers, and our names are ours alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, requires
from pathlib import Path, PurePosixPath

import pytest

OURS = frozenset({"models", "geo", "detectors", "streams", "sessionwatch", "tests", "bench"})
"""The packages that are installed, and the folders that are imported from in a checkout."""


def test_no_room_imports_one_above_it(root: Path) -> None:
    """import-linter holds every contract of pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def top_level_names(dist: Distribution) -> Iterator[str]:
    """The names that a distribution puts where `import` looks first."""
    for path in dist.files or ():
        parts = PurePosixPath(str(path)).parts
        if parts[0] != ".." and str(path).endswith((".py", ".so", ".pyd")):
            yield parts[0].split(".")[0]


def test_no_dependency_ships_a_package_of_our_names() -> None:
    """Two packages of one name in one environment would hide each other."""
    seen = {dist.name.lower(): set(top_level_names(dist)) for dist in distributions()}
    clashes = {name: OURS & names for name, names in seen.items() if name != "sessionwatch" and OURS & names}
    assert not clashes


def test_the_clash_test_sees_what_the_live_path_will_need() -> None:
    """A guard that looks at an environment without the optional packages would prove nothing about them."""
    installed = {dist.name.lower().replace("_", "-"): set(top_level_names(dist)) for dist in distributions()}
    wanted = [line.split(";")[0].strip() for line in requires("sessionwatch") or () if "extra == 'live'" in line]
    names = {line.split(">")[0].split("=")[0].strip().lower() for line in wanted}
    assert names == {"aiokafka", "crc32c", "faust-streaming", "kafka-python", "mode-streaming"}
    if missing := names - installed.keys():
        pytest.fail(f"{sorted(missing)} not installed; make test installs requirements/dev.txt")
    assert "faust" in installed["faust-streaming"]
    assert "kafka" in installed["kafka-python"]
