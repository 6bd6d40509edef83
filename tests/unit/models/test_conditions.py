"""A condition as a parameter: compiled by whoever reads rules, asked by the detector."""

from __future__ import annotations

import pydantic
import pytest

from models.conditions import COMPILER, Condition
from models.events import PlacedEvent

EVENT = PlacedEvent(at_us=0, sequence=0, rank=0, id="1", kind="login", user="ann")


class Params(pydantic.BaseModel):
    """A parameter that is a condition."""

    unless: Condition | None = None


def test_it_is_compiled_by_what_the_context_brings() -> None:
    """The vocabulary knows no rule files, so the reader hands over how."""

    def compile_condition(said: dict[str, str]) -> Condition:
        return Condition(said, lambda event: event.user == said["user"])

    params = Params.model_validate_json(
        '{"unless": {"user": "ann"}}', strict=True, context={COMPILER: compile_condition}
    )
    assert params.unless is not None
    assert params.unless.holds(EVENT)
    assert params.model_dump(mode="json") == {"unless": {"user": "ann"}}


def test_without_a_compiler_it_must_be_ready() -> None:
    """A mapping that nobody compiled would never hold, so it is refused; a made one is taken."""
    with pytest.raises(pydantic.ValidationError, match="a condition is compiled by the rule loader"):
        Params.model_validate({"unless": {"user": "ann"}})
    ready = Condition({"user": "ann"}, lambda event: True)
    assert Params(unless=ready).unless is ready
    assert Params().unless is None


def test_conditions_are_equal_where_the_same_was_written() -> None:
    """Two functions never are."""
    assert Condition({"user": "a"}, lambda event: True) == Condition({"user": "a"}, lambda event: False)
    assert Condition({"user": "a"}, lambda event: True) != Condition({"user": "b"}, lambda event: True)
