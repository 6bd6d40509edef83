"""Spans of time: one way to write them, and nothing that has no unit."""

from __future__ import annotations

import re
from datetime import timedelta

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from models.spans import SPAN_MAX, SPAN_PATTERN, Span, span, span_text


class Params(pydantic.BaseModel):
    """A span with bounds."""

    window: Span = Field(default=timedelta(minutes=10), gt=timedelta(0), le=timedelta(days=30))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("15m", 900), ("8h", 28_800), ("30d", 2_592_000), ("1h30m", 5_400), ("1d2h3m4s", 93_784)],
)
def test_a_span_is_whole_numbers_with_units(text: str, seconds: int) -> None:
    """Days, hours, minutes, seconds, each at most once, in that order."""
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "1.5h", "-5m", "5 m", "m", "5M", "30m1h", "5m5m", "1h\n", "٣m", "P1D", "99999999999d", "3661d"]
)
def test_anything_else_is_refused(text: str) -> None:
    """A slip in a span would change what a rule means."""
    with pytest.raises(ValueError, match=r"span of time"):
        span(text)


@given(st.integers(0, int(SPAN_MAX.total_seconds())))
def test_a_span_is_written_as_it_is_read(seconds: int) -> None:
    """What is printed can be pasted into a rule, and the schema accepts it."""
    text = span_text(timedelta(seconds=seconds))
    assert span(text) == timedelta(seconds=seconds)
    assert re.search(SPAN_PATTERN, text)


def test_a_parameter_is_a_span_both_ways() -> None:
    """A rule's text comes in, and the same text goes out."""
    params = Params.model_validate_json('{"window": "1h30m"}', strict=True)
    assert params.window == timedelta(minutes=90)
    assert params.model_dump(mode="json") == {"window": "1h30m"}
    assert params.model_dump()["window"] == timedelta(minutes=90)
    assert Params(window=timedelta(days=1)).window == timedelta(days=1)


@pytest.mark.parametrize("value", ["600", "0s", "31d", 600, 1.5, True, None])
def test_a_parameter_out_of_bounds_or_without_a_unit_is_refused(value: object) -> None:
    """A bare number might be seconds or minutes."""
    with pytest.raises(pydantic.ValidationError):
        Params.model_validate({"window": value})
