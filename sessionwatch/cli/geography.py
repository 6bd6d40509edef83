"""Which databases places come from, as the options of the commands name them, and whom to thank for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from sessionwatch.cli.terminal import complaints
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.ruleset.loading import bundled_rules

NO_MAP: Final = "none"
"""Given to `--geo`, it is no file: the bundled map is not used."""

GeoOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--geo", help="A geo database; may be repeated. The bundled map answers what these leave open; 'none' stops it."
    ),
]


def geo_asked(geo: Sequence[Path] | None) -> tuple[tuple[Path, ...], bool]:
    """The files that `--geo` names, and whether the bundled map is used as well."""
    named = geo or ()
    return tuple(path for path in named if str(path) != NO_MAP), all(str(path) != NO_MAP for path in named)


def plan_asked(rules: Sequence[Path] | None, geo: Sequence[Path] | None, networks: Sequence[Path] | None) -> EnginePlan:
    """The plan that the options `--rules`, `--geo` and `--networks` ask for."""
    files, bundled = geo_asked(geo)
    return EnginePlan(tuple(rules or [bundled_rules()]), files, networks=tuple(networks or ()), bundled=bundled)


def say(line: str) -> None:
    """One line to the user, on standard error."""
    complaints().print(line, markup=False, soft_wrap=True)


def thanks(attributions: Iterable[str]) -> list[str]:
    """Whom to thank for the places shown, as lines; none where no place came from the bundled map."""
    return [f"places: {attribution}" for attribution in sorted(attributions)]
