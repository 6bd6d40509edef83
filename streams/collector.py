"""Python's garbage collector during a run: it never walks over all that is remembered, so nothing waits for it.

Events and state hold no cycles, and are freed as soon as nothing names them. What is remembered of a few hundred
thousand people is millions of objects; left to itself the collector would look at all of them again and again.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

SAMPLED_EVERY: Final = 16
"""Of so many batches one is looked at for cycles, which only a detector of somebody else's would make."""
CYCLIC_MIN: Final = 100
"""Objects in dead cycles, found in one batch, from which on every batch is looked at."""


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within it the collector looks at nothing by itself; a `Young` is the one way it is asked to."""
    if not gc.isenabled():
        yield
        return
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class Young:
    """Call it after each batch: it frees cycles among what the batch made, where any are made, and never looks back."""

    def __init__(self) -> None:
        self._batches = 0
        self._cyclic = False

    def __call__(self) -> None:
        """Look at this batch, or set it aside unseen."""
        self._batches += 1
        if self._cyclic or self._batches % SAMPLED_EVERY == 0:
            self._cyclic = gc.collect(0) >= CYCLIC_MIN
        if not gc.isenabled():
            gc.freeze()
