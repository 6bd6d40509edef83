"""Ctrl-C: a stage ends at its next stop and the next one goes on with what there is.

Pressed twice within a stage, the stage is left at once: an idle pipe, say, has no next stop.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Counts how often Ctrl-C was pressed."""

    def __init__(self) -> None:
        """Not pressed yet."""
        self.pressed = 0
        self._before = 0

    def asked(self) -> Callable[[], bool]:
        """Begin a stage; what this returns tells whether it was pressed since."""
        before = self._before = self.pressed
        return lambda: self.pressed > before

    def press(self) -> None:
        """Count one.

        Raises: KeyboardInterrupt when it is not the first in this stage.
        """
        self.pressed += 1
        if self.pressed > self._before + 1:
            raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Count interrupts while the block runs, instead of ending at the first."""
    counted = Interrupts()

    def count(_signal: int, _frame: FrameType | None) -> None:
        counted.press()

    before = signal.signal(signal.SIGINT, count)
    try:
        yield counted
    finally:
        signal.signal(signal.SIGINT, before)
