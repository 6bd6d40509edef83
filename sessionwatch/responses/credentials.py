"""Secrets: from the environment or a file, never from a command line, and never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sessionwatch.errors import UsageError

SECRET_BYTES_MAX: Final = 64 * 1024
"""Bytes of a secret's file; a longer one is another file."""
HIDDEN: Final = "(hidden)"


class Secret:
    """A text that is shown nowhere: `reveal` is the one way to it, and is called where it is sent.

    >>> str(Secret("hunter2")), f"{Secret('hunter2')}", [Secret("hunter2")]
    ('(hidden)', '(hidden)', [(hidden)])
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hold it."""
        self._text = text

    def reveal(self) -> str:
        """The text, to be sent and not kept."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__


def secret_of(variable: str, path: Path | None, what: str) -> Secret:
    """The secret in the file at `path`, without space around it, or else in the environment's `variable`.

    Raises:
        UsageError: there is none, or the file cannot be read; `what` is what it is for.
    """
    if path is None:
        text = os.environ.get(variable, "").strip()
        where = f"the environment has no {variable}"
    else:
        text, where = _read(path), f"{path} is empty"
    if not text:
        raise UsageError(f"{where}: set it to {what}, or name a file that holds it")
    return Secret(text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_BYTES_MAX + 1)
        if len(raw) <= SECRET_BYTES_MAX:
            return raw.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}; name a file with the secret alone") from error
    raise UsageError(f"{path} is longer than {SECRET_BYTES_MAX} bytes, so it is no secret; name another file")
