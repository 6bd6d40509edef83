"""Records and files that the tests of reading share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from models.events import SessionEvent
from streams.accounting import Accounting
from streams.deadletter import DeadLetter, Entry
from streams.reading import ReadSettings, read


class Reading:
    """What came of reading: events, sums, and the entries of the dead letter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.accounting = Accounting()
        self.events: list[SessionEvent] = []
        self.dead: list[Entry] = []

    def __call__(self, *paths: Path | str, redact: bool = False, **settings: object) -> Reading:
        """Read, and check that the sums are exact."""
        self.accounting = Accounting()
        letter = self._folder / "dead.jsonl"
        with DeadLetter(letter, redact=redact) as dead_letter:
            chosen = ReadSettings.model_validate(settings)
            self.events = list(read(paths, chosen, self.accounting, dead_letter))
        self.dead = [msgspec.json.decode(line, type=Entry) for line in letter.read_bytes().splitlines()]
        assert self.accounting.adds_up
        assert self.accounting.dead_letter == len(self.dead)
        assert self.accounting.events_made == len(self.events) == self.accounting.kinds.total()
        return self

    @property
    def ids(self) -> list[str]:
        """Ids of the events."""
        return [event.id for event in self.events]

    @property
    def remarks(self) -> list[tuple[str, str, int]]:
        """Name of the file, what, and records."""
        return [(Path(remark.file).name, remark.what, remark.records) for remark in self.accounting.remarks]


@pytest.fixture
def reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """Reads PATHs, with the invariant of the sums checked."""
    return Reading(tmp_path_factory.mktemp("letters"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Writes a file below a folder of the test's own."""

    def made(name: str, content: bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    return made
