"""`make geo` and `make geo-accuracy`: makes the bundled map, and measures it.

    python -m geo.map_making map|accuracy FOLDER [DATABASE...]

FOLDER keeps the packages that were fetched. `accuracy` takes City databases to compare the map with as well.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from geo.bundled import MAP_NAME, opened
from geo.map_making.accuracy import table, write_table
from geo.map_making.packing import Source, write_map
from sessionwatch.errors import SessionwatchError

ROOM: Final = Path(__file__).parent.parent
PAGE: Final = ROOM.parent / "docs" / "geography.md"

MAP_MAX_BYTES: Final = 10_000_000
"""How large the packed map may be: everybody who installs sessionwatch fetches it."""


def make_map(folder: Path) -> None:
    """Fetch, build and write the map; tell what came of it."""
    cells, _, size_bytes = write_map(Source.read(folder), ROOM / MAP_NAME)
    if size_bytes > MAP_MAX_BYTES:
        raise SystemExit(f"{MAP_NAME}: {size_bytes:,} bytes; at most {MAP_MAX_BYTES:,} are allowed: make cells wider")
    said = f"{size_bytes:,} bytes, {len(cells.cities):,} cells, {int(np.count_nonzero(cells.hubs)):,} of them hubs"
    sys.stdout.write(f"{ROOM / MAP_NAME}: {said}\n")


def measure(folder: Path, others: list[Path]) -> None:
    """Measure the map that is there; print the tables and put them into the page."""
    with tempfile.TemporaryDirectory() as unpacked:
        made = table(opened(ROOM / MAP_NAME, (Path(unpacked),)), folder, others)
    sys.stdout.write(made)
    write_table(PAGE, made)


def main() -> None:
    """Run what the first argument names."""
    task, folder, *others = sys.argv[1:]
    try:
        if task == "map":
            make_map(Path(folder))
        else:
            measure(Path(folder), [Path(other) for other in others])
    except SessionwatchError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
