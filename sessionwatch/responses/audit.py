"""The audit log: every decision and action on record before it is done, in a chain that shows what was tampered with.

Each writer has a chain of its own, in files `WRITER.NNNNNN.jsonl` of one folder; a record holds the hash of the one
before it. `checkpoints.jsonl` joins the chains: a checkpoint names the newest record of each, and is signed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from sessionwatch.errors import AuditError
from sessionwatch.responses.credentials import Secret

SEGMENT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of one file of an audit chain; then the next begins, with the hash of the last record of the one before."""
RECORD_BYTES_MAX: Final = 256 * 1024
"""Bytes of one audit record; a longer one is refused, and what it is about is not done."""
LOCK_WAIT_S: Final = 5.0
"""How long a writer waits for another process that writes the same chain."""
MODE: Final = 0o600
NOTHING: Final = "0" * 64
"""What the first record holds in place of the hash of one before it."""
CHECKPOINTS: Final = "checkpoints.jsonl"
SEGMENT: Final = re.compile(r"(?P<writer>[a-z][a-z0-9-]{0,40})\.(?P<number>[0-9]{6})\.jsonl")


class Head(NamedTuple):
    """The newest record of a chain: its number and its hash."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded: a word for what it is, who did it (empty: the program), and plain data."""

    what: str
    data: Mapping[str, Any]
    by: str = ""


def canonical(record: Mapping[str, Any]) -> bytes:
    """The one way to write a record: any other bytes of the same meaning are a change."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(record: Mapping[str, Any]) -> str:
    """The hash of a record, its own `hash` left out.

    >>> hash_of({"seq": 1, "hash": "x"}) == hash_of({"seq": 1})
    True
    """
    return hashlib.sha256(canonical({name: value for name, value in record.items() if name != "hash"})).hexdigest()


def signature(record: Mapping[str, Any], key: Secret) -> str:
    """The HMAC-SHA256 of a checkpoint, its own `mac` left out."""
    body = canonical({name: value for name, value in record.items() if name != "mac"})
    return hmac.new(key.reveal().encode(), body, hashlib.sha256).hexdigest()


class AuditLog:
    """The chain of one writer, held by one process at a time; what is appended is on the disk when `append` returns.

    Raises:
        AuditError: it is another process's, cannot be written, or its last record is broken.
    """

    def __init__(self, folder: Path, writer: str, key: Secret | None = None) -> None:
        """Go on from the last whole record; the beginning of one that a crash cut off is taken away."""
        self.folder, self.writer = folder, writer
        self._key = key
        self.head = Head(0, NOTHING)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(folder / f"{writer}.lock")
            self._open()
        except OSError as error:
            raise AuditError(f"{folder}: the audit log cannot be written: {error.strerror or error}") from error

    def append(self, entries: Sequence[Entry], at: datetime) -> Head:
        """Record `entries` in order, on the disk before this returns; the newest record.

        Raises:
            AuditError: nothing of it is recorded, so nothing of it may be done.
        """
        head, lines = self.head, []
        for entry in entries:
            record = {"seq": head.seq + 1, "writer": self.writer, "at": at.isoformat(), "what": entry.what}
            record |= {"by": entry.by, "data": dict(entry.data), "prev": head.hash}
            record["hash"] = hash_of(record)
            lines.append(canonical(record) + b"\n")
            if len(lines[-1]) > RECORD_BYTES_MAX:
                raise AuditError(f"a record of {len(lines[-1])} bytes is too long for the audit log")
            head = Head(head.seq + 1, str(record["hash"]))
        self._write(b"".join(lines))
        self.head = head
        return head

    def checkpoint(self, at: datetime) -> dict[str, Any]:
        """Join all chains of the folder in one signed record, which is also to be sent elsewhere.

        Raises:
            AuditError: it cannot be written.
        """
        path = self.folder / CHECKPOINTS
        try:
            handle = _locked(path)
            try:
                last = _last_line(handle)
                before = json.loads(last) if last else {}
                record: dict[str, Any] = {"n": before.get("n", 0) + 1, "at": at.isoformat()}
                record |= {"heads": {name: list(head) for name, head in heads(self.folder).items()}}
                record |= {"prev": hashlib.sha256(last).hexdigest() if last else NOTHING}
                record["mac"] = "" if self._key is None else signature(record, self._key)
                _whole(handle, canonical(record) + b"\n", os.fstat(handle).st_size)
            finally:
                os.close(handle)
        except (OSError, ValueError) as error:
            raise AuditError(f"{path}: a checkpoint cannot be written: {error}") from error
        return record

    def close(self) -> None:
        """Let others have the chain."""
        with contextlib.suppress(OSError):
            os.close(self._handle)
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def _open(self) -> None:
        paths = segments(self.folder).get(self.writer, [])
        self._number = _number(paths[-1]) if paths else 1
        self._handle = self._segment()
        self._size = os.fstat(self._handle).st_size
        self._mend()
        last = _last_line(self._handle)
        if not last and len(paths) > 1:
            with paths[-2].open("rb") as file:
                last = _last_line(file.fileno())
        if last:
            self.head = _head(last, self.folder / f"{self.writer}.*")

    def _segment(self) -> int:
        return os.open(
            self.folder / f"{self.writer}.{self._number:06}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, MODE
        )

    def _mend(self) -> None:
        """Cut off what a crash left of a line: it was never acknowledged, so nothing of it was done."""
        start = max(0, self._size - RECORD_BYTES_MAX)
        tail = os.pread(self._handle, self._size - start, start)
        if tail and not tail.endswith(b"\n"):
            self._size = start + tail.rfind(b"\n") + 1
            os.ftruncate(self._handle, self._size)
            os.fsync(self._handle)

    def _write(self, lines: bytes) -> None:
        try:
            if self._size > SEGMENT_BYTES_MAX:
                os.close(self._handle)
                self._number += 1
                self._handle = self._segment()
                self._size = os.fstat(self._handle).st_size
            _whole(self._handle, lines, self._size)
        except OSError as error:
            raise AuditError(f"{self.folder}: nothing can be recorded, so nothing is done: {error.strerror}") from error
        self._size += len(lines)


def segments(*folders: Path) -> dict[str, list[Path]]:
    """The files of each writer's chain in order; in several folders where old ones were moved away."""
    found: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            match = SEGMENT.fullmatch(path.name)
            if match:
                found.setdefault(match["writer"], {}).setdefault(path.name, path)
    return {writer: [paths[name] for name in sorted(paths)] for writer, paths in sorted(found.items())}


def heads(folder: Path) -> dict[str, Head]:
    """The newest whole record of each chain."""
    found = {}
    for writer, paths in segments(folder).items():
        for path in reversed(paths):
            with path.open("rb") as file:
                last = _last_line(file.fileno())
            if last:
                found[writer] = _head(last, path)
                break
    return found


def lines_of(paths: Sequence[Path]) -> Iterator[bytes]:
    """The lines of a chain, without their ends; an unfinished last one as it is."""
    for path in paths:
        with path.open("rb") as file:
            yield from (line for line in iter(lambda: file.readline(RECORD_BYTES_MAX + 1), b""))


def _head(line: bytes, path: Path) -> Head:
    try:
        record = json.loads(line)
        head = Head(int(record["seq"]), str(record["hash"]))
        broken = hash_of(record) != head.hash
    except (ValueError, KeyError, TypeError, AttributeError):
        broken, head = True, Head(0, NOTHING)
    if broken:
        raise AuditError(f"{path}: the last record was changed; `sessionwatch audit verify` tells what is wrong")
    return head


def _last_line(handle: int) -> bytes:
    """The last whole line of a file, without its end; empty where there is none."""
    size = os.fstat(handle).st_size
    start = max(0, size - 2 * RECORD_BYTES_MAX)
    tail = os.pread(handle, size - start, start)
    whole = tail[: tail.rfind(b"\n") + 1]
    return whole.rstrip(b"\n").rpartition(b"\n")[2]


def _whole(handle: int, data: bytes, size: int) -> None:
    """Write all of it to the disk, or nothing."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise


def _number(path: Path) -> int:
    return int(path.name.split(".")[1])


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, MODE)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise AuditError(f"{path}: in use by another process; end that first") from None
            time.sleep(0.02)
        else:
            return handle
