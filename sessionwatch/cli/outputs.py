"""Where a command writes: never over what it reads, never two things into one file, and known before any work."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sessionwatch.errors import UsageError


def check_outputs(inputs: Iterable[str], outputs: Mapping[str, Path | None]) -> None:
    """Refuse outputs, by their option, that are or lie in an input, that are one file, or that cannot be written.

    Raises:
        UsageError: naming the option and the path. Nothing was opened.
    """
    read = [Path(found) for path in inputs for found in glob.glob(path, recursive=True) or [path]]  # noqa: PTH207  # a PATH may be absolute
    taken: dict[Path, str] = {}
    for option, output in outputs.items():
        if output is None:
            continue
        where = output.resolve()
        for path in read:
            if _same(path, output) or (path.is_dir() and where.is_relative_to(path.resolve())):
                raise UsageError(f"{option} {output} is read as input too; give a file elsewhere")
        if where in taken:
            raise UsageError(f"{option} and {taken[where]} both name {output}; give each a file of its own")
        taken[where] = option
        _check_writable(option, output)


def write_page(output: Path, page: bytes) -> None:
    """Write a page, and the folders that it lies in.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(page)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _check_writable(option: str, output: Path) -> None:
    if output.is_dir():
        raise UsageError(f"{option} {output} is a folder; name a file")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK) or (output.exists() and not os.access(output, os.W_OK)):
        raise UsageError(f"{option} {output} cannot be written; give another path")
