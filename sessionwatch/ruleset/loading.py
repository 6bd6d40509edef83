"""A rule set from files: whole, or not at all. One bad line refuses it, with every fault of every file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from detectors.detector import Detector
from detectors.registry import detector_kinds
from models.written.texts import read_text
from sessionwatch.errors import Fault, RulesetError
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.files import bundled_rules, find_rule_files
from sessionwatch.ruleset.list_reading import read_list
from sessionwatch.ruleset.lists import Lists, NamedList
from sessionwatch.ruleset.loaded import LoadedRule, expired_exemptions
from sessionwatch.ruleset.network_lists import is_network_list, read_network_list
from sessionwatch.ruleset.rule_reading import Surroundings, read_rule, short_hash

__all__ = ["bundled_rules", "expired_exemptions", "load_rules", "load_ruleset", "ruleset_of"]

Detectors = Mapping[str, type[Detector[Any, Any]]]


def load_ruleset(paths: Sequence[Path], *, near_misses: bool = False, detectors: Detectors | None = None) -> Ruleset:
    """The rules in `paths`, ready to run: folders of rule files, or single ones.

    Raises:
        RulesetError: with all faults of all files, where there is any.
        DetectorError: a detector module or plugin is broken.
    """
    return ruleset_of(load_rules(paths, near_misses=near_misses, detectors=detectors))


def load_rules(
    paths: Sequence[Path], *, near_misses: bool = False, detectors: Detectors | None = None
) -> tuple[LoadedRule, ...]:
    """As `load_ruleset`, with what was written and each rule's tests; in the order of ids.

    Raises:
        RulesetError: with all faults of all files, where there is any.
        DetectorError: a detector module or plugin is broken.
    """
    known = detector_kinds() if detectors is None else detectors
    files = find_rule_files(paths)
    faults = list(files.faults)
    surroundings = Surroundings(known, _read_lists(files.lists, faults), near_misses=near_misses)
    rules = []
    for path in files.rules:
        source = read_text(path)
        rule = read_rule(source, surroundings) if not source.faults else None
        faults += source.faults
        if rule is not None:
            rules.append(rule)
    if faults:
        raise RulesetError(faults)
    return tuple(sorted(rules, key=lambda rule: rule.written.id))


def _read_lists(paths: Iterable[Path], faults: list[Fault]) -> Lists:
    lists: dict[str, NamedList | None] = {}
    seen: dict[str, str] = {}
    for path in paths:
        source = read_text(path)
        if is_network_list(path):
            read_network_list(source, seen)
        else:
            lists[path.stem] = read_list(source, seen) if not source.faults else None
        faults += source.faults
    return lists


def ruleset_of(rules: Iterable[LoadedRule]) -> Ruleset:
    """The rule set of `rules`, in the order of ids."""
    compiled = sorted((rule.compiled for rule in rules), key=lambda rule: rule.id)
    return Ruleset(tuple(compiled), short_hash([[rule.id, rule.version] for rule in compiled]))
