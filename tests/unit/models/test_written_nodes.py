"""YAML with positions: what plain text means, and where things stand."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.written import nodes
from models.written.nodes import read_yaml
from models.written.texts import SourceText


def data(text: str) -> Any:
    """The data of `text`, which has no fault."""
    source = SourceText("x.yaml", text)
    root = read_yaml(source)
    assert source.faults == []
    assert root is not None
    return root.data()


def faults(text: str) -> list[str]:
    """The faults of `text`, without the lines shown."""
    source = SourceText("x.yaml", text)
    read_yaml(source)
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in source.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", "Null"),
        ("12", 12),
        ("-3", -3),
        ("+4", 4),
        ("0", 0),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-2", -0.015),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("10:00", "10:00"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("90s", "90s"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("''", ""),
        ('"a\\nb"', "a\nb"),
        ("=", "="),
    ],
)
def test_plain_text_means_what_it_looks_like(text: str, value: object) -> None:
    """A time is no number, a country is no truth, and quotes make text."""
    read = data(f"key: {text}\n")["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_text() -> None:
    """A key that looks like a number or a truth is its own text."""
    assert data("1: a\ntrue: b\n~: c\n") == {"1": "a", "true": "b", "~": "c"}


def test_blocks_and_comments() -> None:
    """Folded and literal text, lists and mappings in both styles."""
    text = "a: > # folded\n  one\n  two\n\n  three\nb: |\n  x\n   y\nc: [1, {d: e}]\nf:\n- g: 1\n  h: 2\n# end\n"
    assert data(text) == {
        "a": "one two\nthree\n",
        "b": "x\n y\n",
        "c": [1, {"d": "e"}],
        "f": [{"g": 1, "h": 2}],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: the file is empty"]),
        ("# nothing\n", ["1:1: the file is empty"]),
        ("- a\n", ["1:1: a file must be a mapping of `key: value` lines"]),
        ("just text\n", ["1:1: a file must be a mapping of `key: value` lines"]),
        ("a: 1\n---\nb: 2\n", ["2:1: a second document begins here"]),
        ("a: &x 1\nb: *x\n", ["1:4: the anchor &x is not supported", "2:4: the alias *x is not supported"]),
        ("a: *x\n", ["1:4: the alias *x is not supported"]),
        ("a: !!python/object:os.system x\n", ["1:4: the tag !!python/object:os.system is not supported"]),
        ("a: !mine {b: c}\n", ["1:4: the tag !mine is not supported"]),
        ("<<: {a: 1}\n", ["1:1: merge keys (<<) are not supported"]),
        ("? [a]\n: 1\nb: 2\n", ["1:3: a key must be plain text"]),
        ("? {a: b}\n: 1\n", ["1:3: a key must be plain text"]),
        (
            "a: 1\nb:\n  - {c: 1, c: 2}\na: 3\n",
            [
                '3:12: the key "c" stands twice; the first is on line 3',
                '4:1: the key "a" stands twice; the first is on line 1',
            ],
        ),
        ("a: 123456789012345678901\n", ["1:4: this number is too long to be one"]),
        ("a: 1e999\n", ["1:4: this number is too long to be one"]),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text: str, expected: list[str]) -> None:
    """The subset is small on purpose, and says where it ends."""
    assert faults(text) == expected


def test_of_two_equal_keys_the_first_is_gone_on_with() -> None:
    """The rest of the file is checked as well."""
    source = SourceText("x.yaml", "a: 1\na: 2\nb: 3\n")
    root = read_yaml(source)
    assert root is not None
    assert root.data() == {"a": 1, "b": 3}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_are_those_of_an_editor(end: str) -> None:
    """Lines and columns are counted from one, in characters, whatever ends a line."""
    text = end.join(["é: \N{GRINNING FACE}", "list:", "  - a", '  - "b": [x, yy]', ""])
    root = read_yaml(SourceText("x.yaml", text))
    assert root is not None
    places = {
        path: (root.find(path).line, root.find(path).column)
        for path in [("é",), ("list",), ("list", 0), ("list", 1), ("list", 1, "b"), ("list", 1, "b", 1)]
    }
    assert list(places.values()) == [(1, 4), (3, 3), (3, 5), (4, 5), (4, 10), (4, 14)]
    key = root.find(("list", 1, "b"), key=True)
    assert (key.line, key.column) == (4, 5)


def test_both_parsers_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libyaml is missing, nothing changes but the time it takes."""
    text = "a: > # c\n one\n\nb: {c: [1, 'x', é], d: }\ne:\n- 10:00\n- |\n  z\n"
    fast = read_yaml(SourceText("x.yaml", text))
    monkeypatch.setattr(nodes, "_FAST", yaml.SafeLoader)
    assert read_yaml(SourceText("x.yaml", text)) == fast
    assert fast is not None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes a traceback: it gives a mapping, or a fault at a place in it."""
    source = SourceText("x.yaml", text)
    root = read_yaml(source)
    assert (root is not None and isinstance(root.value, dict)) or source.faults
    lines = len(text.splitlines()) + 1
    assert all(1 <= fault.line <= lines and fault.column >= 1 for fault in source.faults)
