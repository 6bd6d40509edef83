"""Whole JSON documents: an array of records, an envelope around one, a single record, or several of these in a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from streams.sources.records import BOM, RAW_KEPT_BYTES, RECORD_BYTES_MAX, WHITESPACE, RawRecord

DOCUMENT_BYTES_MAX: Final = 256 * 1024 * 1024
"""The largest JSON document that is read, 256 MiB unpacked, because it must be held in memory whole (twice, for a
moment). JSON Lines have no such limit: `jq -c '.[]'` makes them of an array, `jq -c '.Records[]'` of an envelope."""

ENVELOPE_KEYS: Final = ("Records", "records", "value")
"""Where the records stand: CloudTrail's files, Azure's diagnostic stream, answers of Microsoft Graph."""

_TOKENS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
_OPEN: Final = (b"{", b"[")
_CLOSE: Final = (b"}", b"]")
_QUOTED_KEYS: Final = tuple(f'"{key}"'.encode() for key in ENVELOPE_KEYS)
_DECODE_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Envelope(msgspec.Struct):
    """An object that carries records under one of the known keys."""

    Records: list[msgspec.Raw] | None = None
    records: list[msgspec.Raw] | None = None
    value: list[msgspec.Raw] | None = None

    @property
    def enclosed(self) -> list[msgspec.Raw] | None:
        """The records, or None where this is no envelope."""
        for held in (self.Records, self.records, self.value):
            if held is not None:
                return held
        return None


_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def held_in(document: bytes) -> list[msgspec.Raw] | None:
    """The records in one JSON value, as views of it; None where it is a single record.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: `document` is not one whole JSON value.
    """
    start = document.lstrip(WHITESPACE)[:1]
    try:
        return _ARRAY.decode(document) if start == b"[" else _ENVELOPE.decode(document).enclosed
    except msgspec.ValidationError:
        # A record may well have a field named `value` or `records` that holds something else.
        msgspec.json.decode(document)
        return None


def document_records(data: bytes, record_bytes_max: int = RECORD_BYTES_MAX) -> Iterator[RawRecord]:
    """Every record of a document, in order. Of a broken or cut one, those that are whole, then one with a fault.

    That last one has the fault "cut_short" and shows the beginning of what could not be told apart any more.
    """
    start = len(BOM) if data.startswith(BOM) else 0
    line, counted = 1, 0
    for raw, offset, fault in _found(data, start):
        line += data.count(b"\n", counted, offset)
        counted = offset
        if len(raw) > record_bytes_max:
            yield RawRecord(raw[:RAW_KEPT_BYTES], line, offset, fault or "record_too_large")
        else:
            yield RawRecord(raw, line, offset, fault)


_Found = tuple[bytes, int, str]


def _found(data: bytes, start: int) -> Iterator[_Found]:
    try:
        held = held_in(data[start:] if start else data)
    except _DECODE_FAULTS:
        yield from _walked(data, start)
        return
    yield from _positioned(data, start, len(data), held)


def _positioned(data: bytes, start: int, end: int, held: Iterable[msgspec.Raw] | None) -> Iterator[_Found]:
    """Records follow each other, so each is found just after the one before it."""
    if held is None:
        raw = data[start:end].strip(WHITESPACE)
        yield raw, data.index(raw, start), ""
        return
    for view in held:
        raw = bytes(view)
        offset = data.index(raw, start, end)
        start = offset + len(raw)
        yield raw, offset, ""


def _walked(data: bytes, start: int) -> Iterator[_Found]:
    """Several values in a row, the last of them perhaps broken: slower, a token at a time, and forgiving."""
    depth, begin, tail = 0, start, start
    for token in _TOKENS.finditer(data, start):
        mark = token[0]
        if mark == b'"':
            break  # a string without an end: nothing after it can be told apart
        if mark in _OPEN:
            begin = token.start() if depth == 0 else begin
            depth += 1
        elif mark in _CLOSE:
            depth -= 1
            if depth == 0:
                yield from _value(data, begin, token.end())
                tail = token.end()
            elif depth < 0:
                break
    if data[tail:].strip(WHITESPACE):
        yield from _broken(data, tail)


def _value(data: bytes, begin: int, end: int) -> Iterator[_Found]:
    value = data[begin:end]
    try:
        held = held_in(value)
    except _DECODE_FAULTS:
        if _array_start(value, 0) is None:
            yield value, begin, ""  # it has its end, so that the decoder of records says what is wrong
        else:
            yield from _broken(data[:end], begin)
        return
    yield from _positioned(data, begin, end, held)


def _broken(data: bytes, start: int) -> Iterator[_Found]:
    """The whole records of an array, or of an envelope's array, that does not end as it should."""
    inside = _array_start(data, start)
    depth, begin, tail = 0, start, start if inside is None else inside
    for token in _TOKENS.finditer(data, inside) if inside is not None else ():
        mark = token[0]
        if mark == b'"':
            break
        if mark in _OPEN:
            begin = token.start() if depth == 0 else begin
            depth += 1
        elif mark in _CLOSE:
            if depth == 0:
                return  # the array has its end: what is wrong stands in one of its records, or after it
            depth -= 1
            if depth == 0:
                yield data[begin : token.end()], begin, ""
                tail = token.end()
    rest = data[tail:].strip(WHITESPACE + b",")
    if rest:
        yield rest, data.index(rest, tail), "cut_short"


def is_closed(line: bytes) -> bool:
    """Whether `line` is one value from bracket to bracket, whatever is wrong inside it.

    >>> is_closed(b'{"count": 1e999}'), is_closed(b'{"Records": [')
    (True, False)
    """
    depth = 0
    for token in _TOKENS.finditer(line):
        mark = token[0]
        if mark == b'"':
            return False
        depth += (mark in _OPEN) - (mark in _CLOSE)
        if depth <= 0:
            return mark in _CLOSE and not line[token.end() :].strip(WHITESPACE)
    return False


def _array_start(data: bytes, start: int) -> int | None:
    """Where the first record of an array, or of an envelope's array, may stand; None where there is no such array."""
    depth, name = 0, b""
    for token in _TOKENS.finditer(data, start):
        mark = token[0]
        if mark in _OPEN:
            if mark == b"[" and (depth == 0 or (depth == 1 and name in _QUOTED_KEYS)):
                return token.end()
            depth += 1
        elif mark in _CLOSE:
            depth -= 1
        elif depth == 1:
            name = mark
    return None
