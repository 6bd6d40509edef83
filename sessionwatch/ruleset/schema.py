"""The JSON Schema of a rule file, for editors: made from the detectors that are there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
from pydantic.json_schema import GenerateJsonSchema

from detectors.detector import Detector
from detectors.registry import detector_kinds
from models.conditions import Condition
from models.events import SessionEvent
from models.rules import ListFile, NetworkListFile, RuleFile
from models.spans import span_text
from sessionwatch.ruleset.fields import FIELDS, EventField, field_named

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_CONDITION: Final = {"$ref": "#/$defs/Condition"}
_TEXTS: Final = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}


class _RuleSchema(GenerateJsonSchema):
    """Writes the defaults of spans and conditions as rule files write them."""

    def encode_default(self, dft: Any) -> Any:
        """A span as `15m`, a condition as it is written; all else as pydantic does."""
        if isinstance(dft, Condition):
            return dict(dft.said)
        return span_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def rule_schema(detectors: Mapping[str, type[Detector[Any, Any]]] | None = None) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a rule file, with the parameters of each detector.

    Raises:
        DetectorError: a detector module or plugin is broken.
    """
    known = detector_kinds() if detectors is None else detectors
    schema = RuleFile.model_json_schema(schema_generator=_RuleSchema)
    defs: dict[str, Any] = schema.setdefault("$defs", {})
    defs["Condition"] = _condition_schema()
    defs["TestEvent"] = _event_schema(defs)
    schema["properties"]["when"] = {**schema["properties"]["when"], **_CONDITION}
    defs["Exemption"]["properties"]["when"] = _CONDITION
    defs["RuleTest"]["properties"]["events"]["items"] = {"$ref": "#/$defs/TestEvent"}
    schema["properties"]["detector"] = {"enum": sorted(known), "description": "how events are judged"}
    schema["allOf"] = [_branch(kind, cls, defs) for kind, cls in sorted(known.items())]
    return {"$schema": DIALECT, **schema, "title": "A rule of sessionwatch"}


def list_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a list file."""
    names, networks = ListFile.model_json_schema(), NetworkListFile.model_json_schema()
    defs = names.pop("$defs", {}) | networks.pop("$defs", {})
    either = {"if": {"properties": {"type": {"const": "network_classes"}}}, "then": networks, "else": names}
    return {"$schema": DIALECT, **either, "$defs": defs, "title": "A list of sessionwatch"}


def _branch(kind: str, cls: type[Detector[Any, Any]], defs: dict[str, Any]) -> dict[str, Any]:
    """What holds of a rule whose detector is `kind`: whom it may judge, and its parameters."""
    ref = f"#/$defs/{kind}.{{model}}"
    params = cls.Params.model_json_schema(schema_generator=_RuleSchema, ref_template=ref)
    for name, inner in params.pop("$defs", {}).items():
        defs[f"{kind}.{name}"] = _with_conditions(inner)
    needs = {"required": ["params"]} if params.get("required") else {}
    properties = {"by": {"enum": sorted(cls.subjects)}, "params": _with_conditions(params)}
    return {
        "if": {"properties": {"detector": {"const": kind}}, "required": ["detector"]},
        "then": {"properties": properties, **needs},
    }


def _with_conditions(schema: Any) -> Any:
    """`schema` with what is only called a condition replaced by what a condition is."""
    if isinstance(schema, list):
        return [_with_conditions(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("title") == "Condition" and schema.get("type") == "object":
        return _CONDITION
    return {name: _with_conditions(inner) for name, inner in schema.items()}


def _condition_schema() -> dict[str, Any]:
    several = {"type": "array", "items": _CONDITION, "minItems": 1}
    properties: dict[str, Any] = {name: _field_schema(field) for name, field in FIELDS.items()}
    attribute = field_named("attributes.KEY")
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {"any": several, "all": several, "not": _CONDITION, **properties},
        "patternProperties": {r"^attributes\..": _field_schema(attribute)} if attribute is not None else {},
    }


def _field_schema(field: EventField) -> dict[str, Any]:
    value: dict[str, Any]
    match field.type:
        case "number":
            value = {"type": "number"}
        case "flag":
            value = {"type": "boolean"}
        case "choice":
            value = {"enum": list(field.choices)}
        case _:
            value = {"type": "string", "minLength": 1}
    several = {"type": "array", "items": value, "minItems": 1}
    shapes: dict[str, Any] = {
        "is": value,
        "in": several,
        "not_in": several,
        "in_list": {"type": "string"},
        "not_in_list": {"type": "string"},
        "at_least": {"type": "number"},
        "at_most": {"type": "number"},
        "known": {"type": "boolean"},
    }
    texts = {"anyOf": [{"type": "string", "minLength": 1}, _TEXTS]}
    operators = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {name: shapes.get(name, texts) for name in field.operators},
    }
    ways = [operators]
    if "is" in field.operators:
        ways.append(value)
    if "in" in field.operators:
        ways.append(several)
    return {"anyOf": ways}


def _event_schema(defs: dict[str, Any]) -> dict[str, Any]:
    """A test's event: a `SessionEvent` with times as tests write them, and without the need of an id."""
    (_, components) = msgspec.json.schema_components([SessionEvent], ref_template="#/$defs/{name}")
    event: dict[str, Any] = components.pop("SessionEvent")
    defs.update(components)
    moment = {"type": "string", "examples": ["10:00", "+30m", "2026-03-02T10:00:00Z"]}
    properties = {**event["properties"], "at": moment, "received_at": moment}
    return {**event, "properties": properties, "required": ["at", "kind"]}
