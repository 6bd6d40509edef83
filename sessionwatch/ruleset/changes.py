"""A rule with another value for one of its parameters: what a change of the file would do, without touching it."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import pydantic

from models.spans import span_text
from sessionwatch.errors import UsageError
from sessionwatch.ruleset.compiled import CompiledRule, Ruleset
from sessionwatch.ruleset.rule_reading import short_hash


class Setting(NamedTuple):
    """A parameter of a rule, with the value that it is to have: `path` is its name, and a key where it is a mapping."""

    rule: str
    path: tuple[str, ...]
    value: Any


def read_setting(text: str) -> Setting:
    """The setting that `RULE.PARAM=VALUE` writes; the value as in a rule file.

    Raises:
        UsageError: it is not written so.

    >>> read_setting("concurrent_sessions.at_least.devices=4")
    Setting(rule='concurrent_sessions', path=('at_least', 'devices'), value=4)
    >>> read_setting("mass_export.window=2h").value
    '2h'
    """
    name, equals, said = text.partition("=")
    rule, *path = name.strip().split(".")
    if not (equals and said.strip() and rule and path and all(path)):
        raise UsageError(f"{text!r} is no setting; write RULE.PARAM=VALUE, such as impossible_travel.speed_max_kmh=800")
    try:
        value = json.loads(said)
    except ValueError:
        value = said.strip()
    return Setting(rule, tuple(path), value)


def with_settings(ruleset: Ruleset, settings: Iterable[Setting]) -> Ruleset:
    """The same rules, with these values of their parameters.

    Raises:
        UsageError: there is no such rule or parameter, or the value does not fit it.
    """
    rules = {rule.id: rule for rule in ruleset.rules}
    for setting in settings:
        if setting.rule not in rules:
            raise UsageError(f"there is no rule {setting.rule!r}{_close(setting.rule, rules)}")
        rules[setting.rule] = with_setting(rules[setting.rule], setting)
    changed = tuple(rules[rule.id] for rule in ruleset.rules)
    return Ruleset(changed, short_hash([[rule.id, rule.version] for rule in changed]))


def with_setting(rule: CompiledRule, setting: Setting) -> CompiledRule:
    """The rule with this value; its version says that it is not that of the file.

    Raises:
        UsageError: there is no such parameter, or the value does not fit it.
    """
    params = rule.detector.params
    said = {name: getattr(params, name) for name in type(params).model_fields}
    name = ".".join(setting.path)
    if setting.path[0] not in said:
        raise UsageError(f"{rule.id} has no parameter {setting.path[0]!r}{_close(setting.path[0], said)}")
    said[setting.path[0]] = _put(said[setting.path[0]], setting.path[1:], setting.value, f"{rule.id}.{name}")
    try:
        changed = type(params).model_validate(said)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{rule.id}.{name} cannot be {written(setting.value)}: {first['msg']}") from error
    detector = type(rule.detector)(changed, near_misses=rule.detector.near_misses)
    version = short_hash([rule.version, setting.path, written(setting.value)])
    return dataclasses.replace(rule, detector=detector, version=version)


def written(value: Any) -> str:
    """A parameter's value as a rule file writes it.

    >>> written(timedelta(minutes=90)), written(900.0), written(1471.25), written("all")
    ('1h30m', '900', '1471.25', 'all')
    """
    if isinstance(value, timedelta):
        return span_text(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _put(before: Any, path: tuple[str, ...], value: Any, name: str) -> Any:
    if not path:
        return value
    if not isinstance(before, Mapping):
        raise UsageError(f"{name}: only a parameter that is a mapping has keys; leave out .{'.'.join(path)}")
    return {**before, path[0]: value}


def _close(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(known)}"
