"""Tables of text: rows under a header or under told columns; a bad row costs itself and not the table."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionwatch.errors import AmbiguousFormatError, InputError
from streams.sources.records import RawRecord
from streams.sources.tables import (
    ROW_LINES_MAX,
    Table,
    TableForm,
    beginning_of_table,
    table_records,
)

HEADER = "line,time_s,day,src_user,dst_user,src_computer,dst_computer,auth_type,logon_type,orientation,outcome,red"
ROW = "{n},{n},0,U1@DOM1,U1@DOM1,C1,C2,Negotiate,Interactive,LogOn,Success,0"


def rows_of(text: bytes, *columns: str, delimiter: str = ",", size: int = 1024) -> list[RawRecord]:
    """The rows of a table whose first row is its header, read in chunks."""
    chunks = [text[start : start + 7] for start in range(0, len(text), 7)]
    return list(table_records(chunks, Table(delimiter, columns, has_header=True), size))


def said(record: RawRecord) -> object:
    """The record, or why it is none."""
    return record.fault or tuple(json.loads(record.raw).values())


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    """By RFC 4180; positions are those of the row's first line."""
    found = rows_of(b'a,b\r\n"x,y","one ""two""\r\nthree"\r\n\r\n5" disk,\n', "a", "b")
    assert [said(row) for row in found] == [("x,y", 'one "two"\r\nthree'), ('5" disk', "")]
    assert [(row.line, row.offset) for row in found] == [(2, 5), (5, 35)]
    assert found[0].written == b'"x,y","one ""two""\r\nthree"'


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b"1", "wrong_width"),
        (b"1,2,3", "wrong_width"),
        (b'"1"2,3', "bad_quotes"),
        (b"\xff,2", "invalid_utf8"),
        (b"1\0,2", "nul_byte"),
        (b'"1,2', "unclosed_quote"),
        (b"x" * 2000 + b",2", "record_too_large"),
    ],
)
def test_a_bad_row_costs_itself(row: bytes, fault: str) -> None:
    """What stands before and after it is read, and it is told with its line."""
    found = rows_of(b"a,b\n1,2\n" + row + b"\n3,4\n5,6", "a", "b")
    assert [said(each) for each in found] == [("1", "2"), fault, ("3", "4"), ("5", "6")]
    assert [each.line for each in found] == [2, 3, 4, 5]
    assert found[1].detail or fault == "record_too_large"


def test_a_quote_that_never_closes_takes_no_more_lines_than_a_row_may_have() -> None:
    """Its own line is bad; the lines that it would have swallowed are rows again."""
    lines = ROW_LINES_MAX * 3
    found = rows_of(b'a,b\n"1,2\n' + b"3,4\n" * lines, "a", "b", size=10_000)
    assert [said(each) for each in found] == ["unclosed_quote", *[("3", "4")] * lines]
    found = rows_of(b'a,b\n"1,2\n' + b"x" * 2000 + b'\n"3\n",4', "a", "b")
    assert [said(each) for each in found] == ["unclosed_quote", "record_too_large", ("3\n", "4")]


CELL = st.text(alphabet='ab ,;"\n\réü', max_size=6)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_another_program_writes_is_read_back(table: list[list[str]], delimiter: str) -> None:
    """Whatever stands in the cells: Python's own writer and this reader agree."""
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *table])
    found = rows_of(written.getvalue().encode(), "a", "b", delimiter=delimiter)
    assert [said(row) for row in found] == [tuple(row) for row in table]


@given(st.lists(st.text(alphabet='ab,"\n\r ', max_size=9), max_size=30))
def test_no_line_is_lost_whatever_stands_in_a_table(lines: list[str]) -> None:
    """Every line that is not blank is in exactly one row, good or bad, in order."""
    text = "\n".join(["a,b", *lines]).encode()
    found = list(table_records([text], Table(",", ("a", "b"), has_header=True)))
    parts = [line.strip() for row in found for line in (row.written or row.raw).split(b"\n") if line.strip()]
    assert parts == [line.strip() for line in text.split(b"\n")[1:] if line.strip()]
    assert all(text[row.offset :].startswith(row.written or row.raw) for row in found)


def test_a_header_names_each_column_once() -> None:
    """Else it is none, and the text no table."""
    for header in ("a,a", "a,", "a"):
        assert beginning_of_table(f"{header}\n1,2\n".encode(), TableForm(), whole=True) is None
    shown = beginning_of_table(b"1;2\n3;4\n5", TableForm(";", ("a", "b")), whole=False)
    assert shown is not None
    assert shown.records == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_table_is_recognised_by_its_columns(reading, write) -> None:
    """With a byte order mark, Windows line ends and packed; a bad row is in the dead letter as it stands."""
    rows = [HEADER, ROW.format(n=1), "too,short", ROW.format(n=3)]
    text = "\N{ZERO WIDTH NO-BREAK SPACE}" + "\r\n".join(rows)
    got = reading(write("logs/auth.csv.gz", gzip.compress(text.encode())), write("logs/plain.csv", text.encode()))
    assert [event.id for event in got.events] == ["1", "3"] * 2
    assert [(entry.reason, entry.line, entry.raw, entry.adapter) for entry in got.dead] == [
        ("wrong_width", 3, "too,short", "lanl_auth")
    ] * 2
    assert {each.format for each in got.accounting.recognised} == {"lanl_auth"}


def test_a_nul_byte_costs_its_row_and_not_the_table(reading, write) -> None:
    """Wherever it stands, seen at the beginning or not; a header row with one names no columns."""
    rows = [ROW.format(n=n) for n in range(4)]
    bad = "\0" + rows[2]
    got = reading(write("auth.csv", "\n".join([HEADER, *rows[:2], bad, rows[3]]).encode()))
    assert got.ids == ["0", "1", "3"]
    assert [(entry.reason, entry.line, entry.raw) for entry in got.dead] == [("nul_byte", 4, bad)]
    assert got.dead[0].detail == "a NUL byte after 0 bytes of the row"
    with pytest.raises(InputError, match="of no known format: binary data"):
        reading(write("header.csv", f"{HEADER}\0\n{rows[0]}\n".encode()))


def test_a_row_that_the_mapping_cannot_read_is_kept_as_it_stands(reading, write) -> None:
    """Not as the object that was made of it."""
    bad = ROW.format(n=1).replace("1,1,0", "1,noon,0")
    got = reading(write("auth.csv", f"{HEADER}\n{bad}\n{ROW.format(n=2)}".encode()))
    assert [(entry.reason, entry.raw, entry.offset) for entry in got.dead] == [("bad_time", bad, len(HEADER) + 1)]


def test_a_header_alone_is_an_empty_table(reading, write) -> None:
    """Nothing was read, which is told beside others and refused alone."""
    good = write("logs/auth.csv", f"{HEADER}\n{ROW.format(n=1)}\n".encode())
    empty = write("logs/empty.csv", f"{HEADER}\n".encode())
    assert reading(good, empty).remarks == [("empty.csv", "empty", 0)]
    with pytest.raises(InputError, match=r"empty.csv is empty"):
        reading(empty)


def test_a_table_of_no_known_format_is_told_by_its_columns(reading, write) -> None:
    """So that somebody can write a mapping of it."""
    with pytest.raises(InputError, match=r"a table of no known format, with the columns door, user, when. Known: "):
        reading(write("doors.csv", b"user,door,when\nann,n,1\nbo,s,2\n"))


@pytest.mark.parametrize(
    ("header", "row", "why"),
    [
        (f"{HEADER},outcome", f"{ROW},x", "column outcome stands twice in the header"),
        (HEADER.replace(",", ";"), ROW.replace(",", ";"), "the header reads as one column: is the delimiter another"),
        (f"{HEADER},", f"{ROW},x", "column 13 of the header has no name"),
        (HEADER, "too,short", "no row under the header can be read"),
    ],
)
@pytest.mark.parametrize("told", ["auto", "lanl_auth"])
def test_what_is_wrong_with_the_header_of_a_known_format_is_told(header, row, why, told, reading, write) -> None:
    """Whether the format was told or its columns show it; beside other logs it was not read, which counts."""
    bad = write("logs/auth.csv", f"{header}\n{row.format(n=1)}\n".encode())
    with pytest.raises(InputError, match=rf"auth.csv: cannot be read as lanl_auth: {why}"):
        reading(bad, format=told)
    write("logs/good.csv", f"{HEADER}\n{ROW.format(n=1)}\n".encode())
    got = reading(bad.parent, format=told)
    assert got.remarks == [("auth.csv", "skipped", 0)]
    assert got.accounting.is_incomplete


def test_a_format_without_tables_reads_none(reading, write) -> None:
    """What the user says of a file does not make it so."""
    with pytest.raises(InputError, match="text without JSON records"):
        reading(write("auth.csv", f"{HEADER}\n{ROW.format(n=1)}\n".encode()), format="okta")


def test_a_table_that_is_told_is_read_as_told(reading, write) -> None:
    """Though its columns look like nothing: the dead letter says what is missing."""
    got = reading(write("other.csv", b"a,b\n1,2\n"), format="lanl_auth")
    assert got.accounting.dropped == {"other_orientation": 1}


def test_a_table_that_fits_two_formats_is_refused(reading, write) -> None:
    """Nobody chooses for the user."""
    both = "EVENT_TIMESTAMP,IS_SUCCESS,REPORTED_CLIENT_TYPE,QUERY_TEXT,QUERY_TYPE,EXECUTION_STATUS\n1,2,3,4,5,6\n"
    with pytest.raises(AmbiguousFormatError, match="snowflake_login_history"):
        reading(write("both.csv", both.encode()))
