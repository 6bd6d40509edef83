"""What pydantic finds wrong, in plain English, with the place of the offending key or value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, get_args

import pydantic
from pydantic_core import ErrorDetails

from models import rules
from models.written.nodes import Node
from models.written.texts import Misfit, Path, close_to, listed, said_type

MISFITS: Final = "misfits"
"""The type of the pydantic error that carries misfits found by other means, such as those of a condition."""

_PATTERNS: Final = {
    rules.NAME_PATTERN: "must be snake_case: small letters, digits, single underscores",
    r"^[^\n]*$": "must be one line",
    r"^(T[0-9]{4}(\.[0-9]{3})?|TA[0-9]{4})$": "must name an ATT&CK technique such as T1078 or T1078.004",
    r"^164\.[0-9]{3}(\([0-9A-Za-z]{1,5}\))*$": 'must name a HIPAA paragraph such as "164.312(b)"',
    r"^[A-Z]{2}-[0-9]{1,2}(\([0-9]{1,2}\))?$": "must name a NIST SP 800-53 control such as AC-7 or AU-6(1)",
}
"""What the patterns of such files mean, for people."""

_WANTED: Final = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}

_LIMITS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_SENTENCES: Final = {
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} values",
    "too_long": "must have at most {max_length} values",
    "json_invalid": "has text that is no Unicode: half of a surrogate pair",
}

_EMPTY: Final[dict[str | int, str]] = {"tests": "add one that expects an alert, and one with alerts: []"}
"""What to write into lists that must not be empty, by their key."""


def misfits_of(
    errors: Iterable[ErrorDetails], model: type[pydantic.BaseModel], base: Path, root: Node, *, owner: str = ""
) -> list[Misfit]:
    """`errors` of validating what stands at `base` of `root` against `model`, one misfit a place and cause.

    `owner` is the detector whose parameters `model` describes; keys are then spoken of as its parameters.
    """
    missing: dict[Path, list[str]] = defaultdict(list)
    at_place: dict[Path, list[Misfit]] = defaultdict(list)
    for error in errors:
        if error["type"] == "missing":
            missing[_real(root, base + tuple(error["loc"][:-1]))].append(str(error["loc"][-1]))
            continue
        for misfit in _misfits(error, _real(root, base + tuple(error["loc"])), model, base, owner):
            at_place[misfit.path].append(misfit)
    found = [_missing(path, names, owner) for path, names in missing.items()]
    return found + [_joined(place, misfits, owner) for place, misfits in at_place.items()]


def _real(root: Node, path: Path) -> Path:
    """`path` without the steps that lead nowhere, which name branches of a union and the like."""
    node, real = root, []
    for step in path:
        pair = node.child(step)
        if pair is not None:
            node = pair[1]
            real.append(step)
    return tuple(real)


def _joined(place: Path, misfits: list[Misfit], owner: str) -> Misfit:
    """One misfit of a place: a value that fits none of several types is told once."""
    subject = f"{_subject(place, owner)} "
    first, *others = dict.fromkeys(misfit.message for misfit in misfits)
    messages = [first, *(message.removeprefix(subject) for message in others)]
    hint = next((misfit.hint for misfit in misfits if misfit.hint), "")
    return Misfit(place, "; or ".join(messages), hint, misfits[0].on_key)


def _missing(path: Path, names: list[str], owner: str) -> Misfit:
    noun = "parameter" if owner else "key"
    quoted = [f'"{name}"' for name in names]
    of = f" of {owner}" if owner else ""
    if len(quoted) == 1:
        return Misfit(path, f"the {noun} {quoted[0]}{of} is missing", on_key=bool(path))
    return Misfit(path, f"the {noun}s {listed(quoted, 'and')}{of} are missing", on_key=bool(path))


def _misfits(error: ErrorDetails, path: Path, model: type[pydantic.BaseModel], base: Path, owner: str) -> list[Misfit]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == MISFITS:
        return [Misfit(path + inner.path, inner.message, inner.hint, inner.on_key) for inner in context["misfits"]]
    if kind == "extra_forbidden":
        known = _known_keys(model, tuple(error["loc"][:-1]))
        noun = f"{owner} has no parameter" if owner and len(path) == len(base) + 1 else "unknown key"
        return [Misfit(path, f'{noun} "{path[-1]}"', close_to(str(path[-1]), known), on_key=True)]
    message, hint = _told(kind, context, error)
    return [Misfit(path, f"{_subject(path, owner)} {message}", hint)]


def _subject(path: Path, owner: str) -> str:
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the file"
    if owner and len(path) == 1:
        return f"what the parameters of {owner} say together"
    return f'"{names[-1]}"' if path[-1] == names[-1] else f'an item of "{names[-1]}"'


def _told(kind: str, context: dict[str, Any], error: ErrorDetails) -> tuple[str, str]:
    """The rest of the sentence, and a hint."""
    if error["input"] is None and (kind in _WANTED or kind == "literal_error"):
        return "has no value", ""
    if kind in _WANTED:
        return _wrong_type(kind, error["input"])
    if kind in _LIMITS:
        bound, words = _LIMITS[kind]
        return f"must be {words} {context[bound]}", ""
    if kind == "literal_error":
        return _literal(context["expected"], error["input"])
    hint = _EMPTY.get(error["loc"][-1], "") if kind == "too_short" else ""
    return _sentence(kind, context, error["msg"]), hint


def _sentence(kind: str, context: dict[str, Any], said: str) -> str:
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    if kind == "too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind in {"value_error", "assertion_error"}:
        return f"is not right: {context['error']}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    return said.replace("Input should be", "must be")


def _wrong_type(kind: str, value: Any) -> tuple[str, str]:
    if kind == "string_type" and isinstance(value, bool | int | float):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        return f"must be text, not {said_type(value)}", f'put it in quotes: "{shown}"'
    if kind == "bool_type" and str(value).casefold() in {"true", "yes", "on", "false", "no", "off"}:
        return "must be true or false, not text", f"write {str(str(value).casefold() in {'true', 'yes', 'on'}).lower()}"
    if (
        kind in {"int_type", "float_type"}
        and isinstance(value, str)
        and value.lstrip("+-").replace(".", "", 1).isdigit()
    ):
        return f"{_WANTED[kind]}, not text", "leave out the quotes"
    if kind in {"int_type", "int_from_float"} and isinstance(value, float):
        return f"{_WANTED[kind]}, not {value}", ""
    return f"{_WANTED[kind]}, not {said_type(value)}", ""


def _literal(expected: str, value: Any) -> tuple[str, str]:
    known = [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    shown = f'"{value}"' if isinstance(value, str) else said_type(value)
    hint = close_to(value, known) if isinstance(value, str) else ""
    return f"must be {listed(known, 'or')}, not {shown}", hint if hint.startswith("did you mean") else ""


def _known_keys(model: type[pydantic.BaseModel], steps: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where `steps` lead from `model`."""
    current: type[pydantic.BaseModel] | None = model
    for step in steps:
        if current is not None and step in current.model_fields:
            current = _model_in(current.model_fields[str(step)].annotation)
    return sorted(current.model_fields) if current is not None else []


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner)) is not None), None)
