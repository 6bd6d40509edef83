"""What the dead letter says of a record's fault: words for a person, and none of the record's."""

from __future__ import annotations

import json

import pytest

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters import adapters

WRITTEN = "hunter2"
GOOD = {"id": "x", "at": "2026-03-02T09:00:00Z", "kind": "login"}
ODD = [WRITTEN, {WRITTEN: WRITTEN}, [WRITTEN], 1.5, -7, True, "2026-03-02T09:00:00", ""]


@pytest.mark.parametrize("field", [*SessionEvent.__struct_fields__, WRITTEN, "place.city", f"place.{WRITTEN}"])
def test_no_detail_quotes_the_record(field) -> None:
    """Neither a value nor a field's name that the format does not know is repeated, wherever it stands."""
    holder, _, inner = field.partition(".")
    details = []
    for value in ODD:
        raw = json.dumps({**GOOD, holder: {inner: value} if inner else value}).encode()
        try:
            adapters()["native"].decode(raw)
        except BadRecordError as fault:
            details.append(fault.detail)
    assert details
    for detail in details:
        assert WRITTEN not in detail
        assert detail.startswith((f"`{field}", "`place", "the record"))


@pytest.mark.parametrize("each", adapters().values(), ids=lambda each: each.name)
def test_no_detail_quotes_what_is_no_json(each) -> None:
    """Text cut anywhere, or with a byte in it that does not belong there, is told by its place."""
    raw = json.dumps({"id": WRITTEN, "é": [WRITTEN, {WRITTEN: 1.5}]}, ensure_ascii=False).encode()
    for at in range(1, len(raw)):
        for broken in (raw[:at], raw[:at] + b"\xff" + raw[at:], raw[:at] + b"\x01" + raw[at:]):
            with pytest.raises(BadRecordError) as told:
                each.decode(broken)
            assert told.value.detail
            assert WRITTEN not in told.value.detail
