"""What every file of the project keeps to."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("models", "geo", "detectors", "streams", "sessionwatch")
LINES_MAX = 400
FUNCTION_LINES_MAX = 50
ROOT = Path(__file__).parent.parent.parent
GENERATED = (".gz", ".zst", ".bz2", ".map", ".mmdb", ".png")


def tracked() -> list[Path]:
    """Every file of the project, as git knows it; as it lies there where there is no git."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
        names = [name for name in done.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        hidden = (".venv", ".git", "out")
        names = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and path.relative_to(ROOT).parts[0] not in hidden and "cache" not in str(path)
        ]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


FILES = tracked()
PYTHON = [path for path in FILES if path.suffix == ".py"]
OURS = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in PACKAGES]


def named(path: Path) -> str:
    """How a test calls a file."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", OURS, ids=named)
def test_module_says_what_it_is(path: Path) -> None:
    """Whoever opens a file learns from its first line what idea it holds."""
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", "?", "`.", ":"))


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_file_is_short(path: Path) -> None:
    """A longer file holds a second idea, which wants a room of its own."""
    assert len(path.read_text().splitlines()) <= LINES_MAX


@pytest.mark.parametrize("path", OURS, ids=named)
def test_functions_are_short(path: Path) -> None:
    """A function is read in one look."""
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {
        node.name: lines
        for node in functions
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long


def test_no_file_names_a_path_of_this_machine() -> None:
    """What runs here must run elsewhere."""
    here = [f"{folder}/" for folder in {ROOT.parent, Path.home()} if len(folder.parts) > 1]
    found = [
        named(path)
        for path in FILES
        if path.suffix not in GENERATED and any(place in path.read_text(errors="replace") for place in here)
    ]
    assert not found


def test_exemptions_give_their_reason() -> None:
    """A silenced check without a reason is a check that nobody will switch on again."""
    bare = []
    for path in PYTHON:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for mark in ("# noqa", "# type: ignore"):
                if mark in line and f'"{mark}' not in line:
                    said = line.split(mark, 1)[1]
                    coded = said.startswith((":", "["))
                    if not coded or len(said.replace("]", ",").split(",")[-1].strip().split()) < 2:
                        bare.append(f"{named(path)}:{number}: {line.strip()}")
    assert not bare
