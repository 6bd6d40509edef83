"""Which files are read, which are named and skipped, and which are an error."""

from __future__ import annotations

import gzip
import io
import os
import sys
from types import SimpleNamespace

import pytest

from sessionwatch.errors import InputError
from streams.adapters import adapters
from streams.reading import read

LINES = [b'{"id":"e%d","at":"2026-03-02T09:00:00Z","kind":"login","user":"ann"}' % n for n in range(1000)]
IDS = [f"e{n}" for n in range(1000)]


NOTHING = [b"", b"\n \n", b"\xef\xbb\xbf", b"[]", b'{"Records": []}', b'{"records":[]}\n{"records":[]}']


@pytest.mark.parametrize("content", NOTHING)
@pytest.mark.parametrize("format_", ["auto", "okta"])
def test_an_empty_file_alone_is_an_error(content, format_, reading, write) -> None:
    """Nothing at all was read: that must not look like a quiet day."""
    file = write("empty.json", content)
    with pytest.raises(InputError, match=r"empty.json is empty: no record was read$"):
        reading(file, format=format_)


@pytest.mark.parametrize("content", NOTHING)
def test_an_empty_file_among_others_is_said(content, reading, write) -> None:
    """A day without records beside others is normal, and is remarked, in whatever way both are named."""
    empty, full = write("logs/empty.json", content), write("logs/full.json", LINES[0])
    for paths in ([empty, full], [empty.parent]):
        got = reading(*paths)
        assert got.ids == ["e0"]
        assert got.remarks == [("empty.json", "empty", 0)]


def test_an_empty_standard_input_is_an_error(reading, monkeypatch) -> None:
    """A command in front of the pipe that failed does not look like a quiet day either."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with pytest.raises(InputError, match=r"^standard input is empty: no record was read$"):
        reading("-")


def test_nothing_but_empty_files_is_an_error(reading, write) -> None:
    """All of them are told, one a line."""
    files = [write(f"logs/{n}.json", b"") for n in range(2)]
    for paths in (files, [files[0].parent]):
        with pytest.raises(InputError) as told:
            reading(*paths)
        first, *each = str(told.value).splitlines()
        assert first == "2 files, and no record was read:"
        assert [line.strip() for line in each] == [f"{file} is empty: no record was read" for file in files]


@pytest.mark.parametrize("named", [True, False])
def test_unknown_files_are_told_one_a_line(named, reading, write) -> None:
    """Each with what is wrong, the first five of them, then how many more there are and which formats are known."""
    files = [write(f"logs/{n:02d}.txt", b"hello\n") for n in range(21)] + [write("logs/21.txt", b"")]
    with pytest.raises(InputError) as told:
        reading(*(files[:21] if named else [files[0].parent]))
    first, *each, more, known = str(told.value).splitlines()
    assert first == ("21 files cannot be read:" if named else "22 files, and no log:")
    assert each == [f"  {file}: of no known format: text without JSON records" for file in files[:5]]
    assert more == ("  and 16 more" if named else "  and 17 more")
    assert known == f"Known: {', '.join(adapters())}"


def test_an_unknown_file_named_beside_a_good_one_is_an_error(reading, write) -> None:
    """Whoever names a file means it."""
    with pytest.raises(InputError, match=r"^\S*notes.txt: of no known format: text without JSON records. Known: "):
        reading(write("a.jsonl", LINES[0]), write("notes.txt", b"hello"))


def test_foreign_files_in_a_folder_are_named_and_skipped(reading, write) -> None:
    """A folder is read with all below it; what is no log of ours is named with the reason and costs nothing."""
    write("logs/a.jsonl", LINES[0])
    write("logs/deep/er/b.json.gz", gzip.compress(b"[" + b",\n".join(LINES) + b"]"))
    write("logs/LICENSE", b"Permission is hereby granted\n" * 100)
    write("logs/flow.log", b"2 493859302102 eni-0b13 92.55.146.245 172.31.77.31\n" * 5)
    write("logs/brackets.log", b"[2026-03-02 09:00:00] INFO started\n" * 5)
    write("logs/map.mmdb", b"\x00\x01\xff" * 1000)
    write("logs/windows.txt", '{"id": 1}'.encode("utf-16"))
    write("logs/other.jsonl", b'{"verdict": "clean", "scanner": 7}\n')
    folder = write("logs/z.jsonl", LINES[1]).parent
    got = reading(folder)
    assert got.ids == ["e0", *IDS, "e1"]
    assert sorted(name for name, what, _ in got.remarks if what == "skipped") == [
        "LICENSE",
        "brackets.log",
        "flow.log",
        "map.mmdb",
        "other.jsonl",
        "windows.txt",
    ]
    reasons = " ".join(remark.why for remark in got.accounting.remarks)
    assert "fields scanner, verdict" in reasons
    assert "UTF-16" in reasons
    assert "binary" in reasons
    assert not got.accounting.is_incomplete


@pytest.mark.parametrize(
    "content", [b"Permission is hereby granted", b"\x00\x01", b'{"verdict": "clean"}', b"[1,2,3]", b"a,b\n1,2\n"]
)
@pytest.mark.parametrize("glob", [False, True])
def test_a_single_path_of_no_known_format_is_an_error(content, glob, reading, write) -> None:
    """One named file that is foreign, or nothing but foreign files, is refused with the known formats."""
    file = write("x/foreign.txt", content)
    with pytest.raises(InputError, match=rf"foreign.txt: .*[Kk]nown: {', '.join(adapters())}"):
        reading(str(file.parent / "*") if glob else file)


def test_a_path_that_names_nothing_is_an_error(reading, tmp_path) -> None:
    """Missing files, empty folders and globs without a match are refused before anything is read."""
    (tmp_path / "hollow").mkdir()
    for path in ("missing.jsonl", "hollow", "*.nothing"):
        with pytest.raises(InputError, match=r"no such|no file"):
            reading(tmp_path / path)
    with pytest.raises(InputError, match="no PATH"):
        reading()


def test_a_wrong_path_is_found_before_the_first_event(write) -> None:
    """Errors in any PATH come from the call, not in the middle of the events."""
    good = write("good.jsonl", LINES[0])
    with pytest.raises(InputError):
        read([good, good.parent / "missing"])


def test_a_file_named_twice_is_read_once(reading, write) -> None:
    """Overlapping PATHs, a folder and a file in it, do not read a file again."""
    file = write("logs/a.jsonl", LINES[0])
    write("logs/b.jsonl", LINES[1])
    assert reading(file, file.parent, str(file.parent / "*.jsonl")).ids == ["e0", "e1"]


def test_what_cannot_be_opened_in_a_folder_is_named(reading, write) -> None:
    """A dangling link, or a folder that may not be entered, does not go missing silently."""
    folder = write("logs/a.jsonl", LINES[0]).parent
    (folder / "b.jsonl").symlink_to(folder / "gone.jsonl")
    closed = write("logs/closed/c.jsonl", LINES[1]).parent
    closed.chmod(0)
    try:
        root = os.access(closed, os.R_OK)
        got = reading(folder)
    finally:
        closed.chmod(0o700)
    assert got.ids == (["e0", "e1"] if root else ["e0"])
    assert got.accounting.is_incomplete
    assert {name for name, what, _ in got.remarks if what == "skipped"} == {"b.jsonl"} | (set() if root else {"closed"})


def test_globs_reach_into_folders(reading, write) -> None:
    """`**` is every folder below."""
    file = write("logs/2026/03/a.jsonl", LINES[0])
    write("logs/2026/03/a.txt", LINES[1])
    assert reading(str(file.parents[2] / "**" / "*.jsonl")).ids == ["e0"]


def test_progress_ends_at_the_whole(write) -> None:
    """Progress counts bytes of the files as they are packed, only rises, and ends at their sum."""
    files = [write("a.gz", gzip.compress(b"\n".join(LINES * 50))), write("b.jsonl", b"\n".join(LINES))]
    total = sum(file.stat().st_size for file in files)
    seen: list[tuple[int, int | None]] = []
    list(read(files, progress=lambda done, whole: seen.append((done, whole))))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
