"""The mapping of the page is whole, loads, and reads the table of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.accounting import Accounting
from streams.deadletter import DeadLetter
from streams.mapping.conditions import OPERATORS
from streams.mapping.form import ExampleForm, Input, KindForm, Lookup, MappingFile, TimeForm, ValueForm
from streams.mapping.loading import load_mappings
from streams.reading import ReadSettings, read

PAGE = (Path(__file__).parent.parent.parent / "docs" / "mappings.md").read_text()


def block(language: str) -> str:
    """The first code block of the page in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture
def vault_doors(tmp_path: Path) -> Path:
    """The mapping of the page, in a file."""
    file = tmp_path / "vault_doors.yaml"
    file.write_text(block("yaml"))
    return file


def test_the_mapping_of_the_page_loads_and_each_of_its_paths_is_shown(vault_doors: Path) -> None:
    """It has no fault, its own examples come out as they say, and every row of its table has an example."""
    (made,) = load_mappings([vault_doors])
    assert [(row.theirs, row.ours) for row in made.table if row.example is None] == []


def test_the_page_has_every_key() -> None:
    """Whoever writes a mapping finds each key, and each operator of a condition, in one place."""
    text = block("yaml")
    for model in (MappingFile, Input, TimeForm, KindForm, ValueForm, Lookup, ExampleForm):
        missing = [name for name in model.model_fields if not re.search(rf"\b{name}: ?", text)]
        assert missing == [], model.__name__
    assert set(re.findall(r"`\{(\w+): ", PAGE)) == set(OPERATORS)


def test_the_table_of_the_page_is_recognised_and_read(vault_doors: Path, tmp_path: Path) -> None:
    """Without a header row and in the mapping's zone; the short row is in the dead letter with its line."""
    doors = tmp_path / "doors.csv"
    doors.write_text(block("text"))
    accounting = Accounting()
    with DeadLetter(tmp_path / "dead.jsonl") as letter:
        events = list(read([doors], ReadSettings(mappings=(vault_doors,)), accounting, letter))
    assert [(event.kind, event.user, event.resource, event.at.hour) for event in events] == [
        ("export", "g7", "R-1", 9),
        ("login_failed", "v3", "", 9),
    ]
    assert accounting.dropped == {"timer": 1}
    assert '"line":4' in (tmp_path / "dead.jsonl").read_text()
    assert accounting.dead_letters == {"wrong_width": 1}
