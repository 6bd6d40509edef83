"""What a file is, is told by its beginning, whatever stands there: bad lines cost themselves and not the file."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from sessionwatch.errors import InputError

LINES = [
    b'{"id":"e%d","at":"2026-03-02T09:%02d:00Z","kind":"login","user":"ann","ip":"192.0.2.7"}' % (n, n % 60)
    for n in range(1000)
]
IDS = [f"e{n}" for n in range(1000)]


@pytest.mark.parametrize(
    "before",
    [
        [b'{"id":"' + b"x" * 3_000_000 + b'"}'],
        [b"x" * 3_000_000],
        [b'{"id":"x","user":"' + b"x" * 3_000_000],
        [b'{"id":"' + b"x" * 1_300_000 + b'"}'] * 4,
    ],
    ids=["a record", "no record", "a torn record", "several"],
)
@pytest.mark.parametrize("way", ["file", "folder", "pipe"])
def test_lines_too_long_at_the_beginning_cost_themselves(before, way, reading, write, monkeypatch) -> None:
    """What a file is, is told by the records after them; they are dead, and the rest is read."""
    content = b"\n".join([*before, *LINES])
    file = write("logs/huge.jsonl", content)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    got = reading({"file": file, "folder": file.parent, "pipe": "-"}[way])
    assert got.ids == IDS
    assert [(entry.reason, entry.line) for entry in got.dead] == [
        ("record_too_large", line) for line in range(1, len(before) + 1)
    ]
    assert not got.remarks


@pytest.mark.parametrize("opening", [b"[\n", b'{"Records": [\n'])
def test_a_record_too_large_at_the_beginning_of_a_document_costs_itself(opening, reading, write) -> None:
    """The same in an array and in an envelope."""
    huge = b'{"id":"' + b"x" * 3_000_000 + b'"}'
    got = reading(write("huge.json", opening + b",\n".join([huge, *LINES]) + (b"]" if opening[:1] == b"[" else b"]}")))
    assert got.ids == IDS
    assert [(entry.reason, entry.line) for entry in got.dead] == [("record_too_large", 2)]


def test_many_blank_lines_at_the_beginning_are_no_empty_file(reading, write) -> None:
    """Megabytes of blanks, then records."""
    assert reading(write("blank.jsonl", b"\n" * 3_000_000 + LINES[0])).ids == ["e0"]


def test_how_far_is_looked_is_bounded(reading, write, monkeypatch) -> None:
    """One line without end is not held in memory whole, and is not said to have been seen to its end."""
    monkeypatch.setattr("streams.survey.HEAD_BYTES_MAX", 2_000_000)
    with pytest.raises(InputError, match=r"text without JSON records in its first \d MiB"):
        reading(write("endless.jsonl", b"x" * 9_000_000 + b"\n" + LINES[0]))


UNREADABLE = {
    b'"count":1e400': ("bad_field", "`count` is a number out of range"),
    b'"count":' + b"9" * 30: ("bad_field", f"`count` is not a whole number <= {2**53}"),
    b'"count":' + b"9" * 5000: ("bad_field", "`count` is a number out of range"),
    b'"count":"7"': ("bad_field", "`count` is text and should be a whole number"),
    b'"mfa":"yes"': ("bad_field", "`mfa` is text and should be true or false or null"),
    b'"user":"\\ud800"': ("invalid_json", "a text holds half of a surrogate pair"),
    b'"attributes":{"a":[]}': ("bad_field", "`attributes[...]` is a list and should be text"),
    b'"place":{"latitude":"z"}': ("bad_field", "`place.latitude` is text and should be a number or null"),
    b'"received_at":"2026"': ("bad_field", "`received_at` is no instant in ISO 8601 with a zone"),
    b'"received_at":"2026-03-02T09:00:00"': ("bad_field", "`received_at` is no instant in ISO 8601 with a zone"),
    b'"session":tru': ("invalid_json", "invalid character after 67 bytes of the record"),
    b'"session":"s': ("invalid_json", "ends after 66 bytes, inside a value"),
}


@pytest.mark.parametrize("field", UNREADABLE)
@pytest.mark.parametrize("times", [1, 6, 80])
def test_bad_lines_at_the_beginning_make_no_document(field, times, reading, write) -> None:
    """Values that no decoder takes cost their own lines; the file stays one of lines, and has its end."""
    bad = b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login",' + field + b"}"
    got = reading(write("odd.jsonl", b"\n".join([bad] * times + LINES)))
    assert got.ids == IDS
    assert not got.remarks
    assert [entry.line for entry in got.dead] == list(range(1, times + 1))
    assert {(entry.reason, entry.detail) for entry in got.dead} == {UNREADABLE[field]}


@pytest.mark.parametrize("first", [b"[1, 2]", b"[" * 5000, b"[}", b'{"value": 1}}', b'{"a": [1, 2}', b"{"])
def test_a_first_line_of_any_kind_costs_itself(first, reading, write) -> None:
    """Whatever stands in the first line, the lines after it are read."""
    got = reading(write("odd.jsonl", b"\n".join([first, *LINES])))
    assert got.ids == IDS
    assert len(got.dead) == 1


def test_a_bad_record_among_pretty_ones_is_not_a_cut_file(reading, write) -> None:
    """It has its end, so that what is wrong with it is told, and nothing of the file's end."""
    pretty = [json.dumps(json.loads(line), indent=1).encode() for line in LINES[:20]]
    bad = b'{\n"id": "x",\n"at": nonsense\n}'
    got = reading(write("rows.json", b"\n".join([*pretty[:10], bad, *pretty[10:]])))
    assert got.ids == IDS[:20]
    assert [(entry.reason, entry.raw) for entry in got.dead] == [("invalid_json", bad.decode())]
    assert not got.remarks


def okta_lines(published: str = "2026-03-02T09:00:00Z") -> bytes:
    """Three records of Okta's."""
    record = {"uuid": "1", "published": published, "eventType": "user.session.start", "actor": {"alternateId": "ann"}}
    return b"\n".join([json.dumps(record).encode()] * 3)


@pytest.mark.parametrize(
    ("format_", "content", "why"),
    [
        ("cloudtrail", okta_lines(), "no record fits cloudtrail; they look like okta"),
        ("native", okta_lines(), "no record fits native; they look like okta"),
        ("pingid", b'{"a": 1}', "no record fits pingid; they look like no known format"),
        ("okta", okta_lines("today"), "no record fits okta, though they look like it; the dead letter says why"),
    ],
)
def test_a_format_that_no_record_fits_is_said(format_, content, why, reading, write) -> None:
    """Somebody told the wrong format: the remark says which one it probably is."""
    got = reading(write("a.jsonl", content), format=format_)
    assert got.accounting.dead_letter == got.accounting.records_read > 0
    assert [(remark.what, remark.why) for remark in got.accounting.remarks] == [("misread", why)]


def test_one_record_that_fits_needs_no_remark(reading, write) -> None:
    """A format told rightly is not doubted for bad records, nor for records that it drops."""
    content = b"\n".join([b'{"a": 1}'] * 9 + [okta_lines()])
    assert not reading(write("a.jsonl", content), format="okta").remarks
    dropped = okta_lines().replace(b"user.session.start", b"system.org.rate_limit.warning")
    assert not reading(write("b.jsonl", b'{"a": 1}\n' + dropped), format="okta").remarks


@pytest.mark.parametrize("name", ["auth.csv", "AUTH.JSONL", "auth.ndjson.gz"])
def test_a_file_of_records_by_its_name_that_shows_none_leaves_the_run_incomplete(name, reading, write) -> None:
    """Beside good logs a damaged one is remarked, and is no note that happens to lie there."""
    write("logs/good.jsonl", LINES[0])
    assert not reading(write("logs/notes.txt", b"nothing here").parent).accounting.is_incomplete
    got = reading(write(f"logs/{name}", b'time,use\n"2026-03').parent)
    assert got.accounting.is_incomplete
    assert (name, "skipped", 0) in got.remarks


def test_a_file_without_records_is_not_called_of_no_known_format_where_the_format_was_told(reading, write) -> None:
    """The message names the format that the user told."""
    with pytest.raises(InputError, match=r"broken.jsonl: cannot be read as okta: text without JSON records"):
        reading(write("broken.jsonl", b"not json\n{broken\n"), format="okta")
