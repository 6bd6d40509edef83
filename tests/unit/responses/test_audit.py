"""The audit log: what was changed, removed, inserted or put elsewhere is found; what cannot be kept is told."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessionwatch.errors import AuditError
from sessionwatch.responses import audit
from sessionwatch.responses.audit import AuditLog, Entry, hash_of
from sessionwatch.responses.audit_reading import records, verify
from sessionwatch.responses.credentials import Secret

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KEY = Secret("a key that is long enough")


def entries(first: int, count: int) -> list[Entry]:
    """Some records."""
    return [Entry("outcome", {"n": n, "name": "Zoë"}, "ann") for n in range(first, first + count)]


def written(folder: Path, count: int = 12) -> Path:
    """A folder with two chains and checkpoints over both, the last at the end."""
    with AuditLog(folder, "respond", KEY) as one, AuditLog(folder, "watch", KEY) as other:
        for n in range(0, count, 3):
            one.append(entries(n, 3), AT + timedelta(seconds=n))
            other.append(entries(n, 1), AT + timedelta(seconds=n))
            one.checkpoint(AT + timedelta(seconds=n))
    return folder


def test_what_was_written_is_whole_and_can_be_read(tmp_path: Path) -> None:
    """Every record of every chain, by time, also after the writers were begun again; checkpoints vouch for it."""
    written(written(tmp_path))
    found = verify([tmp_path], KEY)
    assert found.faults == []
    assert found.records == {"respond": 24, "watch": 8}
    assert found.signed_until == {"respond": 24, "watch": 8}
    assert found.checkpoints == 8
    assert len(list(records([tmp_path]))) == 32


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_changed_byte_is_found_and_named(tmp_path: Path, data: st.DataObject) -> None:
    """Whichever byte of a chain or a checkpoint becomes another: the record in which it lies is named."""
    folder = tmp_path / "log"
    if not folder.exists():
        written(folder)
    path = data.draw(st.sampled_from(sorted(folder.glob("*.jsonl"))))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != before[place]))
    path.write_bytes(before[:place] + bytes([byte]) + before[place + 1 :])
    try:
        faults = verify([folder], KEY).faults
        record = before[:place].count(b"\n") + 1
        writer = path.name.partition(".")[0]
        # A line's end belongs to the line before it; without it two records look like one.
        assert any(fault.writer == writer and abs(fault.seq - record) <= 1 for fault in faults), faults
    finally:
        path.write_bytes(before)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whole_records_taken_put_or_swapped_are_found(tmp_path: Path, data: st.DataObject) -> None:
    """Removed, inserted, put elsewhere or made up with a right hash: named by number, up to the last checkpoint."""
    folder = tmp_path / "log"
    if not folder.exists():
        written(folder)
    path = folder / "respond.000001.jsonl"
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    where = named = data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["removed", "inserted", "swapped", "made up", "cut off"]))
    after = list(lines)
    if how == "removed":
        del after[where]
    elif how == "inserted":
        named = data.draw(st.integers(0, len(lines) - 1))
        after.insert(where, lines[named])
    elif how == "swapped":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda n: n != where))
        after[where], after[other] = after[other], after[where]
        named = min(where, other)
    elif how == "cut off":
        after = after[:where]
    else:
        record = json.loads(lines[where])
        record["by"] = "somebody else"
        record["hash"] = hash_of(record)
        after[where] = audit.canonical(record) + b"\n"
    path.write_bytes(b"".join(after))
    try:
        faults = verify([folder], KEY).faults
        assert any(fault.writer == "respond" for fault in faults), how
        told = {fault.seq for fault in faults if fault.writer == "respond"}
        near = 3 if how == "made up" else 1  # whose hash is right is told by the record or the checkpoint after it
        assert any(abs(seq - (named + 1)) <= near for seq in told), how
    finally:
        path.write_bytes(before)


def test_a_chain_written_anew_does_not_fit_the_checkpoints(tmp_path: Path) -> None:
    """Whoever can write the file and has no key cannot make another past: each of its hashes is right, and no use."""
    written(tmp_path)
    path = tmp_path / "respond.000001.jsonl"
    lines, before = [], audit.NOTHING
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        record["data"]["n"] = -1 if record["seq"] == 4 else record["data"]["n"]
        record["prev"] = before
        record["hash"] = before = hash_of(record)
        lines.append(audit.canonical(record) + b"\n")
    path.write_bytes(b"".join(lines))
    faults = verify([tmp_path], KEY).faults
    assert [fault.seq for fault in faults] == [6, 9, 12]
    assert "one after 3 was changed" in faults[0].what
    assert verify([tmp_path], Secret("another key")).signed_until == {}


def test_a_crash_leaves_a_beginning_that_is_cut_off(tmp_path: Path) -> None:
    """What was not acknowledged was not done; the chain goes on after the last whole record."""
    written(tmp_path)
    path = tmp_path / "respond.000001.jsonl"
    with path.open("ab") as file:
        file.write(b'{"seq":13,"what":"att')
    with AuditLog(tmp_path, "respond", KEY) as log:
        assert log.append(entries(99, 1), AT).seq == 13
    assert verify([tmp_path], KEY).faults == []


def test_a_changed_last_record_is_no_ground_to_go_on_from(tmp_path: Path) -> None:
    """A writer that begins on a broken chain says so and does nothing."""
    written(tmp_path)
    path = tmp_path / "respond.000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"n":11', b'"n":12'))
    with pytest.raises(AuditError, match="audit verify"):
        AuditLog(tmp_path, "respond", KEY)


def test_a_full_disk_records_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole or not at all: half of a batch on a disk without room is taken away again, and it goes on with room."""
    log = AuditLog(tmp_path, "respond", KEY)
    log.append(entries(0, 2), AT)
    real, room = os.write, [40]

    def full(handle: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(handle, bytes(data)[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(AuditError, match="nothing is done"):
        log.append(entries(2, 3), AT)
    monkeypatch.setattr(os, "write", real)
    assert log.append(entries(5, 1), AT).seq == 3
    log.close()
    assert verify([tmp_path], KEY).faults == []


def test_rotation_keeps_the_chain_and_old_files_may_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next file begins with the hash of the last record of the one before; an archive is looked through with it."""
    monkeypatch.setattr(audit, "SEGMENT_BYTES_MAX", 600)
    here, archive = tmp_path / "here", tmp_path / "archive"
    written(here)
    assert len(list(here.glob("respond.*.jsonl"))) > 2
    assert verify([here], KEY).faults == []
    archive.mkdir()
    (here / "respond.000001.jsonl").rename(archive / "respond.000001.jsonl")
    assert verify([here, archive], KEY).faults == []
    assert verify([here], KEY).faults[0].what.startswith("removed")


def _write(folder: Path, first: int) -> None:
    for n in range(first, first + 10):
        with AuditLog(folder, "hand", KEY) as log:
            log.append(entries(n, 1), AT)
            log.checkpoint(AT)


def test_writers_at_the_same_time_do_not_break_each_other(tmp_path: Path) -> None:
    """Two processes on one chain take turns, and both make checkpoints."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = verify([tmp_path], KEY)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert (found.records, found.checkpoints, found.faults) == ({"hand": 20}, 20, [])
