"""The shape of rule files: instants, and what may be left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pydantic
import pytest

from models.rules import Exemption, ListFile, instant_of


def exemption(until: object) -> Exemption:
    """An exemption until `until`."""
    return Exemption.model_validate(
        {"name": "scanner", "when": {"user": "a"}, "reason": "x", "owner": "y", "until": until}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T10:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T11:00:00.5+01:00", datetime(2026, 3, 2, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_an_instant_has_its_zone(text: str, expected: datetime) -> None:
    """It is UTC once read."""
    assert instant_of(text) == expected
    assert instant_of(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:00:00",
        "2026-03-02 10:00Z",
        "2026-03-02",
        "20260302T100000Z",
        "2026-W10-1T10:00Z",
        "2026-02-30T10:00Z",
    ],
)
def test_an_instant_is_written_in_full(text: str) -> None:
    """A time without a zone means another instant on another machine."""
    with pytest.raises(ValueError, match=r"with its zone|no such day"):
        instant_of(text)


def test_an_exemption_ends_where_its_day_begins() -> None:
    """A day is its first instant in UTC, so an exemption never lasts longer than it says."""
    assert exemption("2027-03-01").until == datetime(2027, 3, 1, tzinfo=UTC)
    assert exemption("2027-03-01T18:00:00+02:00").until == datetime(2027, 3, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("until", ["2027-3-1", "never", "", 20270301, None, "2027-02-29"])
def test_an_exemption_has_an_end(until: object) -> None:
    """What is exempted for ever is forgotten."""
    with pytest.raises(pydantic.ValidationError):
        exemption(until)


def test_entries_of_lists_keep_their_type() -> None:
    """A number is a number and a quoted one is text, because fields are compared by type."""
    written = ListFile.model_validate_json(
        '{"id": "a", "title": "x", "type": "values", "entries": [1, "1"]}', strict=True
    )
    assert written.entries == (1, "1")
