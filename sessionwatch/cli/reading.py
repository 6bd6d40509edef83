"""Reads what a command was given into one sorted stream of events, with the account of it."""

from __future__ import annotations

from collections.abc import Sequence

from sessionwatch.cli.exits import Exit
from sessionwatch.cli.terminal import Bars
from streams.accounting import Accounting
from streams.deadletter import DeadLetter
from streams.reading import ReadSettings, read_blocks
from streams.sorting import EventSorter


def read_sorted(paths: Sequence[str], settings: ReadSettings, events: EventSorter, drawn: Bars) -> Accounting:
    """Read all of `paths` into `events`. What cannot be read is counted, and kept nowhere.

    Raises:
        InputError: a PATH names nothing, a named file cannot be read or is of no known format, or all are empty.
    """
    accounting = Accounting()
    advance = drawn.start("reading", None)
    told = 0

    def progress(done: int, total: int | None) -> None:
        nonlocal told
        advance(done - told, total)
        told = done

    with DeadLetter(None, redact=True) as nowhere:
        for block in read_blocks(paths, settings, accounting, nowhere, progress=progress):
            events.add(block)
    return accounting


def unread_remarks(accounting: Accounting) -> list[str]:
    """What was not read, in lines for a person; none where all was."""
    remarks = [str(remark) for remark in accounting.remarks]
    if accounting.dead_letter:
        remarks.append(
            f"{accounting.dead_letter:,} records could not be read; sessionwatch replay --dead-letter FILE keeps them"
        )
    return remarks


def ended(accounting: Accounting) -> Exit:
    """How a command ends that could read so much."""
    return Exit.DEAD_LETTERS if accounting.is_incomplete else Exit.DONE
