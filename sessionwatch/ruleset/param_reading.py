"""A rule's `params`, read by its detector's own model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pydantic
from pydantic_core import PydanticCustomError

from detectors.detector import Detector, DetectorParams
from models.conditions import COMPILER, Condition
from models.written.nodes import Node
from models.written.texts import Misfit
from models.written.wording import MISFITS, misfits_of
from sessionwatch.ruleset.conditions import CompiledCondition, ConditionError


def read_params(
    detector: type[Detector[Any, Any]],
    said: dict[str, Any],
    root: Node,
    compile_condition: Callable[[Any], CompiledCondition],
) -> tuple[DetectorParams | None, list[Misfit]]:
    """The parameters `said`, and what is wrong with them by their places in `root`; conditions among them compiled."""

    def condition(value: Any) -> Condition:
        try:
            compiled = compile_condition(value)
        except ConditionError as error:
            raise PydanticCustomError(MISFITS, "the condition has faults", {"misfits": error.misfits}) from None
        return Condition(value, compiled.holds, compiled.reads, compiled.leaves)

    try:
        params = detector.Params.model_validate_json(json.dumps(said), strict=True, context={COMPILER: condition})
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False)
        base = ("params",) if root.child("params") is not None else ("detector",)
        return None, misfits_of(found, detector.Params, base, root, owner=detector.kind)
    return params, []
