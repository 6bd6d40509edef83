"""Whether a file has the shape of what it should be: its keys and their types, and a name that says what is in it."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TypeVar

import pydantic

from models.written.nodes import Node, note
from models.written.texts import Misfit, SourceText
from models.written.wording import misfits_of

M = TypeVar("M", bound=pydantic.BaseModel)


def validated(model: type[M], root: Node, source: SourceText) -> M | None:
    """What stands at `root`, as a `model`; None where it does not fit, which is noted in `source`.

    Read as JSON and strictly: nothing is turned into another type, and lists may become tuples.
    """
    try:
        return model.model_validate_json(json.dumps(root.data()), strict=True)
    except pydantic.ValidationError as error:
        note(source, root, misfits_of(error.errors(include_url=False), model, (), root))
        return None


def check_name(source: SourceText, root: Node, seen: dict[str, str], key: str = "id") -> None:
    """Note it where the file is not named for the id in it, or where `seen` has the id already, by its place.

    Whoever looks for one must find the other, and only one. `key` is where such files have their id.
    """
    node, stem = root.find((key,)), PurePath(source.name).stem
    if not isinstance(node.value, str):
        return
    here = f"{source.name}:{node.line}:{node.column}"
    first = seen.setdefault(node.value, here)
    if first != here:
        note(
            source, root, [Misfit((key,), f'the {key} "{node.value}" is taken by {first}', "give one of them another")]
        )
    if node.value != stem:
        message = f'the file is named "{stem}" and the {key} in it is "{node.value}"'
        note(source, root, [Misfit((key,), message, "give both one name")])
