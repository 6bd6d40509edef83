"""What a process that keeps running says of its work on standard error: a line for people, or JSON for machines.

Names of things, counts and ids; never a record, a password or a token. Secrets that are known are struck out whoever
writes them, since a library may quote what it was given.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final, Literal

SECRET_LENGTH_MIN: Final = 4
"""Shorter ones are not struck out: they would be found in ordinary words."""
OURS: Final = ("sessionwatch", "streams")
STRUCK: Final = "***"

logger = logging.getLogger("sessionwatch")


class Log:
    """Says what happened, with its figures."""

    def __call__(self, said: str, /, **figures: Any) -> None:
        """One line."""
        logger.info("%s", said, extra={"figures": figures})


class _Strike:
    """Takes secrets out of a text."""

    def __init__(self, secrets: Collection[str]) -> None:
        known = [one for one in secrets if len(one) >= SECRET_LENGTH_MIN]
        # As it is, and as JSON and Python write it between quotes.
        written = {form for one in known for form in (one, json.dumps(one)[1:-1], repr(one)[1:-1])}
        self._secrets = sorted(written, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STRUCK)
        return text


class TextLines(logging.Formatter):
    """`watch ready rules=38`; what others say, with its level and who says it."""

    def __init__(self, command: str, secrets: Collection[str] = ()) -> None:
        """Write for this command."""
        super().__init__()
        self._command, self._strike = command, _Strike(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a trace where there is one."""
        figures: dict[str, Any] = getattr(record, "figures", {})
        words = [record.getMessage(), *(f"{name}={value}" for name, value in figures.items())]
        if record.name != logger.name:
            words.insert(0, f"{record.levelname.lower()} {record.name}:")
        if record.exc_info:
            words.append("\n" + self.formatException(record.exc_info))
        return self._strike(" ".join([self._command, *words]))


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `command`, `from`, `said`, and the figures under their names."""

    def __init__(self, command: str, secrets: Collection[str] = ()) -> None:
        """Write for this command."""
        super().__init__()
        self._command, self._strike = command, _Strike(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        figures: dict[str, Any] = getattr(record, "figures", {})
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "command": self._command,
            "from": record.name,
            "said": record.getMessage(),
            **figures,
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        # Struck out before the text is written as JSON, and after: a value may be quoted once more by then.
        return self._strike(json.dumps({name: self._plain(value) for name, value in line.items()}, default=str))

    def _plain(self, value: Any) -> Any:
        return self._strike(value) if isinstance(value, str) else value


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what standard error is now."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write and flush."""
        self.stream = sys.stderr
        super().emit(record)


def begin_log(command: str, form: Literal["text", "json"], secrets: Collection[str] = ()) -> Log:
    """Write what is said from now on, by us and by libraries, in this form, less `secrets`."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Stderr)]:
        root.removeHandler(old)
    handler = _Stderr()
    handler.setFormatter(JsonLines(command, secrets) if form == "json" else TextLines(command, secrets))
    root.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    return Log()
