"""The file of notices: each line once, whatever was written and not acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessionwatch.errors import UsageError
from streams.sinks.notice_file import NoticeFile, Written


def test_what_was_not_acknowledged_is_cut_off_and_written_again(tmp_path: Path) -> None:
    """Half a line, or a whole one more."""
    path = tmp_path / "notices"
    path.write_text("of another\n")
    file = NoticeFile(str(path), Written())
    written = file.append([b"one"])
    file.append([b"two"])
    file.close()
    with path.open("ab") as torn:
        torn.write(b"thr")
    file = NoticeFile(str(path), written)
    file.append([b"two", b"three"])
    file.close()
    assert path.read_text() == "of another\none\ntwo\nthree\n"


def test_a_rotated_file_is_left_and_a_new_one_begun(tmp_path: Path) -> None:
    """Nothing is cut off of a file that is another one now."""
    path = tmp_path / "notices"
    file = NoticeFile(str(path), Written())
    written = file.append([b"one"])
    path.rename(tmp_path / "notices.1")
    file.append([b"two"])
    file.close()
    again = NoticeFile(str(path), written)
    again.append([b"three"])
    again.close()
    assert (tmp_path / "notices.1").read_text() == "one\n"
    assert path.read_text() == "two\nthree\n"


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With its name and what to do."""
    with pytest.raises(UsageError, match=r"notices cannot be written: .*; name another file"):
        NoticeFile(str(tmp_path), Written())
