"""Ctrl-C: each stage ends where it stands and the next goes on with what there is; pressed again, that ends too."""

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

    def asked(self) -> Callable[[], bool]:
        """A question for one stage: has it been pressed since this stage began?"""
        before = self.pressed
        return lambda: self.pressed > before


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Count interrupts while the block runs, instead of ending at the first."""
    counted = Interrupts()

    def count(_signal: int, _frame: FrameType | None) -> None:
        counted.pressed += 1

    before = signal.signal(signal.SIGINT, count)
    try:
        yield counted
    finally:
        signal.signal(signal.SIGINT, before)
