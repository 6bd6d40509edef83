"""Databases and lists that change on disk while a run goes on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.events import SessionEvent
from sessionwatch.engine.plan import EnginePlan
from sessionwatch.errors import DatabaseError
from sessionwatch.live import geography as module
from sessionwatch.live.geography import Geography
from sessionwatch.live.logs import Log
from sessionwatch.ruleset.loading import bundled_rules
from tests.unit.geo.mmdb import asn, city, write

MILAN, ROME = city("IT", city="Milan", at=(45.46, 9.19)), city("IT", city="Rome", at=(41.9, 12.5))
OLD, NEW = datetime(2024, 5, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
LIST = """\
id: ours
title: Ours
type: network_classes
entries:
  - {network: 81.2.69.0/24, class: CLASS, reason: The wards., owner: IT}
"""


class Said(Log):
    """What was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, said: str, /, **figures: Any) -> None:
        """Keep it."""
        self.lines.append(said)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files need not stand still."""
    monkeypatch.setattr(module, "SETTLED_S", 0.0)


def begun(folder: Path, *, bundled: bool = False) -> tuple[Geography, Said]:
    """A run with a database of Milan and a list."""
    write(folder / "city.mmdb", {"81.2.69.0/24": MILAN}, built=OLD)
    (folder / "ours.yaml").write_text(LIST.replace("CLASS", "corporate"))
    plan = EnginePlan((bundled_rules(),), (folder / "city.mmdb",), networks=(folder / "ours.yaml",), bundled=bundled)
    said = Said()
    return Geography(plan, None, said), said


def placed(geography: Geography) -> tuple[str, str, str]:
    """City, class and build of an event."""
    place = geography.locator.locate(SessionEvent(id="e", at=OLD, kind="login", ip="81.2.69.7")).place
    assert place is not None
    return place.city, place.network_class, place.build


def replace(path: Path, made: Path) -> None:
    """As `mv` does."""
    made.replace(path)


def test_a_renamed_file_is_taken_up_when_it_is_looked_for_and_not_before(tmp_path: Path) -> None:
    """Judgement within a batch goes by one database; the build tells which it was."""
    geography, said = begun(tmp_path)
    assert placed(geography) == ("Milan", "corporate", "GeoLite2-City 2024-05-01")
    replace(tmp_path / "city.mmdb", write(tmp_path / "new", {"81.2.69.0/24": ROME}, built=NEW))
    assert placed(geography)[0] == "Milan"
    geography.look()
    assert placed(geography) == ("Rome", "corporate", "GeoLite2-City 2025-01-01")
    assert geography.locator.build == "GeoLite2-City 2025-01-01"
    geography.look()
    assert (geography.exchanges.taken_up, geography.exchanges.refused) == (1, 0)
    assert said.lines == [f"geography has taken up {tmp_path / 'city.mmdb'}"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("cut", "its structure is broken (Error opening database file (city.mmdb)"),
        ("empty", "the file is empty"),
        ("gone", "there is no such file"),
        ("type", "it was GeoLite2-City and is GeoLite2-ASN now"),
        ("country", "it was GeoLite2-City and is GeoLite2-Country now"),
        ("v4", "it holds IPv4 alone"),
    ],
)
def test_a_file_that_cannot_be_used_keeps_the_one_before_and_is_told_once(tmp_path: Path, how: str, told: str) -> None:
    """And again only when it changes again."""
    geography, said = begun(tmp_path)
    path, new = tmp_path / "city.mmdb", tmp_path / "new"
    match how:
        case "cut":
            path.write_bytes(path.read_bytes()[:-200])
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "type":
            replace(path, write(new, {"81.2.69.0/24": asn(1, "one")}, type="GeoLite2-ASN"))
        case "country":
            replace(path, write(new, {"81.2.69.0/24": city("FR")}, type="GeoLite2-Country"))
        case "v4":
            replace(path, write(new, {"81.2.69.0/24": ROME}, ip_version=4))
    for _ in range(3):
        geography.look()
        assert placed(geography)[0] == "Milan"
    (line,) = said.lines
    assert line.startswith(f"geography stays as it was: {path}: ")
    assert told in line
    assert (geography.exchanges.taken_up, geography.exchanges.refused) == (0, 1)
    replace(path, write(new, {"81.2.69.0/24": ROME}, built=NEW))
    geography.look()
    assert placed(geography)[0] == "Rome"


def test_a_file_that_is_cut_while_it_is_open_ends_nobody(tmp_path: Path) -> None:
    """What is read is a copy: a mapped file that somebody cuts would end the process (SIGBUS)."""
    milan = {f"81.{n}.0.0/16": city("IT", city=f"Milan {n}", at=(45.46, 9.19)) for n in range(256)}
    path = write(tmp_path / "city.mmdb", milan, padding_bytes=200_000)
    geography = Geography(EnginePlan((bundled_rules(),), (path,), bundled=False), None, Said())
    os.truncate(path, 0)
    for n in range(256):
        place = geography.locator.locate(SessionEvent(id="e", at=OLD, kind="login", ip=f"81.{n}.0.1")).place
        assert place is not None
        assert place.city == f"Milan {n}"


def test_a_file_that_is_being_written_is_left_until_it_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a database is not told as a broken one."""
    geography, said = begun(tmp_path)
    now = 1_000.0
    monkeypatch.setattr(module, "SETTLED_S", 1.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    monkeypatch.setattr(module.time, "time", lambda: 0.0)  # a clock of another machine tells nothing
    whole = write(tmp_path / "new", {"81.2.69.0/24": ROME}, built=NEW).read_bytes()
    for size in (100, 300, 500, len(whole)):
        (tmp_path / "city.mmdb").write_bytes(whole[:size])
        geography.look()
        now += 0.9
    geography.look()
    assert (said.lines, placed(geography)[0]) == ([], "Milan")
    now += 0.2
    geography.look()
    assert placed(geography)[0] == "Rome"


def test_a_changed_list_is_taken_up_and_a_broken_one_is_told_in_a_line(tmp_path: Path) -> None:
    """The databases stay as they are."""
    geography, said = begun(tmp_path)
    path = tmp_path / "ours.yaml"
    path.write_text(LIST.replace("CLASS", "vpn"))
    geography.look()
    assert placed(geography)[:2] == ("Milan", "vpn")
    path.write_text(LIST.replace("CLASS", "lan") + "  - {network: x}\n")
    geography.look()
    geography.look()
    assert placed(geography)[:2] == ("Milan", "vpn")
    assert "\n" not in said.lines[-1]
    assert f"{path}:5:" in said.lines[-1]
    assert "more)" in said.lines[-1]
    assert (geography.exchanges.taken_up, geography.exchanges.refused) == (1, 1)


def test_failures_are_counted_on_and_the_map_answers_on(tmp_path: Path) -> None:
    """An exchange is no new start."""
    geography, _ = begun(tmp_path, bundled=True)
    geography.locator._databases.failed["GeoLite2-City 2024-05-01"] += 2
    replace(tmp_path / "city.mmdb", write(tmp_path / "new", {"81.2.69.0/24": ROME}, built=NEW))
    geography.look()
    assert geography.locator.failed == {"GeoLite2-City 2024-05-01": 2}
    assert geography.locator.build.startswith("GeoLite2-City 2025-01-01, dbip-lite-")


def test_a_database_without_room_for_its_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, at the start: what is larger than memory allows goes to the folder for temporary files."""
    path = write(tmp_path / "city.mmdb", {"81.2.69.0/24": MILAN})
    monkeypatch.setattr("geo.copies.COPIED_TO_MEMORY_MAX_BYTES", 10)
    plan = EnginePlan((bundled_rules(),), (path,), bundled=False)
    assert placed(Geography(plan, None, Said()))[0] == "Milan"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(DatabaseError, match="cannot be copied"):
        Geography(plan, None, Said())
