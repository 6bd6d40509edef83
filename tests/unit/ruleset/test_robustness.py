"""Whatever stands in a rule file, it is a rule or it has faults: no traceback, no rule that half exists."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.registry import detector_kinds
from models.written.nodes import read_yaml
from models.written.texts import SourceText
from sessionwatch.ruleset.list_reading import read_list
from sessionwatch.ruleset.rule_reading import Surroundings, read_rule
from tests.unit.ruleset.small import DETECTORS, RULE

SMALL: dict[str, Any] = read_yaml(SourceText("many_logins.yaml", RULE)).data()  # type: ignore[union-attr]  # it has a root

WORDS = ["kind", "login", "user", "any", "not", "cidr", "in_list", "place.country", "attributes.x", "10.0.0.0/8", "+5m"]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(WORDS),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "x"]), inner, max_size=3),
    max_leaves=5,
)


def paths(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in `data`."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in inside for path in [(*here, key), *paths(value, (*here, key))]]


def with_value(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The small rule with `value` at `path`."""
    data = copy.deepcopy(SMALL)
    inner: Any = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return data


@settings(max_examples=500)
@given(st.sampled_from(paths(SMALL)), VALUES)
def test_any_value_anywhere_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    """A value of any type in any place of a rule makes a fault in its file, unless it makes a rule."""
    source = SourceText("many_logins.yaml", json.dumps(with_value(path, value)))
    rule = read_rule(source, Surroundings(DETECTORS))
    assert (rule is None) is bool(source.faults)
    assert all(fault.message and "\n" not in fault.message for fault in source.faults)


@settings(max_examples=200)
@given(st.sampled_from(sorted(detector_kinds())), st.dictionaries(st.text(max_size=5), VALUES, max_size=3), st.data())
def test_any_parameters_are_read_or_refused(kind: str, params: dict[str, Any], data: st.DataObject) -> None:
    """So are those of every detector that there is."""
    name = data.draw(st.sampled_from(sorted(detector_kinds()[kind].Params.model_fields)))
    params[name] = data.draw(VALUES)
    rule = {**SMALL, "detector": kind, "params": params, "defaults": dict.fromkeys(params, "x")}
    source = SourceText("many_logins.yaml", json.dumps(rule))
    assert (read_rule(source, Surroundings(detector_kinds())) is None) is bool(source.faults)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "title", "type", "entries"), VALUES)))
def test_any_list_is_read_or_refused(said: dict[str, Any]) -> None:
    """Lists as well."""
    source = SourceText("x.yaml", json.dumps({"type": "networks", **said}))
    assert (read_list(source, {}) is None) is bool(source.faults)
