"""What holds for every format: times in all their forms are one instant, and ids stay within bounds."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from streams.adapters.adapter import Adapter
from streams.adapters.fields import find
from tests.unit.streams.adapting import adapted


def _timed(adapter: Adapter) -> tuple[dict[str, Any], list[str]] | None:
    """A copy of an example that has its time as text, and the keys that lead to it; None where times are numbers."""
    for row in adapter.table:
        for one in adapter.examples:
            keys = row.theirs.split(".")
            written = find(one.record, tuple(keys))
            if row.ours == "at" and isinstance(written, str) and not written.isdigit() and written == row.example:
                return copy.deepcopy(dict(one.record)), keys
    return None


TIMED = [name for name, each in adapters().items() if name != "native" and _timed(each)]


def at_time(name: str, written: Any) -> dict[str, Any]:
    """An example of a format with another time."""
    record, keys = _timed(adapters()[name]) or ({}, [])
    _set(record, keys, written)
    return record


def _set(record: dict[str, Any], keys: list[str], written: Any) -> None:
    for key in keys[:-1]:
        record = record[key]
    record[keys[-1]] = written


def test_most_formats_have_times_as_text() -> None:
    """The next two tests see the formats that they are for."""
    assert {"cloudtrail", "entra", "okta", "pingid"} <= set(TIMED)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    "written",
    ["2026-03-02T09:00:00Z", "2026-03-02 09:00:00", "2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00.000000000"],
)
def test_times_in_all_their_forms_are_one(name, written) -> None:
    """With a zone or without, with a blank or a T, to the nanosecond: one instant."""
    assert adapted(name, at_time(name, written))[0].at.isoformat() == "2026-03-02T09:00:00+00:00"


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("written", ["redacted", "2026-13-02T09:00:00Z", "2026-03-02", 5, "0001-01-01T00:00:00+09:00"])
def test_a_time_that_is_none_is_a_bad_record(name, written) -> None:
    """No guess is made of a time: a date alone, a number, a month 13."""
    with pytest.raises(BadRecordError, match="bad_time"):
        adapted(name, at_time(name, written))


IDENTIFIED = [
    name for name, each in adapters().items() if name != "native" and any(row.ours == "id" for row in each.table)
]


@pytest.mark.parametrize("name", IDENTIFIED)
def test_an_id_that_is_too_long_becomes_a_hash(name) -> None:
    """Ids stay within what the schema allows, and stay different."""
    adapter = adapters()[name]
    rows = [row.theirs.split(".") for row in adapter.table if row.ours == "id"]
    one, keys = next((one, keys) for one in adapter.examples for keys in rows if find(one.record, tuple(keys)))
    ids = set()
    for end in "ab":
        record = copy.deepcopy(dict(one.record))
        _set(record, keys, "x" * 600 + end)
        ids.add(adapted(name, record)[0].id)
    assert len(ids) == 2
    assert all(len(each) < 100 for each in ids)
