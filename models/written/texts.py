"""The text of a file that somebody wrote, and the faults found in it, each with its place."""

from __future__ import annotations

import codecs
import difflib
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any, Final

from sessionwatch.errors import Fault

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of a rule, a list or a mapping; longer files are refused unread; a list of 100,000 networks is half of it."""

KNOWN_SHOWN_MAX: Final = 12
"""How many known words a hint lists where none is close to what was written."""

# What YAML ends a line with. str.splitlines() would also split at form feeds and others that YAML does not.
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


Path = tuple[str | int, ...]
"""The way into a file's data: keys of mappings, places in lists."""

_TYPES: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something wrong in the data of a file: where, what, and what was probably meant; `on_key`: the key is wrong."""

    path: Path
    message: str
    hint: str = ""
    on_key: bool = False


class SourceText:
    """A file's text and the faults in it. Lines and columns are 1-based and count characters."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        ends = [0, *(found.end() for found in _BREAK.finditer(text)), len(text)]
        self._starts = ends[:-1]
        self._lines = [_BREAK.sub("", text[start:end]) for start, end in pairwise(ends)]
        self._faults: set[Fault] = set()
        self._explained: set[tuple[int, int]] = set()

    @property
    def faults(self) -> list[Fault]:
        """What was found, by place."""
        return sorted(self._faults)

    def place(self, index: int) -> tuple[int, int]:
        """The line and column of the character at `index`."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line; empty where there is none."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def fault(self, line: int, column: int, message: str, hint: str = "", *, whole: bool = False) -> None:
        """Note a fault. `whole`: it explains all that may yet be found wrong at this place, which is left unsaid."""
        if (line, column) in self._explained:
            return
        if whole:
            self._explained.add((line, column))
        # A file may come from anybody: no control character of it may reach a terminal.
        shown = "".join(
            char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in self.line(line)
        )
        self._faults.add(Fault(self.name, line, column, message, shown, hint))


def read_text(path: FilePath) -> SourceText:
    """The text of `path`; where it cannot be read, an empty text that has the fault.

    UTF-8 with or without a byte order mark; any of YAML's line ends.
    """
    name = path.as_posix()
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        return _unread(name, f"the file cannot be read: {error.strerror or error}")
    if len(raw) > FILE_BYTES_MAX:
        return _unread(name, f"the file is longer than {FILE_BYTES_MAX} bytes")
    raw = raw.removeprefix(codecs.BOM_UTF8)
    source = SourceText(name, raw.decode(errors="replace"))
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line, column = source.place(len(raw[: error.start].decode()))
        source.fault(line, column, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8")
    return source


def _unread(name: str, message: str) -> SourceText:
    source = SourceText(name, "")
    source.fault(1, 1, message)
    return source


def said_type(value: Any) -> str:
    """What `value` is, in plain English."""
    return _TYPES.get(type(value), "nothing")


def close_to(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that was probably meant, else what is known, else nothing.

    >>> close_to("speed_kmh_max", ["speed_max_kmh", "distance_min_km"])
    'did you mean "speed_max_kmh"?'
    """
    words = sorted(known)
    folded = {name.casefold(): name for name in words}
    if found := difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6):
        return f'did you mean "{folded[found[0]]}"?'
    return f"known: {listed(words)}" if words else ""


def listed(words: Sequence[str], last: str = "") -> str:
    """`words` with commas, the last joined by `last` where given; cut after `KNOWN_SHOWN_MAX`.

    >>> listed(["a", "b", "c"], "or"), listed(["a"])
    ('a, b or c', 'a')
    """
    if len(words) > KNOWN_SHOWN_MAX:
        return ", ".join(words[:KNOWN_SHOWN_MAX]) + f" and {len(words) - KNOWN_SHOWN_MAX} more"
    if last and len(words) > 1:
        return f"{', '.join(words[:-1])} {last} {words[-1]}"
    return ", ".join(words)
