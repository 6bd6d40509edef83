"""Telling a file's format from its first records."""

from __future__ import annotations

import json

import pytest

from sessionwatch.errors import AmbiguousFormatError, InputError, UsageError
from streams.accounting import Accounting
from streams.adapters import adapters
from streams.sources.records import RECORD_BYTES_MAX
from streams.survey import survey


def lines(name: str, count: int = 1) -> list[bytes]:
    """Records of a format, from its own examples."""
    return [json.dumps(dict(adapters()[name].examples[0].record)).encode()] * count


@pytest.mark.parametrize("name", adapters())
def test_a_format_is_recognised_and_says_why(name, write) -> None:
    """`auto` finds the format, and tells by which fields, of how many records."""
    accounting = Accounting()
    file = write("a.jsonl", b"\n".join(lines(name, 3)))
    (feed,) = survey([file], "auto", RECORD_BYTES_MAX, accounting)
    assert feed.adapter.name == name
    assert feed.why.startswith("3 of the first 3 records have ")
    assert [(each.file, each.format, each.why) for each in accounting.recognised] == [(str(file), name, feed.why)]


def test_a_folder_may_hold_many_formats(reading, write) -> None:
    """Every file is recognised by itself."""
    for name in adapters():
        folder = write(f"logs/{name}.jsonl", lines(name)[0]).parent
    got = reading(folder)
    assert set(got.accounting.formats) == set(adapters())
    assert {event.source for event in got.events} == {*adapters(), "okta"} - {"native"}


def test_an_ambiguous_file_is_refused_with_the_candidates(reading, write) -> None:
    """Half of the one and half of the other is no format; the candidates are listed with their share."""
    mixed = b"\n".join(lines("okta", 3) + lines("pingid", 2))
    write("logs/good.jsonl", lines("okta")[0])
    folder = write("logs/mixed.jsonl", mixed).parent
    for path in (folder, folder / "mixed.jsonl"):
        with pytest.raises(AmbiguousFormatError, match=r"mixed.jsonl: .*okta \(3 of 5\), pingid \(2 of 5\).*--format"):
            reading(path)


def test_a_record_that_fits_two_formats_is_ambiguous(reading, write) -> None:
    """A record with the fields of both is refused as well."""
    both = {**adapters()["okta"].examples[0].record, **adapters()["cloudtrail"].examples[0].record}
    with pytest.raises(AmbiguousFormatError, match=r"cloudtrail \(1 of 1\), okta \(1 of 1\)"):
        reading(write("both.jsonl", json.dumps(both).encode()))


def test_a_told_format_needs_no_recognition(reading, write) -> None:
    """With `--format` the file is read as that; records of another format are bad ones, one by one."""
    mixed = b"\n".join(lines("okta", 3) + lines("pingid", 2))
    got = reading(write("mixed.jsonl", mixed), format="okta")
    assert got.accounting.mapped == 3
    assert got.accounting.dead_letters == {"no_event_type": 2}
    assert got.accounting.recognised[0].why == "as told"


def test_a_few_strangers_do_not_hide_a_format(reading, write) -> None:
    """Some bad lines and foreign objects at the beginning are dead letters of the format that the rest has."""
    got = reading(write("a.jsonl", b"\n".join([b"garbage", b'{"x": 1}', *lines("okta", 10)])))
    assert got.accounting.mapped == 10
    assert got.accounting.dead_letter == 2


def test_a_few_records_alike_do_not_make_a_format(reading, write) -> None:
    """One record of a known format among many foreign ones does not claim the file."""
    with pytest.raises(InputError, match="no known format"):
        reading(write("a.jsonl", b"\n".join([*lines("okta"), *[b'{"x": 1}'] * 5])))


def test_an_unknown_name_is_a_wrong_usage(reading, write) -> None:
    """A misspelt format is told with the known ones."""
    with pytest.raises(UsageError, match="no format is called 'otka'"):
        reading(write("a.jsonl", lines("okta")[0]), format="otka")
