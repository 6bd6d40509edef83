"""A copy of a file that nobody else can change, to be mapped into memory instead of the file itself.

Whoever cuts a file that is mapped ends the process that reads it (SIGBUS). What runs for months reads a copy, which is
gone with the last who has it open.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from sessionwatch.errors import DatabaseError

COPIED_TO_MEMORY_MAX_BYTES: Final = 256 * 1024 * 1024
"""A file up to this size is copied into memory, a larger one into the folder for temporary files, which needs room."""

Signature = tuple[int, int, int, int, int]
"""What changes when a file does: where it lies, how long it is, and when it was last written or moved."""


def signature(path: Path) -> Signature | None:
    """What tells whether the file at `path` has changed; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


@contextlib.contextmanager
def copied(path: Path) -> Iterator[Path]:
    """A copy of the file, under a path that is good until the end of the context; what has it open keeps it.

    Raises:
        DatabaseError: it changed while it was read, or there is no room for a copy.
    """
    before = signature(path)
    with contextlib.ExitStack() as stack:
        try:
            size_bytes = path.stat().st_size
            copy, name = _made(size_bytes <= COPIED_TO_MEMORY_MAX_BYTES, stack)
            with path.open("rb") as file:
                shutil.copyfileobj(file, copy, 1024 * 1024)
            copy.flush()
        except OSError as error:
            where = error.filename or tempfile.gettempdir()
            raise DatabaseError(f"{path}: cannot be copied ({error.strerror}: {where}); make room") from error
        if before is None or signature(path) != before:
            raise DatabaseError(f"{path}: it was written to while it was read; rename a whole file into its place")
        yield name


def _made(in_memory: bool, stack: contextlib.ExitStack) -> tuple[BinaryIO, Path]:  # noqa: FBT001  # of this file
    descriptors = Path("/proc/self/fd")
    if in_memory and hasattr(os, "memfd_create") and descriptors.is_dir():
        memory = stack.enter_context(open(os.memfd_create("geo database"), "wb"))  # noqa: PTH123, SIM115  # as below
        return memory, descriptors / str(memory.fileno())
    file = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".mmdb"))  # noqa: SIM115  # closed with the stack
    return cast("BinaryIO", file), Path(file.name)
