"""The dead letter: private, whole lines, and nothing of a person where that is asked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from sessionwatch.errors import BadRecordError, DeadLetterError, UsageError
from streams.deadletter import DeadLetter, Entry
from streams.sources.records import RawRecord

RECORD = RawRecord(b'{"user": "ann", "kind": "logn"}', 7, 1234)
FAULT = BadRecordError("bad_field", "Invalid value 'logn' at $.kind")


def entries(path: Path) -> list[Entry]:
    """The lines of the file."""
    return [msgspec.json.decode(line, type=Entry) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_only_the_owner_may_read_it(tmp_path, umask) -> None:
    """The mode is 0600 whatever the umask, also where an older file was open to all."""
    path = tmp_path / "dead.jsonl"
    path.write_text("older\n", encoding="utf-8")
    path.chmod(0o644)
    before = os.umask(umask)
    try:
        for file in (path, tmp_path / "new.jsonl"):
            with DeadLetter(file) as letter:
                letter.add("a.jsonl", RECORD, "native", FAULT)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert len(entries(file)) == 1
    finally:
        os.umask(before)


def test_an_entry_says_where_what_and_why(tmp_path) -> None:
    """File, line, byte offset, adapter, reason and the raw text are there."""
    path = tmp_path / "dead.jsonl"
    with DeadLetter(path) as letter:
        letter.add("logs/a.jsonl", RECORD, "native", FAULT)
    assert msgspec.json.decode(path.read_bytes()) == {
        "file": "logs/a.jsonl",
        "line": 7,
        "offset": 1234,
        "adapter": "native",
        "reason": "bad_field",
        "detail": "Invalid value 'logn' at $.kind",
        "raw": '{"user": "ann", "kind": "logn"}',
    }


def test_redacted_entries_hold_nothing_of_the_record(tmp_path) -> None:
    """With redact the position and the reason stay, and no word of the record, quoted or raw."""
    path = tmp_path / "dead.jsonl"
    with DeadLetter(path, redact=True) as letter:
        letter.add("logs/a.jsonl", RECORD, "native", FAULT)
    (entry,) = entries(path)
    assert (entry.line, entry.offset, entry.reason, entry.raw) == (7, 1234, "bad_field", None)
    assert b"ann" not in path.read_bytes()
    assert b"logn" not in path.read_bytes()


def test_long_text_is_cut_and_says_so(tmp_path) -> None:
    """Raw text is cut to the limit; how long it was is told."""
    path = tmp_path / "dead.jsonl"
    with DeadLetter(path, raw_length_max=10) as letter:
        letter.add("a", RawRecord(b"x" * 50, 1, 0), "native", FAULT)
    assert [(entry.raw, entry.cut) for entry in entries(path)] == [("x" * 10, 50)]


def test_bytes_that_are_no_text_are_shown(tmp_path) -> None:
    """Invalid UTF-8, line ends and controls cannot break a line of the file."""
    path = tmp_path / "dead.jsonl"
    with DeadLetter(path) as letter:
        letter.add("a", RawRecord(b"\xff\n\r\x00\xe2\x80\xa8", 1, 0), "native", FAULT)
    assert [entry.raw for entry in entries(path)] == ["\\xff\n\r\x00\u2028"]


def test_each_entry_is_there_at_once(tmp_path) -> None:
    """What was added is in the file before the next is, so that a crash loses nothing and halves nothing."""
    path = tmp_path / "dead.jsonl"
    letter = DeadLetter(path)
    for n in range(1, 4):
        letter.add("a", RECORD, "native", FAULT)
        assert len(entries(path)) == n
    letter.close()


def test_a_new_run_begins_a_new_file(tmp_path) -> None:
    """Entries of an earlier run do not stand beside those of this one, even when this one has none."""
    path = tmp_path / "dead.jsonl"
    with DeadLetter(path) as letter:
        letter.add("a", RECORD, "native", FAULT)
    with DeadLetter(path):
        pass
    assert path.read_bytes() == b""


def test_a_link_is_not_followed(tmp_path) -> None:
    """A link where the dead letter should be is refused: it would overwrite what it points to."""
    target = tmp_path / "precious"
    target.write_text("kept", encoding="utf-8")
    (tmp_path / "dead.jsonl").symlink_to(target)
    with pytest.raises(UsageError, match="cannot be made"):
        DeadLetter(tmp_path / "dead.jsonl")
    assert target.read_text(encoding="utf-8") == "kept"


def test_a_place_that_cannot_be_written_is_refused(tmp_path) -> None:
    """A folder that is not there is found before anything is read."""
    with pytest.raises(UsageError, match="cannot be made"):
        DeadLetter(tmp_path / "none" / "dead.jsonl")


def test_a_full_disk_stops_the_run_and_leaves_whole_lines() -> None:
    """Going on would lose records, so it does not."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    try:
        letter = DeadLetter(full)
    except UsageError:
        pytest.skip("/dev/full may not be changed here")
    with pytest.raises(DeadLetterError):
        letter.add("a", RECORD, "native", FAULT)
    letter.close()


def test_without_a_file_entries_are_counted() -> None:
    """No path: nothing is written anywhere."""
    letter = DeadLetter()
    letter.add("a", RECORD, "native", FAULT)
    assert letter.entries == 1
