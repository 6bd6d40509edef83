"""A condition on an event, as a detector's parameter: what was written, and a test that runs.

Rule files write conditions as data; the rule loader compiles them. A detector only asks `holds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pydantic
from pydantic_core import PydanticCustomError, core_schema

from models.events import PlacedEvent

COMPILER: Final = "compile_condition"
"""The key, in pydantic's validation context, of the callable that makes a `Condition` of a rule file's mapping."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to run; equal where the same was written.

    A detector's parameter is `unless: Condition | None = None` and is asked `self.params.unless.holds(event)`.
    `reads` are the keys of `attributes` that it reads; `leaves` its tests on single fields, by field, of which with the
    kind it is made up (None: it may ask anything). By hand, in tests of a detector:

    >>> failed = Condition({"outcome": "failure"}, lambda event: event.outcome == "failure")
    >>> failed.holds(PlacedEvent(at_us=0, sequence=0, rank=0, id="1", kind="login", outcome="failure"))
    True
    """

    said: Mapping[str, Any]
    holds: Callable[[PlacedEvent], bool] = field(compare=False, repr=False)
    reads: frozenset[str] = field(default=frozenset(), compare=False)
    leaves: tuple[tuple[str, Callable[[PlacedEvent], bool]], ...] | None = field(
        default=None, compare=False, repr=False
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: pydantic.GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Read by the callable in the validation context; written as it was said."""
        return core_schema.with_info_plain_validator_function(
            _compiled, serialization=core_schema.plain_serializer_function_ser_schema(lambda condition: condition.said)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A mapping; the schema of rule files says more."""
        return {"title": "Condition", "type": "object", "minProperties": 1}


def _compiled(value: Any, info: core_schema.ValidationInfo[Any]) -> Condition:
    if isinstance(value, Condition):
        return value
    compile_condition = (info.context or {}).get(COMPILER)
    if compile_condition is None:
        raise PydanticCustomError("condition_unread", "a condition is compiled by the rule loader; give a Condition")
    compiled: Condition = compile_condition(value)
    return compiled
