"""The schema for editors: it accepts what loads, and knows each detector's parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from models.written.nodes import read_yaml
from models.written.texts import SourceText, read_text
from sessionwatch.ruleset.loading import bundled_rules
from sessionwatch.ruleset.schema import list_schema, rule_schema
from tests.unit.ruleset.small import DETECTORS, RULE, changed


def errors(schema: dict[str, Any], text: str) -> list[str]:
    """Where `text` breaks `schema`."""
    root = read_yaml(SourceText("x.yaml", text))
    assert root is not None
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(root.data())]


def test_the_schemas_are_schemas() -> None:
    """2020-12, with no reference to nowhere."""
    for schema in (rule_schema(), rule_schema(DETECTORS), list_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
        defs = schema.get("$defs", {})
        refs = {part.split('"')[0] for part in json.dumps(schema).split('"#/$defs/')[1:]}
        assert refs <= set(defs)


def test_the_small_rule_fits() -> None:
    """What loads is valid."""
    assert errors(rule_schema(DETECTORS), RULE) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("title:", "titel:", "$"),
        ("severity: high", "severity: hihg", "$.severity"),
        ("detector: counting", "detector: countin", "$.detector"),
        ("by: user", "by: ip", "$.by"),
        ("at_least: 3, window", "at_leest: 3, window", "$.params"),
        ("window: 10m", "window: 10", "$.params.window"),
        ("at_least: 3, window", "at_least: 0, window", "$.params.at_least"),
        ("window: 10m", "window: 10m, unless: {usr: a}", "$.params.unless"),
        ("  kind: login\n", "  kind: logn\n", "$.when.kind"),
        ("  kind: login\n", "  any: [{kind: login, usr: a}]\n", "$.when.any[0]"),
        ("  kind: login\n", "  kind: login\n  user: {contains: a}\n", "$.when.user"),
        ("  kind: login\n", "  kind: login\n  count: {at_least: x}\n", "$.when.count"),
        ("user: svc-scan", "usr: svc-scan", "$.exemptions[0].when"),
        ('{at: "10:00", kind: login, user: ann}', '{at: "10:00", user: ann}', "$.tests[0].events[0]"),
        ('{at: "10:00", kind: login, user: ann}', '{at: "10:00", kind: login, usr: a}', "$.tests[0].events[0]"),
        ("severity: high, evidence", "severty: high, evidence", "$.tests[0].alerts[0]"),
    ],
)
def test_an_editor_marks_what_would_not_load(old: str, new: str, path: str) -> None:
    """The usual slips are seen while they are typed."""
    assert path in errors(rule_schema(DETECTORS), changed(old, new))


def test_defaults_are_written_as_rules_write_them() -> None:
    """An editor that offers a default offers one that loads."""
    branch = next(part for part in rule_schema(DETECTORS)["allOf"] if "counting" in json.dumps(part["if"]))
    params = branch["then"]["properties"]["params"]["properties"]
    assert params["window"]["default"] == "10m"
    assert params["at_least"] == {"default": 3, "maximum": 100, "minimum": 1, "title": "At Least", "type": "integer"}


def rule_files() -> list[Path]:
    """The rules that come along."""
    return [
        path
        for path in sorted(bundled_rules().rglob("*.yaml"))
        if path.parent.name != "lists" and path.name != "policy.yaml"
    ]


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: path.stem)
def test_the_rules_that_come_along_fit(path: Path) -> None:
    """An editor marks nothing in them."""
    assert errors(rule_schema(), read_text(path).text) == []


def test_the_lists_that_come_along_fit() -> None:
    """Lists have a schema too."""
    for path in sorted((bundled_rules() / "lists").glob("*.yaml")):
        assert errors(list_schema(), read_text(path).text) == []
    assert errors(list_schema(), "id: a\ntitle: x\ntype: names\nentries: [a]\n") == ["$.type"]
