"""Setting up: one lock of hashes without addresses, and an install script that does its work once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LOCKS = ("run", "live", "dev")

STUB = """#!/bin/sh
# Stands in for a Python of version {version}: answers what the install script asks, and notes what it is told to do.
case "$1 $2" in
    "-c "*platform*) echo "{version}" ;;
    "-c "*) exit {unfit} ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo venv >>"{log}" ;;
    "-m pip") echo "pip $*" >>"{log}" ;;
esac
"""


def pins(root: Path, lock: str) -> dict[str, str]:
    """Each pinned requirement of a lock with the text of its hashes."""
    text = (root / "requirements" / f"{lock}.txt").read_text()
    blocks = re.split(r"\n(?=[a-zA-Z])", text.split("\n", 2)[2])
    return {block.splitlines()[0].rstrip(" \\"): block for block in blocks}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_package_by_hash(root: Path, lock: str) -> None:
    """Pip refuses a lock with a requirement that has no hash, so none may lack one."""
    found = pins(root, lock)
    assert len(found) > 20
    for requirement, block in found.items():
        assert re.match(r"[A-Za-z0-9_.-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in block, requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_index(root: Path, lock: str) -> None:
    """Where packages come from is the business of the machine that installs them."""
    text = (root / "requirements" / f"{lock}.txt").read_text()
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|file:", text)


def test_lock_has_every_dependency_and_what_installs_the_project(root: Path) -> None:
    """A dependency that is not in the lock would be missing on a machine that has only the lock."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]
    needed = {
        "run": [*project["project"]["dependencies"], *groups["install"]],
        "live": [*project["project"]["dependencies"], *extras["live"], *extras["ssf"]],
        "dev": [
            *project["project"]["dependencies"],
            *extras["live"],
            *extras["ssf"],
            *groups["install"],
            *groups["dev"],
        ],
    }
    for lock, requirements in needed.items():
        locked = {pin.split("==")[0].lower().replace("_", "-") for pin in pins(root, lock)}
        names = {re.split(r"[\[<>=~! ]", wanted)[0].lower().replace("_", "-") for wanted in requirements}
        assert names <= locked, f"make lock: {sorted(names - locked)} not in {lock}.txt"


def test_what_a_run_needs_is_pinned_alike_for_the_tests(root: Path) -> None:
    """Tests that ran with other versions would say nothing about what is run."""
    assert pins(root, "run").items() <= pins(root, "dev").items()
    assert pins(root, "live").items() <= pins(root, "dev").items()


class Machine:
    """A checkout with what the install script reads, and a stand-in for Python."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / "done.log"
        (folder / "requirements").mkdir(parents=True)
        for name in ("pyproject.toml", "requirements/install", "requirements/run.txt", "requirements/dev.txt"):
            shutil.copy(root / name, folder / name)

    def python(self, version: str, *, fits: bool = True) -> Path:
        """A stand-in of that version."""
        path = self.folder.parent / f"python-{version}"
        path.write_text(STUB.format(version=version, unfit=0 if fits else 1, log=self.log))
        path.chmod(0o755)
        return path

    def install(self, wanted: str, python: Path) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            ["/bin/sh", "requirements/install", wanted],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        """What the stand-in was told to do since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    """A checkout on a machine of its own."""
    return Machine(root, tmp_path / "checkout")


def test_python_too_old_gets_one_line(machine: Machine) -> None:
    """Which version is needed, which was found, and what to type."""
    done = machine.install("run", machine.python("3.9.2", fits=False))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "3.11" in done.stderr
    assert "3.9.2" in done.stderr
    assert "PYTHON=" in done.stderr
    assert machine.done() == []


def test_first_run_installs_from_the_lock_and_second_does_nothing(machine: Machine) -> None:
    """Only hashes from the lock, and no build that would ask an index for a build tool."""
    python = machine.python("3.12.4")
    assert machine.install("run", python).returncode == 0
    venv, packages, project = machine.done()
    assert venv == "venv"
    assert "--require-hashes" in packages
    assert packages.endswith("requirements/run.txt")
    assert "--no-deps" in project
    assert "--no-build-isolation" in project
    assert machine.install("run", python).returncode == 0
    assert machine.done() == []


def test_what_the_tests_need_serves_a_run_too(machine: Machine) -> None:
    """`make run` after `make test` installs nothing, `make test` after `make run` adds what is missing."""
    python = machine.python("3.12.4")
    machine.install("run", python)
    machine.done()
    machine.install("dev", python)
    assert [line.split()[0] for line in machine.done()] == ["pip", "pip"]
    machine.install("run", python)
    assert machine.done() == []


@pytest.mark.parametrize("changed", ["requirements/run.txt", "pyproject.toml"])
def test_changed_requirements_are_installed(machine: Machine, changed: str) -> None:
    """A lock or a project file that changed under an environment is noticed by what is in it, not by its date."""
    python = machine.python("3.12.4")
    machine.install("run", python)
    machine.done()
    with (machine.folder / changed).open("a") as file:
        file.write("\n# changed\n")
    machine.install("run", python)
    assert [line.split()[0] for line in machine.done()] == ["pip", "pip"]


def test_environment_of_a_vanished_python_is_made_anew(machine: Machine) -> None:
    """An interpreter that was upgraded away leaves an environment that cannot start."""
    python = machine.python("3.12.4")
    machine.install("run", python)
    machine.done()
    inside = machine.folder / ".venv" / "bin" / "python"
    inside.unlink()
    inside.symlink_to("/nowhere/python3")
    assert machine.install("run", python).returncode == 0
    assert machine.done()[0] == "venv"


def test_moved_checkout_gets_an_environment_of_its_own(machine: Machine) -> None:
    """Scripts in an environment name the folder that they were made in."""
    python = machine.python("3.12.4")
    machine.install("run", python)
    machine.done()
    machine.folder = machine.folder.rename(machine.folder.with_name("moved"))
    assert machine.install("run", python).returncode == 0
    assert machine.done()[0] == "venv"


def test_without_the_extra_every_command_starts(root: Path) -> None:
    """`make run` installs neither a Kafka client nor what signs, so that importing the command must ask for none."""
    script = (
        "import sys\n"
        "extras = {'aiokafka', 'crc32c', 'cryptography', 'faust', 'joserfc', 'kafka', 'mode'}\n"
        "class Missing:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in extras:\n"
        "            raise ModuleNotFoundError(f'no {name} here')\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import sessionwatch.cli.main\n"
        "from sessionwatch.responses.broker_setup import known_brokers\n"
        "assert 'ssf' in known_brokers()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
