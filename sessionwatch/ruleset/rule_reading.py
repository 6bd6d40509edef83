"""One rule file, read against all that it refers to: its detector, the lists, the fields of events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from detectors.detector import Detector, DetectorParams
from models.events import SessionEvent
from models.findings import By
from models.instants import span_us, to_us
from models.rules import RuleFile
from models.written.nodes import Node, note, read_yaml
from models.written.shapes import check_name, validated
from models.written.texts import Misfit, Path, SourceText, close_to, listed
from sessionwatch.ruleset.compiled import CompiledExemption, CompiledRule
from sessionwatch.ruleset.conditions import (
    ALL_KINDS,
    CompiledCondition,
    ConditionError,
    compile_condition,
)
from sessionwatch.ruleset.lists import Lists
from sessionwatch.ruleset.loaded import LoadedRule, LoadedTest
from sessionwatch.ruleset.param_reading import read_params
from sessionwatch.ruleset.sequences import read_sequence

AnyDetector = type[Detector[Any, Any]]

SUBJECTS: Final = frozenset(get_args(By))

VAGUE: Final = frozenset({"alert", "check", "custom", "detect", "detection", "my", "rule", "test", "the"})
"""First words of an id that say nothing of what the rule finds."""

HASH_LENGTH: Final = 12
"""Hexadecimal digits of a version or definition."""


def short_hash(said: Any) -> str:
    """A short hash of plain data, the same whatever the order of keys.

    >>> short_hash({"a": 1, "b": 2}) == short_hash({"b": 2, "a": 1})
    True
    """
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule may refer to; `ids` of the rules read before, with their places, grows with each."""

    detectors: Mapping[str, AnyDetector]
    lists: Lists = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    near_misses: bool = False


def read_rule(source: SourceText, surroundings: Surroundings) -> LoadedRule | None:
    """The rule that `source` writes; None where it has faults, noted there."""
    root = read_yaml(source)
    return _RuleReader(source, root, surroundings).read() if root is not None else None


class _RuleReader:
    """Reads one rule. Every part is read whatever the others are like, so that all faults are found at once."""

    def __init__(self, source: SourceText, root: Node, surroundings: Surroundings) -> None:
        self.source = source
        self.root = root
        self.near = surroundings
        self.data: dict[str, Any] = root.data()
        self.lists_named: set[str] = set()
        self.reads: set[str] = set()

    def read(self) -> LoadedRule | None:
        """The rule; None where anything is wrong with it."""
        written = validated(RuleFile, self.root, self.source)
        self._check_id()
        detector = self._detector()
        params = self._params(detector) if detector is not None else None
        self._check_defaults(detector)
        when = self._condition(("when",))
        if when is not None:
            self._check_kinds(when)
        exemptions = [self._condition(("exemptions", index, "when")) for index in range(self._length("exemptions"))]
        sequences = [self._sequence(index) for index in range(self._length("tests"))]
        self._check_tests(detector)
        if written is None or detector is None or params is None or when is None or self.source.faults:
            return None
        compiled = CompiledRule(
            id=written.id,
            version=self._version(written),
            title=written.title,
            severity=written.severity,
            by=written.by,
            detector=detector(params, near_misses=self.near.near_misses),
            kinds=when.kinds,
            when=when.test,
            fold_us=span_us(written.fold),
            mode=written.mode,
            exemptions=tuple(
                CompiledExemption(said.name, compiled.holds, to_us(said.until))
                for said, compiled in zip(written.exemptions, exemptions, strict=True)
                if compiled is not None
            ),
            maps_to={name: refs for name, refs in written.maps_to.model_dump().items() if refs},
            definition=short_hash([written.detector, written.by, settled(written.when)]),
            reads=frozenset(self.reads),
            leaves=when.leaves,
        )
        return self._loaded(written, compiled, sequences)

    def _loaded(
        self, written: RuleFile, compiled: CompiledRule, sequences: list[tuple[SessionEvent, ...]]
    ) -> LoadedRule:
        tests = tuple(
            LoadedTest(test.name, events, test.alerts, self.root.find(("tests", index)).line)
            for index, (test, events) in enumerate(zip(written.tests, sequences, strict=True))
        )
        ends = [self.root.find(("exemptions", index, "until")) for index in range(len(written.exemptions))]
        places = tuple((node.line, node.column) for node in ends)
        return LoadedRule(self.source.name, written, compiled, tests, places)

    def _version(self, written: RuleFile) -> str:
        lists = {name: named.said for name in self.lists_named if (named := self.near.lists[name]) is not None}
        return short_hash({"rule": written.model_dump(mode="json", exclude_defaults=True), "lists": lists})

    def _note(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        note(self.source, self.root, [Misfit(path, message, hint, on_key)])

    def _at(self, path: Path) -> Any:
        """The data at `path`; None where there is none."""
        node = self.root
        for step in path:
            pair = node.child(step)
            if pair is None:
                return None
            node = pair[1]
        return node.data()

    def _length(self, name: str) -> int:
        items = self.data.get(name)
        return len(items) if isinstance(items, list) else 0

    def _check_id(self) -> None:
        check_name(self.source, self.root, self.near.ids)
        said = self.data.get("id")
        if isinstance(said, str) and (first := said.partition("_")[0]) in VAGUE:
            self._note(("id",), f'an id begins with what the rule finds, and "{first}" says nothing of it')

    def _detector(self) -> AnyDetector | None:
        said = self.data.get("detector")
        if not isinstance(said, str):
            return None
        detector = self.near.detectors.get(said)
        if detector is None:
            self._note(("detector",), f'there is no detector "{said}"', close_to(said, self.near.detectors))
            return None
        by = self.data.get("by")
        if isinstance(by, str) and by in SUBJECTS and by not in detector.subjects:
            hint = f"it judges by {listed(sorted(detector.subjects), 'or')}"
            self._note(("by",), f'{said} does not judge by "{by}"', hint)
        return detector

    def _params(self, detector: AnyDetector) -> DetectorParams | None:
        said = self.data.get("params", {})
        if not isinstance(said, dict):
            return None
        params, misfits = read_params(detector, said, self.root, self._named)
        note(self.source, self.root, misfits)
        return params

    def _check_defaults(self, detector: AnyDetector | None) -> None:
        params, defaults = self.data.get("params", {}), self.data.get("defaults", {})
        if not isinstance(params, dict) or not isinstance(defaults, dict):
            return
        known = params if detector is None else detector.Params.model_fields
        for name in params:
            if name not in defaults and name in known:
                hint = f"add {name} to defaults, with why it has this value"
                self._note(("params", name), f'"{name}" is set without a reason', hint, on_key=True)
        for name in defaults:
            if name not in params and all(name in known for name in params):
                hint = close_to(name, params) if params else ""
                self._note(("defaults", name), f'"{name}" has a reason and is not set in params', hint, on_key=True)

    def _named(self, said: Any) -> CompiledCondition:
        """The condition `said`, what it reads noted as read by this rule.

        Raises:
            ConditionError: with every misfit in it.
        """
        compiled = compile_condition(said, self.near.lists)
        self.lists_named |= compiled.lists
        self.reads |= compiled.reads
        return compiled

    def _condition(self, path: Path) -> CompiledCondition | None:
        said = self._at(path)
        if not isinstance(said, dict) or not said:
            return None
        try:
            return self._named(said)
        except ConditionError as error:
            inside = [Misfit(path + found.path, found.message, found.hint, found.on_key) for found in error.misfits]
            note(self.source, self.root, inside)
            return None

    def _check_kinds(self, when: CompiledCondition) -> None:
        if when.kinds == ALL_KINDS:
            self._note(("when",), '"when" must say which kinds of event are judged', "add kind: login", on_key=True)
        if not when.kinds:
            self._note(("when",), '"when" can never hold: no kind of event is left', on_key=True)

    def _sequence(self, index: int) -> tuple[SessionEvent, ...]:
        test = self.data["tests"][index]
        said = test.get("events") if isinstance(test, dict) else None
        if not isinstance(said, list):
            return ()
        events, misfits = read_sequence(said, ("tests", index, "events"))
        note(self.source, self.root, misfits)
        return events

    def _check_tests(self, detector: AnyDetector | None) -> None:
        said = self.data.get("tests")
        tests = {
            index: test for index, test in enumerate(said if isinstance(said, list) else ()) if isinstance(test, dict)
        }
        expected = [test["alerts"] for test in tests.values() if isinstance(test.get("alerts"), list)]
        if tests and len(expected) == len(tests):
            if not any(expected):
                self._note(("tests",), "no test expects an alert", "add one on which the rule fires", on_key=True)
            if all(expected):
                self._note(("tests",), "no test expects silence", "add one with alerts: []", on_key=True)
        names: dict[str, int] = {}
        for index, test in tests.items():
            name = test.get("name")
            if isinstance(name, str) and names.setdefault(name, index) != index:
                line = self.root.find(("tests", names[name], "name")).line
                self._note(("tests", index, "name"), f"another test has this name, on line {line}")
        if detector is not None:
            self._check_evidence(detector)

    def _check_evidence(self, detector: AnyDetector) -> None:
        known = detector.Evidence.__struct_fields__
        for index in range(self._length("tests")):
            alerts = self._at(("tests", index, "alerts"))
            for place in range(len(alerts) if isinstance(alerts, list) else 0):
                path: Path = ("tests", index, "alerts", place, "evidence")
                asked = self._at(path)
                for name in asked if isinstance(asked, dict) else ():
                    if name not in known:
                        message = f'the evidence of {detector.kind} has no "{name}"'
                        self._note((*path, name), message, close_to(name, known), on_key=True)


def settled(said: Any) -> Any:
    """A condition with the values of its lists in one order, since their order means nothing.

    >>> settled({"kind": ["refresh", "login"]})
    {'kind': ['login', 'refresh']}
    """
    if isinstance(said, dict):
        return {name: settled(value) for name, value in said.items()}
    if isinstance(said, list):
        inner = [settled(value) for value in said]
        return (
            inner
            if any(isinstance(value, dict) for value in inner)
            else sorted(inner, key=lambda value: (str(type(value)), value))
        )
    return said
