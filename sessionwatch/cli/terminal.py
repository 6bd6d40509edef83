"""How the command line speaks: colours on a terminal, plain text in a pipe, complaints on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

PIPE_WIDTH: Final = 120
"""Columns in a pipe, where nobody says how wide the reader is."""

Advance = Callable[[int], None]


def speaker(*, stderr: bool = False) -> Console:
    """The console for what a command has to say."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_WIDTH, highlight=False, markup=True)


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
        return lambda done: progress.advance(task, done)


def _silent(done: int) -> None:
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
