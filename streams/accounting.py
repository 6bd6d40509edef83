"""What became of every record: exact sums, so that nothing can go missing unnoticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

What = Literal["skipped", "cut_short", "damaged", "empty", "misread", "begins_late", "frozen"]
"""What is wrong with a whole file; see `Remark`."""
FOREIGN: Final = "of no known format"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a whole file that a person should know.

    skipped: foreign, unreadable or too large, nothing of it was read. cut_short, damaged: it ends too early, or cannot
    be unpacked further; `records` were read until then. empty: no records stand in it. misread: it was
    read as the format that the user told, and no record fits that. begins_late: what it held before is deleted. frozen:
    it grows, and was read until where it ended at the start. `is_lost`: it may be a log, and nothing of it was read.
    """

    file: str
    what: What
    why: str = ""
    records: int = 0
    is_lost: bool = False

    def __str__(self) -> str:
        """One line for a person."""
        until = f" after {self.records:,} records" if self.what in {"cut_short", "damaged"} else ""
        return f"{self.file}: {self.what.replace('_', ' ')}{until}" + (f" ({self.why})" if self.why else "")

    @property
    def refusal(self) -> str:
        """Why nothing of the file is read: that it cannot be, or that it is of no known format."""
        return self.why if self.why.startswith("cannot be read") else f"{FOREIGN}: {self.why}"


def what_of(fault: str) -> What:
    """What a fault of a file's bytes makes of the file.

    >>> what_of("damaged: the gzip data cannot be unpacked further")
    'damaged'
    """
    return "damaged" if fault.startswith("damaged") else "cut_short"


@dataclass(frozen=True, slots=True)
class RecognisedFile:
    """The format that a file was read as, and why: the user said so, or by which fields it was recognised."""

    file: str
    format: str
    why: str


@dataclass(slots=True)
class Accounting:
    """The sums of one run's reading. Always: records_read = mapped + all of dropped + all of dead_letter.

    mapped: records that became one event or more. events_made: those events; the sorter tells later how many were
    duplicates. dropped: by the adapter's reason. dead_letters: by the reason of the fault. formats: records by format;
    kinds: events by kind. placeholder_users: events whose user was only a word for nobody. addresses_unread: events
    whose address could not be read, by reason.
    """

    records_read: int = 0
    mapped: int = 0
    events_made: int = 0
    placeholder_users: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    addresses_unread: Counter[str] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)
    recognised: list[RecognisedFile] = field(default_factory=list)

    @property
    def dead_letter(self) -> int:
        """Records in the dead letter."""
        return self.dead_letters.total()

    @property
    def is_incomplete(self) -> bool:
        """Whether some input is in the dead letter, or could not be read to its end or at all."""
        cut = any(remark.is_lost or remark.what in {"cut_short", "damaged"} for remark in self.remarks)
        return cut or self.dead_letter > 0

    @property
    def adds_up(self) -> bool:
        """Whether every record that was read is accounted for."""
        return self.records_read == self.mapped + self.dropped.total() + self.dead_letter

    def add(self, other: Accounting) -> None:
        """Add the sums of another part of the same run, such as another worker's."""
        self.records_read += other.records_read
        self.mapped += other.mapped
        self.events_made += other.events_made
        self.placeholder_users += other.placeholder_users
        for name in ("dropped", "dead_letters", "formats", "kinds", "addresses_unread"):
            getattr(self, name).update(getattr(other, name))
        self.remarks += other.remarks
        self.recognised += other.recognised
