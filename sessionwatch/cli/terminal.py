"""How the command line speaks: colours on a terminal, plain text in a pipe, complaints on standard error."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

PIPE_WIDTH: Final = 120
"""Columns in a pipe, where nobody says how wide the reader is."""

_BLANKS: Final = re.compile(r"[ \t]+(?=\n)")


class Advance(Protocol):
    """Tells a bar what was done since, and of how much in all where that is known only now."""

    def __call__(self, done: int, total: int | None = None, /) -> None:
        """Move on."""


class Trimmed(io.TextIOBase):
    """Writes to a stream without the blanks that tables leave at the ends of lines."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, whose lines are whole."""
        self._stream.write(_BLANKS.sub("", text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


def speaker(*, stderr: bool = False) -> Console:
    """The console for what a command has to say."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False)
    return Console(file=cast("TextIO", Trimmed(stream)), width=PIPE_WIDTH, highlight=False)


def complaints() -> Console:
    """The console for what went wrong."""
    return speaker(stderr=True)


class Bars:
    """Progress bars on a terminal, silence in a pipe."""

    def __init__(self, progress: Progress | None) -> None:
        """Draw on `progress`, if there is one."""
        self._progress = progress

    def start(self, title: str, total: int | None) -> Advance:
        """A new bar; call what this returns with what was done since."""
        if self._progress is None:
            return _silent
        progress = self._progress
        task = progress.add_task(title, total=total)

        def advance(done: int, total: int | None = None) -> None:
            progress.update(task, advance=done, total=total)

        return advance


def _silent(done: int, total: int | None = None) -> None:
    """Nobody is looking."""


@contextmanager
def bars(*, wanted: bool = True) -> Iterator[Bars]:
    """Bars on standard error while the block runs, if it is a terminal."""
    if not (wanted and sys.stderr.isatty()):
        yield Bars(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=complaints(), transient=True) as progress:
        yield Bars(progress)
