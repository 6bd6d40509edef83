"""Events fetched from where they are stored, each written once: an overlap read again, ids remembered, a position kept.

A store may show an event after a later one: whoever wrote it took its time before it was done. So each look reads a
span again that it has read before, and knows by their ids what it has written.
"""

from __future__ import annotations

import fcntl
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from sessionwatch.errors import UsageError
from sessionwatch.pulling.keycloak_events import Kind

STDOUT: Final = "-"
TAIL_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of a file of events that are read again after a crash, to know what of the last look it has already."""
_MODE: Final = 0o600
_ROLES: Final = "_ROLE_MAPPING"


class Reached(msgspec.Struct):
    """How far one kind of events is read: the latest time met, and the ids written of the overlap before it."""

    until_ms: int = 0
    ids: dict[str, int] = {}

    def from_ms(self, overlap: timedelta) -> int:
        """From when on to read."""
        return max(0, self.until_ms - overlap // timedelta(milliseconds=1))

    def new(self, page: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What of `page` is not written yet."""
        return [one for one in page if one["id"] not in self.ids]

    def forget(self, overlap: timedelta, now_ms: int) -> None:
        """Move on to the latest time met, no further than now, and drop the ids that no look will meet again."""
        latest_ms = max(self.ids.values(), default=0)
        # A node whose clock is ahead must not carry the look past what others have still to say.
        self.until_ms = max(self.until_ms, min(latest_ms, now_ms))
        from_ms = self.from_ms(overlap)
        self.ids = {one: at_ms for one, at_ms in self.ids.items() if at_ms >= from_ms}


class Position(msgspec.Struct):
    """What is kept between two runs: of what it is, how far each kind is read, and how far the file is written."""

    of: str
    reached: dict[Kind, Reached] = {}
    device: int = 0
    inode: int = 0
    length: int = 0


class PositionFile:
    """A position on the disk, replaced whole; one pull at a time goes on from it, until `close`."""

    def __init__(self, path: Path, of: str) -> None:
        """Read it where there is one.

        Raises:
            UsageError: it is no position, one of another realm, or another pull goes on from it.
        """
        self.path = path
        self._lock = self._held()
        try:
            self.position = self._read(of)
        except UsageError:
            self.close()
            raise

    def close(self) -> None:
        """Leave it to others."""
        os.close(self._lock)

    def _held(self) -> int:
        lock = -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, _MODE)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise UsageError(f"{self.path}: another pull goes on from it; end that first") from error
        except OSError as error:
            raise UsageError(f"{self.path}: the position cannot be kept: {error.strerror}; name another") from error
        return lock

    def _read(self, of: str) -> Position:
        try:
            position = msgspec.json.decode(self.path.read_bytes(), type=Position)
        except FileNotFoundError:
            return Position(of)
        except (OSError, msgspec.MsgspecError) as error:
            raise UsageError(f"{self.path} holds no position of a pull: {error}; name another, or remove it") from error
        if position.of != of:
            raise UsageError(f"{self.path} is the position in {position.of}, not in {of}; name a file for each")
        return position

    def keep(self) -> None:
        """Write it, on the disk.

        Raises:
            UsageError: it cannot be written.
        """
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(msgspec.json.encode(self.position))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise UsageError(f"{self.path}: the position cannot be kept: {error.strerror}; make room") from error


class Output(Protocol):
    """Takes events, and has them for good when `append` returns."""

    path: str

    def append(self, events: list[dict[str, Any]]) -> None:
        """Take them."""

    def close(self) -> None:
        """Take no more."""


class EventFile:
    """Events as JSON Lines appended to a file; `-` is standard output, which may get a line twice after a crash.

    Somebody may be following the file, so that nothing is cut off that was a whole line: what it has beyond the
    position is read, and not written again.
    """

    def __init__(self, path: str, position: Position) -> None:
        """Open it, and tell `position` of what it has already.

        Raises:
            UsageError: it cannot be opened.
        """
        self.path = path
        self._position = position
        self._descriptor = -1
        if path != STDOUT:
            try:
                self._open()
            except OSError as error:
                raise UsageError(f"{path}: events cannot be written: {error.strerror}; name another file") from error

    def append(self, events: list[dict[str, Any]]) -> None:
        """Write them, whole and on the disk.

        Raises:
            UsageError: they cannot be written.
        """
        data = b"".join(msgspec.json.encode(spared(one)) + b"\n" for one in events)
        if self.path == STDOUT:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        try:
            if self._is_another():
                self.close()
                self._open()
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise UsageError(f"{self.path}: events cannot be written: {error.strerror}; make room") from error
        self._position.length = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        path, position = Path(self.path), self._position
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE)
        there = os.fstat(self._descriptor)
        mine = (there.st_dev, there.st_ino) == (position.device, position.inode)
        start = min(position.length, there.st_size) if mine else 0
        tail = os.pread(self._descriptor, TAIL_BYTES_MAX, max(start, there.st_size - TAIL_BYTES_MAX))
        for line in tail.splitlines():
            self._met(line)
        if tail and not tail.endswith(b"\n"):
            # Half a line of a write that was broken off; who follows the file has waited for its end.
            os.ftruncate(self._descriptor, there.st_size - (len(tail) - tail.rfind(b"\n") - 1))
        there = os.fstat(self._descriptor)
        position.device, position.inode, position.length = there.st_dev, there.st_ino, there.st_size

    def _met(self, line: bytes) -> None:
        """Take an event that the file has for read."""
        try:
            event = msgspec.json.decode(line)
            kind: Kind = "admin" if "operationType" in event else "user"
            self._position.reached.setdefault(kind, Reached()).ids[str(event["id"])] = int(event["time"])
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            return

    def _is_another(self) -> bool:
        """Whether the name stands for another file now: it was rotated."""
        try:
            now = Path(self.path).stat()
        except OSError:
            return True
        return (now.st_dev, now.st_ino) != (self._position.device, self._position.inode)


def spared(event: dict[str, Any]) -> dict[str, Any]:
    """The event without what an administrator wrote, which has names and mail; of roles it is which were given."""
    if "representation" not in event or str(event.get("resourceType")).endswith(_ROLES):
        return event
    return {key: value for key, value in event.items() if key != "representation"}
