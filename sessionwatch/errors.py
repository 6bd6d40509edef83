"""Everything that sessionwatch raises on purpose. Each message says what is wrong, where, and what to do.

A leaf: any layer may import it, and it imports none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SOURCE_LINE_MAX: Final = 120
"""How many characters of a line a fault shows; of a longer one, the part around its place."""


class SessionwatchError(Exception):
    """The root: catch it to catch whatever sessionwatch raises on purpose."""


class UsageError(SessionwatchError):
    """A command was called wrongly, and nothing was processed. The message says what to type instead."""


class InputError(SessionwatchError):
    """A PATH cannot be read at all: missing, unreadable, or of no known format. Check it, or give `--format`."""


class AmbiguousFormatError(InputError):
    """The first records fit several formats equally well. Name one of the listed candidates with `--format`."""


class BadRecordError(SessionwatchError):
    """One record cannot be read. It goes to the dead letter with `reason`, and the run goes on; look at it there.

    `reason` is a short snake_case word that is counted. `detail` says where in the record, and quotes nothing of it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        """Hold both."""
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class DeadLetterError(SessionwatchError):
    """The dead letter cannot be written, so going on would lose records. Make room, or name another file."""


class DatabaseError(SessionwatchError):
    """A geo database cannot be used: missing, broken, truncated, or of the wrong type. Replace the file."""


class KafkaError(SessionwatchError):
    """Kafka cannot be used as asked: away, a topic is missing or of the wrong layout. The message says what to mend."""


class StateError(SessionwatchError):
    """State bytes cannot be restored: another schema, or cut short. Start from an older snapshot, or from none."""


class BrokerError(SessionwatchError):
    """A broker cannot be used as it is set up: address, credentials, rights. The message says what to mend."""


class UnansweredError(SessionwatchError):
    """A broker gave no answer that can be read, so what was asked may have been done or not: ask again, by the same id.

    `reason` is a short snake_case word: `connect_failed`, `tls_failed`, `timed_out`, `broken_off`, `too_large`.
    """

    def __init__(self, reason: str) -> None:
        """Hold it."""
        self.reason = reason
        super().__init__(reason)


class DetectorError(SessionwatchError):
    """A detector broke its contract. Run `check_detector()` on it; the message names the promise."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a rule file, with its place (1-based) and, where there is one, what was probably meant."""

    file: str
    line: int
    column: int
    message: str
    source_line: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """`file:line:column: message`, then the line with a caret, then the hint."""
        lines = [f"{self.file}:{self.line}:{self.column}: {self.message}"]
        if self.source_line:
            start = max(0, self.column - 1 - SOURCE_LINE_MAX // 2) if len(self.source_line) > SOURCE_LINE_MAX else 0
            before = self.source_line[start : self.column - 1]
            shown = self.source_line[start : start + SOURCE_LINE_MAX]
            lines += [f"    {shown}", "    " + "".join(_blank(char) for char in before) + "^"]
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


def _blank(char: str) -> str:
    """What is as wide as `char` on a terminal, so that a caret stands under its column."""
    if char == "\t":
        return char
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return ""
    return "  " if unicodedata.east_asian_width(char) in {"W", "F"} else " "


class WrittenError(SessionwatchError):
    """Files that somebody wrote have faults, and are refused whole. `faults` has every one, by file and line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Hold `faults`, sorted."""
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RulesetError(WrittenError):
    """A rule set with faults is refused whole; `sessionwatch check` tells them all again once they are mended."""


class PolicyError(WrittenError):
    """A response policy with faults is refused whole; `sessionwatch policy check` tells them all."""


class AuditError(SessionwatchError):
    """The audit log cannot be written or is broken, so nothing is done. Make room, or look at what is wrong in it."""


class MappingError(WrittenError):
    """A mapping with faults is no format. `sessionwatch formats --mapping FILE` tells them all."""


class SettingsError(WrittenError):
    """Settings with faults are refused whole: each by file and line, or by its variable of the environment."""
