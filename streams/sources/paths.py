"""Which files the given PATHs name: a file, a folder with all that is in it, a glob, or `-` for standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from sessionwatch.errors import InputError

STDIN = "-"


class InputFile(msgspec.Struct, frozen=True):
    """One file to read. `named`: the user named this very file, so that it must be readable and of a known format.

    `path` is what messages call it. `size_bytes` is None where nobody knows (standard input, a pipe).
    """

    path: str
    named: bool
    size_bytes: int | None = None


def input_files(paths: Iterable[str | Path]) -> list[InputFile]:
    """The files that `paths` name, in the order given and, within a folder or a glob, by name; each file once.

    A folder stands for every regular file below it; links to folders are not followed. A glob may use `**`.

    Raises:
        InputError: a PATH names nothing, or a folder or glob holds no file.
    """
    found: dict[str, InputFile] = {}
    for path in map(str, paths):
        for file in _expanded(path):
            found.setdefault(STDIN if file.path == STDIN else os.path.realpath(file.path), file)
    if not found:
        raise InputError("no PATH given. Name a file, a folder, a glob, or - for standard input")
    return list(found.values())


def _expanded(path: str) -> Iterator[InputFile]:
    if path == STDIN:
        yield InputFile(STDIN, named=True)
    elif Path(path).is_dir():
        yield from _folder(path)
    elif os.path.lexists(path):
        yield _file(path, named=True)
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise InputError(f"{path}: no file matches this pattern")
        for match in matches:
            if Path(match).is_dir():
                # `logs/*` names the folders in it as well as its files; an empty one among them is no fault.
                yield from (_file(name, named=False) for name in _walk(match))
            else:
                yield _file(match, named=False)
    else:
        raise InputError(f"{path}: no such file or folder")


def _folder(path: str) -> Iterator[InputFile]:
    names = _walk(path)
    if not names:
        raise InputError(f"{path}: no file in this folder")
    return (_file(name, named=False) for name in names)


def _walk(folder: str) -> list[str]:
    """Every regular file below `folder`, and whatever cannot be looked into, so that opening it says why."""
    found: list[str] = []
    closed: list[str] = []
    for parent, _, names in os.walk(folder, onerror=lambda error: closed.append(str(error.filename))):
        within = [Path(parent) / name for name in names]
        found += [str(path) for path in within if path.is_file() or (path.is_symlink() and not path.exists())]
    return sorted(found + closed)


def _file(path: str, *, named: bool) -> InputFile:
    try:
        regular = Path(path).is_file()
        return InputFile(path, named=named, size_bytes=Path(path).stat().st_size if regular else None)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
