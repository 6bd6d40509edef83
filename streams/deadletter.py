"""Where bad records go: a file of JSON lines that only its owner may read, each entry whole or not there at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from sessionwatch.errors import BadRecordError, DeadLetterError, UsageError
from streams.sources.records import RawRecord

RAW_LENGTH_MAX: Final = 4096
"""Characters of a bad record that are kept; the position finds the rest."""
MODE: Final = 0o600
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


class Entry(msgspec.Struct, omit_defaults=True):
    """One line of the file.

    file, line (from 1), offset (in bytes, from 0, of the unpacked data): where the record stands. adapter: the format
    it was read as. reason: a word that is counted; detail: more for a person. raw: the record, cut after 4,096
    characters, or left out; cut: how many characters it has in all, where it was cut.
    """

    file: str
    line: int
    offset: int
    adapter: str
    reason: str
    detail: str = ""
    raw: str | None = None
    cut: int = 0


class DeadLetter:
    """Writes entries to `path`, or nowhere where that is None: counting them is the reader's task.

    `redact` leaves out the raw text, and what the detail quotes. The file is begun anew; a link in its place is
    refused.

    Raises:
        UsageError: the file cannot be made.
    """

    def __init__(
        self, path: str | Path | None = None, *, redact: bool = False, raw_length_max: int = RAW_LENGTH_MAX
    ) -> None:
        """Make the file, empty, mode 0600."""
        self.path = None if path is None else Path(path)
        self.entries = 0
        self._redact = redact
        self._raw_length_max = raw_length_max
        self._descriptor = -1
        if self.path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            try:
                self._descriptor = os.open(self.path, flags, MODE)
                # An older file keeps its mode when it is opened, and the umask may have taken bits away.
                os.fchmod(self._descriptor, MODE)
            except OSError as error:
                raise UsageError(f"{self.path}: the dead letter cannot be made: {error.strerror}") from error

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; entries are in it already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def add(self, file: str, record: RawRecord, adapter: str, fault: BadRecordError) -> None:
        """Write one entry, with one call, so that a crash leaves whole lines.

        Raises:
            DeadLetterError: it could not be written whole.
        """
        self.entries += 1
        if self._descriptor < 0:
            return
        entry = entry_of(file, record, adapter, fault, redact=self._redact, raw_length_max=self._raw_length_max)
        line = msgspec.json.encode(entry) + b"\n"
        try:
            begun = os.lseek(self._descriptor, 0, os.SEEK_END)
            if os.write(self._descriptor, line) != len(line):
                os.ftruncate(self._descriptor, begun)
                raise DeadLetterError(f"{self.path}: the disk is full; {self.entries - 1} entries were written")
        except OSError as error:
            raise DeadLetterError(f"{self.path}: cannot be written: {error.strerror}") from error


def entry_of(
    file: str,
    record: RawRecord,
    adapter: str,
    fault: BadRecordError,
    *,
    redact: bool = False,
    raw_length_max: int = RAW_LENGTH_MAX,
) -> Entry:
    """What is kept of a bad record; `redact` leaves out its text, and what the detail quotes."""
    text = (record.written or record.raw).decode("utf-8", "backslashreplace")
    kept = None if redact else text[:raw_length_max]
    return Entry(
        file=file,
        line=record.line,
        offset=record.offset,
        adapter=adapter,
        reason=fault.reason,
        detail=_QUOTED.sub("'...'", fault.detail) if redact else fault.detail,
        raw=kept,
        cut=len(text) if kept is not None and len(kept) < len(text) else 0,
    )
