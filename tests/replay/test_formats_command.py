"""`sessionwatch formats`, and mappings given to the commands that read logs."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from sessionwatch.cli.formats import show_format
from streams.adapters import adapters
from tests.replay.command import sessionwatch

PAGE = Path(__file__).parent.parent.parent / "docs" / "mappings.md"


@pytest.fixture
def doors(tmp_path: Path) -> tuple[Path, Path]:
    """The mapping and the table of the page of mappings."""
    found = dict(re.findall(r"^```(yaml|text)\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE))
    (tmp_path / "vault_doors.yaml").write_text(found["yaml"])
    (tmp_path / "doors.csv").write_text(found["text"])
    return tmp_path / "vault_doors.yaml", tmp_path / "doors.csv"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", adapters())
def test_a_format_is_shown_within_any_width(name: str, width: int) -> None:
    """Its title, every field of theirs and ours, every reason to drop; no line is longer than the terminal is wide."""
    drawn = io.StringIO()
    shown = adapters()[name]
    show_format(shown, Console(file=drawn, width=width, highlight=False))
    text = drawn.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert shown.name in text
    if width == 120:  # where it is narrower, a long name goes on in the next line
        assert [told for told in (*(row.ours for row in shown.table), *shown.drops) if told not in text] == []


def test_formats_as_json_have_every_format_and_its_table() -> None:
    """For a program: names, how late, what becomes what, what is dropped and why."""
    listed = json.loads(sessionwatch("formats", "--json").out)
    assert [each["name"] for each in listed] == list(adapters())
    (lanl,) = [each for each in listed if each["name"] == "lanl_auth"]
    assert json.loads(sessionwatch("formats", "lanl_auth", "--json").out) == lanl
    assert lanl["stands_in"] == ["json", "csv"]
    assert lanl["lateness_seconds"] == 120
    row = next(row for row in lanl["table"] if row["ours"] == "at")
    assert (row["theirs"], row["example"], row["gives"]) == ("time_s", "9", "1970-01-01T00:00:09+00:00")
    assert list(lanl["drops"]) == ["other_orientation"]


def test_a_mapping_is_listed_converted_and_replayed(doors: tuple[Path, Path]) -> None:
    """Like any other format; the workers' alerts are the same."""
    mapping, table = doors
    assert "dropped: timer" in sessionwatch("formats", "vault_doors", "--mapping", mapping).out
    converted = sessionwatch("convert", table, "--mapping", mapping)
    assert [json.loads(line)["source"] for line in converted.out.splitlines()] == ["vault_doors"] * 2
    for words in ([], ["--workers", "2", "--format", "vault_doors"]):
        summary = sessionwatch("replay", table, "--mapping", mapping, "--json", *words).summary
        assert (summary["formats"], summary["events"], summary["dead_letter"]) == ({"vault_doors": 4}, 2, 1)


def test_a_mapping_with_a_fault_is_refused_before_anything_is_read(doors: tuple[Path, Path], tmp_path: Path) -> None:
    """Every command tells the fault at its place, and writes nothing."""
    mapping, table = doors
    mapping.write_text(mapping.read_text().replace("lateness: 10m", "lateness: soon"))
    out = tmp_path / "alerts.jsonl"
    for words in (["formats"], ["convert", table], ["replay", table, "--alerts", out]):
        ended = sessionwatch(*words, "--mapping", mapping)
        assert ended.code == 2
        assert f'{mapping}:7:11: "lateness" is not right' in ended.err + ended.out
    assert not out.exists()
