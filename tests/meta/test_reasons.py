"""The page of reasons has every reason that the code can count, in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from models.findings import By
from streams.adapters.addresses import AddressFault

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reasons.md"
GIVE_REASONS = frozenset({"unplaceable", "_unfit", "_reason"})
"""Functions whose texts become reasons."""


def told(title: str) -> set[str]:
    """The reasons in the first column of the table below a heading."""
    text = PAGE.read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {word.strip(" `") for cell in cells for word in cell.split(",")}


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to, with `*` for what is only known when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body)
            yield from texts(other)
        case ast.Dict(values=values):
            for value in values:
                yield from texts(value)
        case ast.Subscript(value=value):
            yield from texts(value)
        case ast.Call(func=ast.Attribute(value=ast.Dict() as choices, attr="get"), args=[_, otherwise]):
            yield from texts(choices)
            yield from texts(otherwise)


def reasons(path: Path) -> Iterator[str]:
    """The reasons that a detector may give."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id="NotEvaluable"), args=[said]):
                found = list(texts(said))
                assert found or isinstance(said, ast.Name), f"{path.name}:{node.lineno}: teach this test to read it"
                yield from found
            case ast.FunctionDef(name=name) if name in GIVE_REASONS:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from texts(inner.value)


def test_the_reasons_are_collected() -> None:
    """Otherwise the test below would hold nothing."""
    found = {reason for path in (ROOT / "detectors").glob("*.py") for reason in reasons(path)}
    assert {"no_session", "private_address", "radius_too_wide", "no_place", "*_network", "no_*"} <= found


@pytest.mark.parametrize("path", sorted((ROOT / "detectors").glob("*.py")), ids=lambda path: path.stem)
def test_every_reason_of_a_detector_is_on_the_page(path: Path) -> None:
    """A count under a word that nobody explains tells nobody anything."""
    named = {"no_*": "no_FIELD", "*_network": "CLASS_network"}
    assert {named.get(reason, reason) for reason in reasons(path) if reason} <= told("Not evaluable")


def test_every_subject_that_may_lack_is_on_the_page() -> None:
    """The engine counts events without a subject as `no_` and the kind of subject; everybody has a tenant."""
    assert {f"no_{by}" for by in get_args(By)} - {"no_tenant"} <= told("Not evaluable")


def test_the_page_has_the_faults_of_addresses() -> None:
    """Those that are counted, and no other."""
    assert told("Unreadable addresses") == set(get_args(AddressFault)) - {""}
