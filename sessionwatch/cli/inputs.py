"""What commands that read logs have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MappingOption = Annotated[
    list[Path] | None, typer.Option("--mapping", help="A YAML file that maps a log format; may be repeated.")
]
