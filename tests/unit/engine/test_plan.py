"""How workers get the same engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessionwatch.engine import plan as module
from sessionwatch.engine.plan import EnginePlan


class InMemory:
    """A map that could not be unpacked into any folder."""

    in_memory = True

    def write(self, folder: Path) -> None:
        """Leave a trace."""
        (folder / "map").write_text("unpacked")


def _in_memory(*, folder: Path | None = None) -> InMemory:
    assert folder is None
    return InMemory()


def test_workers_find_a_map_that_was_unpacked_into_memory_in_the_folder_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpacked once and not by each; a map in the cache, and no map, change nothing."""
    monkeypatch.setattr(module, "bundled_map", _in_memory)
    asked = EnginePlan((tmp_path,))
    assert asked.shared(tmp_path) == EnginePlan((tmp_path,), map_folder=tmp_path)
    assert (tmp_path / "map").read_text() == "unpacked"
    alone = EnginePlan((tmp_path,), bundled=False)
    assert alone.shared(tmp_path) is alone
    monkeypatch.setattr(InMemory, "in_memory", False)
    assert asked.shared(tmp_path) is asked
