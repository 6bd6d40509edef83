"""Makes tests of what the documents show: Python examples in docstrings and pages, and commands with their output.

In a page, a block marked `console` is run line by line: what follows `$ ` is a command, the lines below it are what it
prints, with `...` for what differs from run to run. The commands of one page run in one folder of their own, which has
the project's `examples` and `rules`. A block marked `sh` or `text` is only shown.
"""

from __future__ import annotations

import doctest
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

from geo.bundled import bundled_map

ROOT = Path(__file__).parent
# Kept from run to run, and beside the checkout's other caches: tests leave the user's own alone.
os.environ["SESSIONWATCH_CACHE"] = str(ROOT / ".pytest_cache" / "sessionwatch")
COMMAND = "$ "
DOCTEST_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def sessions(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it should print."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith(COMMAND):
            found.append((line.removeprefix(COMMAND), ""))
        elif found:
            command, expected = found[-1]
            if command.endswith("\\"):
                found[-1] = (f"{command}\n{line}", expected)
            else:
                found[-1] = (command, f"{expected}{line}\n")
    return found


def run_console(example: Example) -> str | None:
    """Run the commands of a block; what differs from the page, or None."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(example.namespace["folder"]),
        "LANG": "C.UTF-8",
        "SESSIONWATCH_CACHE": os.environ["SESSIONWATCH_CACHE"],
        "COLUMNS": "120",
    }
    for command, expected in sessions(str(example.parsed)):
        done = subprocess.run(  # noqa: S603, the project's own pages
            ["/bin/sh", "-c", command],
            cwd=example.namespace["folder"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n" if done.stdout else ""
        if not doctest.OutputChecker().check_output(expected, printed, DOCTEST_OPTIONS):
            return (
                f"the page shows what this command does not print: put into the page what stands below, `...` for what "
                f"differs from run to run, or mend the command\n$ {command}\n"
                f"-- the page says\n{expected}-- printed (exit code {done.returncode})\n{printed}"
            )
    return None


def make_folder(namespace: dict[str, Any]) -> None:
    """A folder for the commands of one page. The bundled map is unpacked before: commands would say so, once."""
    bundled_map()
    folder = Path(tempfile.mkdtemp(prefix="sessionwatch-docs-"))
    for name in ("examples", "rules"):
        (folder / name).symlink_to(ROOT / name)
    namespace["folder"] = folder


def drop_folder(namespace: dict[str, Any]) -> None:
    """Remove it."""
    shutil.rmtree(namespace["folder"])


docstrings = Sybil(
    parsers=[DocTestParser(optionflags=DOCTEST_OPTIONS)],
    patterns=["*.py"],
    excludes=["**/test_*.py", "**/conftest.py"],
    document_types={".py": PythonDocStringDocument},
)
pages = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=DOCTEST_OPTIONS),
        CodeBlockParser(language="console", evaluator=run_console),
    ],
    patterns=["*.md"],
    setup=make_folder,
    teardown=drop_folder,
)
pytest_collect_file = (docstrings + pages).pytest()
