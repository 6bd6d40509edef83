"""Files followed as they grow: what each look gives, however the file was renamed, cut or begun anew in between."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sessionwatch.errors import InputError
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.canonical import Canonical
from streams.decoding import Decoding
from streams.sources import segments
from streams.sources.following import ROTATED_PASSES, Following
from streams.sources.segments import Position

RECORD_BYTES_MAX = 4096
BEGUN: list[Following] = []


@pytest.fixture(autouse=True)
def close_all() -> Iterator[None]:
    """Leave no file open."""
    yield
    while BEGUN:
        BEGUN.pop().close()


def line(name: str, minute: int = 0) -> str:
    """One native event, as a line."""
    return json.dumps({"id": name, "at": f"2026-03-02T10:{minute:02}:00Z", "kind": "login", "user": "ann"}) + "\n"


class Reader:
    """A reader that may be begun again: it keeps positions as a watch does, and notes faults and remarks."""

    def __init__(self, *paths: Path | str, format_name: str = "auto") -> None:
        self.paths, self.format = [str(path) for path in paths], format_name
        self.remarks: list[str] = []
        self.faults: list[tuple[str, int, int]] = []
        self.positions: dict[str, Position] = {}
        self.begin()

    def begin(self) -> None:
        """Go on from the positions."""
        self.following = Following(
            self.paths, self.format, adapters(), self.positions.values(), self.remarks.append, RECORD_BYTES_MAX
        )
        BEGUN.append(self.following)

    def look(self, *, final: bool = False) -> list[str]:
        """The ids of what one look gives."""
        found: list[str] = []
        bury = Decoding(
            Canonical("t", {}, Accounting()),
            RECORD_BYTES_MAX,
            Accounting(),
            lambda _where, record, _format, fault: self.faults.append((fault.reason, record.line, record.offset)),
        )
        for where, adapter, segment in self.following.pending(final=final):
            for block in segment.blocks:
                found += [event.id for event in bury.events(where, adapter, block)]
            self.positions[segment.position.key] = segment.position
        return found


def write(path: Path, *texts: str, mode: str = "a") -> None:
    """Append to a file, or with mode w write it anew."""
    with path.open(mode) as file:
        file.writelines(texts)


def test_an_unfinished_last_line_waits(tmp_path: Path) -> None:
    """Until its end comes it is no record; with the end of the input it is one."""
    log = tmp_path / "log"
    write(log, line("a"), line("b")[:20])
    reader = Reader(log)
    assert reader.look() == ["a"]
    write(log, line("b")[20:], line("c").rstrip("\n"))
    assert reader.look() == ["b"]
    assert reader.look() == []
    assert reader.look(final=True) == ["c"]
    assert reader.faults == []


@pytest.mark.parametrize("restart", [False, True])
def test_a_renamed_file_is_read_to_its_end_and_then_its_successor(tmp_path: Path, restart: bool) -> None:
    """Also where the reader was away when it happened."""
    log = tmp_path / "log"
    write(log, line("a"))
    reader = Reader(log)
    assert reader.look() == ["a"]
    write(log, line("b"))
    log.rename(tmp_path / "log.1")
    write(log, line("c"))
    if restart:
        reader.begin()
    assert reader.look() == ["b", "c"]
    write(tmp_path / "log.1", line("d"))
    assert reader.look() == ["d"], "its writer had not noticed yet"
    for _ in range(ROTATED_PASSES + 2):
        assert reader.look() == []
    write(log, line("e"))
    assert reader.look() == ["e"]


def test_a_folder_whose_files_are_renamed_gives_each_record_once(tmp_path: Path) -> None:
    """The file under its new name is the one that was read."""
    write(tmp_path / "log", line("a"))
    reader = Reader(tmp_path)
    assert reader.look() == ["a"]
    (tmp_path / "log").rename(tmp_path / "log.1")
    write(tmp_path / "log", line("b"))
    found = [name for _ in range(ROTATED_PASSES + 5) for name in reader.look()]
    assert found == ["b"]


@pytest.mark.parametrize("longer", [False, True])
def test_a_cut_file_is_read_from_its_start(tmp_path: Path, longer: bool) -> None:
    """Shorter than before, or already longer with another beginning."""
    log = tmp_path / "log"
    write(log, line("a"), line("b"))
    reader = Reader(log)
    assert reader.look() == ["a", "b"]
    names = "cdefg" if longer else "c"
    write(log, *map(line, names), mode="w")
    assert reader.look() == list(names)
    assert any("from its start" in remark for remark in reader.remarks)


def test_a_vanished_file_is_told_and_its_successor_read(tmp_path: Path) -> None:
    """Nobody is left with the belief that a log is quiet."""
    log = tmp_path / "log"
    write(log, line("a"))
    reader = Reader(log)
    assert reader.look() == ["a"]
    log.unlink()
    assert reader.look() == []
    assert [remark for remark in reader.remarks if "vanished" in remark]
    write(log, line("b"))
    assert reader.look() == ["b"]


def test_positions_of_bad_lines_are_those_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pieces are: line and byte of each bad record, and too long ones are one bad record."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 100)
    log = tmp_path / "log"
    long = '{"id": "' + "x" * 3 * RECORD_BYTES_MAX + '"}\n'
    texts = [line("a"), "no json\n", line("b"), long, line("c"), "{}\n"]
    write(log, *texts)
    reader = Reader(log, format_name="native")
    assert reader.look() == ["a", "b", "c"]
    offsets = [sum(len(text) for text in texts[:n]) for n in (1, 3, 5)]
    assert [(number, offset) for _, number, offset in reader.faults] == list(zip((2, 4, 6), offsets, strict=True))
    assert reader.faults[1][0] == "record_too_large"


HEADER = "time_s,src_user,dst_user,src_computer,orientation,outcome\n"


def rows(names: Iterable[str]) -> str:
    """Rows of LANL authentications."""
    return "".join(f'{n},U{name}@D,"U{name}@D",C1,LogOn,Success\n' for n, name in enumerate(names, 1))


def test_a_table_grows_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its columns are remembered, over restarts too."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 64)
    log = tmp_path / "log"
    write(log, HEADER + rows("abc"))
    reader = Reader(log)
    assert len(reader.look()) == 3
    reader.begin()
    write(log, rows("defgh"), '9,"U1@D\n')
    assert len(reader.look()) == 5
    assert reader.faults == []


def test_documents_and_packed_files_are_read_once_they_stand_still(tmp_path: Path) -> None:
    """Each whole, once, and again only when it is another."""
    packed, document = tmp_path / "log.gz", tmp_path / "log.json"
    packed.write_bytes(gzip.compress((line("a") + line("b")).encode()))
    document.write_text(json.dumps([json.loads(line("c")), json.loads(line("d"))], indent=1) + "\n")
    reader = Reader(packed, document)
    assert reader.look() == []
    assert reader.look() == ["a", "b", "c", "d"]
    assert reader.look() == []
    reader.begin()
    assert reader.look() + reader.look() == []
    packed.write_bytes(gzip.compress((line("a") + line("b") + line("e")).encode()))
    assert "e" in [name for _ in range(3) for name in reader.look()]


def test_what_is_no_log_is_refused_at_the_start_and_told_later(tmp_path: Path) -> None:
    """A named file at the start: nothing is read. One that comes later: one line, and the others go on."""
    write(tmp_path / "notes", "dear diary\n")
    with pytest.raises(InputError, match="notes: of no known format"):
        Reader(tmp_path / "notes").look()
    with pytest.raises(InputError, match="no such file"):
        Reader(tmp_path / "missing")
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "a.log", line("a"))
    reader = Reader(folder)
    assert reader.look() == ["a"]
    write(folder / "b.log", "dear diary\n")
    write(folder / "a.log", line("b"))
    assert reader.look() + reader.look() == ["b"]
    assert len([remark for remark in reader.remarks if "b.log" in remark]) == 1
