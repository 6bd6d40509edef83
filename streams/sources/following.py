"""Files followed as they grow: through rotation by rename, copies with truncation, and restarts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sessionwatch.errors import InputError
from streams.accounting import Accounting
from streams.adapters.adapter import Adapter
from streams.sources.compression import ByteStream, compression_of
from streams.sources.containers import DocumentTooLargeError, records_of
from streams.sources.documents import DOCUMENT_BYTES_MAX
from streams.sources.paths import InputFile, input_files
from streams.sources.records import LineBlock
from streams.sources.segments import Position, Segment, segments
from streams.survey import HEAD_BYTES_MAX, Feed, feed_of, survey

RECORDS_TOGETHER: Final = 400
ROTATED_PASSES: Final = 20
"""Passes for which a file that was renamed is still looked at: its writer may not have noticed yet."""


class _Open:
    """An open file, its position, and for how many passes it has stood still under a name that is not its own."""

    def __init__(self, path: str, handle: BinaryIO, position: Position, *, named: bool) -> None:
        self.path, self.handle, self.position, self.named = path, handle, position, named
        self.still = 0
        self.size_before = -1


class Following:
    """The files that `paths` name, each from its position on. Whoever judges what it gives stores the positions.

    `remark` is told, in one line, what became of a file. Not for standard input.

    Raises:
        InputError: a PATH names nothing, or a file cannot be read or is of no known format.
    """

    def __init__(
        self,
        paths: Iterable[str],
        format_name: str,
        formats: Mapping[str, Adapter],
        positions: Iterable[Position],
        remark: Callable[[str], None],
        record_bytes_max: int,
    ) -> None:
        """Look at every file."""
        self._paths, self._format, self._formats = list(paths), format_name, formats
        self._remark, self._record_bytes_max = remark, record_bytes_max
        self._known = {position.key: position for position in positions}
        self._open: dict[str, _Open] = {}
        self._rotated: list[_Open] = []
        self._refused: dict[str, str] = {}
        self._begun = False
        try:
            self._expand(first=True)
        except InputError:
            self.close()
            raise
        self._find_renamed()

    @property
    def sources(self) -> set[str]:
        """The formats of the files, as far as they are recognised."""
        return {one.position.format for one in [*self._open.values(), *self._rotated]} - {""}

    def pending(self, *, final: bool) -> Iterator[tuple[str, Adapter, Segment]]:
        """All that the files hold beyond their positions, as they are now; each piece with its path and format.

        `final`: nothing more will come, so that unfinished last lines are records too.
        """
        self._expand(first=False)
        for one in [*self._rotated, *self._open.values()]:
            yield from self._of(one, final=final or one.still >= ROTATED_PASSES)
        for one in [one for one in self._rotated if one.still >= ROTATED_PASSES]:
            one.handle.close()
            self._rotated.remove(one)
            self._known[one.position.key] = one.position
        self._begun = True

    def close(self) -> None:
        """Close every file."""
        for one in [*self._rotated, *self._open.values()]:
            one.handle.close()

    def _expand(self, *, first: bool) -> None:
        try:
            files = input_files(self._paths)
        except InputError:
            if first:
                raise
            files = []
        found = {file.path for file in files}
        for path in [path for path in self._open if path not in found]:
            self._remark(f"{path} has vanished; what is written under this name again will be read")
            self._rotated.append(self._open.pop(path))
        for file in files:
            try:
                self._look(file.path, named=file.named)
            except OSError as error:
                if first:
                    raise InputError(f"{file.path}: cannot be read: {error.strerror}; check who may read it") from error
                self._refuse(file.path, f"cannot be read: {error.strerror}")

    def _look(self, path: str, *, named: bool) -> None:
        """Open `path` where it is new, or another file than before."""
        now = Path(path).stat()
        one = self._open.get(path)
        if one is not None:
            there = os.fstat(one.handle.fileno())
            if (there.st_dev, there.st_ino) == (now.st_dev, now.st_ino):
                self._check_cut(one)
                return
            self._rotated.append(self._open.pop(path))
        if not Path(path).is_file():
            raise InputError(f"{path}: no regular file; pipe it in: sessionwatch watch - < {path}")
        opened = {f"{a.position.device}:{a.position.inode}": a for a in [*self._rotated, *self._open.values()]}
        if (same := opened.get(f"{now.st_dev}:{now.st_ino}")) is not None and same.path != path:
            return  # a rotated file under its new name, read under its old one already
        handle = Path(path).open("rb")  # noqa: SIM115  # held open: a renamed file is read to its end
        position = self._known.get(f"{now.st_dev}:{now.st_ino}")
        if position is None or not position.fits(handle):
            before = self._rotated[-1].position if self._rotated and self._rotated[-1].path == path else None
            position = _anew(path, now, before)
        self._open[path] = _Open(path, handle, msgspec.structs.replace(position, path=path), named=named)

    def _check_cut(self, one: _Open) -> None:
        if not one.position.fits(one.handle):
            self._remark(f"{one.path} was cut or written anew; it is read from its start")
            one.position = _anew(one.path, os.fstat(one.handle.fileno()), one.position)

    def _find_renamed(self) -> None:
        """Files that were read before and have another name now: their rest comes first."""
        here = {one.position.key for one in self._open.values()}
        for position in [p for p in self._known.values() if p.key not in here and not p.done]:
            folder = Path(position.path).parent
            with contextlib.suppress(OSError):
                for entry in os.scandir(folder):
                    if entry.inode() == position.inode and entry.is_file():
                        handle = Path(entry.path).open("rb")  # noqa: SIM115  # as above
                        if position.fits(handle):
                            self._rotated.append(_Open(entry.path, handle, position, named=False))
                        else:
                            handle.close()

    def _of(self, one: _Open, *, final: bool) -> Iterator[tuple[str, Adapter, Segment]]:
        size = os.fstat(one.handle.fileno()).st_size
        one.still = one.still + 1 if size == one.size_before and one in self._rotated else 0
        settled, one.size_before = size == one.size_before, size
        if one.position.done and size != one.position.size:
            one.position = _anew(one.path, os.fstat(one.handle.fileno()), None)
        if one.position.done or size == 0 or self._refused.get(one.path) == f"{one.position.key}:{size}":
            return
        try:
            if not one.position.format and not self._recognise(one, size, final=final):
                return
        except InputError as error:
            if one.named and not self._begun:
                raise
            self._refused[one.path] = f"{one.position.key}:{size}"
            self._remark(str(error))
            return
        adapter = self._formats[one.position.format]
        if one.position.size >= 0:
            found = self._whole(one, size) if settled or final else iter(())
        else:
            found = segments(one.handle, one.position, self._record_bytes_max, final=final)
        for segment in found:
            one.position = segment.position.marked(one.handle)
            yield one.path, adapter, msgspec.structs.replace(segment, position=one.position)

    def _recognise(self, one: _Open, size: int, *, final: bool) -> bool:
        """Tell the format from the first whole lines; False where they are yet to come.

        Raises: InputError where it is none that is known.
        """
        one.handle.seek(0)
        head = one.handle.read(HEAD_BYTES_MAX)
        whole_file = compression_of(head[:8]) != "plain"
        if whole_file:
            feeds = survey([one.path], self._format, self._record_bytes_max, Accounting(), self._formats)
            feed = feeds[0] if feeds else None
        else:
            lines = head if final else head[: head.rfind(b"\n") + 1]
            made = feed_of(
                one.path, lines, self._format, self._formats, whole=final, record_bytes_max=self._record_bytes_max
            )
            if not isinstance(made, Feed) and (made.what == "empty" or not lines):
                return False
            if not isinstance(made, Feed):
                raise InputError(f"{one.path}: {made.refusal}; name its format with --format")
            feed, whole_file = made, made.container == "document"
        if feed is None:
            return False
        one.position = msgspec.structs.replace(
            one.position,
            format=feed.name,
            container=feed.container,
            table=feed.table,
            size=size if whole_file else -1,
        )
        return True

    def _whole(self, one: _Open, size: int) -> Iterator[Segment]:
        """A document or a packed file, once it has stopped growing; what was read before is passed over."""
        at = msgspec.structs.replace(one.position, size=size)
        stream = ByteStream(InputFile(one.path, named=True, size_bytes=size))
        limits = (self._record_bytes_max, DOCUMENT_BYTES_MAX)
        gathered, after = [], at.offset
        try:
            for block in records_of(at.container or "document", stream.chunks(), *limits, at.table):
                if block.offset < at.offset:
                    continue
                gathered.append(block)
                after = block.offset + (len(block.data) if isinstance(block, LineBlock) else 1)
                if isinstance(block, LineBlock) or len(gathered) >= RECORDS_TOGETHER:
                    yield Segment(gathered, msgspec.structs.replace(at, offset=after), cut=bool(stream.fault))
                    gathered = []
        except DocumentTooLargeError:
            self._remark(f"{one.path}: a JSON document of more than {DOCUMENT_BYTES_MAX:,} bytes; give JSON Lines")
        finally:
            stream.close()
        if stream.fault:
            self._remark(f"{one.path}: {stream.fault}")
        yield Segment(gathered, msgspec.structs.replace(at, offset=after, done=True), cut=bool(stream.fault))

    def _refuse(self, path: str, why: str) -> None:
        if self._refused.get(path) != why:
            self._refused[path] = why
            self._remark(f"{path}: {why}")


def _anew(path: str, now: os.stat_result, before: Position | None) -> Position:
    """The start of a file; one that took another's name has its format, unless a header row tells its columns."""
    position = Position(path=path, device=now.st_dev, inode=now.st_ino)
    if before is None or before.size >= 0 or before.table is not None:
        return position
    return msgspec.structs.replace(position, format=before.format, container=before.container)
