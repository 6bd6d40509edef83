"""The look at every PATH before anything is read: what each file is, what it will be read as, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sessionwatch.errors import AmbiguousFormatError, InputError
from streams.accounting import FOREIGN, Accounting, RecognisedFile, Remark, what_of
from streams.adapters import adapter, adapters
from streams.adapters.adapter import Adapter
from streams.recognition import Recognition, lookalikes, recognise
from streams.sources.compression import ByteStream
from streams.sources.containers import Beginning, Container, beginning_of
from streams.sources.paths import STDIN, InputFile, input_files
from streams.sources.tables import Table, TableBeginning, beginning_of_table, header_fault

HEAD_BYTES_MIN: Final = 128 * 1024
"""The beginning of a file that its format is told from; longer only where no whole record stands in it."""
HEAD_BYTES_MAX: Final = 16 * 1024 * 1024
"""How far a file is looked into where it begins with a line or a record that is too long to be read."""
UNKNOWN_COLUMNS_MIN: Final = 3
"""Columns of a text that is called a table though no format knows it: prose may well have a comma in each line."""
FILES_TOLD_MAX: Final = 5
"""Files that one message names, each on its line; of more, it says how many."""

_JSON_BEGINS: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"')


@dataclass(slots=True)
class Feed:
    """A file that will be read: its container, its format and why. `stream` is open where it can be read only once.

    `told`: the user said the format; then `alike` has the formats that the first records look like. `table`: the
    columns, where the container is a table.
    """

    file: InputFile
    container: Container
    adapter: Adapter
    why: str
    told: bool = False
    alike: Sequence[str] = ()
    table: Table | None = None
    stream: ByteStream | None = None
    begun: Sequence[bytes] = ()
    rest: Iterable[bytes] = ()

    @property
    def name(self) -> str:
        """The format's name."""
        return self.adapter.name


Formats = Mapping[str, Adapter]
"""Adapters by the names of their formats."""


def survey(
    paths: Iterable[str | Path],
    format_name: str,
    record_bytes_max: int,
    accounting: Accounting,
    formats: Formats | None = None,
) -> list[Feed]:
    """What will be read, and as what, of `formats` (all that come with sessionwatch); remarks on what will not.

    Raises:
        InputError: a PATH names nothing, a named file cannot be read or is of no known format, or all are empty.
        AmbiguousFormatError: a file fits several formats.
        UsageError: there is no such format.
    """
    formats = adapters() if formats is None else formats
    chosen = None if format_name == "auto" else adapter(format_name, formats)
    feeds: list[Feed] = []
    refused: list[str] = []
    for file in input_files(paths):
        try:
            feed = _surveyed(file, _Formats(formats, chosen, record_bytes_max), accounting)
        except AmbiguousFormatError:
            raise
        except InputError as error:
            refused.append(str(error))
            continue
        feeds += [] if feed is None else [feed]
    if refused:
        raise InputError(_listed(refused, "files cannot be read", formats))
    if not feeds:
        _nothing_to_read(accounting.remarks, formats)
    accounting.recognised += [RecognisedFile(feed.file.path, feed.name, feed.why) for feed in feeds]
    return feeds


def feed_of(
    path: str, head: bytes, format_name: str, formats: Formats, *, whole: bool, record_bytes_max: int
) -> Feed | Remark:
    """What will be read of a source that begins with `head`, and as what; a remark where it is nothing known, or empty.

    `whole`: there is no more of it.

    Raises:
        AmbiguousFormatError: it fits several formats.
        UsageError: there is no such format.
    """
    known = _Formats(formats, None if format_name == "auto" else adapter(format_name, formats), record_bytes_max)
    file = InputFile(path, named=True)
    beginning = beginning_of(head, whole=whole, record_bytes_max=record_bytes_max)
    feed = known.tabled(file, head, whole=whole) if beginning.is_text else None
    return feed or known.fed(file, beginning)


def _nothing_to_read(remarks: Sequence[Remark], formats: Formats) -> None:
    """Refuse files that hold nothing; those that end too early, or are damaged, are no usage error.

    Raises:
        InputError: there is nothing else.
    """
    if all(remark.what == "empty" for remark in remarks):
        told = [f"{_called(remark.file)} is empty: no record was read" for remark in remarks]
        raise InputError(_listed(told, "files, and no record was read", formats))
    if all(remark.what in {"empty", "skipped"} for remark in remarks):
        told = [f"{remark.file}: {_unread(remark)}" for remark in remarks]
        raise InputError(_listed(told, "files, and no log", formats))


def _listed(messages: Sequence[str], what: str, formats: Formats) -> str:
    """One message as it is; several one a line, and how many more there are. Then the known formats, if it is that."""
    known = f"Known: {', '.join(formats)}" if any(f": {FOREIGN}" in message for message in messages) else ""
    if len(messages) == 1:
        return f"{messages[0]}. {known}" if known else messages[0]
    more = len(messages) - FILES_TOLD_MAX
    shown = [*messages[:FILES_TOLD_MAX], *([f"and {more:,} more"] if more > 0 else [])]
    return "\n  ".join([f"{len(messages):,} {what}:", *shown]) + (f"\n{known}" if known else "")


def _unread(remark: Remark) -> str:
    return "empty" if remark.what == "empty" else remark.refusal


def _called(path: str) -> str:
    return "standard input" if path == STDIN else path


def _surveyed(file: InputFile, formats: _Formats, accounting: Accounting) -> Feed | None:
    """The feed of one file, or None with a remark."""
    try:
        stream = ByteStream(file)
    except InputError as error:
        if file.named:
            raise
        accounting.remarks.append(Remark(file.path, "skipped", str(error).partition(": ")[2], is_lost=True))
        return None
    once = file.size_bytes is None
    try:
        chunks = stream.chunks()
        begun, beginning, whole = _begun(chunks, formats.record_bytes_max)
        feed = formats.tabled(file, b"".join(begun), whole=whole) if beginning.is_text else None
        feed = feed or formats.fed(file, beginning)
    finally:
        if not once:
            stream.close()
    if isinstance(feed, Feed):
        if once:
            feed.stream, feed.begun, feed.rest = stream, begun, chunks
        return feed
    stream.close()
    if feed.what == "skipped" and file.named:
        why = stream.fault or feed.refusal
        raise InputError(f"{feed.file}: {why}")
    if stream.fault:
        feed = Remark(feed.file, what_of(stream.fault), stream.fault)
    accounting.remarks.append(feed)
    return None


def _begun(chunks: Iterator[bytes], record_bytes_max: int) -> tuple[list[bytes], Beginning, bool]:
    """The first chunks of a file, as many as it takes to see a record in them, what they show, and if they are all.

    Where the first line, or the first record of a document, is longer than a record may be, what follows it counts.
    """
    begun: list[bytes] = []
    size, look_at = 0, HEAD_BYTES_MIN
    while True:
        more = next(chunks, None)
        if more is not None:
            begun.append(more)
            size += len(more)
        if more is None or size >= look_at:
            head = b"".join(begun)
            beginning = beginning_of(head, whole=more is None, record_bytes_max=record_bytes_max)
            if more is None or beginning.records:
                return begun, beginning, more is None
            limit = record_bytes_max + HEAD_BYTES_MIN
            if _goes_on(head, beginning):
                limit = max(limit, HEAD_BYTES_MAX)
            if size >= limit:
                return begun, _unknown(beginning, size), False
            # Each look begins anew, so that looks at every chunk would take time by the square of the length.
            look_at = min(2 * size, limit)


def _goes_on(head: bytes, beginning: Beginning) -> bool:
    """Whether a record may still come after `head`, which shows none: an unfinished line, JSON, or only blanks."""
    return beginning.blank or b"\n" not in head.strip() or _JSON_BEGINS.match(head) is not None


def _unknown(beginning: Beginning, size: int) -> Beginning:
    """A file that was not read to its end is not said to hold nothing."""
    why = beginning.why or "no record"
    return Beginning(None, why=f"{why} in its first {size // (1024 * 1024):,} MiB", is_text=beginning.is_text)


_NAMED_AS_LOG: Final = re.compile(r"\.(jsonl|ndjson|csv|tsv)(\.(gz|bz2|zst))?$", re.IGNORECASE)
"""Names of files of records: one in which no record is to be seen is no file that just lies beside a log."""


class _Formats:
    """What a file may be: one of the formats, or the one that the user chose."""

    def __init__(self, formats: Formats, chosen: Adapter | None, record_bytes_max: int) -> None:
        self._formats = formats
        self._chosen = chosen
        self.record_bytes_max = record_bytes_max

    def fed(self, file: InputFile, beginning: Beginning) -> Feed | Remark:
        """The feed of a file of JSON, or what is wrong with it."""
        if beginning.blank:
            return Remark(file.path, "empty")
        if beginning.container is None:
            told = "" if self._chosen is None else f"cannot be read as {self._chosen.name}: "
            return Remark(file.path, "skipped", told + beginning.why, is_lost=bool(_NAMED_AS_LOG.search(file.path)))
        records = beginning.records
        if self._chosen is not None:
            return self._told(file, beginning.container, self._chosen, records)
        recognition = recognise(records, self._formats.values(), file.path)
        if recognition is None:
            return Remark(file.path, "skipped", f"JSON of no known format, with the fields {_fields(records)}")
        return Feed(file, beginning.container, self._formats[recognition.format], str(recognition))

    def tabled(self, file: InputFile, head: bytes, *, whole: bool) -> Feed | Remark | None:
        """The feed of a file that is a table, or what is wrong with it; None where it is no table that is known."""
        among = [self._chosen] if self._chosen is not None else list(self._formats.values())
        found: list[tuple[Recognition, TableBeginning]] = []
        unknown = None
        for form in dict.fromkeys(each.table_form for each in among if each.table_form is not None):
            shown = beginning_of_table(head, form, whole=whole, record_bytes_max=self.record_bytes_max)
            if shown is None:
                continue
            if self._chosen is not None:
                return self._told(file, "table", self._chosen, shown.records, shown.table)
            # A header row alone is a table without records, whose columns still tell what it is.
            records = shown.records or [dict.fromkeys(shown.table.columns, "")]
            recognition = recognise(records, [each for each in among if each.table_form == form], file.path)
            if recognition is not None:
                found.append((recognition, shown))
            elif shown.table.has_header and shown.even and len(shown.table.columns) >= UNKNOWN_COLUMNS_MIN:
                unknown = Remark(
                    file.path,
                    "skipped",
                    f"a table of no known format, with the columns {_fields([shown.table.columns])}",
                )
        if len(found) > 1:
            told = ", ".join(sorted(recognition.format for recognition, _ in found))
            raise AmbiguousFormatError(f"{file.path}: the table fits several formats: {told}. Name one with --format")
        if not found:
            return self._misheaded(file, head, among, whole=whole) or unknown
        recognition, shown = found[0]
        if not shown.records:
            return Remark(file.path, "empty")
        return Feed(file, "table", self._formats[recognition.format], str(recognition), table=shown.table)

    def _misheaded(self, file: InputFile, head: bytes, among: Sequence[Adapter], *, whole: bool) -> Remark | None:
        """What is wrong with the header of a table that is told, or looks by its columns, to be of a known format."""
        for each in among:
            if each.table_form is None:
                continue
            why, names = header_fault(head, each.table_form, whole=whole, record_bytes_max=self.record_bytes_max)
            is_ours = each.recognise(dict.fromkeys(names, "")).score > 0
            if why and (is_ours or self._chosen is not None):
                return Remark(file.path, "skipped", f"cannot be read as {each.name}: {why}", is_lost=is_ours)
        return None

    def _told(
        self,
        file: InputFile,
        container: Container,
        chosen: Adapter,
        records: Sequence[Mapping[str, Any]],
        table: Table | None = None,
    ) -> Feed:
        alike = lookalikes(records, self._formats.values())
        return Feed(file, container, chosen, "as told", told=True, alike=alike, table=table)


def _fields(records: Sequence[Iterable[str]]) -> str:
    return ", ".join(sorted(records[0])[:6]) if records else "no objects"
