"""Reading files: whatever stands in them, every record is accounted for and nothing stops the run."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import sys
from collections import Counter
from datetime import UTC
from types import SimpleNamespace

import pytest
import zstandard

from streams.accounting import Accounting
from streams.reading import ReadSettings, read_blocks


def native_lines(count: int, first: int = 0) -> list[bytes]:
    """Native records, all of one shape."""
    return [
        b'{"id":"e%d","at":"2026-03-02T09:%02d:00Z","kind":"login","user":"ann","ip":"192.0.2.7"}' % (n, n % 60)
        for n in range(first, first + count)
    ]


ZSTD = zstandard.ZstdCompressor()
PACKERS = {"plain": bytes, "gzip": gzip.compress, "bz2": bz2.compress, "zstd": ZSTD.compress}
LINES = native_lines(1000)
IDS = [f"e{n}" for n in range(1000)]


def as_document(shape: str) -> bytes:
    """The same records in a container."""
    joined = b",\n".join(LINES)
    return {
        "lines": b"\n".join(LINES),
        "array": b"[" + joined + b"]",
        "Records": b'{"Records":[' + joined + b"]}",
        "value": b'{"@odata.context":"x","value":[' + joined + b'],"@odata.nextLink":"y"}',
        "records": b'{"records" : [ ' + joined + b" ]}\n",
        "pretty": json.dumps([json.loads(line) for line in LINES], indent=2).encode(),
        "pretty envelope": json.dumps({"Records": [json.loads(line) for line in LINES]}, indent=4).encode(),
        "envelope a line": b"\n".join(
            b'{"records":[' + b",".join(LINES[n : n + 10]) + b"]}" for n in range(0, 1000, 10)
        ),
        "records in a row": b"\n".join(json.dumps(json.loads(line), indent=1).encode() for line in LINES),
    }[shape]


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    "shape",
    [
        "lines",
        "array",
        "Records",
        "value",
        "records",
        "pretty",
        "pretty envelope",
        "envelope a line",
        "records in a row",
    ],
)
def test_every_container_in_every_packing_gives_the_same_events(shape, packing, reading, write) -> None:
    """How records are wrapped and packed changes nothing; the packing is told by content, not by the name."""
    got = reading(write("events.log", PACKERS[packing](as_document(shape))))
    assert got.ids == IDS
    assert got.accounting.records_read == got.accounting.mapped == 1000
    assert not got.remarks


@pytest.mark.parametrize("packing", ["gzip", "bz2", "zstd"])
def test_a_cut_file_is_named_with_what_was_read_until_then(packing, reading, write) -> None:
    """A truncated file gives all whole records before the cut, is remarked with their number, and the run goes on."""
    packed = PACKERS[packing](b"".join(_noise(20_000)))
    cut = write("a/1-cut.jsonl", packed[: len(packed) * 2 // 3])
    write("a/2-whole.jsonl", b"\n".join(native_lines(3)))
    got = reading(cut.parent)
    records = got.accounting.records_read - 3 - got.accounting.dead_letters["cut_short"]
    assert got.remarks == [("1-cut.jsonl", "cut_short", records)]
    assert 1000 < records < 20_000
    assert got.ids[:records] == [f"e{n}" for n in range(records)]
    assert got.ids[-3:] == ["e0", "e1", "e2"]
    assert [entry.reason for entry in got.dead] in ([], ["cut_short"])


def _noise(count: int) -> list[bytes]:
    numbers = random.Random(1)
    return [line[:-1] + b',"device":"%032x"}\n' % numbers.getrandbits(128) for line in native_lines(count)]


def test_a_cut_envelope_gives_the_records_before_the_cut(reading, write) -> None:
    """CloudTrail's own file form, cut in the middle: what is whole is read, what is left is in the dead letter."""
    packed = gzip.compress(b'{"Records":[' + b",".join(line.strip() for line in _noise(2000)) + b"]}")
    got = reading(write("cut.json.gz", packed[: len(packed) * 9 // 10]))
    assert got.ids == [f"e{n}" for n in range(len(got.ids))]
    assert 1500 < len(got.ids) < 2000
    assert got.remarks == [("cut.json.gz", "cut_short", len(got.ids))]
    assert [entry.reason for entry in got.dead] == ["cut_short"]


@pytest.mark.parametrize("keep", [1, 10, 40, 90, 200])
@pytest.mark.parametrize("shape", ["array", "Records", "pretty"])
def test_a_document_without_an_end_gives_its_whole_records(shape, keep, reading, write) -> None:
    """An array cut anywhere gives the records that are whole; the rest is one entry with its position."""
    whole = as_document(shape)
    found = write("cut.json", whole[: len(whole) * keep // 201])
    count = len(found.read_bytes())
    got = reading(found, format="native")
    assert got.ids == IDS[: len(got.ids)]
    assert len(got.ids) >= 1000 * keep // 201 - 1
    assert got.remarks == [("cut.json", "cut_short", len(got.ids))] or (not got.dead and not got.remarks)
    for entry in got.dead:
        assert whole[entry.offset :].startswith((entry.raw or "").encode()[:50])
        assert whole.count(b"\n", 0, entry.offset) == entry.line - 1
        assert entry.offset < count


def test_data_damaged_in_the_middle_is_named(reading, write) -> None:
    """A flipped byte in packed data ends that file, with what was read, and not the run."""
    packed = bytearray(gzip.compress(b"".join(_noise(20_000))))
    packed[len(packed) // 2 : len(packed) // 2 + 64] = b"\xff" * 64
    file = write("a/damaged.gz", bytes(packed))
    write("a/whole.jsonl", LINES[0])
    got = reading(file.parent)
    assert [(name, what) for name, what, _ in got.remarks] == [("damaged.gz", "damaged")]
    assert got.ids[-1] == "e0"


def test_members_in_a_row_are_one_file(reading, write) -> None:
    """Rotated logs glued together, padded or not, are read through."""
    halves = [b"\n".join(LINES[:500]) + b"\n", b"\n".join(LINES[500:])]
    for packer in (gzip.compress, bz2.compress, ZSTD.compress):
        got = reading(write("glued", packer(halves[0]) + packer(halves[1]) + b"\0" * 512))
        assert got.ids == IDS
        assert not got.remarks


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense",
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"logn"}',
        b'{"id":"x","at":"2026-03-02T09:00:00","kind":"login"}',
        b'{"id":"x","kind":"login"}',
        b'{"id":"","at":"2026-03-02T09:00:00Z","kind":"login"}',
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login","user":"\xff\xfe"}',
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login","colour":1}',
        b'{"id":"x","at":"0001-01-01T00:00:00+09:00","kind":"login"}',
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login"',
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login"} {"id":"y","at":"2026-03-02T09:00:00Z","kind":"login"}',
        b"[1, 2]",
        b"null",
        b"[" * 5000,
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login","bytes":-1}',
    ],
)
@pytest.mark.parametrize("at", [1, 500, 999])
def test_one_bad_line_costs_one_record(bad, at, reading, write) -> None:
    """A bad line in a block of good ones goes to the dead letter with its position; all others are read."""
    lines = [*LINES[:at], bad, *LINES[at:]]
    content = b"\n".join(lines)
    got = reading(write("one-bad.jsonl", content))
    assert got.ids == IDS
    (entry,) = got.dead
    assert entry.line == at + 1
    assert content[entry.offset :].startswith(bad)
    assert entry.adapter == "native"
    assert entry.raw == bad.decode("utf-8", "backslashreplace")[:4096]
    assert entry.cut in {0, len(bad)}


def test_the_reason_says_what_is_wrong(reading, write) -> None:
    """Reasons are words that can be counted; the detail says which field and what is wrong with it."""
    bad = {
        b"nonsense": "invalid_json",
        b"7": "not_an_object",
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"logn"}': "bad_field",
        b'{"id":"x","kind":"login"}': "missing_field",
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login","colour":1}': "unknown_field",
        b'{"id":"x","at":"2026-03-02T09:00:00Z","kind":"login","user":"\xff"}': "invalid_utf8",
        b'["a"]': "not_an_object",
        b'{"id":"x","at":"9999-12-31T23:00:00-09:00","kind":"login"}': "bad_time",
    }
    got = reading(write("bad.jsonl", b"\n".join([LINES[0], *bad])))
    assert [entry.reason for entry in got.dead] == list(bad.values())
    assert got.accounting.dead_letters == Counter(bad.values())
    assert [entry.detail for entry in got.dead] == [
        "invalid character after 4 bytes of the record",
        "the record is no JSON object",
        "`kind` is none of the words that may stand there",
        "`at` is missing",
        "the record has a field that its format does not know",
        "a byte that is no UTF-8 after 61 bytes of the record",
        "the record is no JSON object",
        "`at` is outside the years 1 to 9999 in UTC",
    ]


@pytest.mark.parametrize("format_", ["okta", "entra", "cloudtrail", "pingid"])
def test_a_record_nested_without_end_is_dead(format_, reading, write) -> None:
    """Depth that would exhaust the stack is a bad record like any other."""
    deep = [b'{"a":' * depth + b"1" + b"}" * depth for depth in (70, 500, 900, 100_000)]
    got = reading(write("deep.jsonl", b"\n".join(deep)), format=format_)
    assert got.accounting.dead_letter == 4
    assert got.dead[-1].reason == "nested_too_deep"


def test_blank_lines_ends_of_line_and_marks_are_no_records(reading, write) -> None:
    """A byte order mark, CR LF, blank lines and a missing last line end change neither records nor positions."""
    content = b"\xef\xbb\xbf" + b"\r\n\r\n  \r\n".join(LINES[:10]) + b"\r\n{bad\r\n\n" + LINES[10]
    got = reading(write("windows.jsonl", content))
    assert got.ids == IDS[:11]
    assert got.accounting.records_read == 12
    (entry,) = got.dead
    assert (entry.line, entry.raw) == (29, "{bad")
    assert content[entry.offset :].startswith(b"{bad")


@pytest.mark.parametrize("around", [b"\x0b", b"\x0c"])
def test_what_json_does_not_take_for_blank_makes_a_bad_record(around, reading, write) -> None:
    """A vertical tab or form feed beside a record is no white space of JSON, though Python takes it for some."""
    got = reading(write("lines.jsonl", b"\n".join([around + LINES[0], LINES[1] + around, LINES[2], around])))
    assert got.ids == ["e2"]
    assert [entry.line for entry in got.dead] == [1, 2, 4]


def test_plain_crlf_is_read_in_blocks(reading, write) -> None:
    """Files with CR LF throughout give the same as with LF."""
    assert reading(write("crlf.jsonl", b"\r\n".join(LINES) + b"\r\n")).ids == IDS


@pytest.mark.parametrize("packing", PACKERS)
def test_standard_input_is_read_like_a_file(packing, reading, monkeypatch) -> None:
    """`-` reads standard input, packed or not, through to its end."""
    packed = PACKERS[packing](b"\n".join(LINES))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(packed)))
    got = reading("-")
    assert got.ids == IDS
    assert [each.file for each in got.accounting.recognised] == ["-"]


def test_a_line_that_is_too_long_is_dead_and_the_rest_is_read(reading, write) -> None:
    """A record over the limit is not held in memory; it is counted, shown in part, and the next is read."""
    huge = b'{"id":"' + b"x" * 3_000_000 + b'"}'
    got = reading(write("huge.jsonl", b"\n".join([LINES[0], huge, LINES[1], b"{", LINES[2]])))
    assert got.ids == ["e0", "e1", "e2"]
    assert [(entry.reason, entry.line) for entry in got.dead] == [("record_too_large", 2), ("invalid_json", 4)]
    assert got.dead[0].offset == len(LINES[0]) + 1
    assert got.dead[0].raw == huge[:4096].decode()


@pytest.mark.parametrize("packing", PACKERS)
def test_the_limit_on_a_record_is_exact(packing, reading, write) -> None:
    """A record of just the limit, with its line end, is read; of one byte more it is not, however the bytes come in."""
    filled = [LINES[0][:-1] + b',"resource":"' + b"y" * (1999 - len(LINES[0]) - 14 + over) + b'"}' for over in (0, 1)]
    assert [len(line) for line in filled] == [1999, 2000]
    content = b"\n".join([LINES[1], filled[0], filled[1], LINES[2]])
    got = reading(write("limit.jsonl", PACKERS[packing](content)), record_bytes_max=2000, format="native")
    assert got.ids == ["e1", "e0", "e2"]
    assert [entry.reason for entry in got.dead] == ["record_too_large"]


def test_a_document_that_is_too_large_is_named(reading, write) -> None:
    """A whole JSON document over the limit is skipped with what to do instead; JSON Lines have no limit."""
    big = write("a/big.json", as_document("array"))
    write("a/lines.jsonl", as_document("lines"))
    got = reading(big.parent, document_bytes_max=50_000)
    assert got.ids == IDS
    assert got.remarks == [("big.json", "skipped", 0)]
    assert "JSON Lines" in got.accounting.remarks[0].why
    assert got.accounting.is_incomplete


def test_a_record_too_large_in_a_document_is_dead(reading, write) -> None:
    """The limit on a record holds inside an array as well."""
    huge = b'{"id":"' + b"x" * 2_000_000 + b'"}'
    got = reading(write("huge.json", b"[" + b",".join([LINES[0], huge, LINES[1]]) + b"]"))
    assert got.ids == ["e0", "e1"]
    assert [entry.reason for entry in got.dead] == ["record_too_large"]


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 131_072])
def test_chunks_of_any_size_give_the_same(size, reading, monkeypatch) -> None:
    """Where the bytes are parted changes nothing: a slow pipe reads like a file."""

    class Slow(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            return super().read(size)

    content = b"\n".join([*LINES[:100], b"bad", b"", *LINES[100:300]])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Slow(content)))
    got = reading("-")
    assert got.ids == IDS[:300]
    assert [(entry.line, entry.offset) for entry in got.dead] == [(101, content.index(b"bad"))]


def test_reading_stops_when_asked(write) -> None:
    """After `stop` says so no further block is read, and what was given is accounted for."""
    file = write("long.jsonl", b"".join(_noise(10_000)))
    accounting = Accounting()
    given: list[int] = []
    for block in read_blocks([file], None, accounting, stop=lambda: len(given) >= 2):
        given.append(len(block))  # noqa: PERF401 - `stop` looks at the list while it grows
    assert accounting.events_made == sum(given) < 10_000
    assert accounting.adds_up


def test_events_come_out_canonical(reading, write) -> None:
    """Times are UTC, users one key, addresses one spelling; tenant and source are filled where there is none."""
    line = (
        b'{"id":"e","at":"2026-03-02T11:00:00+02:00","received_at":"2026-03-02T10:00:01+01:00","kind":"login",'
        b'"user":" ANN@Clinic.example","ip":"[2001:DB8::7]:443"}'
    )
    (event,) = reading(write("one.jsonl", line), tenant="clinic", aliases={"Ann@clinic.example": "Ann"}).events
    assert (event.at.isoformat(), event.at.tzinfo) == ("2026-03-02T09:00:00+00:00", UTC)
    assert event.received_at is not None
    assert event.received_at.tzinfo is UTC
    assert (event.user, event.user_label) == ("ann", " ANN@Clinic.example")
    assert (event.ip, event.tenant, event.source) == ("2001:db8::7", "clinic", "native")


def test_settings_refuse_what_they_do_not_know() -> None:
    """A setting that is misspelt is an error and no default."""
    with pytest.raises(ValueError, match="formt"):
        ReadSettings.model_validate({"formt": "okta"})
