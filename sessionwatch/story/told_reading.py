"""Alerts and notices read from lines, one at a time, in their order; what is neither is told and passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import msgspec
import pydantic

from models.alerts import Alert, Notice
from sessionwatch.story.alert_reading import ALERT_BYTES_MAX

NOTICE_BYTES_MAX: Final = ALERT_BYTES_MAX + 4096
"""A longer line of a file of notices is not read: an alert may have 1 MiB, and what a notice adds is far less."""
BROKEN_SHOWN_MAX: Final = 5
"""Lines of a file of notices that are told of by number; of further ones the count is told."""


class _Look(msgspec.Struct):
    """Enough of a line to see which of the two it is."""

    alert: msgspec.Raw = msgspec.Raw()


@dataclass(slots=True)
class ToldReader:
    """Reads `file`, whose lines may be alerts and notices in any mixture. Memory does not grow with the file."""

    file: BinaryIO
    read: int = 0
    broken: int = 0
    remarks: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Alert | Notice]:
        """Each alert or notice as it stands there, also where one stands there twice."""
        number = 0
        while line := self.file.readline(NOTICE_BYTES_MAX + 1):
            number += 1
            if len(line) > NOTICE_BYTES_MAX and not line.endswith(b"\n"):
                while (rest := self.file.readline(NOTICE_BYTES_MAX)) and not rest.endswith(b"\n"):
                    pass
                self._note(number, "longer than a notice may be")
            elif line.strip():
                try:
                    told = told_of(line)
                except ValueError as error:
                    self._note(number, str(error))
                else:
                    self.read += 1
                    yield told

    def _note(self, number: int, why: str) -> None:
        self.broken += 1
        if self.broken <= BROKEN_SHOWN_MAX:
            self.remarks.append(f"line {number}: {why}; it was passed over")


def told_of(line: bytes) -> Alert | Notice:
    """The alert or notice in `line`.

    Raises:
        ValueError: it is neither. The message says which field, and quotes nothing of the line.
    """
    try:
        model: type[Alert | Notice] = Notice if bytes(msgspec.json.decode(line, type=_Look).alert) else Alert
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("neither an alert nor a notice: no JSON object") from None
    try:
        return model.model_validate_json(line)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"] if step in _KNOWN or isinstance(step, int)) or "a field"
        raise ValueError(f"no {model.__name__.lower()}: {where}: {first['type']}") from None


_KNOWN: Final = frozenset({*Alert.model_fields, *Notice.model_fields})
"""The fields that a message may name: an unknown one is a text out of the line."""
