"""Writes the table of `docs/limits.md` from the constants of the code and what is said right below each of them.

    python docs/limits.py

A limit is a public constant of a module whose name has `MAX` as a word in it, less those in `NO_LIMITS`.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "limits.md"
PACKAGES = ("models", "geo", "detectors", "streams", "sessionwatch")
NO_LIMITS = (
    "detectors.fixes.KM_PER_DEGREE_MAX",  # how long a degree is
    "geo.completion.LATITUDE_MAX",  # how far north there is anything
    "geo.completion.LONGITUDE_MAX",  # how far east
    "sessionwatch.engine.program.EMPTY_BYTES_MAX",  # how much nothing takes
    "detectors.testing.",  # what the contract test of detectors allows; nobody meets it in a run
)
"""Constants, and whole modules, that are named like limits and bound nothing that a user could meet."""

HEAD = "| limit | value | what it is for, and what happens there |\n|---|---|---|\n"


class Limit(NamedTuple):
    """A constant, where it stands, its value, and what the code says of it."""

    module: str
    name: str
    value: Any
    said: str

    def row(self) -> str:
        """As a row of the table."""
        said = " ".join(self.said.split()).replace("|", "\\|")
        return f"| `{self.module}.{self.name}` | {_written(self.name, self.value)} | {said} |"


def limits() -> list[Limit]:
    """Every limit of the code, by module and name."""
    found = (limit for package in PACKAGES for path in (ROOT / package).rglob("*.py") for limit in _of(path))
    return sorted(limit for limit in found if not f"{limit.module}.{limit.name}".startswith(NO_LIMITS))


def table() -> str:
    """The table as it should stand in the page."""
    return HEAD + "\n".join(limit.row() for limit in limits()) + "\n"


def _of(path: Path) -> Iterator[Limit]:
    body = ast.parse(path.read_text()).body
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for number, statement in enumerate(body):
        name = _constant(statement)
        if name is None:
            continue
        after = body[number + 1] if number + 1 < len(body) else None
        said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        yield Limit(module, name, getattr(importlib.import_module(module), name), str(said))


def _constant(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.AnnAssign):
        target: ast.expr = statement.target
    elif isinstance(statement, ast.Assign):
        target = statement.targets[0]
    else:
        return None
    if isinstance(target, ast.Name) and target.id.isupper() and "MAX" in target.id.split("_") and target.id[0] != "_":
        return target.id
    return None


def _written(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_written(name, part)}" for key, part in value.items())
    if isinstance(value, timedelta):
        return f"{value.days:,} days"
    if "US" in name.split("_"):
        return str(timedelta(microseconds=value))
    return f"{value:,}"


if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(page[: page.index(HEAD)] + table() if HEAD in page else page.replace("LIMITS_TABLE\n", table()))
