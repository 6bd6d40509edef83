"""Notices as JSON Lines appended to a file: after a crash each line stands there once, and none is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sessionwatch.errors import UsageError

STDOUT: Final = "-"
MODE: Final = 0o600


class Written(msgspec.Struct, frozen=True):
    """How far a file is written: which file, and its length. What stands beyond was written and not acknowledged."""

    device: int = 0
    inode: int = 0
    length: int = 0


class NoticeFile:
    """Appends to `path`; `-` is standard output, which may get a line twice after a crash.

    The caller keeps `written` in the transaction that drops the lines from its outbox, and gives it back at the next
    start: what the file has beyond it is cut off, and comes again.

    Raises:
        UsageError: the file cannot be opened.
    """

    def __init__(self, path: str, written: Written) -> None:
        """Open it, and cut off what was not acknowledged."""
        self.path = path
        self.written = written
        self._descriptor = -1
        if path != STDOUT:
            self._open()

    def append(self, lines: Sequence[bytes]) -> Written:
        """Write `lines`, whole and on the disk; what to keep as `written`.

        Raises: UsageError where they cannot be written.
        """
        data = b"".join(line + b"\n" for line in lines)
        if self.path == STDOUT:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return self.written
        try:
            if self._is_another():
                os.close(self._descriptor)
                self._open()
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise UsageError(
                f"{self.path}: notices cannot be written: {error.strerror}; make room, or name another"
            ) from error
        there = os.fstat(self._descriptor)
        self.written = Written(there.st_dev, there.st_ino, there.st_size)
        return self.written

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE)
            there = os.fstat(self._descriptor)
            mine = (there.st_dev, there.st_ino) == (self.written.device, self.written.inode)
            if mine and there.st_size > self.written.length:
                os.ftruncate(self._descriptor, self.written.length)
            there = os.fstat(self._descriptor)
            self.written = Written(there.st_dev, there.st_ino, there.st_size)
        except OSError as error:
            raise UsageError(f"{self.path}: notices cannot be written: {error.strerror}; name another file") from error

    def _is_another(self) -> bool:
        """Whether the name stands for another file now: the log was rotated."""
        try:
            now = Path(self.path).stat()
        except OSError:
            return True
        return (now.st_dev, now.st_ino) != (self.written.device, self.written.inode)
