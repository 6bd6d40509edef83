"""What is wrong with a record, in words that quote nothing of it: the decoder's messages, told to a person."""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

_FIELD: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_BYTE: Final = re.compile(r"(?:JSON is malformed: )?(.+) \(byte (\d+)\)")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`|(.*))")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")

_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "an instant in ISO 8601 with a zone",
}


def misfit(error: msgspec.ValidationError) -> tuple[str, str]:
    """Reason and detail for JSON that is not of the shape expected.

    >>> misfit(msgspec.ValidationError("Invalid RFC3339 encoded datetime - at `$.at`"))
    ('bad_field', '`at` is no instant in ISO 8601 with a zone')
    """
    message = str(error)
    found = _FIELD.search(message)
    field = found[1] if found else ""
    named = f"`{field}`" if field.replace("[...]", "") else "a field" if field else "the record"
    said = message[: found.start()] if found else message
    if missing := _MISSING.search(said):
        return "missing_field", f"`{field}.{missing[1]}` is missing" if field else f"`{missing[1]}` is missing"
    if "unknown field" in said:
        return "unknown_field", f"{named} has a field that its format does not know"
    if not field and said.startswith("Expected `object`"):
        return "not_an_object", "the record is no JSON object"
    return "bad_field", f"{named} is {_expected(said)}"


def _expected(said: str) -> str:
    if "datetime" in said:
        return f"no {_TYPES['datetime'].removeprefix('an ')}"
    if said.startswith("Invalid enum value"):
        return "none of the words that may stand there"
    if "out of range" in said:
        return "a number out of range"
    matched = _EXPECTED.match(said)
    if matched is None:
        return "not what it should be"
    expected, got, bound = matched.groups()
    wanted = " or ".join(_TYPES.get(word, word) for word in expected.split(" | "))
    if got is not None:
        return f"{_TYPES.get(got, got)} and should be {wanted}"
    length = re.fullmatch(r" of length (.+)", bound)
    return f"not {wanted} of {length[1]} characters" if length else f"not {wanted}{bound}"


def no_json(raw: bytes, error: msgspec.DecodeError) -> str:
    """Where, and why, `raw` is no JSON.

    >>> no_json(b"{", msgspec.DecodeError("Input data was truncated"))
    'ends after 1 byte, inside a value'
    """
    said = str(error)
    if located := _BYTE.fullmatch(said):
        return f"{located[1]} {_after(int(located[2]))}"
    if "out of range" in said:
        return "a number out of range"
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return f"ends after {_bytes(len(raw))}, inside a value"
    # Half of a surrogate pair passes elsewhere, and the decoder takes it for an early end.
    return "a text holds half of a surrogate pair"


def no_utf8(raw: bytes) -> str:
    """Where `raw` is no UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"a byte that is no UTF-8 {_after(error.start)}"
    return "a text that is no UTF-8"


def _after(count: int) -> str:
    return f"after {_bytes(count)} of the record" if count else "at the beginning of the record"


def _bytes(count: int) -> str:
    return f"{count:,} byte{'' if count == 1 else 's'}"
