"""Exit codes, the same for every command. Documented in docs/exit-codes.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    """Done; nothing to add."""
    FAILED = 1
    """A check or a test failed."""
    USAGE = 2
    """Wrong usage or configuration; nothing was processed."""
    DEAD_LETTERS = 3
    """Done, but some input is in the dead letter or could not be read to its end; of `where`: no address, or damage."""
    INTERRUPTED = 130
    """Ended by Ctrl-C, with what was found until then."""
