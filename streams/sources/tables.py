"""Tables of text (CSV): rows under a header row, or under columns that are told, each a record of texts by column."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from streams.sources.records import RECORD_BYTES_MAX, LineBlock, RawRecord, line_blocks

ROW_LINES_MAX: Final = 100
"""Lines of one row, whose quoted values may hold line ends; a quote that does not close by then is a fault of its
line alone, and reading goes on with the next."""
COLUMNS_MAX: Final = 1_000
"""Columns of a table; text with more values in its first row is no table."""
SAMPLE_ROWS: Final = 50
"""Rows that the format is recognised from."""

_QUOTE: Final = b'"'
_NUL: Final = b"\0"
_CLOSING: Final = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
_COLUMNS_MIN: Final = 2
_DELIMITERS: Final = (",", ";", "\t", "|")


class TableForm(msgspec.Struct, frozen=True):
    """What parts the values of a row (one ASCII character), and the columns where no header row names them."""

    delimiter: str = ","
    columns: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """The columns of one table, and whether its first row names them."""

    delimiter: str
    columns: tuple[str, ...]
    has_header: bool


class TableBeginning(msgspec.Struct, frozen=True):
    """What the beginning of a text shows, read as a table: its columns and up to 50 records.

    `even`: every row that was seen has a value for every column.
    """

    table: Table
    records: list[dict[str, str]]
    even: bool


def beginning_of_table(
    head: bytes, form: TableForm, *, whole: bool, record_bytes_max: int = RECORD_BYTES_MAX
) -> TableBeginning | None:
    r"""The table that `head`, the first bytes of a file, unpacked, begins; None where it is none of this form.

    `whole`: there are no more bytes. A header row names two columns or more, each once.

    >>> shown = beginning_of_table(b"user,at\nann,1\n", TableForm(), whole=True)
    >>> shown.table.columns, shown.records
    (('user', 'at'), [{'user': 'ann', 'at': '1'}])
    """
    data = head if whole else head[: head.rfind(b"\n") + 1]
    rows = _Rows(form.delimiter, record_bytes_max)
    found = rows.of([data])
    columns = form.columns or _header(rows, next(found, None))
    if not _COLUMNS_MIN <= len(columns) <= COLUMNS_MAX:
        return None
    table = Table(form.delimiter, columns, has_header=not form.columns)
    seen = [_made(rows, row, columns) for row in itertools.islice(found, SAMPLE_ROWS)]
    records = [msgspec.json.decode(row.raw, type=dict[str, str]) for row in seen if not row.fault]
    if seen and not records:
        return None
    return TableBeginning(table, records, even=len(records) == len(seen))


def header_fault(
    head: bytes, form: TableForm, *, whole: bool, record_bytes_max: int = RECORD_BYTES_MAX
) -> tuple[str, tuple[str, ...]]:
    r"""Why `head` begins no table of this form though its first row may be a header, and the names in that row.

    Empty where nothing can be said of it, or where it does begin one.

    >>> header_fault(b"user,at,user\nann,1,bo\n", TableForm(), whole=True)[0]
    'column user stands twice in the header'
    """
    if form.columns or beginning_of_table(head, form, whole=whole, record_bytes_max=record_bytes_max) is not None:
        return "", ()
    data = head if whole else head[: head.rfind(b"\n") + 1]
    names = _names_in(data, form.delimiter, record_bytes_max)
    if len(names) == 1:
        parted = [_names_in(data, other, record_bytes_max) for other in _DELIMITERS if other != form.delimiter]
        names = max(parted, key=len)
        if len(names) < _COLUMNS_MIN:
            return "", ()
        return "the header reads as one column: is the delimiter another one?", names
    twice = [name for n, name in enumerate(names) if name and name in names[:n]]
    if twice:
        return f"column {twice[0]} stands twice in the header", names
    if not all(names):
        return f"column {names.index('') + 1:,} of the header has no name", names
    return ("no row under the header can be read", names) if names else ("", ())


def table_records(
    chunks: Iterable[bytes], table: Table, record_bytes_max: int = RECORD_BYTES_MAX, *, line: int = 1, offset: int = 0
) -> Iterator[RawRecord]:
    r"""Every row of `table` as a JSON object of its columns; a bad row as it stands, with its fault.

    Rows are read by RFC 4180: a value in quotes may hold the delimiter, line ends and doubled quotes; line ends are
    `\n` or `\r\n`; blank lines are no rows. A quote inside a value that does not begin with one is text.
    """
    rows = _Rows(table.delimiter, record_bytes_max)
    found = rows.of(chunks, line, offset)
    for row in itertools.islice(found, int(table.has_header), None):
        yield _made(rows, row, table.columns)


def _header(rows: _Rows, row: RawRecord | None) -> tuple[str, ...]:
    """The names in the first row; none where it is no header row."""
    names = _names(rows, row)
    return names if all(names) and len(set(names)) == len(names) else ()


def _names_in(data: bytes, delimiter: str, record_bytes_max: int) -> tuple[str, ...]:
    rows = _Rows(delimiter, record_bytes_max)
    return _names(rows, next(rows.of([data]), None))


def _names(rows: _Rows, row: RawRecord | None) -> tuple[str, ...]:
    if row is None or row.fault or _NUL in row.raw:
        return ()
    try:
        return tuple(name.strip() for name in rows.values(row.raw.decode()) or ())
    except UnicodeDecodeError:
        return ()


def _made(rows: _Rows, row: RawRecord, columns: Sequence[str]) -> RawRecord:
    if row.fault:
        return row
    if _NUL in row.raw:
        return row._replace(fault="nul_byte", detail=f"a NUL byte after {row.raw.index(_NUL):,} bytes of the row")
    try:
        values = rows.values(row.raw.decode())
    except UnicodeDecodeError as error:
        return row._replace(fault="invalid_utf8", detail=f"a byte that is no UTF-8 after {error.start:,} of the row")
    if values is None:
        return row._replace(fault="bad_quotes", detail="text goes on after the closing quote of a value")
    if len(values) != len(columns):
        return row._replace(fault="wrong_width", detail=f"{len(values):,} values for {len(columns):,} columns")
    made = msgspec.json.encode(dict(zip(columns, values, strict=True)))
    return RawRecord(made, row.line, row.offset, written=row.raw)


class _Rows:
    """Parts bytes into rows and rows into values, for one delimiter."""

    def __init__(self, delimiter: str, record_bytes_max: int) -> None:
        self._delimiter = delimiter
        self._mark = delimiter.encode()
        self._record_bytes_max = record_bytes_max
        part = re.escape(delimiter)
        self._value = re.compile(rf'"([^"]*+(?:""[^"]*+)*+)"(?={part}|\Z)|((?!")[^{part}]*+)')

    def of(self, chunks: Iterable[bytes], line_number: int = 1, offset: int = 0) -> Iterator[RawRecord]:
        """Every row that is not blank, without its line end."""
        held: list[RawRecord] = []
        again: deque[RawRecord] = deque()
        lines = self._lines(chunks, line_number, offset)
        inside = False
        while True:
            line = again.popleft() if again else next(lines, None)
            if line is not None and not line.fault:
                inside = self._ends_inside(line.raw, inside=inside)
                held.append(line)
                if not inside:
                    yield from self._joined(held)
                    held = []
                if not inside or not self._is_too_long(held):
                    continue
            if held:
                # The quote that was opened never closes: that is a fault of its own line, and of no other.
                first, *others = held
                yield first._replace(fault="unclosed_quote", detail="a quoted value has no closing quote")
                again.extendleft(reversed([*others, line] if line is not None and line.fault else others))
                held, inside = [], False
            elif line is None:
                return
            else:
                yield line

    def values(self, row: str) -> list[str] | None:
        """The values of one row; None where its quotes are wrong."""
        if '"' not in row:
            return row.split(self._delimiter)
        values, start = [], 0
        while True:
            found = self._value.match(row, start)
            if found is None:
                return None
            quoted, plain = found.groups()
            values.append(plain if quoted is None else quoted.replace('""', '"'))
            start = found.end() + 1
            if found.end() == len(row):
                return values

    def _joined(self, held: list[RawRecord]) -> Iterator[RawRecord]:
        first = held[0]
        raw = first.raw if len(held) == 1 else b"\n".join(line.raw for line in held)
        raw = raw.removesuffix(b"\r")
        if raw.strip():
            yield RawRecord(raw, first.line, first.offset)

    def _is_too_long(self, held: list[RawRecord]) -> bool:
        return len(held) >= ROW_LINES_MAX or sum(len(line.raw) for line in held) > self._record_bytes_max

    def _lines(self, chunks: Iterable[bytes], line: int, offset: int) -> Iterator[RawRecord]:
        for block in line_blocks(chunks, self._record_bytes_max, line=line, offset=offset):
            if isinstance(block, RawRecord):
                yield block
                continue
            yield from _lines_of(block)

    def _ends_inside(self, line: bytes, *, inside: bool) -> bool:
        """Whether a quoted value goes on after the end of `line`; `inside`: one goes on from the line before."""
        if not inside and _QUOTE not in line:
            return False
        start = 0
        while True:
            if not inside and line.startswith(_QUOTE, start):
                inside, start = True, start + 1
            if inside:
                closing = _CLOSING.match(line, start)
                if closing is None:
                    return True
                inside, start = False, closing.end()
            start = line.find(self._mark, start) + 1
            if not start:
                return False


def _lines_of(block: LineBlock) -> Iterator[RawRecord]:
    """Every line of a block, blank ones too: inside quotes they count."""
    start, size = 0, len(block.data)
    for line in itertools.count(block.line):
        if start >= size:
            return
        end = block.data.find(b"\n", start)
        end = size if end < 0 else end
        yield RawRecord(block.data[start:end], line, block.offset + start)
        start = end + 1
