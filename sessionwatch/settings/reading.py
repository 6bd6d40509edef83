"""Settings read: a file where one is named, the environment over it, every fault with its place."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from models.written.nodes import Node, note, read_yaml
from models.written.shapes import validated
from models.written.texts import Misfit, SourceText, read_text
from sessionwatch.errors import Fault, SettingsError
from sessionwatch.settings.form import SECRETS, Setting, Settings, catalogue, variable_of

NO_SECRET: Final = "a secret does not stand in a file of settings"  # noqa: S105  # what is said of one
_NOWHERE: Final = 0
"""The line of a value that stands in no file."""


def read_settings(path: Path | None, environment: Mapping[str, str], parts: Collection[str]) -> Settings:
    """The settings in `path` with those of the environment over them; of its sections only `parts` are looked at.

    Paths in the file are seen from its folder, those in the environment from where the command runs.

    Raises:
        SettingsError: with every fault of the file, at its line, and of the environment, by its variable.
    """
    source = SourceText("", "") if path is None else read_text(path)
    root = Node(1, 1, {})
    if path is not None and not source.faults:
        root = read_yaml(source) or root
    _refuse_secrets(source, root)
    if path is not None:
        _resolve(root, path.absolute().parent)
    variables = _overlay(root, environment, parts)
    settings = validated(Settings, root, source)
    if settings is None or source.faults:
        raise SettingsError([_placed(fault, variables) for fault in source.faults])
    return settings


def _refuse_secrets(source: SourceText, root: Node) -> None:
    for path in sorted(SECRETS):
        section = root.child(path[0])
        if section is not None and section[1].child(path[1]) is not None:
            hint = f"set {variable_of(path)}, or name a file that holds it: {'.'.join(path)}_file"
            note(source, root, [Misfit(path, NO_SECRET, hint, on_key=True)])
            del section[1].value[path[1]]


def _resolve(root: Node, folder: Path) -> None:
    """Paths seen from the folder of the file."""
    for one in catalogue():
        if not (_is_path(one.annotation) or one.path == ("watch", "paths")):
            continue
        *above, name = one.path
        parent = root.child(above[0]) if above else (root, root)
        found = parent[1].child(name) if parent is not None else None
        if parent is None or found is None:
            continue
        key, node = found
        parent[1].value[name] = (key, _seen_from(node, folder))


def _seen_from(node: Node, folder: Path) -> Node:
    if isinstance(node.value, list):
        return Node(node.line, node.column, [_seen_from(one, folder) for one in node.value])
    if not isinstance(node.value, str) or node.value in {"-", "none"}:
        return node
    return Node(node.line, node.column, str(folder / node.value))


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(_is_path(one) for one in typing.get_args(annotation))


def _overlay(root: Node, environment: Mapping[str, str], parts: Collection[str]) -> list[str]:
    """Put what the environment says into the tree; the variables, a value's column being its place among them."""
    variables: list[str] = []
    for one in catalogue():
        text = environment.get(one.variable, "").strip()
        if not text or (len(one.path) > 1 and one.path[0] not in parts):
            continue
        variables.append(one.variable)
        *above, name = one.path
        node = root
        for step in above:
            child = node.child(step)
            if child is None or not isinstance(child[1].value, dict):
                key = Node(_NOWHERE, len(variables), step)
                child = node.value[step] = (key, Node(_NOWHERE, len(variables), {}))
            node = child[1]
        key = Node(_NOWHERE, len(variables), name)
        node.value[name] = (key, _node(one, text, len(variables)))
    kafka = root.child("kafka")
    if kafka is not None and kafka[1].line == _NOWHERE and kafka[1].child("servers") is None:
        # Without servers the other variables mean nothing; whoever needs Kafka says that they are missing.
        del root.value["kafka"]
    return variables


def _node(one: Setting, text: str, column: int) -> Node:
    """A text of the environment as YAML would have it: lists and pairs with commas between them."""

    def at(value: Any) -> Node:
        return Node(_NOWHERE, column, value)

    kinds = {typing.get_origin(one.annotation) or one.annotation, *typing.get_args(one.annotation)}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if tuple in kinds:
        return at([at(part) for part in parts])
    if dict in kinds:
        pairs = [part.partition("=") for part in parts]
        return at({name: (at(name), at(value)) for name, _, value in pairs})
    if bool in kinds and text in {"true", "false"}:
        return at(text == "true")
    if any(kind is int or int in typing.get_args(kind) for kind in kinds) and text.isdigit():
        return at(int(text))
    return at(text)


def _placed(fault: Fault, variables: list[str]) -> Fault:
    if fault.line == _NOWHERE and 0 < fault.column <= len(variables):
        return replace(fault, file=f"${variables[fault.column - 1]}", line=1, column=1, source_line="")
    # The line of a secret must not be shown.
    return replace(fault, source_line="") if fault.message == NO_SECRET else fault
